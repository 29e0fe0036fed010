"""SMS through a provider that only a configuration describes: what is sent, how answers end, what callbacks say."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook

from channels.aggregator import Aggregator
from channels.aggregator_config import AggregatorConfig
from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, Heard, Provider, Receipt, Reply
from channels.message import BadAddress, Message, NotNow, Rejected, Uncertain
from policy.errors import SendaError

PUBLIC = "https://senda.example/v1/webhooks/providers/sms-co"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a secret of a test, long enough").decode()
SECRETS = {
    "API_KEY": "api-key-of-a-test",
    "SIGNING": "signing-key-of-a-test",
    "WEBHOOK": WEBHOOK_SECRET,
    "LOGIN": "user:password",
}
MESSAGE = Message(key="permit-1", to="+573000000001", subject="", text="Su cuota vence mañana.", reference="41")
TOKEN = hashlib.sha256(b"permit-1").hexdigest()
HMAC = {"kind": "hmac-sha256", "secret": "SIGNING", "header": "X-Signature"}

DESCRIPTION: dict[str, Any] = {
    "url": "https://sms.invalid/v1/messages",
    "headers": {"Authorization": "App {secret:API_KEY}", "X-Contact": "{reference}"},
    "fields": {
        "messages": [{"to": ["{to_digits}"], "text": "{text}", "flash": False}],
        "ref": "{reference}/{token}",
        "from": "{sender}",
        "notify": "{callback_url}/status",
        "braces": "{{text}}",
    },
    "idempotency_header": "Idempotency-Key",
    "max_segments": 3,
    "answer": {
        "reference": "messages.0.id",
        "outcome": "messages.0.status.code",
        "success": ["0", "1"],
        "errors": {"51": "bad_address", "Too Busy": "not_now", "77": "rejected"},
    },
    "signature": HMAC,
    "status": {
        "reference": "ref",
        "provider_id": "id",
        "status": "state",
        "error": "error.code",
        "time": "at",
        "words": {"0": "sent", "DELIVRD": "delivered", "SEEN": "read", "UNDELIV": "failed", "QUEUED": "ignored"},
        "errors": {"7": "bad_address", "Barred Number": "rejected"},
    },
    "replies": {"id": "id", "sender": "from", "text": "text", "time": "at"},
    "country": "CO",
}

Answering = Callable[[httpx.Request], httpx.Response]


def config(**changes: Any) -> AggregatorConfig:
    return AggregatorConfig.model_validate({**DESCRIPTION, **changes})


def aggregator(
    answering: Answering | None = None, *, secrets: Mapping[str, str] = SECRETS, **changes: Any
) -> Aggregator:
    return Aggregator(
        "sms-co",
        config(**changes),
        secrets=secrets,
        callback_url=PUBLIC,
        sender="SENDA",
        transport=httpx.MockTransport(answering or (lambda _: httpx.Response(500))),
    )


async def send(provider: Aggregator, message: Message = MESSAGE) -> str:
    try:
        async with provider.line() as line:
            return await line.send(message)
    finally:
        await provider.close()


def answer(status: int, body: Any) -> Answering:
    return lambda _: httpx.Response(status, json=body)


def outcome(code: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"id": "m-1", "status": {"code": code}, **more}]}


def signed(path: str, body: Any, *, prefix: str = "", secret: str = "SIGNING") -> Callback:
    """As a provider signs it that knows `HMAC`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    digest = hmac.new(SECRETS[secret].encode(), raw, hashlib.sha256).hexdigest()
    return called(path, raw, {"x-signature": prefix + digest})


def called(path: str, body: bytes, headers: Mapping[str, str]) -> Callback:
    return Callback("POST", f"{PUBLIC}/{path}", path, {}, headers, body)


def unix(difference: int = 0) -> str:
    return str(int((datetime.now(UTC) + timedelta(seconds=difference)).timestamp()))


class TestSending:
    async def test_a_message_goes_out_as_the_configuration_says(self) -> None:
        asked: list[httpx.Request] = []

        def answering(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return httpx.Response(200, json=outcome(0))

        assert await send(aggregator(answering)) == "m-1"

        (request,) = asked
        assert (request.method, str(request.url)) == ("POST", "https://sms.invalid/v1/messages")
        assert request.headers["authorization"] == "App api-key-of-a-test"
        assert request.headers["x-contact"] == "41"
        assert request.headers["idempotency-key"] == TOKEN
        assert json.loads(request.content) == {
            "messages": [{"to": ["573000000001"], "text": "Su cuota vence mañana.", "flash": False}],
            "ref": f"41/{TOKEN}",
            "from": "SENDA",
            "notify": f"{PUBLIC}/status",
            "braces": "{text}",
        }

    async def test_a_form_goes_out_as_a_form(self) -> None:
        def answering(request: httpx.Request) -> httpx.Response:
            assert request.headers["content-type"] == "application/x-www-form-urlencoded"
            assert "idempotency-key" not in request.headers
            assert parse_qs(request.content.decode()) == {"phone": ["+573000000001"], "sms": ["Su cuota vence mañana."]}
            return httpx.Response(200, json={"id": 12345678901234567890})

        fields = {"phone": "{to}", "sms": "{text}"}
        provider = aggregator(
            answering, body="form", fields=fields, headers={}, idempotency_header=None, answer={"reference": "id"}
        )
        assert await send(provider) == "12345678901234567890"

    async def test_a_text_that_looks_like_a_placeholder_stays_a_text(self) -> None:
        def answering(request: httpx.Request) -> httpx.Response:
            assert json.loads(request.content) == {"text": "{secret:API_KEY} {to} {{x}}"}
            return httpx.Response(200, json=outcome("1"))

        message = Message(key="k", to=MESSAGE.to, subject="", text="{secret:API_KEY} {to} {{x}}")
        assert await send(aggregator(answering, fields={"text": "{text}"}), message) == "m-1"

    @pytest.mark.parametrize(
        ("text", "code"),
        [("", "sms_empty"), (" \n", "sms_empty"), ("a" * 460, "sms_too_long"), ("á" * 202, "sms_too_long")],
    )
    async def test_a_text_that_does_not_fit_is_refused_before_sending(self, text: str, code: str) -> None:
        def answering(request: httpx.Request) -> httpx.Response:
            raise AssertionError("nothing may be sent")

        with pytest.raises(Rejected) as refused:
            await send(aggregator(answering), Message(key="k", to=MESSAGE.to, subject="", text=text))
        assert refused.value.code == code

    @pytest.mark.parametrize("text", ["a" * 459, "á" * 201])
    async def test_the_longest_text_goes_out(self, text: str) -> None:
        message = Message(key="k", to=MESSAGE.to, subject="", text=text)
        assert await send(aggregator(answer(200, outcome(0))), message) == "m-1"

    @pytest.mark.parametrize(
        ("status", "body", "error", "code"),
        [
            (200, outcome(51), BadAddress, "aggregator_51"),
            (400, outcome("51"), BadAddress, "aggregator_51"),
            (500, outcome("Too Busy"), NotNow, "aggregator_too_busy"),
            (200, outcome(77), Rejected, "aggregator_77"),
            (400, outcome("words of theirs"), Rejected, "aggregator_http_400"),
            (401, None, Rejected, "aggregator_http_401"),
            (302, None, Rejected, "aggregator_http_302"),
            (429, None, NotNow, "aggregator_http_429"),
            (503, outcome(0), NotNow, "aggregator_http_503"),
        ],
    )
    async def test_a_refusal_has_a_stable_code(self, status: int, body: Any, error: type[Rejected], code: str) -> None:
        with pytest.raises(Rejected) as refused:
            await send(aggregator(answer(status, body)))
        assert type(refused.value) is error
        assert refused.value.code == code

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (500, None),
            (502, outcome(0)),
            (504, None),
            (200, None),
            (200, []),
            (200, {"messages": []}),
            (200, outcome(9)),
            (204, outcome(0)),
            (200, {"messages": [{"status": {"code": 0}}]}),
            (200, {"messages": [{"id": "", "status": {"code": 0}}]}),
        ],
    )
    async def test_an_answer_that_the_configuration_does_not_know_is_uncertain(self, status: int, body: Any) -> None:
        with pytest.raises(Uncertain):
            await send(aggregator(answer(status, body)))

    @pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"<html>", b"[" * 100_000, b"NaN"])
    async def test_a_good_answer_that_is_no_json_is_uncertain(self, body: bytes) -> None:
        with pytest.raises(Uncertain):
            await send(aggregator(lambda _: httpx.Response(200, content=body)))

    async def test_an_error_may_stand_elsewhere_than_the_outcome(self) -> None:
        fields = {"reference": "id", "error": "fault.kind", "errors": {"no-number": "bad_address"}}
        with pytest.raises(BadAddress) as refused:
            await send(aggregator(answer(200, {"id": "m-1", "fault": {"kind": "no-number"}}), answer=fields))
        assert refused.value.code == "aggregator_no_number"
        assert await send(aggregator(answer(200, {"id": "m-1"}), answer=fields)) == "m-1"

    @pytest.mark.parametrize(
        ("broken", "error"),
        [(httpx.ConnectError, NotNow), (httpx.ConnectTimeout, NotNow), (httpx.ReadTimeout, Uncertain)],
    )
    async def test_a_broken_line_ends_as_it_must(
        self, broken: type[httpx.TransportError], error: type[Exception]
    ) -> None:
        def answering(request: httpx.Request) -> httpx.Response:
            raise broken("words", request=request)

        with pytest.raises(error) as ended:
            await send(aggregator(answering))
        assert "words" not in str(ended.value)


class TestConfiguration:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"fields": {"a": "{text} {phone}"}}, "fields.a"),
            ({"fields": {"a": [{"b": "{secret:OTHER}"}]}}, "fields.a"),
            ({"fields": {"a": "{}"}}, "fields.a"),
            ({"fields": {"a": "{text"}}, "fields.a"),
            ({"fields": {"a": "text}"}}, "fields.a"),
            ({"headers": {"X-To": "{to}"}}, "headers.X-To"),
            ({"headers": {"X-Text": "{text}"}}, "headers.X-Text"),
            ({"headers": {"X-Key": "{secret:OTHER}"}}, "headers.X-Key"),
            ({"signature": {"kind": "bearer", "secret": "OTHER"}}, "signature.secret"),
            ({"signature": {"kind": "standard-webhooks", "secret": "EMPTY_WEBHOOK"}}, "signature.secret"),
        ],
    )
    def test_what_it_names_must_exist(self, changes: dict[str, Any], field: str) -> None:
        with pytest.raises(SendaError) as refused:
            aggregator(secrets={**SECRETS, "EMPTY_WEBHOOK": "whsec_"}, **changes)
        assert (refused.value.code, refused.value.field) == ("channels.bad_config", field)

    @pytest.mark.parametrize("secret", ["", "two\nlines"])
    def test_a_secret_is_one_line_and_not_empty_and_not_shown(self, secret: str) -> None:
        with pytest.raises(SendaError) as refused:
            aggregator(secrets={**SECRETS, "LOGIN": secret})
        assert refused.value.code == "channels.bad_config"
        assert "two" not in str(refused.value)

    @pytest.mark.parametrize(
        "changes",
        [
            {"surprise": 1},
            {"method": "GET"},
            {"url": "ftp://sms.invalid"},
            {"url": "https://sms.invalid/{to}"},
            {"country": "Colombia"},
            {"country": "co"},
            {"fields": {}},
            {"body": "form"},
            {"max_segments": 0},
            {"headers": {"X Y": "a"}},
            {"headers": {"X-Y": "a\r\nB: c"}},
            {"answer": {"reference": "id", "outcome": "code"}},
            {"answer": {"reference": "id", "success": ["0"]}},
            {"answer": {"reference": "id", "errors": {"1": "rejected"}}},
            {"signature": {"kind": "md5", "secret": "SIGNING"}},
            {"signature": {"kind": "hmac-sha256", "secret": "SIGNING"}},
            {"status": {"status": "state", "words": {"a": "sent"}}},
            {"status": {"status": "state", "provider_id": "id", "words": {"a": "arrived"}}},
        ],
    )
    def test_a_description_that_says_nothing_clear_is_no_configuration(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            config(**changes)

    def test_secrets_are_in_no_repr(self) -> None:
        provider: Provider = aggregator()
        assert (provider.key, provider.channel) == ("sms-co", "sms")
        for secret in SECRETS.values():
            assert secret not in repr(provider) + repr(config())


class TestReceipts:
    def test_a_report_is_a_receipt_for_our_contact(self) -> None:
        told = {"ref": "41", "id": "m-1", "state": "DELIVRD", "at": "2026-03-02T09:15:00-05:00"}
        at = datetime(2026, 3, 2, 14, 15, tzinfo=UTC)
        assert aggregator().read(signed("status", told)) == Heard((Receipt("delivered", "41", "m-1", at),))

    @pytest.mark.parametrize(
        ("word", "status"), [(0, "sent"), ("0", "sent"), ("DELIVRD", "delivered"), ("SEEN", "read")]
    )
    def test_their_words_become_ours(self, word: object, status: str) -> None:
        (receipt,) = aggregator().read(signed("status", {"id": 17, "state": word})).events
        assert receipt == Receipt(status, None, "17")  # type: ignore[arg-type]

    def test_a_word_that_is_to_be_ignored_is_no_event(self) -> None:
        assert aggregator().read(signed("status", {"id": "m-1", "state": "QUEUED"})) == Heard()

    @pytest.mark.parametrize(
        ("error", "code", "bad_address"),
        [
            ("7", "aggregator_7", True),
            (7, "aggregator_7", True),
            ("8", "aggregator_8", False),
            ("Barred Number", "aggregator_barred_number", False),
            ("María Pérez +573000000001", "aggregator_failed", False),
            ("573000000001", "aggregator_failed", False),
            (None, "aggregator_failed", False),
        ],
    )
    def test_a_failure_has_a_code_without_their_words(self, error: object, code: str, bad_address: bool) -> None:
        told = {"ref": "41", "state": "UNDELIV", "error": {"code": error}}
        (receipt,) = aggregator().read(signed("status", told)).events
        assert receipt == Receipt("failed", "41", code=code, bad_address=bad_address)

    @pytest.mark.parametrize(
        ("at", "instant"),
        [
            (1767225600, datetime(2026, 1, 1, tzinfo=UTC)),
            ("1767225600123", datetime(2026, 1, 1, tzinfo=UTC)),
            ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
            ("2026-01-01T00:00:00", None),
            ("20260101000000", None),
            ("202601010000", None),
            ("0001-01-01T00:00:00+14:00", None),
            ("yesterday", None),
            (1e300, None),
            (True, None),
        ],
    )
    def test_a_time_without_offset_or_sense_is_no_time(self, at: object, instant: datetime | None) -> None:
        told = {"ref": "41", "state": "SEEN", "at": at}
        assert aggregator().read(signed("status", told)).events == (Receipt("read", "41", at=instant),)

    def test_several_reports_come_in_one_callback(self) -> None:
        fields = {**DESCRIPTION["status"], "each": "data.results"}
        told = {
            "data": {
                "results": [{"ref": "1", "state": "0"}, {"ref": "2", "state": "QUEUED"}, {"ref": "3", "state": "SEEN"}]
            }
        }
        events = aggregator(status=fields).read(signed("status", told)).events
        assert events == (Receipt("sent", "1"), Receipt("read", "3"))

    def test_a_form_is_read_too(self) -> None:
        fields = {"provider_id": "message.id", "status": "state", "words": {"0": "sent"}}
        body = urlencode({"message.id": "m-1", "state": "0"}).encode()
        events = aggregator(callbacks="form", status=fields).read(signed("status", body)).events
        assert events == (Receipt("sent", None, "m-1"),)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"nothing",
            b"[" * 100_000,
            [1],
            "text",
            None,
            {},
            {"ref": "41"},
            {"state": "SEEN"},
            {"ref": "41", "state": "A NEW WORD"},
            {"ref": {"a": 1}, "state": "SEEN"},
            {"ref": "41", "state": ["SEEN"]},
        ],
    )
    def test_a_report_of_another_form_is_unreadable(self, body: object) -> None:
        with pytest.raises(CallbackUnreadable) as unread:
            aggregator().read(signed("status", body))
        assert unread.value.code == "callback.unreadable"

    @pytest.mark.parametrize("path", ["", "status/41", "statuses", "Messages"])
    def test_an_unknown_path_is_unreadable(self, path: str) -> None:
        with pytest.raises(CallbackUnreadable):
            aggregator().read(signed(path, {"ref": "41", "state": "SEEN"}))

    @pytest.mark.parametrize(("path", "part"), [("status", "status"), ("messages", "replies")])
    def test_what_the_configuration_does_not_describe_is_not_read(self, path: str, part: str) -> None:
        told = {"ref": "41", "state": "SEEN", "id": "r-1", "from": "573000000001"}
        assert aggregator().read(signed(path, told)).events
        with pytest.raises(CallbackUnreadable):
            aggregator(**{part: None}).read(signed(path, told))


class TestReplies:
    def test_a_reply_comes_with_its_sender_text_and_time(self) -> None:
        told = {"id": "r-1", "from": "573000000001", "text": " ¿Cuánto debo? ", "at": 1767225600}
        expected = Reply("r-1", "+573000000001", "¿Cuánto debo?", at=datetime(2026, 1, 1, tzinfo=UTC))
        assert aggregator().read(signed("messages", told)) == Heard((expected,))

    @pytest.mark.parametrize(
        ("sender", "number"),
        [
            ("+573000000001", "+573000000001"),
            ("573000000001", "+573000000001"),
            (573000000001, "+573000000001"),
            ("3000000001", "+573000000001"),
            ("0057 300 000 0001", "+573000000001"),
            ("12025550100", "+12025550100"),
            ("87654", "87654"),
            ("BANCO", "BANCO"),
            ("00", "00"),
        ],
    )
    def test_a_number_becomes_e164_and_a_name_stays(self, sender: object, number: str) -> None:
        (reply,) = aggregator().read(signed("messages", {"id": "r-1", "from": sender})).events
        assert reply == Reply("r-1", number, "")

    def test_what_postgres_cannot_store_is_left_out(self) -> None:
        body = b'{"id": "r-1", "from": "3000000001", "text": "ho\\u0000la \\ud83d"}'
        (reply,) = aggregator().read(signed("messages", body)).events
        assert reply == Reply("r-1", "+573000000001", "hola ?")

    @pytest.mark.parametrize("told", [{"id": "r-1"}, {"from": "3000000001"}, {"id": "", "from": ""}])
    def test_a_reply_of_nobody_is_unreadable(self, told: dict[str, str]) -> None:
        with pytest.raises(CallbackUnreadable):
            aggregator().read(signed("messages", told))


REPORT = json.dumps({"ref": "41", "state": "SEEN"}).encode()
HEARD = Heard((Receipt("read", "41"),))


def refusal(provider: Aggregator, callback: Callback) -> str:
    with pytest.raises(CallbackRefused) as refused:
        provider.read(callback)
    return refused.value.code


class TestHmac:
    def test_a_good_signature_is_heard(self) -> None:
        assert aggregator().read(signed("status", REPORT)) == HEARD
        assert aggregator(signature={**HMAC, "prefix": "v1="}).read(signed("status", REPORT, prefix="v1=")) == HEARD

    def test_base64_is_another_way_to_write_it(self) -> None:
        digest = hmac.new(SECRETS["SIGNING"].encode(), REPORT, hashlib.sha256).digest()
        callback = called("status", REPORT, {"x-signature": base64.b64encode(digest).decode()})
        assert aggregator(signature={**HMAC, "encoding": "base64"}).read(callback) == HEARD
        assert refusal(aggregator(), callback) == "callback.signature_invalid"

    def test_a_missing_signature_is_refused(self) -> None:
        assert refusal(aggregator(), called("status", REPORT, {})) == "callback.signature_missing"

    @pytest.mark.parametrize("given", ["00", "ñ", "v1="])
    def test_a_wrong_signature_is_refused(self, given: str) -> None:
        assert refusal(aggregator(), called("status", REPORT, {"x-signature": given})) == "callback.signature_invalid"

    def test_another_secret_body_or_prefix_is_refused(self) -> None:
        good = signed("status", REPORT)
        for bad in (
            signed("status", REPORT, secret="API_KEY"),
            called("status", REPORT + b" ", good.headers),
            signed("status", REPORT, prefix="v1="),
        ):
            assert refusal(aggregator(), bad) == "callback.signature_invalid"


class TestSignedTimestamps:
    def callback(self, stamp: str, *, covered: str | None = None) -> Callback:
        text = f"{stamp if covered is None else covered}.".encode() + REPORT
        digest = hmac.new(SECRETS["SIGNING"].encode(), text, hashlib.sha256).hexdigest()
        return called("status", REPORT, {"x-signature": digest, "x-time": stamp})

    provider = aggregator(signature={**HMAC, "timestamp_header": "X-Time"})

    @pytest.mark.parametrize("difference", [-290, 0, 290])
    def test_a_recent_one_is_heard(self, difference: int) -> None:
        assert self.provider.read(self.callback(unix(difference))) == HEARD
        assert self.provider.read(self.callback(unix(difference) + "000")) == HEARD

    @pytest.mark.parametrize("difference", [-100_000, -310, 310])
    def test_an_old_one_or_one_of_the_future_is_refused(self, difference: int) -> None:
        assert refusal(self.provider, self.callback(unix(difference))) == "callback.too_old"

    def test_the_configuration_says_how_old_it_may_be(self) -> None:
        patient = aggregator(signature={**HMAC, "timestamp_header": "X-Time", "tolerance": 3600})
        assert patient.read(self.callback(unix(-3000))) == HEARD

    def test_a_timestamp_that_was_not_signed_is_refused(self) -> None:
        forged = self.callback(unix(), covered=unix(-4000))
        assert refusal(self.provider, forged) == "callback.signature_invalid"

    @pytest.mark.parametrize("stamp", ["soon", "1", "nan", "99999999999999", "-1767225600"])
    def test_a_signed_timestamp_that_is_none_is_refused(self, stamp: str) -> None:
        assert refusal(self.provider, self.callback(stamp)) == "callback.signature_invalid"

    def test_a_missing_timestamp_is_refused(self) -> None:
        assert refusal(self.provider, signed("status", REPORT)) == "callback.signature_missing"


class TestStandardWebhooks:
    def callback(self, difference: int = 0, *, secret: str = WEBHOOK_SECRET, **changed: str) -> Callback:
        at = datetime.now(UTC) + timedelta(seconds=difference)
        signature = Webhook(secret).sign("msg_1", at, REPORT.decode())
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }
        return called("status", REPORT, {**headers, **changed})

    provider = aggregator(signature={"kind": "standard-webhooks", "secret": "WEBHOOK"})

    def test_a_good_signature_is_heard(self) -> None:
        assert self.provider.read(self.callback(-200)) == HEARD

    @pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
    def test_a_missing_header_is_refused(self, header: str) -> None:
        assert refusal(self.provider, self.callback(**{header: ""})) == "callback.signature_missing"

    def test_an_old_timestamp_is_refused(self) -> None:
        assert refusal(self.provider, self.callback(-310)) == "callback.too_old"

    @pytest.mark.parametrize("signature", ["v1,", "v1", "v1,a,b", "v2,AAAA", "v1,ñ", "v1,AAA"])
    def test_a_signature_of_another_form_is_refused(self, signature: str) -> None:
        assert refusal(self.provider, self.callback(**{"webhook-signature": signature})) == "callback.signature_invalid"

    def test_another_secret_is_refused(self) -> None:
        other = "whsec_" + base64.b64encode(b"another secret, long enough").decode()
        assert refusal(self.provider, self.callback(secret=other)) == "callback.signature_invalid"


class TestAuthorization:
    basic = aggregator(signature={"kind": "basic", "secret": "LOGIN"})
    bearer = aggregator(signature={"kind": "bearer", "secret": "API_KEY"})
    login = "Basic " + base64.b64encode(b"user:password").decode()

    def test_our_own_secret_is_heard(self) -> None:
        assert self.basic.read(called("status", REPORT, {"authorization": self.login})) == HEARD
        assert self.bearer.read(called("status", REPORT, {"authorization": "bearer api-key-of-a-test"})) == HEARD

    @pytest.mark.parametrize("given", ["Bearer", "Bearer ", "Bearer other", "Basic api-key-of-a-test", "ñ", login])
    def test_anything_else_is_refused(self, given: str) -> None:
        callback = called("status", REPORT, {"authorization": given})
        assert refusal(self.bearer, callback) == "callback.signature_invalid"

    def test_nothing_is_refused(self) -> None:
        for provider in (self.basic, self.bearer):
            assert refusal(provider, called("status", REPORT, {})) == "callback.signature_missing"


KNOWN = aggregator()
FORMS = aggregator(callbacks="form")
EVERY = (KNOWN, TestSignedTimestamps.provider, TestStandardWebhooks.provider, TestAuthorization.basic)
header_names = ["x-signature", "x-time", "authorization", "webhook-id", "webhook-timestamp", "webhook-signature"]
header_values = st.text(max_size=40) | st.builds(unix) | st.just("Basic ") | st.just("v1,")
paths = st.sampled_from(["status", "messages"]) | st.text(max_size=10)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
words = st.sampled_from(["SEEN", "UNDELIV", "QUEUED", "41", "7", "3000000001"])
values = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["ref", "id", "state", "error", "code", "at", "from", "text"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.sampled_from(EVERY), paths, st.dictionaries(st.sampled_from(header_names), header_values), st.binary())
def test_what_nobody_signed_is_refused_whatever_it_is(
    provider: Aggregator, path: str, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(CallbackRefused):
        provider.read(called(path, body, headers))


@settings(deadline=None)
@given(st.sampled_from([KNOWN, FORMS]), paths, st.binary() | values.map(lambda told: json.dumps(told).encode()))
def test_whatever_is_signed_is_heard_or_unreadable(provider: Aggregator, path: str, body: bytes) -> None:
    with suppress(CallbackUnreadable):
        assert isinstance(provider.read(signed(path, body)), Heard)


@settings(deadline=None)
@given(
    values.map(lambda told: json.dumps(told).encode()) | st.binary(), st.sampled_from([200, 201, 302, 400, 429, 500])
)
async def test_whatever_is_answered_ends_in_one_of_the_known_ways(body: bytes, status: int) -> None:
    provider = aggregator(lambda _: httpx.Response(status, content=body))
    with suppress(Rejected, Uncertain):
        assert await send(provider)
