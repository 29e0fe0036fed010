"""The channel `sms` through Twilio: Messages API, status callbacks, replies.

Sources: Twilio, "Messages resource", "Track outbound message status", "Error and warning dictionary".
"""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import httpx

from channels.callbacks import Answer, Callback, CallbackUnreadable, Heard, Receipt, ReceiptStatus, Reply
from channels.message import BadAddress, Line, Message, NotNow, Rejected, Uncertain
from channels.signing import post, require_twilio_signature

LONGEST = 1600
"""Characters of a body that Twilio takes (error 21617)."""

NOBODY_THERE = frozenset({21211, 21217, 21265, 21614, 21635, 30005, 30006})
"""No number, a short code, no mobile, a landline, unknown at the carrier: for good. 30003 (switched off, out of reach)
passes, and 21610 (wrote STOP) is a wish, not a fault of the address."""

BUSY = frozenset({14107, 20429, 20503, 21611, 63017, 63038})
"""A rate, a queue or a day's quota is full, or the service is down: not taken, another try may work."""

STATUSES: dict[str, ReceiptStatus] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
"""What Twilio's statuses say. The others (accepted, scheduled, queued, sending) tell nothing that is not known."""

STATUS_PATH = re.compile(r"status(?:/([0-9]+))?")

NO_REPLY = Answer("<Response/>", "text/xml")


class TwilioSms:
    """One account at Twilio; itself the line, since HTTP needs none open.

    `sender`: a number in E.164, or the SID of a Messaging Service (MG…). `timeout`: seconds for each step of a request.
    Twilio's console must point replies to `{callback_url}/messages`.
    """

    channel = "sms"

    def __init__(
        self,
        key: str,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        callback_url: str,
        base_url: str = "https://api.twilio.com",
        timeout: float = 8.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.key = key
        self._url = f"{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._auth_token = auth_token
        self._sender = {"MessagingServiceSid" if sender.startswith("MG") else "From": sender}
        self._callback_url = callback_url
        self._client = httpx.AsyncClient(auth=(account_sid, auth_token), timeout=timeout, transport=transport)

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """This very object: a connection is made, or found open, when something is sent."""
        yield self

    async def send(self, message: Message) -> str:
        """Hand over; returns the message's SID. Twilio has no idempotency key, so an answer that is lost stays
        `Uncertain`."""
        if not message.text.strip():
            raise Rejected("sms_empty")
        if len(message.text) > LONGEST:
            raise Rejected("sms_too_long")
        status_path = f"status/{message.reference}" if message.reference else "status"
        form = {
            "To": message.to,
            **self._sender,
            "Body": message.text,
            "StatusCallback": f"{self._callback_url}/{status_path}",
        }
        return _taken(await post(self._client, self._url, prefix="twilio", data=form))

    def read(self, callback: Callback) -> Heard:
        """Receipts under `status/{reference}`, replies under `messages`. Raises `CallbackRefused`,
        `CallbackUnreadable`."""
        form = require_twilio_signature(callback, self._auth_token)
        if callback.path == "messages":
            return Heard((_reply(form),), NO_REPLY)
        if path := STATUS_PATH.fullmatch(callback.path):
            return Heard(_receipts(form, path[1]))
        raise CallbackUnreadable("callback.unreadable", "unknown path: Twilio posts to status/{reference} and messages")

    async def close(self) -> None:
        await self._client.aclose()


def _taken(response: httpx.Response) -> str:
    told = _object(response)
    if response.is_success:
        sid = told.get("sid")
        if isinstance(sid, str) and sid:
            return sid
        raise Uncertain("twilio: a good answer without a SID")
    said = told.get("code")
    number = said if isinstance(said, int) else 0
    code = f"twilio_{number}" if number else f"twilio_http_{response.status_code}"
    if number in BUSY or response.status_code in (429, 503):
        raise NotNow(code)
    if response.is_server_error:
        raise Uncertain(code)
    if number in NOBODY_THERE:
        raise BadAddress(code)
    raise Rejected(code)


def _object(response: httpx.Response) -> dict[str, object]:
    try:
        told = response.json()
    except (ValueError, RecursionError):
        return {}
    return cast(dict[str, object], told) if isinstance(told, dict) else {}


def _receipts(form: dict[str, str], reference: str | None) -> tuple[Receipt, ...]:
    sid, word = form.get("MessageSid"), form.get("MessageStatus")
    if not sid or not word:
        raise CallbackUnreadable("callback.unreadable", "a status names MessageSid and MessageStatus")
    status = STATUSES.get(word)
    if status is None:
        return ()
    if status != "failed":
        return (Receipt(status, reference, sid),)
    error = form.get("ErrorCode", "")
    if not re.fullmatch("[0-9]{1,6}", error):
        return (Receipt("failed", reference, sid, code=f"twilio_{word}"),)
    return (Receipt("failed", reference, sid, code=f"twilio_{error}", bad_address=int(error) in NOBODY_THERE),)


def _reply(form: dict[str, str]) -> Reply:
    sid, sender = form.get("MessageSid"), form.get("From")
    if not sid or not sender:
        raise CallbackUnreadable("callback.unreadable", "a reply names MessageSid and From")
    return Reply(sid, sender, form.get("Body", ""), choice=form.get("ButtonPayload") or None)
