"""Calls by Twilio: how a call is asked for, what its callbacks say, and what a caller hears."""

import re
import string
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, CallTurn, Heard, Receipt
from channels.message import BadAddress, Choice, Message, NotNow, Rejected, Uncertain
from channels.voice import Voice, choice_of, menu_sentence, twiml

SID = "AC" + "0" * 32
CALL = "CA" + "1" * 32
CALLBACKS = "https://senda.example/v1/webhooks/providers/voz-co"
MESSAGE = Message(key="k1", to="+573000000001", subject="", text="Le llama Crédito Amable.", reference="42")
Answering = Callable[[httpx.Request], httpx.Response]


def accepted(_: httpx.Request) -> httpx.Response:
    return httpx.Response(201, json={"sid": CALL, "status": "queued"})


def voice(answering: Answering = accepted) -> Voice:
    return Voice(
        "voz-co",
        account_sid=SID,
        auth_token="t0ken",
        sender="+576000000000",
        callback_url=CALLBACKS,
        base_url="https://twilio.invalid",
        transport=httpx.MockTransport(answering),
    )


async def send(answering: Answering = accepted) -> str:
    adapter = voice(answering)
    async with adapter.line() as line:
        reference = await line.send(MESSAGE)
    await adapter.close()
    return reference


# How a call is asked for


async def test_a_call_says_its_opening_and_then_asks_what_comes_next() -> None:
    requests: list[httpx.Request] = []

    def answering(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return accepted(request)

    assert await send(answering) == CALL
    (request,) = requests
    assert request.url == f"https://twilio.invalid/2010-04-01/Accounts/{SID}/Calls.json"
    assert request.headers["authorization"] == httpx.BasicAuth(SID, "t0ken")._auth_header
    assert parse_qs(request.content.decode()) == {
        "To": ["+573000000001"],
        "From": ["+576000000000"],
        "Twiml": [
            '<?xml version="1.0" encoding="UTF-8"?><Response><Say language="es-MX">Le llama Crédito Amable.</Say>'
            f'<Redirect method="POST">{CALLBACKS}/answer/42</Redirect></Response>'
        ],
        "StatusCallback": [f"{CALLBACKS}/status/42"],
        "StatusCallbackMethod": ["POST"],
        "StatusCallbackEvent": ["initiated", "completed"],
        "Timeout": ["25"],
    }


@pytest.mark.parametrize(
    ("status", "code", "kind", "known_as"),
    [
        (400, 21211, BadAddress, "twilio_21211"),
        (400, 21217, BadAddress, "twilio_21217"),
        (400, 21214, Rejected, "twilio_21214"),
        (400, 21215, Rejected, "twilio_21215"),
        (401, 20003, Rejected, "twilio_20003"),
        (429, 20429, NotNow, "twilio_20429"),
        (400, 20429, NotNow, "twilio_20429"),
        (503, 20503, NotNow, "twilio_20503"),
        (429, None, NotNow, "twilio_http_429"),
        (404, None, Rejected, "twilio_http_404"),
    ],
)
async def test_an_error_means_that_nobody_was_called(
    status: int, code: int | None, kind: type[Rejected], known_as: str
) -> None:
    with pytest.raises(Rejected) as refused:
        await send(lambda _: httpx.Response(status, json={"code": code, "message": "+573000000001"}))
    assert type(refused.value) is kind
    assert refused.value.code == known_as


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"code": 20500}),
        httpx.Response(502, text="bad gateway"),
        httpx.Response(201, text=""),
        httpx.Response(201, json={"sid": None}),
        httpx.Response(201, json={"sid": 7}),
        httpx.Response(201, json=[]),
        httpx.Response(201, text="[" * 100_000),
    ],
)
async def test_nobody_knows_whether_it_rang(answer: httpx.Response) -> None:
    with pytest.raises(Uncertain):
        await send(lambda _: answer)


async def test_without_a_connection_nobody_was_called() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("no", request=request)

    with pytest.raises(NotNow) as refused:
        await send(answering)
    assert refused.value.code == "twilio_unreachable"


async def test_a_lost_answer_leaves_it_uncertain() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("closed", request=request)

    with pytest.raises(Uncertain):
        await send(answering)


# What the callbacks say


def callback(path: str, *, query: str = "", token: str = "t0ken", **form: str) -> Callback:
    """A callback that Twilio signed."""
    url = f"{CALLBACKS}/{path}" + (f"?{query}" if query else "")
    fields = {"CallSid": CALL, "AccountSid": SID, **form}
    signature = RequestValidator(token).compute_signature(url, fields)
    headers = {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded"}
    queried = {name: values[0] for name, values in parse_qs(query).items()}
    return Callback("POST", url, path, queried, headers, urlencode(fields).encode())


def heard(*args: Any, **form: str) -> Any:
    (event,) = voice().read(callback(*args, **form)).events
    return event


def test_whoever_picks_up_is_a_turn_of_our_call() -> None:
    turn = heard("answer/42", From="+576000000000", To="+573000000001", CallStatus="in-progress")
    assert turn == CallTurn(CALL, "+573000000001", keys=None, reference="42")


def test_pressed_keys_come_with_the_turn() -> None:
    assert heard("answer/42", To="+573000000001", Digits="12*").keys == "12*"


def test_a_person_who_calls_us_is_known_by_their_number() -> None:
    turn = heard("incoming", From="+573000000001", To="+576000000000", Digits="1")
    assert turn == CallTurn(CALL, "+573000000001", keys="1", reference=None)


@pytest.mark.parametrize(
    "number",
    ["anonymous", "+266696687", "+7378742833", "+86282452253", "Restricted", "", "sip:ana@example.invalid", "+57", "1"],
)
def test_a_withheld_number_is_none(number: str) -> None:
    assert heard("incoming", From=number).number == ""


def test_silence_is_told() -> None:
    silent = heard("answer/42", query="silent=1", To="+573000000001")
    assert (silent.silent, silent.keys) == (True, None)


def test_keys_are_no_silence() -> None:
    pressed = heard("incoming", query="silent=1", From="+573000000001", Digits="1")
    assert (pressed.silent, pressed.keys) == (False, "1")


def test_the_closing_key_alone_is_no_answer() -> None:
    assert heard("answer/42", To="+573000000001", Digits="").keys is None


def test_a_call_that_was_answered_is_delivered() -> None:
    receipt = heard("status/42", CallStatus="completed", Timestamp="Mon, 02 Mar 2026 15:00:00 +0000")
    assert receipt == Receipt("delivered", "42", CALL, datetime(2026, 3, 2, 15, 0, tzinfo=UTC))


@pytest.mark.parametrize("state", ["queued", "initiated", "ringing", "in-progress"])
def test_a_call_under_way_has_left(state: str) -> None:
    assert heard("status/42", CallStatus=state) == Receipt("sent", "42", CALL)


@pytest.mark.parametrize(
    ("form", "code", "bad_address"),
    [
        ({"CallStatus": "busy"}, "voice_busy", False),
        ({"CallStatus": "no-answer"}, "voice_no_answer", False),
        ({"CallStatus": "canceled"}, "voice_canceled", False),
        ({"CallStatus": "failed"}, "voice_failed", False),
        ({"CallStatus": "failed", "SipResponseCode": "503"}, "voice_sip_503", False),
        ({"CallStatus": "failed", "SipResponseCode": "404"}, "voice_sip_404", True),
        ({"CallStatus": "failed", "SipResponseCode": "604"}, "voice_sip_604", True),
        ({"CallStatus": "failed", "ErrorCode": "13224"}, "twilio_13224", False),
        ({"CallStatus": "failed", "ErrorCode": "21217"}, "twilio_21217", True),
        ({"CallStatus": "busy", "SipResponseCode": "404"}, "voice_busy", False),
    ],
)
def test_a_call_that_failed_says_why(form: dict[str, str], code: str, bad_address: bool) -> None:
    expected = Receipt("failed", "42", CALL, code=code, bad_address=bad_address)
    assert heard("status/42", **form) == expected


def test_a_callback_without_a_signature_is_refused() -> None:
    signed = callback("answer/42")
    unsigned = Callback(signed.method, signed.url, signed.path, signed.query, {}, signed.body)
    with pytest.raises(CallbackRefused) as refused:
        voice().read(unsigned)
    assert refused.value.code == "callback.signature_missing"


def test_another_accounts_signature_is_refused() -> None:
    with pytest.raises(CallbackRefused) as refused:
        voice().read(callback("answer/42", token="other"))
    assert refused.value.code == "callback.signature_invalid"


def test_another_contacts_address_does_not_fit_the_signature() -> None:
    signed = callback("status/42", CallStatus="completed")
    moved = Callback("POST", f"{CALLBACKS}/status/43", "status/43", {}, signed.headers, signed.body)
    with pytest.raises(CallbackRefused):
        voice().read(moved)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("", {}),
        ("answer/abc", {}),
        ("answer/42/more", {}),
        ("incoming/42", {}),
        ("status/42", {"CallStatus": "dreaming"}),
        ("status/42", {}),
        ("answer/42", {"Digits": "uno"}),
        ("answer/42", {"CallSid": ""}),
        ("answer/٤٢", {}),
    ],
)
def test_a_signed_callback_of_another_form_is_unreadable(path: str, form: dict[str, str]) -> None:
    with pytest.raises(CallbackUnreadable) as unreadable:
        voice().read(callback(path, **form))
    assert unreadable.value.code == "callback.unreadable"


FIELDS = ["CallSid", "CallStatus", "Digits", "From", "To", "Timestamp", "SipResponseCode", "ErrorCode"]
STATES = ["completed", "failed", "busy", "initiated"]


@given(
    path=st.sampled_from(["answer/42", "status/42", "incoming", "status/"]) | st.text(),
    form=st.dictionaries(st.sampled_from(FIELDS), st.text() | st.text(string.digits) | st.sampled_from(STATES)),
)
def test_arbitrary_forms_do_not_surprise_it(path: str, form: dict[str, str]) -> None:
    heard_or_refused(callback(path, **form))


@given(body=st.binary(), url=st.text(), signature=st.text())
def test_arbitrary_bytes_do_not_surprise_it(body: bytes, url: str, signature: str) -> None:
    heard_or_refused(Callback("POST", url, "answer/42", {}, {"x-twilio-signature": signature}, body))


def heard_or_refused(found: Callback) -> None:
    with suppress(CallbackRefused, CallbackUnreadable):
        assert isinstance(voice().read(found), Heard)


# What a caller hears

MENU = (Choice("balance", "Ver mi saldo"), Choice("person", "Persona"), Choice("pse", "PSE"))


def parsed(*say: str, choices: tuple[Choice, ...] = (), **options: Any) -> ElementTree.Element:
    given = {"language": "es", "action": f"{CALLBACKS}/answer/42"} | options
    return ElementTree.fromstring(twiml(say, choices, **given).encode())


def sayings(document: ElementTree.Element) -> list[str | None]:
    return [found.text for found in document.iter("Say")]


def test_it_says_the_texts_while_it_waits_for_a_key_of_the_menu() -> None:
    document = parsed("Buenas tardes.", choices=MENU)
    gather, redirect = document
    assert gather.attrib == {
        "input": "dtmf",
        "numDigits": "1",
        "timeout": "6",
        "action": f"{CALLBACKS}/answer/42",
        "method": "POST",
    }
    assert sayings(gather) == ["Buenas tardes.", menu_sentence(MENU, "es")]
    assert redirect.tag == "Redirect"
    assert redirect.text == f"{CALLBACKS}/answer/42?silent=1"
    assert redirect.attrib == {"method": "POST"}


def test_silence_keeps_the_rest_of_the_address() -> None:
    assert parsed("Hola", action="https://senda.example/a?b=1&silent=1")[1].text == (
        "https://senda.example/a?b=1&silent=1"
    )


@pytest.mark.parametrize(("language", "spoken"), [("es", "es-MX"), ("en", "en-US"), ("pt", "pt-BR")])
def test_it_speaks_the_persons_language(language: str, spoken: str) -> None:
    document = parsed("Hola", "Adiós", choices=MENU, language=language)
    assert {found.get("language") for found in document.iter("Say")} == {spoken}
    assert {found.get("language") for found in parsed("x", language=language, finish=True).iter("Say")} == {spoken}


def test_it_waits_for_as_many_keys_as_are_asked_for() -> None:
    gather = parsed("Los últimos cuatro dígitos.", digits=4)[0]
    assert gather.get("numDigits") == "4"
    assert gather.get("finishOnKey") is None


def test_without_a_number_of_keys_the_hash_key_ends_the_answer() -> None:
    gather = parsed("Escriba el monto.")[0]
    assert gather.get("finishOnKey") == "#"
    assert gather.get("numDigits") is None


@pytest.mark.parametrize("options", [{"finish": True}, {"action": None}])
def test_at_the_end_it_says_goodbye_and_hangs_up(options: dict[str, Any]) -> None:
    document = parsed("Gracias.", choices=MENU, **options)
    assert [found.tag for found in document] == ["Say", "Hangup"]
    assert sayings(document) == ["Gracias."]


def test_a_menu_is_read_out_with_its_keys() -> None:
    assert menu_sentence(MENU, "es") == (
        "Para ver mi saldo, marque 1. Para PSE, marque 2. Para hablar con una persona, marque 0."
    )
    assert menu_sentence(MENU[:1], "en") == "Press 1: ver mi saldo."
    assert menu_sentence(MENU[1:], "pt") == "Para PSE, digite 1. Para falar com uma pessoa, digite 0."
    assert menu_sentence((), "es") == ""


def test_a_key_gives_its_choice() -> None:
    pressed = {keys: choice_of(keys, MENU) for keys in ("1", "2", "0", "1#", "3", "12", "", "#", "*", "²")}
    assert pressed == {
        **dict.fromkeys(("3", "12", "", "#", "*", "²")),
        "1": "balance",
        "1#": "balance",
        "2": "pse",
        "0": "person",
    }


def test_zero_is_nobody_where_no_person_may_be_chosen() -> None:
    assert choice_of("0", MENU[:1]) is None


@given(keys=st.lists(st.text(string.ascii_lowercase, min_size=1), unique=True, max_size=15))
def test_every_key_that_is_read_out_chooses_what_was_said(keys: list[str]) -> None:
    choices = [Choice(key, f"opción {key}") for key in keys]
    read_out = re.findall(r"Para opción (\w+), marque (\d+)\.", menu_sentence(choices, "es"))
    assert [name for name, _ in read_out] == [key for key in keys if key != "person"][:9]
    assert all(choice_of(key, choices) == name for name, key in read_out)


def test_a_link_is_not_read_aloud() -> None:
    text = (
        "Puede pagar.\n\nhttps://pagos.example/x?a=1&b=2\n\nPague en https://pagos.example/x. O en WWW.pagos.example!"
    )
    assert sayings(parsed(text, finish=True)) == [
        "Puede pagar.",
        "Pague en el enlace que le enviamos. O en el enlace que le enviamos!",
    ]
    assert sayings(parsed("See https://pay.example", language="en", finish=True)) == ["See the link that we sent you"]
    assert sayings(parsed("Veja https://pay.example", language="pt", finish=True)) == ["Veja o link que lhe enviamos"]


def test_a_link_in_the_menu_is_not_read_aloud() -> None:
    (said,) = sayings(parsed(choices=(Choice("pay", "Pagar en https://pagos.example/x"),)))
    assert said == "Para pagar en el enlace que le enviamos, marque 1."


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>&\"'\n "), max_size=60)))
def test_any_text_is_said_as_it_is(texts: list[str]) -> None:
    document = parsed(*texts, finish=True)
    assert [tag.tag for tag in document] == ["Say"] * (len(document) - 1) + ["Hangup"]
    said = "".join("".join(str(line).split()) for line in sayings(document))
    assert [mark for mark in said if mark.isalnum()] == [mark for text in texts for mark in text if mark.isalnum()]


@given(words=st.lists(st.text("aé<&>;'\"1,", min_size=1).filter(lambda word: any(map(str.isalnum, word))), min_size=1))
def test_a_line_is_said_exactly(words: list[str]) -> None:
    assert sayings(parsed(" ".join(words), finish=True)) == [" ".join(words)]


@given(
    parts=st.lists(
        st.sampled_from(["https://x.example/", "http://", "www.", "HTTPS://a", "\x0b", ".", " ", "\n", "a"])
    ),
    language=st.sampled_from(["es", "en", "pt"]),
)
def test_no_link_is_ever_read_aloud(parts: list[str], language: str) -> None:
    for line in sayings(parsed("".join(parts), language=language, finish=True)):
        assert not re.search(r"://|www\.|example", str(line), re.IGNORECASE)
