"""The page and the JSON of the sandbox."""

from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from senda.sandbox.content import parse
from senda.sandbox.store import Arrival, Filter, Store

_PAGE = 50
# A mail may ask for pictures and scripts from anywhere: neither the page nor the mail in it loads anything.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[int | None, Query(ge=1)]


def make_app(store: Store) -> FastAPI:
    """The web application over a store, which it only reads."""
    app = FastAPI(title="Senda: sandbox de correo", docs_url=None, redoc_url=None)
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape()
    )

    def page(template: str, **values: object) -> Response:
        return HTMLResponse(templates.get_template(template).render(values), headers=_HEADERS)

    async def list_page(q: str = "", cursor: Cursor = None) -> Response:
        which = Filter(words=q.strip())
        arrivals = store.page(which, before=cursor, limit=_PAGE)
        return page(
            "list.html",
            arrivals=arrivals,
            total=store.count(which),
            words=which.words,
            cursor=cursor,
            next_cursor=_next_cursor(arrivals, _PAGE),
        )

    async def message_page(message_id: int) -> Response:
        arrival = store.find(message_id)
        if arrival is None:
            raise HTTPException(404, "No hay un mensaje con ese número.")
        return page("message.html", arrival=arrival, content=parse(store.raw(message_id)))

    async def raw(message_id: int) -> Response:
        if store.find(message_id) is None:
            raise HTTPException(404, "No hay un mensaje con ese número.")
        return Response(store.raw(message_id), media_type="text/plain; charset=utf-8", headers=_HEADERS)

    async def messages(to: str = "", limit: Limit = _PAGE, cursor: Cursor = None) -> dict[str, object]:
        which = Filter(to=to)
        arrivals = store.page(which, before=cursor, limit=limit)
        return {
            "items": [_as_json(arrival, store.raw(arrival.id)) for arrival in arrivals],
            "total": store.count(which),
            "next_cursor": _next_cursor(arrivals, limit),
        }

    async def count(to: str = "") -> dict[str, int]:
        return {"count": store.count(Filter(to=to))}

    app.add_api_route("/", list_page, include_in_schema=False)
    app.add_api_route("/messages", messages)
    app.add_api_route("/messages/count", count)
    app.add_api_route("/messages/{message_id}", message_page, include_in_schema=False)
    app.add_api_route("/messages/{message_id}/raw", raw, include_in_schema=False)
    return app


def _next_cursor(arrivals: list[Arrival], limit: int) -> str | None:
    return str(arrivals[-1].id) if len(arrivals) == limit else None


def _as_json(arrival: Arrival, raw: bytes) -> dict[str, object]:
    content = parse(raw)
    return {
        "id": str(arrival.id),
        "received_at": arrival.received_at.isoformat(),
        "to": arrival.recipients,
        "from": arrival.sender,
        "subject": arrival.subject,
        "text": content.text,
        "html": content.html,
        "headers": content.headers,
    }
