"""HTTP for whoever acts in a person's place: programs send JSON and get JSON, the page sends forms and goes back."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel

from senda.sandbox.entries import Entry, canonical
from senda.sandbox.orders import Order, is_form, read_order, way_back
from senda.sandbox.outcomes import Bounce, HangUp, Impossible, Keys, Outcome, Report, Words, Written
from senda.sandbox.sandbox import Sandbox


class Nothing(BaseModel):
    """An order without particulars."""


def make_hands(sandbox: Sandbox) -> APIRouter:
    """The routes `/inbox/{id}/…`, `/calls/{sid}/…`, `/people/{address}/…`."""
    router = APIRouter()

    def add(path: str, model: type[Order], find: Callable[[str], Any], act: Callable[[Any, Order], Awaitable[Outcome]]):
        async def endpoint(name: str, request: Request) -> Response:
            found, order = find(name), await read_order(request, model)
            try:
                outcome = await act(found, order)
            except Impossible as error:
                raise HTTPException(409, str(error)) from error
            if is_form(request):
                return RedirectResponse(await way_back(request), 303)
            return JSONResponse(outcome.as_json())

        router.add_api_route(path, endpoint, methods=["POST"])

    def arrival(name: str) -> Entry:
        entry = sandbox.entries.find(int(name)) if name.isdecimal() and len(name) < 18 else None
        if entry is None or entry.direction == "in":
            raise HTTPException(404, "No hay un mensaje con ese número.")
        return entry

    def call(name: str) -> Entry:
        entry = sandbox.entries.with_ref(name)
        if entry is None or entry.channel != "call":
            raise HTTPException(404, "No hay una llamada con ese nombre.")
        return entry

    add("/inbox/{name}/reply", Words, arrival, sandbox.reply)
    add("/inbox/{name}/report", Report, arrival, sandbox.report)
    add("/inbox/{name}/bounce", Bounce, arrival, sandbox.bounce)
    add("/inbox/{name}/unsubscribe", Nothing, arrival, sandbox.unsubscribe)
    add("/calls/{name}/answer", Nothing, call, sandbox.answer)
    add("/calls/{name}/press", Keys, call, sandbox.press)
    add("/calls/{name}/hangup", HangUp, call, sandbox.hang_up)
    add("/people/{name}/call", Nothing, canonical, sandbox.call_from)
    add("/people/{name}/write", Written, canonical, sandbox.write)
    return router
