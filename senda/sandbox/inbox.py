"""`GET /inbox`: all that arrived, over all channels, for programs; `GET /calls/{sid}`: a call as it is now."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from senda.sandbox.content import Content, parse
from senda.sandbox.entries import Channel, Entry, Event, canonical, status_of
from senda.sandbox.sandbox import Sandbox

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[int | None, Query(ge=1)]

_PAGE = 50


def make_inbox(sandbox: Sandbox) -> APIRouter:
    router = APIRouter()
    entries = sandbox.entries

    async def inbox(
        address: str = "", channel: Channel | None = None, limit: Limit = _PAGE, cursor: Cursor = None
    ) -> dict[str, Any]:
        found = entries.page(
            address=canonical(address) if address else "",
            channel=channel or "",
            direction="out",
            before=cursor,
            limit=limit,
        )
        events = entries.events(found)
        return {
            "items": [item(sandbox, entry, events[entry.id]) for entry in found],
            "next_cursor": str(found[-1].id) if len(found) == limit else None,
        }

    async def one(name: int) -> dict[str, Any]:
        entry = entries.find(name) if name < 1 << 62 else None
        if entry is None:
            raise HTTPException(404, "No hay un mensaje con ese número.")
        return item(sandbox, entry, entries.events([entry])[entry.id])

    async def call(sid: str) -> dict[str, Any]:
        entry = entries.with_ref(sid)
        if entry is None or entry.channel != "call":
            raise HTTPException(404, "No hay una llamada con ese nombre.")
        return sandbox.calls.as_json(entry)

    router.add_api_route("/inbox", inbox)
    router.add_api_route("/inbox/{name}", one)
    router.add_api_route("/calls/{sid}", call)
    return router


def item(sandbox: Sandbox, entry: Entry, events: list[Event]) -> dict[str, Any]:
    """An entry for programs; what a channel does not have is None."""
    status, code = status_of(entry, events)
    mail = mail_of(sandbox, entry)
    data = entry.data
    return {
        "id": str(entry.id),
        "channel": entry.channel,
        "provider": entry.provider,
        "direction": entry.direction,
        "address": entry.address,
        "at": entry.at.isoformat(),
        "provider_ref": entry.ref,
        "text": mail.text if mail else " ".join(heard(events)) if entry.channel == "call" else entry.text,
        "subject": mail.headers.get("Subject", "") if mail else data.get("subject"),
        "html": mail.html if mail else None,
        "template": data.get("template"),
        "choices": data.get("choices") or [],
        "reference": data.get("reference"),
        "segments": data.get("segments"),
        "status": status,
        "code": code,
        "history": [
            {"at": event.at.isoformat(), "kind": event.kind, **event.data}
            for event in events
            if event.kind in ("status", "pressed")
        ],
        "raw": {"headers": mail.headers, "message": str(entry.message_id)} if mail else data.get("raw"),
    }


def mail_of(sandbox: Sandbox, entry: Entry) -> Content | None:
    """What a mail says that the product sent."""
    return parse(sandbox.store.raw(entry.message_id)) if entry.message_id is not None else None


def heard(events: list[Event]) -> list[str]:
    """All that was said in a call."""
    return [sentence for event in events if event.kind == "turn" for sentence in event.data["said"]]
