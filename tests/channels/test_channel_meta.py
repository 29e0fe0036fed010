"""WhatsApp by Meta's Cloud API: what is handed over, what its errors mean, and what its webhooks say."""

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, Heard, Receipt, Reply
from channels.message import Approved, BadAddress, Choice, Message, NotNow, Rejected, Uncertain
from channels.meta import WhatsApp

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
NUMBER = "106540352242922"
ACCEPTED = {"messaging_product": "whatsapp", "contacts": [{"wa_id": "573000000001"}], "messages": [{"id": "wamid.A1"}]}
MESSAGE = Message(key="k1", to="+573000000001", subject="", text="Buenas tardes.", reference="42")
Answering = Callable[[httpx.Request], httpx.Response]


def whatsapp(answering: Answering = lambda _: httpx.Response(200, json=ACCEPTED)) -> WhatsApp:
    return WhatsApp(
        "wa-co",
        phone_number_id=NUMBER,
        token="t0ken",
        app_secret="s3cret",
        verify_token="v3rify",
        base_url="https://graph.invalid/v23.0",
        transport=httpx.MockTransport(answering),
        now=lambda: NOW,
    )


async def send(message: Message, answering: Answering = lambda _: httpx.Response(200, json=ACCEPTED)) -> str:
    adapter = whatsapp(answering)
    async with adapter.line() as line:
        reference = await line.send(message)
    await adapter.close()
    return reference


async def handed_over(message: Message) -> dict[str, Any]:
    """The body of the request by which a message leaves."""
    requests: list[httpx.Request] = []

    def answering(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=ACCEPTED)

    await send(message, answering)
    (request,) = requests
    assert request.method == "POST"
    assert request.url == f"https://graph.invalid/v23.0/{NUMBER}/messages"
    assert request.headers["authorization"] == "Bearer t0ken"
    return json.loads(request.content)


def with_(**fields: Any) -> Message:
    return Message(**{"key": "k1", "to": "+573000000001", "subject": "", "text": "Hola.", "reference": "42"} | fields)


# What leaves


async def test_free_text_leaves_with_the_contacts_reference() -> None:
    assert await handed_over(MESSAGE) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "573000000001",
        "biz_opaque_callback_data": "42",
        "type": "text",
        "text": {"preview_url": False, "body": "Buenas tardes."},
    }


async def test_metas_id_is_the_reference() -> None:
    assert await send(MESSAGE) == "wamid.A1"


async def test_an_approved_text_leaves_with_its_values_and_nothing_else() -> None:
    approved = Approved("cobro_1", "es", ("Ana", "$ 185.000,50"))
    body = await handed_over(with_(approved=approved, choices=(Choice("pay", "Pagar"),)))
    assert body["type"] == "template"
    assert body["biz_opaque_callback_data"] == "42"
    assert "text" not in body
    assert "interactive" not in body
    assert body["template"] == {
        "name": "cobro_1",
        "language": {"code": "es"},
        "components": [
            {
                "type": "body",
                "parameters": [{"type": "text", "text": "Ana"}, {"type": "text", "text": "$ 185.000,50"}],
            }
        ],
    }


async def test_an_approved_text_without_values_has_no_component() -> None:
    assert (await handed_over(with_(approved=Approved("saludo", "pt_BR"))))["template"]["components"] == []


@given(value=st.text(min_size=1, max_size=80).filter(str.strip))
async def test_no_value_has_line_breaks_tabs_or_many_spaces(value: str) -> None:
    body = await handed_over(with_(approved=Approved("cobro_1", "es", (f"a\n\t     {value}",))))
    sent = body["template"]["components"][0]["parameters"][0]["text"]
    assert not any(mark in sent for mark in ("\n", "\r", "\t", "    "))
    assert sent.split() == ["a", *value.split()]


async def test_a_few_short_choices_are_buttons() -> None:
    body = await handed_over(with_(choices=(Choice("balance", "Ver mi saldo"), Choice("stop", "No más mensajes"))))
    assert body["type"] == "interactive"
    assert body["interactive"] == {
        "type": "button",
        "body": {"text": "Hola."},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "balance", "title": "Ver mi saldo"}},
                {"type": "reply", "reply": {"id": "stop", "title": "No más mensajes"}},
            ]
        },
    }


async def test_a_label_too_long_for_a_button_makes_a_list_that_shows_it_whole() -> None:
    label = "Quiero hablar con una persona de Crédito Amable"
    body = await handed_over(with_(choices=(Choice("person", label), Choice("pay", "Pagar"))))
    assert body["interactive"]["type"] == "list"
    assert body["interactive"]["action"]["button"] == "Ver opciones"
    (section,) = body["interactive"]["action"]["sections"]
    long, short = section["rows"]
    assert long["id"] == "person"
    assert len(long["title"]) <= 24
    assert long["description"] == label
    assert short == {"id": "pay", "title": "Pagar"}


@pytest.mark.parametrize(("count", "kind"), [(1, "button"), (3, "button"), (4, "list"), (10, "list")])
async def test_more_than_three_choices_are_a_list(count: int, kind: str) -> None:
    body = await handed_over(with_(choices=tuple(Choice(f"c{n}", f"Opción {n}") for n in range(count))))
    assert body["interactive"]["type"] == kind


@given(labels=st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=10))
async def test_no_button_and_no_row_is_longer_than_meta_allows(labels: list[str]) -> None:
    choices = tuple(Choice(f"c{n}", label) for n, label in enumerate(labels))
    interactive = (await handed_over(with_(choices=choices)))["interactive"]
    if interactive["type"] == "button":
        titles = [button["reply"]["title"] for button in interactive["action"]["buttons"]]
        assert titles == labels
        assert max(map(len, titles)) <= 20
        return
    rows = interactive["action"]["sections"][0]["rows"]
    assert [row["id"] for row in rows] == [choice.key for choice in choices]
    assert all(len(row["title"]) <= 24 and len(row.get("description", "")) <= 72 for row in rows)


async def test_labels_are_whole_up_to_metas_limits() -> None:
    button = await handed_over(with_(choices=(Choice("c", "a" * 20),)))
    assert button["interactive"]["action"]["buttons"][0]["reply"]["title"] == "a" * 20
    listed = await handed_over(with_(choices=tuple(Choice(f"c{length}", "a" * length) for length in (21, 24, 72, 73))))
    (section,) = listed["interactive"]["action"]["sections"]
    assert [(row["title"], row.get("description")) for row in section["rows"]] == [
        ("a" * 21, None),
        ("a" * 24, None),
        ("a" * 23 + "…", "a" * 72),
        ("a" * 23 + "…", "a" * 71 + "…"),
    ]
    assert (await handed_over(with_(choices=(Choice("c", "a" * 21),))))["interactive"]["type"] == "list"


CHOICES = (Choice("pay", "Pagar"),)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (with_(text="a" * 4097), "whatsapp_too_long"),
        (with_(text="a" * 1025, choices=CHOICES), "whatsapp_too_long"),
        (with_(approved=Approved("cobro_1", "es", ("a" * 600, "b" * 425))), "whatsapp_too_long"),
        (with_(approved=Approved("cobro_1", "es", ("Ana", " \n "))), "whatsapp_empty_value"),
        (with_(choices=tuple(Choice(f"c{n}", f"Opción {n}") for n in range(11))), "whatsapp_too_many_choices"),
    ],
)
async def test_what_whatsapp_does_not_carry_is_refused_before_anything_is_sent(message: Message, code: str) -> None:
    def answering(_: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing may be sent")

    with pytest.raises(Rejected) as refused:
        await send(message, answering)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "message",
    [
        with_(text="a" * 4096),
        with_(text="a" * 1024, choices=CHOICES),
        with_(approved=Approved("cobro_1", "es", ("a" * 600, "b" * 424))),
    ],
)
async def test_what_just_fits_is_sent(message: Message) -> None:
    assert await send(message) == "wamid.A1"


# What Meta answers


def error(status: int, code: int | None) -> Answering:
    body: Any = {"error": {"message": "(#…) 573000000001", "type": "OAuthException", "code": code}} if code else "x"
    return lambda _: httpx.Response(status, json=body)


@pytest.mark.parametrize(
    ("status", "code", "kind", "known_as"),
    [
        (400, 131026, BadAddress, "meta_131026"),
        (400, 1013, BadAddress, "meta_1013"),
        (400, 131030, Rejected, "meta_131030"),
        (400, 131047, Rejected, "meta_131047"),
        (400, 470, Rejected, "meta_470"),
        (404, 132001, Rejected, "meta_132001"),
        (400, 132000, Rejected, "meta_132000"),
        (401, 190, Rejected, "meta_190"),
        (429, 130429, NotNow, "meta_130429"),
        (400, 131048, NotNow, "meta_131048"),
        (400, 131056, NotNow, "meta_131056"),
        (400, 80007, NotNow, "meta_80007"),
        (400, 4, NotNow, "meta_4"),
        (503, 2, NotNow, "meta_2"),
        (500, 131016, NotNow, "meta_131016"),
        (500, 131057, NotNow, "meta_131057"),
        (429, None, NotNow, "meta_http_429"),
        (503, None, NotNow, "meta_http_503"),
        (404, None, Rejected, "meta_http_404"),
    ],
)
async def test_an_error_means_that_the_message_has_not_left(
    status: int, code: int | None, kind: type[Rejected], known_as: str
) -> None:
    with pytest.raises(Rejected) as refused:
        await send(MESSAGE, error(status, code))
    assert type(refused.value) is kind
    assert refused.value.code == known_as


@pytest.mark.parametrize(
    "answer",
    [
        error(500, 131000),
        error(400, 1),
        error(500, None),
        error(502, None),
        error(504, None),
        lambda _: httpx.Response(200, text="<html>"),
        lambda _: httpx.Response(200, json={"messages": []}),
        lambda _: httpx.Response(200, json=[1]),
        lambda _: httpx.Response(200, text="[" * 100_000),
        lambda _: httpx.Response(500, text="[" * 100_000),
    ],
)
async def test_nobody_knows_whether_it_left(answer: Answering) -> None:
    with pytest.raises(Uncertain) as uncertain:
        await send(MESSAGE, answer)
    assert "573000000001" not in str(uncertain.value)


async def test_without_a_connection_nothing_has_left() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(NotNow) as refused:
        await send(MESSAGE, answering)
    assert refused.value.code == "meta_unreachable"


async def test_a_line_that_breaks_leaves_it_uncertain() -> None:
    def answering(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    with pytest.raises(Uncertain):
        await send(MESSAGE, answering)


# What comes back


def seconds(at: datetime = NOW) -> str:
    return str(int(at.timestamp()))


def status(word: str = "delivered", at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    return {
        "id": "wamid.A1",
        "status": word,
        "timestamp": seconds(at),
        "recipient_id": "573000000001",
        "biz_opaque_callback_data": "42",
        **fields,
    }


def said(kind: str = "text", at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    return {"from": "573000000001", "id": "wamid.B1", "timestamp": seconds(at), "type": kind, **fields}


def value(*, statuses: list[Any] | None = None, messages: list[Any] | None = None, number: str = NUMBER) -> Any:
    found = {"messaging_product": "whatsapp", "metadata": {"display_phone_number": "1", "phone_number_id": number}}
    return found | ({"statuses": statuses} if statuses else {}) | ({"messages": messages} if messages else {})


def body_of(*values: Any) -> bytes:
    """A webhook of one entry for each value."""
    entries = [{"id": "1", "changes": [{"field": "messages", "value": found}]} for found in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def signature(body: bytes) -> str:
    return "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()


def posted(body: bytes, headers: dict[str, str] | None = None) -> Callback:
    given = {"x-hub-signature-256": signature(body)} if headers is None else headers
    return Callback("POST", "https://senda.example/v1/webhooks/providers/wa-co", "", {}, given, body)


def read(*values: Any) -> tuple[Any, ...]:
    return whatsapp().read(posted(body_of(*values))).events


@pytest.mark.parametrize("word", ["sent", "delivered", "read"])
def test_a_status_is_a_receipt(word: str) -> None:
    assert read(value(statuses=[status(word)])) == (Receipt(word, reference="42", provider_ref="wamid.A1", at=NOW),)


@pytest.mark.parametrize(
    ("code", "bad_address"),
    [(131026, True), (1013, True), (131047, False), (131049, False), (130472, False), (131030, False)],
)
def test_a_failure_says_why_and_whether_the_address_is_good(code: int, bad_address: bool) -> None:
    (receipt,) = read(value(statuses=[status("failed", errors=[{"code": code, "title": "…"}])]))
    assert receipt == Receipt("failed", "42", "wamid.A1", NOW, code=f"meta_{code}", bad_address=bad_address)


def test_a_failure_without_a_reason_is_a_failure() -> None:
    (receipt,) = read(value(statuses=[status("failed")]))
    assert (receipt.status, receipt.code, receipt.bad_address) == ("failed", None, False)


def test_only_a_failure_has_a_reason() -> None:
    (receipt,) = read(value(statuses=[status("sent", errors=[{"code": 131026}])]))
    assert (receipt.code, receipt.bad_address) == (None, False)


def test_a_receipt_without_our_reference_has_metas() -> None:
    (receipt,) = read(value(statuses=[{"id": "wamid.A9", "status": "sent", "timestamp": seconds()}]))
    assert (receipt.reference, receipt.provider_ref) == (None, "wamid.A9")


def test_a_status_that_says_nothing_of_delivery_is_passed_over() -> None:
    assert read(value(statuses=[status("deleted"), status("read")])) == (Receipt("read", "42", "wamid.A1", NOW),)


@pytest.mark.parametrize(
    ("message", "text", "choice"),
    [
        (said(text={"body": "BAJA"}), "BAJA", None),
        (said("button", button={"payload": "stop", "text": "No más"}), "No más", "stop"),
        (
            said("interactive", interactive={"type": "button_reply", "button_reply": {"id": "pay", "title": "Pagar"}}),
            "Pagar",
            "pay",
        ),
        (
            said(
                "interactive",
                interactive={
                    "type": "list_reply",
                    "list_reply": {"id": "balance", "title": "Saldo", "description": "…"},
                },
            ),
            "Saldo",
            "balance",
        ),
        (said("interactive", interactive={"type": "nfm_reply", "nfm_reply": {"name": "flow"}}), "", None),
        (said("image", image={"id": "1", "mime_type": "image/jpeg"}), "", None),
        (said("audio", audio={"id": "1"}), "", None),
        (said("location", location={"latitude": 4.6, "longitude": -74.1}), "", None),
        (said("unsupported", errors=[{"code": 131051}]), "", None),
        (said(text={"body": "ho\0la"}), "hola", None),
    ],
)
def test_what_a_person_writes_or_presses_is_a_reply(message: dict[str, Any], text: str, choice: str | None) -> None:
    expected = Reply("wamid.B1", "+573000000001", text, choice=choice, at=NOW)
    assert read(value(messages=[message])) == (expected,)


def test_a_reply_names_the_message_that_it_answers() -> None:
    (reply,) = read(value(messages=[said(text={"body": "Sí"}, context={"from": "571", "id": "wamid.A1"})]))
    assert reply.answers == "wamid.A1"


def test_a_forwarded_text_answers_nothing() -> None:
    (reply,) = read(value(messages=[said(text={"body": "Sí"}, context={"forwarded": True})]))
    assert reply.answers is None


def test_a_person_whose_number_meta_withholds_has_no_address() -> None:
    message = {"id": "wamid.B1", "timestamp": seconds(), "type": "text", "text": {"body": "Hola"}}
    (reply,) = read(value(messages=[message]))
    assert reply.sender == ""


def test_all_entries_of_a_body_are_read_in_order() -> None:
    events = read(
        value(statuses=[status("sent"), status("delivered")]),
        value(messages=[said(text={"body": "Hola"})]),
        value(statuses=[status("read")]),
    )
    words = [event.status if isinstance(event, Receipt) else event.text for event in events]
    assert words == ["sent", "delivered", "Hola", "read"]


def test_news_of_the_account_are_passed_over() -> None:
    change = {"field": "message_template_status_update", "value": {"event": "APPROVED"}}
    body = json.dumps({"entry": [{"id": "1", "changes": [change]}]}).encode()
    assert whatsapp().read(posted(body)) == Heard()


def test_another_numbers_webhook_is_refused() -> None:
    with pytest.raises(CallbackRefused) as refused:
        read(value(statuses=[status()], number="999"))
    assert refused.value.code == "callback.not_ours"


def test_what_is_ours_is_read_beside_another_numbers() -> None:
    events = read(value(statuses=[status("sent")], number="999"), value(statuses=[status("read")]))
    assert [event.status for event in events] == ["read"]


@pytest.mark.parametrize("wrong", [timedelta(days=-7, seconds=-1), timedelta(minutes=5, seconds=1)])
def test_an_old_or_future_webhook_is_refused(wrong: timedelta) -> None:
    for found in (value(statuses=[status(at=NOW + wrong)]), value(messages=[said(at=NOW + wrong)])):
        with pytest.raises(CallbackRefused) as refused:
            read(found)
        assert refused.value.code == "callback.too_old"


@pytest.mark.parametrize("right", [timedelta(days=-7), timedelta(minutes=5)])
def test_a_webhook_that_meta_repeated_for_days_is_read(right: timedelta) -> None:
    (receipt,) = read(value(statuses=[status(at=NOW + right)]))
    assert receipt.at == NOW + right


# Whether it is believed


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "callback.signature_missing"),
        ({"x-hub-signature-256": ""}, "callback.signature_missing"),
        ({"x-hub-signature-256": "sha256=" + "0" * 64}, "callback.signature_invalid"),
        ({"x-hub-signature-256": "sha256=\udcffñ"}, "callback.signature_invalid"),
        ({"x-hub-signature-256": signature(body_of(value(statuses=[status("sent")])))}, "callback.signature_invalid"),
    ],
)
def test_a_webhook_without_metas_signature_is_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        whatsapp().read(posted(body_of(value(statuses=[status("read")])), headers))
    assert refused.value.code == code


def test_the_signature_covers_the_body_as_it_came() -> None:
    body = body_of(value(statuses=[status("read")]))
    with pytest.raises(CallbackRefused):
        whatsapp().read(posted(body + b" ", {"x-hub-signature-256": signature(body)}))


def verification(**query: str) -> Callback:
    named = {f"hub.{name}": found for name, found in query.items()}
    return Callback("GET", "https://senda.example/", "", named, {}, b"")


def test_meta_verifies_the_address_by_our_token() -> None:
    heard = whatsapp().read(verification(mode="subscribe", verify_token="v3rify", challenge="1158201444"))
    assert heard.answer.body == "1158201444"
    assert heard.events == ()


@pytest.mark.parametrize(
    "query",
    [
        {"mode": "subscribe", "verify_token": "other"},
        {"mode": "subscribe"},
        {"mode": "unsubscribe", "verify_token": "v3rify"},
        {"mode": "subscribe", "verify_token": "v3rifý\udcff"},
    ],
)
def test_a_verification_without_our_token_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(CallbackRefused) as refused:
        whatsapp().read(verification(challenge="1158201444", **query))
    assert refused.value.code == "callback.signature_invalid"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        body_of({"statuses": []}),
        body_of(value(statuses=[{"id": "wamid.A1", "status": "sent"}])),
        body_of(value(statuses=[status(timestamp="9" * 400)])),
        body_of(value(messages=[said(text="hola")])),
    ],
)
def test_a_signed_body_of_another_form_is_unreadable(body: bytes) -> None:
    with pytest.raises(CallbackUnreadable) as unreadable:
        whatsapp().read(posted(body))
    assert unreadable.value.code == "callback.unreadable"


def heard_or_refused(callback: Callback) -> None:
    with suppress(CallbackRefused, CallbackUnreadable):
        assert isinstance(whatsapp().read(callback), Heard)


@given(body=st.binary(), header=st.none() | st.text())
def test_arbitrary_bytes_do_not_surprise_it(body: bytes, header: str | None) -> None:
    heard_or_refused(posted(body, None if header is None else {"x-hub-signature-256": header}))


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(LEAF, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
PARTS = {"id", "status", "timestamp", "biz_opaque_callback_data", "errors", "from", "text", "button", "interactive"}
ITEM = st.dictionaries(st.sampled_from(sorted(PARTS | {"context", "type"})), ANYTHING)


@given(changed=ITEM, kind=st.sampled_from(["statuses", "messages"]))
def test_arbitrary_fields_do_not_surprise_it(changed: dict[str, Any], kind: str) -> None:
    item = (status() if kind == "statuses" else said(text={"body": "Hola"})) | changed
    heard_or_refused(posted(body_of(value() | {kind: [item]})))
