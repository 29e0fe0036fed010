"""The pages of the sandbox: the inbox by person, the mails, the failures. In Spanish, without any script."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup, escape

from senda.sandbox.content import parse
from senda.sandbox.entries import PROVIDERS, Entry, Event, canonical, status_of
from senda.sandbox.inbox import item
from senda.sandbox.payment_store import Link, Movement
from senda.sandbox.sandbox import Sandbox
from senda.sandbox.store import Filter

# A mail may ask for pictures and scripts from anywhere: neither the page nor the mail in it loads anything.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

_PAGE = 50
_PEOPLE = 200
_CONVERSATION = 200

CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp", "email": "Correo", "call": "Llamada"}
PROVIDER_NAMES = {
    "twilio": "Twilio",
    "meta": "Meta",
    "aggregator": "Agregador",
    "smtp": "SMTP",
    "payments": "Procesador de pagos",
}
KINDS = {
    "payment": "Pago",
    "reversal": "Devolución",
    "chargeback": "Contracargo",
    "refund": "Reembolso",
    "cancellation": "Anulación",
}
STATUSES = {
    "queued": "en cola",
    "accepted": "aceptado",
    "sent": "enviado",
    "delivered": "entregado",
    "read": "leído",
    "failed": "fallido",
    "undelivered": "no entregado",
    "bounced": "rebotado",
    "received": "recibido",
    "ringing": "sonando",
    "in-progress": "en curso",
    "completed": "terminada",
    "busy": "ocupado",
    "no-answer": "sin respuesta",
    "canceled": "cancelada",
}
_BAD = frozenset({"failed", "undelivered", "bounced", "busy", "no-answer", "canceled"})
_GOOD = frozenset({"delivered", "read", "completed"})
FAULT_MODES = {
    "none": "Ninguna",
    "timeout": "No guarda ni contesta",
    "429": "429: demasiados mensajes",
    "500": "500: error interno",
    "503": "503: fuera de servicio",
    "drop": "Guarda y corta sin contestar",
    "refuse": "No acepta conexiones",
    "slow": "Guarda y contesta tarde",
}
MANNERS = {
    "auto": "Solos, en orden",
    "manual": "Solo los que se ordenen",
    "repeat": "Cada uno dos veces",
    "reorder": "En desorden",
    "hold": "Retenidos",
}
OUTCOMES = {"held": "retenido", "waiting": "en camino", "delivered": "recibido", "failed": "no recibido"}


@dataclass(frozen=True)
class _Note:
    """A line below an entry: keys, what was said, a callback that the product did not take."""

    kind: str
    text: str
    at: datetime


class Pages:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"linked": linked, "segment": in_address, "amount": in_words}
        words: dict[str, Any] = {"CHANNELS": CHANNELS, "PROVIDERS": PROVIDER_NAMES, "FAULT_MODES": FAULT_MODES}
        words |= {"MANNERS": MANNERS, "OUTCOMES": OUTCOMES, "KINDS": KINDS}
        self._templates.globals.update(words)

    def routes(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self._inbox)
        router.add_api_route("/correo", self._mails)
        router.add_api_route("/messages/{message_id}", self._mail)
        router.add_api_route("/fallas", self._faults)
        return router

    def refusal(self, words: str, back: str) -> str:
        """The page that says why something cannot be done."""
        return self._templates.get_template("refusal.html").render(words=words, back=back, here="")

    def pay(self, link: Link, movements: list[Movement], *, failed: bool) -> Response:
        """The page where a payment link opens."""
        return self._page("pay.html", here="", link=link, movements=movements, failed=failed)

    async def _inbox(self, person: str = "", q: str = "", auto: bool = False) -> Response:
        entries = self._sandbox.entries
        words = q.strip().casefold()
        address = canonical(person) if person else ""
        found = entries.page(address=address, limit=_CONVERSATION) if address else []
        events = entries.events(found)
        return self._page(
            "inbox.html",
            here="inbox",
            people=entries.people(words, _PEOPLE),
            person=address,
            words=words,
            auto=auto,
            conversation=[self._shown(entry, events[entry.id]) for entry in reversed(found)],
            is_mail="@" in address,
        )

    async def _mails(self, q: str = "", cursor: Annotated[int | None, Query(ge=1)] = None) -> Response:
        store, which = self._sandbox.store, Filter(words=q.strip())
        arrivals = store.page(which, before=cursor, limit=_PAGE)
        return self._page(
            "list.html",
            here="mail",
            arrivals=arrivals,
            total=store.count(which),
            words=which.words,
            cursor=cursor,
            next_cursor=str(arrivals[-1].id) if len(arrivals) == _PAGE else None,
        )

    async def _mail(self, message_id: int) -> Response:
        arrival = self._sandbox.store.find(message_id)
        if arrival is None:
            raise HTTPException(404, "No hay un mensaje con ese número.")
        content = parse(self._sandbox.store.raw(message_id))
        return self._page("message.html", here="mail", arrival=arrival, content=content)

    async def _faults(self) -> Response:
        callbacks = self._sandbox.callbacks
        return self._page(
            "faults.html",
            here="faults",
            providers=[
                (provider, self._sandbox.faults.current(provider), callbacks.manner(provider)) for provider in PROVIDERS
            ],
            held={provider: state["held"] for provider, state in callbacks.as_json().items()},
            deliveries=callbacks.log("", _PAGE),
        )

    def _page(self, template: str, **values: Any) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(values), headers=HEADERS)

    def _shown(self, entry: Entry, events: list[Event]) -> dict[str, Any]:
        """An entry for the page."""
        status, code = status_of(entry, events)
        shown = item(self._sandbox, entry, events)
        return {
            **shown,
            "text": "" if entry.channel == "call" else shown["text"] or "",
            "at": entry.at,
            "message_id": entry.message_id,
            "one_click": entry.message_id is not None and "List-Unsubscribe-Post" in shown["raw"]["headers"],
            "status_words": STATUSES.get(status, status),
            "tone": "bad" if status in _BAD else "good" if status in _GOOD else "plain",
            "code": code,
            "notes": [note for event in events for note in _notes(event)],
            "call": self._sandbox.calls.as_json(entry) if entry.channel == "call" else None,
        }


def _notes(event: Event) -> list[_Note]:
    match event.kind:
        case "turn":
            return [_Note("said", sentence, event.at) for sentence in event.data["said"]]
        case "pressed":
            keys = event.data["keys"]
            return [_Note("pressed", f"Marcó {keys}" if keys else "Guardó silencio", event.at)]
        case "callback" if event.data["outcome"] == "failed":
            answer = event.data["status"] or "sin respuesta"
            return [_Note("lost", f"El producto no recibió el aviso «{event.data['kind']}» ({answer})", event.at)]
        case _:
            return []


def in_address(text: str) -> str:
    """Text as a part of a path or a value of a query."""
    return quote(text, safe="")


def in_words(amount: Decimal) -> str:
    """An amount as it is written in Colombia: 185.000, 1.234,50."""
    whole = amount == amount.to_integral_value()
    return f"{amount:,.{0 if whole else 2}f}".translate(str.maketrans(",.", ".,"))


def linked(text: str) -> Markup:
    """Text with its addresses of the web as links that tell nobody where they were followed."""
    pieces = re.split(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])", text)
    return Markup("").join(
        Markup('<a href="{0}" rel="noreferrer noopener">{0}</a>').format(piece) if number % 2 else escape(piece)
        for number, piece in enumerate(pieces)
    )
