"""A national SMS aggregator with an API of its own, as there are many: JSON, a bearer token, signed callbacks."""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError

from channels.segments import segments_of
from senda.sandbox.accounts import AggregatorAccount
from senda.sandbox.callbacks import Callbacks, Post
from senda.sandbox.entries import Draft, Entries, Entry
from senda.sandbox.faults import Faults, after, instead
from senda.sandbox.outcomes import Impossible, Outcome, Report
from senda.sandbox.signing import by_standard_webhooks
from senda.sandbox.twilio import E164

LONGEST = 1530
"""Characters of ten parts of plain text: a longer one is refused (`too_long`)."""

_ERRORS = {429: "rate_limited", 500: "internal_error", 503: "unavailable"}
_REFUSED = {"0404": "invalid_number", "0610": "stopped"}
_LATER = {"0030": "undelivered", "0035": "unknown_number"}


class _Order(BaseModel):
    to: str
    text: str
    reference: str = ""
    callback: str | None = None


class Aggregator:
    """One account. `POST /aggregator/messages` takes {"to", "text", "reference", "callback"?} and answers 202 with
    {"id", "status": "accepted"}, or an error {"error": {"code", "message"}}.

    A message's `callback` is where its receipts go; without it, the account's `status_url`.
    """

    def __init__(
        self, account: AggregatorAccount | None, entries: Entries, callbacks: Callbacks, faults: Faults
    ) -> None:
        self._account, self._entries = account, entries
        self._callbacks, self._faults = callbacks, faults

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/aggregator/messages", self._create, methods=["POST"])
        return router

    async def _create(self, request: Request) -> Response:
        if not _authorised(request, self._account):
            return _refusal(401, "unauthorized")
        try:
            order = _Order.model_validate_json(await request.body())
        except ValidationError:
            return _refusal(422, "invalid_request")
        if not E164.fullmatch(order.to):
            return _refusal(422, "invalid_number")
        if code := _REFUSED.get(order.to[-4:]):
            return _refusal(422, code)
        if not order.text or len(order.text) > LONGEST:
            return _refusal(422, "too_long" if order.text else "empty")
        fault = self._faults.take("aggregator", order.to)
        if answer := instead(fault, lambda status: _refusal(status, _ERRORS[status])):
            return answer
        entry = self._entries.add(_draft(order))
        self._receipts(entry)
        return await after(fault, JSONResponse({"id": entry.ref, "status": "accepted"}, 202))

    def _receipts(self, entry: Entry) -> None:
        if self._callbacks.manner("aggregator").mode == "manual":
            return
        error = _LATER.get(entry.address[-4:])
        statuses = [("sent", None), ("failed", error) if error else ("delivered", None)]
        self._callbacks.later([post for status in statuses for post in self._status(entry, *status)])

    async def report(self, entry: Entry, report: Report) -> Outcome:
        """Tell the product what became of a message: sent, delivered, failed."""
        if report.status == "read":
            raise Impossible("Un SMS no informa que fue leído.")
        status = "failed" if report.status == "undelivered" else report.status
        error = report.code or ("undelivered" if status == "failed" else None)
        return Outcome(await self._callbacks.send(self._status(entry, status, error)))

    async def write(self, address: str, text: str, answers: str | None = None) -> Outcome:
        """A person writes an SMS. Raises Impossible where nobody reads them."""
        account = self._account
        if account is None or account.messages_url is None:
            raise Impossible("Falta decir a dónde avisa el agregador lo que la gente escribe (messages_url).")
        name = _new_id()
        told = {"type": "message", "id": name, "from": address, "text": text, "at": datetime.now(UTC).isoformat()}
        entry = self._entries.add(
            Draft("in", "sms", "aggregator", address, name, "received", text, {"answers": answers, "raw": told})
        )
        return Outcome(
            await self._callbacks.send([_post(account, "message", account.messages_url, told, entry)]), entry.id
        )

    def _status(self, entry: Entry, status: str, error: str | None) -> list[Post]:
        self._entries.note(entry.id, "status", status=status, code=error)
        account = self._account
        url = entry.data["raw"].get("callback") or (account.status_url if account else None)
        if account is None or not url:
            return []
        told = {
            "type": "status",
            "id": entry.ref,
            "reference": entry.data["reference"],
            "status": status,
            "error": error,
            "at": datetime.now(UTC).isoformat(),
        }
        return [_post(account, status, url, told, entry)]


def _authorised(request: Request, account: AggregatorAccount | None) -> bool:
    given = request.headers.get("authorization", "")
    return account is not None and secrets.compare_digest(given.encode(), f"Bearer {account.token}".encode())


def _draft(order: _Order) -> Draft:
    data = {
        "segments": segments_of(order.text).segments,
        "reference": order.reference,
        "raw": order.model_dump(exclude_none=True),
    }
    return Draft("out", "sms", "aggregator", order.to, _new_id(), "accepted", order.text, data)


def _new_id() -> str:
    return f"agg-{secrets.token_hex(12)}"


def _refusal(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": code.replace("_", " ")}}, status)


def _post(account: AggregatorAccount, kind: str, url: str, told: dict[str, Any], entry: Entry) -> Post:
    body = json.dumps(told, ensure_ascii=False).encode()
    name = f"msg_{secrets.token_hex(12)}"
    sign = by_standard_webhooks(name, body, account.secret)
    return Post("aggregator", kind, url, body, "application/json", sign, entry.id)
