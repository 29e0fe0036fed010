"""The channel `whatsapp`: Meta's Cloud API, and the webhooks by which it tells what came of a message."""

import hashlib
import hmac
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from channels.callbacks import Answer, Callback, CallbackRefused, CallbackUnreadable, Event, Heard, Receipt, Reply
from channels.message import Approved, BadAddress, Choice, Line, Message, NotNow, Rejected, Uncertain
from channels.signing import post

TEXT_LIMIT = 4096
INTERACTIVE_LIMIT = 1024
VALUES_LIMIT = 1024
"""Characters that all values of an approved text may have together: an approved text has 1024 in all."""

BUTTONS, BUTTON_TITLE = 3, 20
ROWS, ROW_TITLE, ROW_DESCRIPTION = 10, 24, 72
OPEN_LIST = {"es": "Ver opciones", "en": "See options", "pt": "Ver opções"}

OLDEST = timedelta(days=7)
"""Meta repeats a webhook that was not taken for seven days."""
AHEAD = timedelta(minutes=5)

# Source: Meta, WhatsApp Business Platform, "Error codes".
NO_WHATSAPP = frozenset({131026, 1013})
"""No WhatsApp at the number, or an owner who has not accepted its terms or has a very old version: Meta does not tell
which, and in each case nothing arrives. (131030, "not in the allowed list", is a test account's set-up.)"""
LATER = frozenset({2, 4, 429, 80007, 130429, 131016, 131048, 131056, 131057})
"""Too many messages, overload, maintenance: the documentation says to try again later."""
NOBODY_KNOWS = frozenset({1, 131000})
"""Unknown errors, "possible server error": the documentation does not say what became of the message."""


def now_utc() -> datetime:
    return datetime.now(UTC)


class WhatsApp:
    """One number of a business. `phone_number_id`, `token`, `app_secret`, `verify_token` are those of Meta's console;
    `now` is the clock by which a webhook is too old."""

    channel = "whatsapp"

    def __init__(
        self,
        key: str,
        *,
        phone_number_id: str,
        token: str,
        app_secret: str,
        verify_token: str,
        base_url: str = "https://graph.facebook.com/v23.0",
        timeout: float = 8.0,
        transport: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], datetime] = now_utc,
    ) -> None:
        self.key = key
        self._number = phone_number_id
        self._app_secret, self._verify_token = app_secret.encode(), verify_token.encode()
        self._now = now
        self._url = f"{base_url}/{phone_number_id}/messages"
        self._client = httpx.AsyncClient(
            timeout=timeout, transport=transport, headers={"Authorization": f"Bearer {token}"}
        )

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """Nothing is opened beforehand: the connections are kept by the client."""
        yield self

    async def send(self, message: Message) -> str:
        """Hand over; returns Meta's id of the message (`wamid…`). The approved text where there is one, otherwise free
        text, with the choices as buttons or as a list.

        Raises `Rejected("whatsapp_too_long")`, `whatsapp_too_many_choices` or `whatsapp_empty_value` before anything
        is sent; then `meta_<Meta's code>`, `meta_http_<status>` or `meta_unreachable`.
        """
        answer = await post(self._client, self._url, prefix="meta", json=_payload(message))
        if answer.is_success:
            return _id_of(answer)
        raise _failure(answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    def read(self, callback: Callback) -> Heard:
        """The receipts and replies of a webhook, in its order; or the answer by which Meta verifies the address (GET).

        What belongs to another number, or is older than seven days, is left out; where nothing else is in the body,
        it is refused: `callback.not_ours`, `callback.too_old`.
        """
        if callback.method == "GET":
            return self._subscribed(callback)
        self._require_signature(callback)
        events: list[Event] = []
        refused: CallbackRefused | None = None
        for value in _values(callback.body):
            if value.metadata.phone_number_id != self._number:
                refused = CallbackRefused("callback.not_ours", "this webhook is about another number than ours")
                continue
            for item in (*value.statuses, *value.messages):
                if not self._timely(item.at):
                    refused = CallbackRefused("callback.too_old", "older than seven days, or from the future")
                elif (event := item.event()) is not None:
                    events.append(event)
        if refused is not None and not events:
            raise refused
        return Heard(tuple(events))

    def _subscribed(self, callback: Callback) -> Heard:
        token = callback.query.get("hub.verify_token", "").encode("utf-8", "replace")
        if callback.query.get("hub.mode") != "subscribe" or not hmac.compare_digest(token, self._verify_token):
            raise CallbackRefused("callback.signature_invalid", "hub.verify_token is not the one in the settings")
        return Heard(answer=Answer(callback.query.get("hub.challenge", "")))

    def _require_signature(self, callback: Callback) -> None:
        given = callback.headers.get("x-hub-signature-256")
        if not given:
            raise CallbackRefused("callback.signature_missing", "the header X-Hub-Signature-256 is missing")
        due = "sha256=" + hmac.new(self._app_secret, callback.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode("utf-8", "replace"), due.encode()):
            raise CallbackRefused(
                "callback.signature_invalid", "X-Hub-Signature-256 does not fit: check the app secret"
            )

    def _timely(self, at: datetime) -> bool:
        now = self._now()
        return now - OLDEST <= at <= now + AHEAD


# What is sent


def _payload(message: Message) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": message.to.removeprefix("+"),
        "biz_opaque_callback_data": message.reference,
        **_content(message),
    }


def _content(message: Message) -> dict[str, Any]:
    if message.approved is not None:
        return {"type": "template", "template": _approved(message.approved)}
    if message.choices:
        return {"type": "interactive", "interactive": _interactive(message)}
    return {"type": "text", "text": {"preview_url": False, "body": _within(message.text, TEXT_LIMIT)}}


def _approved(approved: Approved) -> dict[str, Any]:
    """Meta refuses line breaks, tabs and more than four spaces in a value (132018)."""
    values = [" ".join(value.split()) for value in approved.values]
    if not all(values):
        raise Rejected("whatsapp_empty_value")
    _within("".join(values), VALUES_LIMIT)
    body = {"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}
    return {"name": approved.name, "language": {"code": approved.language}, "components": [body] if values else []}


def _interactive(message: Message) -> dict[str, Any]:
    """Buttons where the labels fit whole, otherwise a list."""
    choices = message.choices
    if len(choices) > ROWS:
        raise Rejected("whatsapp_too_many_choices")
    body = {"text": _within(message.text, INTERACTIVE_LIMIT)}
    if len(choices) <= BUTTONS and all(len(choice.label) <= BUTTON_TITLE for choice in choices):
        buttons = [{"type": "reply", "reply": {"id": choice.key, "title": choice.label}} for choice in choices]
        return {"type": "button", "body": body, "action": {"buttons": buttons}}
    action = {"button": OPEN_LIST[message.language], "sections": [{"rows": [_row(choice) for choice in choices]}]}
    return {"type": "list", "body": body, "action": action}


def _row(choice: Choice) -> dict[str, str]:
    """A label that does not fit a row's title stands below it."""
    row = {"id": choice.key, "title": _cut(choice.label, ROW_TITLE)}
    return row if row["title"] == choice.label else {**row, "description": _cut(choice.label, ROW_DESCRIPTION)}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _within(text: str, limit: int) -> str:
    if len(text) > limit:
        raise Rejected("whatsapp_too_long")
    return text


# What Meta answers


def _id_of(answer: httpx.Response) -> str:
    try:
        reference = answer.json()["messages"][0]["id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        reference = None
    if not isinstance(reference, str) or not reference:
        raise Uncertain(f"meta: answer {answer.status_code} without an id")
    return reference


def _failure(answer: httpx.Response) -> Exception:
    """What an error means: Meta recommends to go by the code, not by the status."""
    code, status = _code_of(answer), answer.status_code
    name = f"meta_http_{status}" if code is None else f"meta_{code}"
    if code in NO_WHATSAPP:
        return BadAddress(name)
    if code in LATER or status in (429, 503):
        return NotNow(name)
    if code in NOBODY_KNOWS or status >= 500:
        return Uncertain(f"meta: answer {status}, {name}")
    return Rejected(name)


def _code_of(answer: httpx.Response) -> int | None:
    try:
        code = answer.json()["error"]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return code if type(code) is int else None


# What a webhook says. Source: Meta, "messages webhook reference".


def _plain(text: str) -> str:
    """The database keeps no NUL."""
    return text.replace("\0", "")


_Text = Annotated[str, AfterValidator(_plain)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Dated(_Part):
    id: _Text
    timestamp: Annotated[int, Field(ge=0, lt=253_402_300_800)]

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp, UTC)


class _Error(_Part):
    code: int


class _Status(_Dated):
    status: str
    biz_opaque_callback_data: _Text | None = None
    errors: tuple[_Error, ...] = ()

    def event(self) -> Receipt | None:
        """None for what is no receipt, such as `deleted`."""
        if self.status not in ("sent", "delivered", "read", "failed"):
            return None
        error = self.errors[0].code if self.status == "failed" and self.errors else None
        return Receipt(
            self.status,
            reference=self.biz_opaque_callback_data or None,
            provider_ref=self.id,
            at=self.at,
            code=f"meta_{error}" if error is not None else None,
            bad_address=error in NO_WHATSAPP,
        )


class _Words(_Part):
    body: _Text


class _Button(_Part):
    """Of an approved text."""

    text: _Text
    payload: _Text | None = None


class _Chosen(_Part):
    id: _Text
    title: _Text


class _Interactive(_Part):
    button_reply: _Chosen | None = None
    list_reply: _Chosen | None = None


class _Context(_Part):
    id: _Text | None = None


class _Message(_Dated):
    sender: _Text = Field(default="", alias="from")
    text: _Words | None = None
    button: _Button | None = None
    interactive: _Interactive | None = None
    context: _Context | None = None

    def event(self) -> Reply:
        text, choice = self._said()
        return Reply(
            provider_ref=self.id,
            sender=f"+{self.sender}" if self.sender else "",
            text=text,
            choice=choice or None,
            answers=self.context.id if self.context else None,
            at=self.at,
        )

    def _said(self) -> tuple[str, str | None]:
        """Words, and the key of a button. A picture, a voice, a place has no words: it is for a person to look at."""
        if self.text is not None:
            return self.text.body, None
        if self.button is not None:
            return self.button.text, self.button.payload
        chosen = self.interactive and (self.interactive.button_reply or self.interactive.list_reply)
        return (chosen.title, chosen.id) if chosen else ("", None)


class _Metadata(_Part):
    phone_number_id: str


class _Value(_Part):
    metadata: _Metadata
    statuses: tuple[_Status, ...] = ()
    messages: tuple[_Message, ...] = ()


class _Change(_Part):
    field: str
    value: Any


class _Entry(_Part):
    changes: tuple[_Change, ...]


class _Body(_Part):
    entry: tuple[_Entry, ...]


def _values(body: bytes) -> list[_Value]:
    """What the body says of messages, whole or not at all; news of the account and of templates are left out."""
    try:
        changes = [change for entry in _Body.model_validate_json(body).entry for change in entry.changes]
        return [_Value.model_validate(change.value) for change in changes if change.field == "messages"]
    except ValidationError:
        raise CallbackUnreadable("callback.unreadable", "the body is no webhook of the Cloud API") from None
