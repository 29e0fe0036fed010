"""The application: its parts made at start, its routers, its description."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline

from activities.engine import connect
from activities.targets import Targets
from api import (
    agreements,
    contacts,
    debtors,
    dialer,
    evidence,
    feedback,
    fees,
    journeys,
    mandates,
    money,
    operators,
    packs,
    payments,
    processors,
    providers,
    reference_values,
    reliefs,
    replay,
    stop,
    tasks,
    templates,
)
from api.context import Parts, PartsOf
from api.problems import Problem, Unavailable, install
from ledger.access import create_key
from ledger.database import Ledger
from ledger.sealing import Sealer
from settings import Settings
from wiring import links_of, processors_of, providers_of

DESCRIPTION = """One durable, lawful journey for each delinquent account.

Amounts are decimal strings with an ISO 4217 code, instants are RFC 3339 with offset. Every error is
`application/problem+json` with a stable `code`. A POST that creates takes an `Idempotency-Key`.
"""

OPERATORS = (
    *(operators, packs, journeys, contacts, debtors, tasks, dialer),
    *(agreements, reliefs, mandates, money, payments, fees, reference_values, feedback, templates, replay),
)
COMPLIANCE = (evidence,)
OTHERS = (processors, providers, stop)

health = APIRouter(tags=["health"])


@health.get("/health", responses={503: {"model": Problem}})
async def get_health(here: PartsOf) -> dict[str, str]:
    """Whether the API, Postgres and the engine answer."""
    async with here.ledger.transaction() as tx:
        await tx.execute("SELECT 1")
    if not await here.engine.healthy():
        raise Unavailable("engine.unavailable", "the engine does not answer")
    return {"status": "ok"}


def create_app(settings: Settings) -> FastAPI:
    """The API for these settings."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        engine = await connect(settings.temporal_address, settings.temporal_namespace, settings.payload_keys)
        async with Ledger(settings.database_url) as ledger:
            if settings.admin_key is not None:
                await create_key(ledger, "admin", "admin", settings.admin_key.get_secret_value())
            app.state.parts = Parts(
                ledger,
                engine,
                processors_of(settings),
                providers_of(settings),
                links_of(settings),
                settings.public_url.rstrip("/"),
                Sealer(settings.payload_keys),
                Targets(private=settings.feedback_private),
            )
            yield
            if app.state.parts.running:
                await asyncio.wait(app.state.parts.running, timeout=5)
            await app.state.parts.providers.close()
            await app.state.parts.processors.close()

    app = FastAPIOffline(title="Senda", version="1", description=DESCRIPTION, lifespan=lifespan)
    install(app)
    for part in (*OPERATORS, *COMPLIANCE, *OTHERS):
        app.include_router(part.router)
    app.include_router(health)
    return app
