"""SMS through Twilio: what is sent, how each answer ends, which callbacks are believed and what they say."""

import asyncio
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, quote, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, Heard, Provider, Receipt, Reply
from channels.message import BadAddress, Message, NotNow, Rejected, Uncertain
from channels.twilio_sms import TwilioSms

SID = "AC" + "0" * 32
TOKEN = "token-of-a-test"
PUBLIC = "https://senda.example/v1/webhooks/providers/twilio-co"
MESSAGE = Message(key="permit-1", to="+573000000001", subject="", text="Su cuota vence mañana.", reference="41")

Answering = Callable[[httpx.Request], httpx.Response]


def twilio(answering: Answering | None = None, *, sender: str = "+573000000099", url: str = "") -> TwilioSms:
    return TwilioSms(
        "twilio-co",
        account_sid=SID,
        auth_token=TOKEN,
        sender=sender,
        callback_url=PUBLIC,
        base_url=url or "https://twilio.invalid",
        timeout=0.2,
        transport=httpx.MockTransport(answering) if answering else None,
    )


async def send(provider: TwilioSms, message: Message = MESSAGE) -> str:
    try:
        async with provider.line() as line:
            return await line.send(message)
    finally:
        await provider.close()


def answer(status: int, code: int | None = None) -> Answering:
    body = {"status": status} if code is None else {"status": status, "code": code, "message": "words of Twilio"}
    return lambda _: httpx.Response(status, json=body)


def failing(error: type[httpx.TransportError]) -> Answering:
    def answering(request: httpx.Request) -> httpx.Response:
        raise error("the provider's words", request=request)

    return answering


def callback(path: str, form: dict[str, str], *, token: str = TOKEN, url: str = "") -> Callback:
    """As Twilio signs it, under the public address."""
    url = url or f"{PUBLIC}/{quote(path)}"
    signature = RequestValidator(token).compute_signature(url, form)
    return Callback("POST", url, path, {}, {"x-twilio-signature": signature}, urlencode(form).encode())


def status(word: str, **more: str) -> dict[str, str]:
    return {"MessageSid": "SM1", "AccountSid": SID, "MessageStatus": word, "To": "+573000000001", **more}


class TestSending:
    async def test_a_message_goes_out_as_the_messages_api_wants_it(self) -> None:
        asked: list[httpx.Request] = []

        def answering(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(201, json={"sid": "SM123", "status": "queued", "error_code": None})

        assert await send(twilio(answering)) == "SM123"

        (request,) = asked
        assert request.method == "POST"
        assert request.url.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
        assert b64decode(request.headers["authorization"].removeprefix("Basic ")).decode() == f"{SID}:{TOKEN}"
        assert parse_qs(request.content.decode()) == {
            "To": ["+573000000001"],
            "From": ["+573000000099"],
            "Body": ["Su cuota vence mañana."],
            "StatusCallback": [f"{PUBLIC}/status/41"],
        }

    async def test_a_messaging_service_takes_the_place_of_the_number(self) -> None:
        def answering(request: httpx.Request) -> httpx.Response:
            form = parse_qs(request.content.decode())
            assert "From" not in form
            assert form["MessagingServiceSid"] == ["MG123"]
            return httpx.Response(201, json={"sid": "SM1"})

        assert await send(twilio(answering, sender="MG123")) == "SM1"

    @pytest.mark.parametrize(("text", "code"), [("", "sms_empty"), (" \n", "sms_empty"), ("a" * 1601, "sms_too_long")])
    async def test_a_text_that_no_sms_can_hold_is_refused_before_sending(self, text: str, code: str) -> None:
        def answering(request: httpx.Request) -> httpx.Response:
            raise AssertionError("nothing may be sent")

        with pytest.raises(Rejected) as refused:
            await send(twilio(answering), Message(key="k", to=MESSAGE.to, subject="", text=text))
        assert refused.value.code == code

    async def test_the_longest_text_goes_out(self) -> None:
        provider = twilio(lambda _: httpx.Response(201, json={"sid": "SM1"}))
        assert await send(provider, Message(key="k", to=MESSAGE.to, subject="", text="a" * 1600)) == "SM1"

    @pytest.mark.parametrize(
        ("http", "number", "error", "code"),
        [
            (400, 21211, BadAddress, "twilio_21211"),
            (400, 21217, BadAddress, "twilio_21217"),
            (400, 21265, BadAddress, "twilio_21265"),
            (400, 21614, BadAddress, "twilio_21614"),
            (400, 21635, BadAddress, "twilio_21635"),
            (400, 21610, Rejected, "twilio_21610"),
            (403, 21408, Rejected, "twilio_21408"),
            (400, 21617, Rejected, "twilio_21617"),
            (401, 20003, Rejected, "twilio_20003"),
            (404, None, Rejected, "twilio_http_404"),
            (302, None, Rejected, "twilio_http_302"),
            (429, 20429, NotNow, "twilio_20429"),
            (429, None, NotNow, "twilio_http_429"),
            (400, 21611, NotNow, "twilio_21611"),
            (400, 63038, NotNow, "twilio_63038"),
            (503, 20503, NotNow, "twilio_20503"),
            (503, None, NotNow, "twilio_http_503"),
        ],
    )
    async def test_a_refusal_has_a_stable_code(
        self, http: int, number: int | None, error: type[Rejected], code: str
    ) -> None:
        with pytest.raises(Rejected) as refused:
            await send(twilio(answer(http, number)))
        assert type(refused.value) is error
        assert refused.value.code == code
        assert str(refused.value) == code

    @pytest.mark.parametrize("http", [500, 502, 504, 520])
    async def test_an_answer_of_which_nobody_knows_the_effect_is_uncertain(self, http: int) -> None:
        with pytest.raises(Uncertain):
            await send(twilio(answer(http, 20500)))

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"sid": null}', b'{"sid": 5}', b"[" * 100_000])
    async def test_a_good_answer_without_a_sid_is_uncertain(self, body: bytes) -> None:
        with pytest.raises(Uncertain):
            await send(twilio(lambda _: httpx.Response(201, content=body)))

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code": []}', b'{"code": "x y"}', b"\xff"])
    async def test_a_refusal_that_cannot_be_read_keeps_its_status(self, body: bytes) -> None:
        with pytest.raises(Rejected) as refused:
            await send(twilio(lambda _: httpx.Response(400, content=body)))
        assert refused.value.code == "twilio_http_400"

    @pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
    async def test_no_connection_means_that_nothing_left(self, error: type[httpx.TransportError]) -> None:
        with pytest.raises(NotNow) as refused:
            await send(twilio(failing(error)))
        assert refused.value.code == "twilio_unreachable"

    @pytest.mark.parametrize(
        "error", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError]
    )
    async def test_a_line_that_breaks_leaves_it_uncertain(self, error: type[httpx.TransportError]) -> None:
        with pytest.raises(Uncertain) as lost:
            await send(twilio(failing(error)))
        assert "words" not in str(lost.value)


class TestRealSockets:
    """What httpx makes of a real server that is away, silent, dropping or trickling."""

    async def test_a_closed_port_is_unreachable(self) -> None:
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(NotNow):
            await send(twilio(url=f"http://127.0.0.1:{port}"))

    @pytest.mark.parametrize("behaviour", ["drop", "silent", "trickle"])
    async def test_a_server_that_took_it_and_fell_silent_leaves_it_uncertain(self, behaviour: str) -> None:
        taken: list[bytes] = []
        gone = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken.append(await reader.readuntil(b"\r\n\r\n"))
            with suppress(ConnectionError):
                if behaviour == "trickle":
                    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000000\r\n\r\n")
                    while not gone.is_set():
                        writer.write(b" ")
                        await writer.drain()
                        with suppress(TimeoutError):
                            await asyncio.wait_for(gone.wait(), 0.05)
                if behaviour == "silent":
                    await gone.wait()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            with pytest.raises(Uncertain):
                async with asyncio.timeout(5):
                    await send(twilio(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        finally:
            gone.set()
            server.close()
        assert len(taken) == 1


READING = twilio()


class TestReceipts:
    @pytest.mark.parametrize("word", ["sent", "delivered", "read"])
    def test_a_status_is_a_receipt_for_our_contact(self, word: str) -> None:
        heard = READING.read(callback("status/41", status(word)))
        assert heard.events == (Receipt(word, "41", "SM1"),)  # type: ignore[arg-type]
        assert heard.answer.body == ""

    @pytest.mark.parametrize("word", ["accepted", "scheduled", "queued", "sending", "a-new-word"])
    def test_a_status_that_tells_nothing_new_is_no_event(self, word: str) -> None:
        assert READING.read(callback("status/41", status(word))) == Heard()

    @pytest.mark.parametrize(
        ("error", "bad_address"),
        [("30003", False), ("30005", True), ("30006", True), ("30007", False), ("30008", False), ("21635", True)],
    )
    @pytest.mark.parametrize("word", ["failed", "undelivered"])
    def test_a_failure_says_whether_the_address_is_bad_for_good(self, word: str, error: str, bad_address: bool) -> None:
        heard = READING.read(callback("status/41", status(word, ErrorCode=error)))
        assert heard.events == (Receipt("failed", "41", "SM1", code=f"twilio_{error}", bad_address=bad_address),)

    @pytest.mark.parametrize("error", ["", "words", "³", "+573000000001"])
    def test_a_failure_without_a_number_is_named_by_its_status(self, error: str) -> None:
        heard = READING.read(callback("status/41", status("undelivered", ErrorCode=error)))
        assert heard.events == (Receipt("failed", "41", "SM1", code="twilio_undelivered"),)

    def test_a_receipt_without_our_reference_is_found_by_the_sid(self) -> None:
        assert READING.read(callback("status", status("sent"))).events == (Receipt("sent", None, "SM1"),)

    @pytest.mark.parametrize("form", [{}, {"MessageSid": "SM1"}, {"MessageStatus": "sent"}, status("")])
    def test_a_status_that_names_no_message_is_unreadable(self, form: dict[str, str]) -> None:
        with pytest.raises(CallbackUnreadable) as unread:
            READING.read(callback("status/41", form))
        assert unread.value.code == "callback.unreadable"

    @pytest.mark.parametrize(
        "path", ["", "status/", "status/x", "status/4/1", "status/٤", "message", "voice", "/status/4"]
    )
    def test_an_unknown_path_is_unreadable(self, path: str) -> None:
        with pytest.raises(CallbackUnreadable):
            READING.read(callback(path, status("sent")))


class TestReplies:
    def test_a_reply_comes_with_its_sender_and_text_and_wants_empty_twiml(self) -> None:
        form = {"MessageSid": "SM9", "From": "+573000000001", "To": "+573000000099", "Body": "¿Cuánto debo? 1+1 & más"}
        heard = READING.read(callback("messages", form))
        assert heard.events == (Reply("SM9", "+573000000001", "¿Cuánto debo? 1+1 & más"),)
        assert (heard.answer.body, heard.answer.content_type) == ("<Response/>", "text/xml")

    def test_a_pressed_button_is_a_choice(self) -> None:
        form = {"MessageSid": "SM9", "From": "+573000000001", "Body": "Pagar", "ButtonPayload": "pay"}
        (reply,) = READING.read(callback("messages", form)).events
        assert isinstance(reply, Reply)
        assert reply.choice == "pay"

    def test_what_postgres_cannot_store_is_left_out(self) -> None:
        form = {"MessageSid": "SM9", "From": "+573000000001", "Body": "ho\0la"}
        (reply,) = READING.read(callback("messages", form)).events
        assert isinstance(reply, Reply)
        assert reply.text == "hola"

    @pytest.mark.parametrize("form", [{}, {"MessageSid": "SM9"}, {"From": "+573000000001", "Body": "hola"}])
    def test_a_reply_of_nobody_is_unreadable(self, form: dict[str, str]) -> None:
        with pytest.raises(CallbackUnreadable):
            READING.read(callback("messages", form))


class TestSignatures:
    def test_a_missing_signature_is_refused(self) -> None:
        unsigned = Callback("POST", f"{PUBLIC}/messages", "messages", {}, {}, b"MessageSid=SM1")
        with pytest.raises(CallbackRefused) as refused:
            READING.read(unsigned)
        assert refused.value.code == "callback.signature_missing"

    @pytest.mark.parametrize(
        "forged",
        [
            callback("status/41", status("sent"), token="another-token"),
            callback("status/41", status("sent"), url=f"{PUBLIC}/status/42"),
            callback(
                "status/41", status("sent"), url="https://other.example/v1/webhooks/providers/twilio-co/status/41"
            ),
        ],
    )
    def test_another_token_contact_or_host_is_refused(self, forged: Callback) -> None:
        shown = Callback("POST", f"{PUBLIC}/status/41", "status/41", {}, forged.headers, forged.body)
        with pytest.raises(CallbackRefused) as refused:
            READING.read(shown)
        assert refused.value.code == "callback.signature_invalid"

    @pytest.mark.parametrize(
        "body", [b"", b"MessageSid=SM1&MessageStatus=delivered", b"MessageSid=SM1&MessageStatus=sent&Extra=1"]
    )
    def test_a_changed_body_is_refused(self, body: bytes) -> None:
        good = callback("status/41", {"MessageSid": "SM1", "MessageStatus": "sent"})
        with pytest.raises(CallbackRefused):
            READING.read(Callback("POST", good.url, good.path, {}, good.headers, body))

    def test_the_query_of_the_address_is_signed_too(self) -> None:
        form = status("sent")
        url = f"{PUBLIC}/status/41?x=1"
        assert READING.read(callback("status/41", form, url=url)).events
        good = callback("status/41", form, url=url)
        with pytest.raises(CallbackRefused):
            READING.read(Callback("POST", f"{PUBLIC}/status/41?x=2", good.path, {}, good.headers, good.body))

    def test_blank_and_repeated_parameters_are_signed_as_twilio_does(self) -> None:
        url, body = f"{PUBLIC}/status/41", b"MessageSid=SM1&MessageStatus=sent&Note=&Note=b&Note=a"
        text = f"{url}MessageSidSM1MessageStatussentNoteNoteaNoteb"
        signature = RequestValidator(TOKEN).compute_signature(text, {})
        heard = READING.read(Callback("POST", url, "status/41", {}, {"x-twilio-signature": signature}, body))
        assert heard.events == (Receipt("sent", "41", "SM1"),)


words = st.text(max_size=30)
forms = st.dictionaries(
    st.sampled_from(["MessageSid", "MessageStatus", "ErrorCode", "From", "Body", "ButtonPayload"]) | words,
    st.sampled_from(["SM1", "sent", "failed", "30005"]) | words,
    max_size=8,
)
paths = st.sampled_from(["messages", "status", "status/41"]) | words


@settings(deadline=None)
@given(paths, st.dictionaries(st.sampled_from(["x-twilio-signature", "content-type"]), words), st.binary(max_size=300))
def test_what_nobody_signed_is_refused_whatever_it_is(path: str, headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(CallbackRefused):
        READING.read(Callback("POST", f"{PUBLIC}/{path}", path, {}, headers, body))


@settings(deadline=None)
@given(paths, forms)
def test_whatever_is_signed_is_heard_or_unreadable(path: str, form: dict[str, str]) -> None:
    with suppress(CallbackUnreadable):
        assert isinstance(READING.read(callback(path, form)), Heard)


def test_it_is_a_provider_of_sms() -> None:
    provider: Provider = twilio()
    assert (provider.key, provider.channel) == ("twilio-co", "sms")
    assert TOKEN not in repr(provider)
