"""`/control`: faults of providers, the manner of their callbacks, and what came of each."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from senda.sandbox.callbacks import Manner
from senda.sandbox.entries import PROVIDERS, ProviderName
from senda.sandbox.faults import NO_FAULT, Fault
from senda.sandbox.orders import read_order, require_own_page
from senda.sandbox.sandbox import Sandbox

Limit = Annotated[int, Query(ge=1, le=1000)]


def make_control(sandbox: Sandbox) -> APIRouter:
    """Programs PUT JSON under `/control`; the page posts forms to `/fallas`."""
    router = APIRouter()
    faults, callbacks = sandbox.faults, sandbox.callbacks

    async def state() -> dict[str, Any]:
        given = {"twilio": sandbox.accounts.twilio, "meta": sandbox.accounts.meta}
        given |= {"aggregator": sandbox.accounts.aggregator, "payments": sandbox.accounts.payments}
        accounts = {"smtp": True, **{provider: account is not None for provider, account in given.items()}}
        return {"faults": faults.as_json(), "callbacks": callbacks.as_json(), "accounts": accounts}

    async def set_fault(provider: ProviderName, fault: Fault) -> dict[str, Any]:
        await faults.set(provider, fault)
        return fault.model_dump()

    async def set_manner(provider: ProviderName, manner: Manner) -> dict[str, Any]:
        await callbacks.set(provider, manner)
        return manner.model_dump()

    async def deliveries(provider: ProviderName | None = None, limit: Limit = 100) -> dict[str, Any]:
        log = callbacks.log(provider or "", limit)
        return {"items": [delivery.as_json() for delivery in log], "pending": callbacks.pending}

    async def release(provider: ProviderName) -> dict[str, Any]:
        return {"items": [delivery.as_json() for delivery in await callbacks.release(provider)]}

    async def reset() -> dict[str, Any]:
        for provider in PROVIDERS:
            await faults.set(provider, NO_FAULT)
            await callbacks.set(provider, Manner())
        return await state()

    async def fault_form(provider: ProviderName, request: Request) -> Response:
        await faults.set(provider, await read_order(request, Fault))
        return RedirectResponse("/fallas", 303)

    async def manner_form(provider: ProviderName, request: Request) -> Response:
        await callbacks.set(provider, await read_order(request, Manner))
        return RedirectResponse("/fallas", 303)

    async def release_form(provider: ProviderName, request: Request) -> Response:
        require_own_page(request)
        await callbacks.release(provider)
        return RedirectResponse("/fallas", 303)

    router.add_api_route("/control", state)
    router.add_api_route("/control/faults/{provider}", set_fault, methods=["PUT"])
    router.add_api_route("/control/callbacks", deliveries)
    router.add_api_route("/control/callbacks/{provider}", set_manner, methods=["PUT"])
    router.add_api_route("/control/callbacks/{provider}/release", release, methods=["POST"])
    router.add_api_route("/control/reset", reset, methods=["POST"])
    router.add_api_route("/fallas/{provider}", fault_form, methods=["POST"], include_in_schema=False)
    router.add_api_route("/fallas/{provider}/avisos", manner_form, methods=["POST"], include_in_schema=False)
    router.add_api_route("/fallas/{provider}/soltar", release_form, methods=["POST"], include_in_schema=False)
    return router
