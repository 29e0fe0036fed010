"""The HTTP side of the sandbox: the providers, the JSON for programs, and the pages."""

from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from senda.sandbox.accounts import Accounts
from senda.sandbox.content import parse
from senda.sandbox.control import make_control
from senda.sandbox.hands import make_hands
from senda.sandbox.inbox import make_inbox
from senda.sandbox.orders import is_form, way_back
from senda.sandbox.pages import HEADERS, Pages
from senda.sandbox.sandbox import Sandbox
from senda.sandbox.store import Arrival, Filter, Store

_PAGE = 50

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[int | None, Query(ge=1)]


def make_app(store: Store, sandbox: Sandbox | None = None) -> FastAPI:
    """The web application; without a sandbox it is one where no provider has an account."""
    sandbox = sandbox or Sandbox(store, Accounts())
    app = FastAPI(title="Senda: sandbox", docs_url=None, redoc_url=None)
    pages = Pages(sandbox)
    for routes in (
        sandbox.messages.routes(),
        sandbox.calls.routes(),
        sandbox.whatsapp.routes(),
        sandbox.aggregator.routes(),
        sandbox.payments.routes(pages.pay),
        make_inbox(sandbox),
        make_hands(sandbox),
        make_control(sandbox),
    ):
        app.include_router(routes)

    async def raw(message_id: int) -> Response:
        if store.find(message_id) is None:
            raise HTTPException(404, "No hay un mensaje con ese número.")
        return Response(store.raw(message_id), media_type="text/plain; charset=utf-8", headers=HEADERS)

    async def messages(to: str = "", limit: Limit = _PAGE, cursor: Cursor = None) -> dict[str, object]:
        which = Filter(to=to)
        arrivals = store.page(which, before=cursor, limit=limit)
        return {
            "items": [_as_json(arrival, store.raw(arrival.id)) for arrival in arrivals],
            "total": store.count(which),
            "next_cursor": str(arrivals[-1].id) if len(arrivals) == limit else None,
        }

    async def count(to: str = "") -> dict[str, int]:
        return {"count": store.count(Filter(to=to))}

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if is_form(request) or "text/html" in request.headers.get("accept", ""):
            back = await way_back(request) if is_form(request) else "/"
            return HTMLResponse(pages.refusal(error.detail, back), error.status_code, HEADERS)
        return JSONResponse({"detail": error.detail}, error.status_code)

    app.add_api_route("/messages", messages)
    app.add_api_route("/messages/count", count)
    app.add_api_route("/messages/{message_id}/raw", raw, include_in_schema=False)
    app.include_router(pages.routes())
    app.add_exception_handler(HTTPException, refused)
    return app


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
