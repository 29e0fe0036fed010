"""Meta's Cloud API of WhatsApp and its webhooks: statuses, and what people write and press.

Free text reaches a person only within 24 hours after that person wrote. As the real one, the API takes such a message
all the same, and tells by a `failed` status (131047) that it did not arrive.

Sources: Meta, WhatsApp Cloud API, "Messages", "Webhooks: messages", "Error codes".
"""

import json
import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from senda.sandbox.accounts import MetaAccount
from senda.sandbox.callbacks import Callbacks, Post
from senda.sandbox.entries import Channel, Direction, Draft, Entries, Entry, canonical
from senda.sandbox.faults import Faults, after, instead
from senda.sandbox.meta_messages import Content, MetaError, content_of
from senda.sandbox.outcomes import Impossible, Outcome, Report, Words
from senda.sandbox.signing import by_meta
from senda.sandbox.twilio import E164

WINDOW = timedelta(hours=24)
WHATSAPP: Channel = "whatsapp"

_TITLES = {
    "131000": ("Something went wrong", "Message failed to send due to an unknown error."),
    "131026": ("Message undeliverable", "Message Undeliverable."),
    "131047": (
        "Re-engagement message",
        "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
    ),
    "131050": ("User stopped marketing messages", "The user has stopped marketing messages from your business."),
}
_LATER = {"0404": "131026", "0030": "131000", "0035": "131026", "0610": "131050"}
_TROUBLE = {
    429: MetaError(130429, "Rate limit hit", 429, "Cloud API message throughput has been reached."),
    500: MetaError(131000, "Something went wrong", 500, "Message failed to send due to an unknown error."),
    503: MetaError(131016, "Service unavailable", 503, "A service is temporarily unavailable."),
}


class WhatsApp:
    """One business number."""

    def __init__(self, account: MetaAccount | None, entries: Entries, callbacks: Callbacks, faults: Faults) -> None:
        self._account, self._entries = account, entries
        self._callbacks, self._faults = callbacks, faults

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/meta/{version}/{phone_number_id}/messages", self._create, methods=["POST"])
        return router

    async def _create(self, version: str, phone_number_id: str, request: Request) -> Response:
        try:
            account = self._require_account(version, phone_number_id, request)
            body = await _object(request)
            address = _recipient(body)
            content = content_of(body, account.templates)
        except MetaError as error:
            return _refusal(error)
        fault = self._faults.take("meta", address)
        if answer := instead(fault, lambda status: _refusal(_TROUBLE[status])):
            return answer
        open_window = self._window_open(address)
        entry = self._entries.add(_draft(address, content, body))
        self._receipts(entry, "131047" if content.template is None and not open_window else None)
        answer = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": body["to"], "wa_id": address[1:]}],
            "messages": [{"id": entry.ref, **({"message_status": "accepted"} if content.template else {})}],
        }
        return await after(fault, JSONResponse(answer))

    def _require_account(self, version: str, phone_number_id: str, request: Request) -> MetaAccount:
        account, given = self._account, request.headers.get("authorization", "")
        if account is None or not secrets.compare_digest(given.encode(), f"Bearer {account.token}".encode()):
            raise MetaError(190, "Invalid OAuth access token - Cannot parse access token", 401, bare=True)
        if not re.fullmatch(r"v\d{1,2}\.\d", version):
            raise MetaError(2635, "You are calling a deprecated version of the Ads API", 400, bare=True)
        if phone_number_id != account.phone_number_id:
            words = f"Unsupported post request. Object with ID '{phone_number_id}' does not exist"
            raise MetaError(100, words, 400, bare=True)
        return account

    def _window_open(self, address: str) -> bool:
        last = self._entries.last(address, "whatsapp", "in")
        return last is not None and last.at > datetime.now(UTC) - WINDOW

    def _receipts(self, entry: Entry, failure: str | None) -> None:
        """What becomes of a message by itself."""
        if self._callbacks.manner("meta").mode == "manual":
            return
        code = failure or _LATER.get(entry.address[-4:])
        statuses = [("failed", code)] if code else [("sent", None), ("delivered", None)]
        self._callbacks.later([post for status in statuses for post in self._status(entry, *status)])

    async def report(self, entry: Entry, report: Report) -> Outcome:
        """Tell the product what became of a message: sent, delivered, read, failed."""
        status = "failed" if report.status == "undelivered" else report.status
        code = report.code or ("131026" if status == "failed" else None)
        return Outcome(await self._callbacks.send(self._status(entry, status, code)))

    async def reply(self, entry: Entry, words: Words) -> Outcome:
        """Answer a message: by text, or by a choice that it offers. Raises Impossible for one that it does not."""
        if not words.choice:
            return await self.write(entry.address, words.text, answers=entry.ref)
        chosen = next((choice for choice in entry.data.get("choices", ()) if choice["key"] == words.choice), None)
        if chosen is None:
            raise Impossible("El mensaje no ofrece esa opción.")
        if chosen["kind"] == "button":
            told: dict[str, Any] = {"type": "button", "button": {"payload": chosen["key"], "text": chosen["label"]}}
        else:
            kind = chosen["kind"]
            picked = {"id": chosen["key"], "title": chosen["label"]}
            told = {"type": "interactive", "interactive": {"type": kind, kind: picked}}
        return await self._say(entry.address, chosen["label"], told, entry.ref, chosen["key"])

    async def write(self, address: str, text: str, answers: str | None = None) -> Outcome:
        """A person writes; opens the 24 hours. Raises Impossible where nobody reads them."""
        return await self._say(address, text, {"type": "text", "text": {"body": text}}, answers, None)

    async def _say(
        self, address: str, text: str, told: dict[str, Any], answers: str | None, choice: str | None
    ) -> Outcome:
        account = self._account
        if account is None or account.webhook_url is None:
            raise Impossible("Falta decir a dónde avisa Meta lo que la gente escribe (webhook_url).")
        message = {"from": address[1:], "id": _new_id(), "timestamp": str(int(time.time())), **told}
        if answers is not None:
            message["context"] = {"from": canonical(account.number)[1:], "id": answers}
        value = {
            "contacts": [{"profile": {"name": "Persona de prueba"}, "wa_id": address[1:]}],
            "messages": [message],
        }
        data = {"answers": answers, "choice": choice, "raw": message}
        entry = self._entries.add(_whatsapp("in", address, message["id"], "received", text, data))
        posts = [_post(account, account.webhook_url, "message", value, entry)]
        return Outcome(await self._callbacks.send(posts), entry.id)

    def _status(self, entry: Entry, status: str, code: str | None) -> list[Post]:
        self._entries.note(entry.id, "status", status=status, code=code)
        account = self._account
        if account is None or account.webhook_url is None:
            return []
        told: dict[str, Any] = {
            "id": entry.ref,
            "status": status,
            "timestamp": str(int(time.time())),
            "recipient_id": entry.address[1:],
        }
        if entry.data.get("reference"):
            told["biz_opaque_callback_data"] = entry.data["reference"]
        if code is not None:
            told["errors"] = [_error(code)]
        return [_post(account, account.webhook_url, status, {"statuses": [told]}, entry)]


def _error(code: str) -> dict[str, Any]:
    title, details = _TITLES.get(code, ("Message undeliverable", "Message Undeliverable."))
    return {
        "code": int(code) if code.isdecimal() else 131000,
        "title": title,
        "message": title,
        "error_data": {"details": details},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }


def _post(account: MetaAccount, url: str, kind: str, value: dict[str, Any], entry: Entry) -> Post:
    number = {"display_phone_number": canonical(account.number)[1:], "phone_number_id": account.phone_number_id}
    told = {"messaging_product": "whatsapp", "metadata": number, **value}
    changes = [{"value": told, "field": "messages"}]
    account_entry = {"id": f"1{account.phone_number_id[1:]}", "changes": changes}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [account_entry]}).encode()
    return Post("meta", kind, url, body, "application/json", by_meta(body, account.app_secret), entry.id)


def _refusal(error: MetaError) -> Response:
    return JSONResponse(error.as_json(), error.status)


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise MetaError(100, "Invalid parameter", 400, "The body is no JSON object.")
    return body  # pyright: ignore[reportUnknownVariableType]


def _recipient(body: dict[str, Any]) -> str:
    if body.get("messaging_product") != "whatsapp":
        raise MetaError(100, "The parameter messaging_product is required.", 400)
    to = body.get("to")
    if not isinstance(to, str) or not to:
        raise MetaError(100, "The parameter to is required.", 400)
    address = canonical(to)
    if not E164.fullmatch(address):
        raise MetaError(131009, "Parameter value is not valid", 400, "to is no telephone number.")
    return address


def _draft(address: str, content: Content, body: dict[str, Any]) -> Draft:
    data = {
        "template": content.template,
        "choices": content.choices,
        "reference": body.get("biz_opaque_callback_data"),
        "raw": body,
    }
    return _whatsapp("out", address, _new_id(), "accepted", content.text, data)


def _whatsapp(direction: Direction, address: str, ref: str, status: str, text: str, data: dict[str, Any]) -> Draft:
    return Draft(direction, WHATSAPP, "meta", address, ref, status, text, data)


def _new_id() -> str:
    return f"wamid.{secrets.token_urlsafe(30)}="
