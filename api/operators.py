"""For operators: creditors, playbooks, imports, the test clock, keys."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Annotated, Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from activities.clock import advance
from activities.debiting import Debiting
from activities.reminding import Reminding
from api.context import Admin, IdempotencyKey, Operator, PartsOf, Reader, Recorded
from api.problems import BadRequest, Problem
from api.shapes import (
    ClockIn,
    ClockOut,
    CreditorIn,
    CreditorOut,
    ImportOut,
    ImportStarted,
    KeyIn,
    KeyOut,
    PlaybookOut,
    Slug,
)
from channels.texts import templates
from journey.playbook import Playbook, read_playbook
from ledger import creditors, intake, views
from ledger.access import create_key, revoke_key
from ledger.errors import Conflict, NotFound
from ledger.rows import CSV_COLUMNS
from ledger.summary import summary
from policy.errors import SendaError

router = APIRouter(
    prefix="/v1",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

SHAPES = {
    "text/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/json": "ndjson",
}
FAULTS_A_READ = 1000

ACCOUNT = (
    '{"account": "CR-10024", "debtor": {"key": "p-77", "name": "Ana Gómez", "language": "es",'
    ' "time_zones": ["America/Bogota"], "addresses": {"email": "ana@correo.invalid"},'
    ' "authorised_channels": ["email"]},'
    ' "dues": [{"key": "1", "due_date": "2026-03-31", "amount": "185000.00"}]}\n'
)
IMPORT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string", "description": "an account a line"},
                "example": ACCOUNT,
            },
            "text/csv": {
                "schema": {"type": "string", "description": f"a due a row; columns: {', '.join(CSV_COLUMNS)}"},
                "example": "account,debtor,due_date,amount\nCR-10024,p-77,2026-03-31,185000.00\n",
            },
        },
    }
}
_PLAYBOOK = {"schema": {"$ref": "#/components/schemas/Playbook"}}
PLAYBOOK_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": _PLAYBOOK, "application/yaml": _PLAYBOOK}}
}


@router.put("/creditors/{creditor}", tags=["creditors"])
async def put_creditor(creditor: Slug, body: CreditorIn, here: PartsOf, actor: Operator) -> CreditorOut:
    """Create or change a creditor."""
    settings = body.model_dump(exclude={"agreements", "money", "reliefs"})
    kept = await creditors.put_creditor(
        here.ledger, creditor, **settings, agreements=body.agreements, money=body.money, reliefs=body.reliefs
    )
    return _creditor(kept)


@router.get("/creditors/{creditor}", tags=["creditors"])
async def get_creditor(creditor: str, here: PartsOf, actor: Reader) -> CreditorOut:
    """A creditor's settings."""
    return _creditor(await creditors.creditor(here.ledger, creditor))


def _creditor(kept: creditors.Creditor) -> CreditorOut:
    return CreditorOut(
        creditor=kept.key,
        name=kept.name,
        pack=kept.pack,
        extra_packs=kept.extra_packs,
        currency=kept.currency,
        playbook=kept.playbook,
        test_clock=kept.test_clock,
        time_zone=kept.time_zone,
        agreements=kept.agreements,
        money=kept.money,
        reliefs=kept.reliefs,
        pay_url=kept.pay_url,
    )


@router.get("/creditors/{creditor}/summary", tags=["creditors"])
async def get_summary(creditor: str, here: PartsOf, actor: Reader) -> dict[str, Any]:
    """Counts and sums of a creditor's accounts, journeys, contacts and payments at this moment."""
    found = await summary(here.ledger, creditor)
    if found is None:
        raise NotFound("creditor.unknown", f"no creditor {creditor!r}: PUT it first", "creditor")
    return found


@router.post("/creditors/{creditor}/clock", tags=["creditors"])
async def advance_clock(creditor: str, body: ClockIn, here: PartsOf, actor: Operator) -> ClockOut:
    """Advance a test clock; answers once every journey has settled. Called again after a crash, it goes on."""
    if here.running:  # what earlier requests still tell the engine belongs to the past of this advance
        await asyncio.wait(set(here.running))
    reminding = Reminding(here.ledger, here.providers, here.links)
    debiting = Debiting(here.ledger, here.processors)
    done = await advance(here.ledger, here.engine, creditor, body.advance_to, reminding, debiting)
    return ClockOut(now=done.now, woken=done.woken)


@router.put("/playbooks/{key}", tags=["playbooks"], openapi_extra=PLAYBOOK_BODY)
async def put_playbook(key: str, request: Request, here: PartsOf, actor: Operator) -> PlaybookOut:
    """Keep a playbook (YAML or JSON). New journeys follow it; those under way keep the version they began with."""
    playbook = read_playbook(await request.body())
    if playbook.key != key:
        raise SendaError("playbook.key_mismatch", f"the playbook's own key is {playbook.key!r}", field="key")
    kept = await creditors.put_playbook(here.ledger, playbook)
    return PlaybookOut(key=key, hash=kept, warnings=list(unknown_templates(playbook)))


def unknown_templates(playbook: Playbook) -> list[str]:
    """A warning for each step whose template is not here: the stage's standard text is used then."""
    return [
        f"step {step.key}: no template {step.template!r}, the stage's standard text is used"
        for stage in playbook.stages
        for step in stage.steps
        if step.template not in templates()
    ]


@router.get("/playbooks/{key}", tags=["playbooks"])
async def get_playbook(key: str, here: PartsOf, actor: Reader) -> Playbook:
    """The version of a playbook that new journeys follow."""
    return await creditors.current_playbook(here.ledger, key)


@router.post("/imports", status_code=202, tags=["imports"], openapi_extra=IMPORT_BODY)
async def post_import(
    request: Request,
    here: PartsOf,
    actor: Operator,
    creditor: str,
    rate: Annotated[int | None, Query(ge=1, le=10_000, description="journeys started a second")] = None,
    idempotency_key: IdempotencyKey = None,
) -> ImportStarted:
    """Import accounts: NDJSON, one account a line, or CSV, one due a row. A bad row never stops a good one.

    The body is read as a stream and checked row by row; the answer comes when it has arrived whole.
    """
    owner = await creditors.creditor(here.ledger, creditor)
    shape = SHAPES.get(request.headers.get("content-type", "").split(";")[0].strip())
    if shape is None:
        raise BadRequest("import.content_type", "send application/x-ndjson or text/csv", "content-type")
    import_id = uuid4().hex
    if idempotency_key is not None:
        import_id = hashlib.sha256(f"{actor.key_id}:{creditor}:{idempotency_key}".encode()).hexdigest()[:32]
        earlier = await intake.get_import(here.ledger, import_id)
        if earlier is not None and earlier.status not in ("receiving", "failed"):
            return ImportStarted(import_id=import_id)
        if earlier is not None:
            raise Conflict("import.interrupted", "an earlier try broke off: send it again with a new Idempotency-Key")
    await intake.begin(here.ledger, import_id, creditor, shape, rate)
    try:
        await intake.receive(here.ledger, import_id, owner, shape, _lines(request.stream()))
    except BaseException:
        await asyncio.shield(intake.fail(here.ledger, import_id))
        raise
    here.soon(here.engine.start_intake(import_id, rate))
    return ImportStarted(import_id=import_id)


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """Lines of a byte stream. A line without end grows no further than the checks need to refuse it."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        rest = rest[: 1 << 21]
    if rest:
        yield rest


@router.get("/imports/{import_id}", tags=["imports"])
async def get_import(import_id: str, here: PartsOf, actor: Reader) -> ImportOut:
    """An import's progress."""
    found = await _import(here, import_id)
    return ImportOut.model_validate(found, from_attributes=True)


async def _import(here: PartsOf, import_id: str) -> intake.Import:
    found = await intake.get_import(here.ledger, import_id)
    if found is None:
        raise NotFound("import.unknown", "no such import", "import_id")
    return found


@router.get("/imports/{import_id}/errors", tags=["imports"], response_class=StreamingResponse)
async def get_import_errors(import_id: str, here: PartsOf, actor: Reader) -> StreamingResponse:
    """NDJSON: a line a fault with row, field, code and text."""
    await _import(here, import_id)

    async def lines() -> AsyncGenerator[bytes]:
        after = (-1, 0)
        while faults := await views.import_faults(here.ledger, import_id, after, FAULTS_A_READ):
            for fault in faults:
                after = (fault["row"], fault["id"])
                yield orjson.dumps({name: fault[name] for name in ("row", "field", "code", "text")}) + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@router.post("/keys", status_code=201, tags=["keys"])
async def post_key(body: KeyIn, here: PartsOf, actor: Admin) -> KeyOut:
    """Make an API key. Its token is shown this once."""
    key_id, token = await create_key(here.ledger, body.name, body.role)
    return KeyOut(key=key_id, token=token, role=body.role)


@router.delete("/keys/{key}", status_code=204, tags=["keys"])
async def delete_key(key: str, here: PartsOf, actor: Admin) -> Response:
    """Revoke an API key."""
    await revoke_key(here.ledger, key)
    return Response(status_code=204)
