"""For compliance: strict replay, the time machine, and how the archive stands."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from api.context import Manager, PartsOf, Reader
from api.looks import Watched, why
from api.problems import Problem
from api.replay_shapes import ArchiveOut, CheckedOut, DifferenceOut, ReplayOut, SampledOut, StateOut, StepsOut
from api.shapes import Instant
from compliance import archive
from compliance.archiving import is_at_risk, now, retention
from compliance.replaying import check
from compliance.steps import steps_of
from compliance.timemachine import state_at
from policy import Language

router = APIRouter(
    prefix="/v1",
    route_class=Watched,
    dependencies=[why],
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["compliance"],
)

PATH = "/journeys/{creditor}/{account}/replay"
LARGEST_SAMPLE = 10_000


@router.get(PATH)
async def get_replay(
    creditor: str,
    account: str,
    here: PartsOf,
    actor: Reader,
    at: Annotated[Instant, Query(examples=["2026-03-15T12:00:00Z"])],
) -> ReplayOut:
    """An account's journey as it was at an instant (by the creditor's clock), from its replayed histories."""
    state = await state_at(here.ledger, here.engine.client, creditor, account, at)
    return ReplayOut(state=StateOut.model_validate(state))


@router.get(PATH + "/steps")
async def get_steps(
    creditor: str,
    account: str,
    here: PartsOf,
    actor: Manager,
    episode: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
    language: Language = "es",
) -> StepsOut:
    """A journey's whole story, task by task: what arrived, what was decided and why, what left, the state after."""
    found = await steps_of(here.ledger, here.engine.client, creditor, account, episode, language)
    return StepsOut.model_validate(found)


@router.get(PATH + "/check")
async def get_check(creditor: str, account: str, here: PartsOf, actor: Manager) -> CheckedOut:
    """Replay all journeys of an account strictly: each command and each value as it was recorded."""
    checked = await check(here.ledger, here.engine.client, creditor, account)
    difference = DifferenceOut.model_validate(asdict(checked.difference)) if checked.difference else None
    return CheckedOut.model_validate({**asdict(checked), "identical": difference is None, "difference": difference})


@router.get("/compliance/archive")
async def get_archive(here: PartsOf, actor: Manager) -> ArchiveOut:
    """How many closed runs are archived, how many wait for it, and whether one is at risk."""
    found = await archive.report(here.ledger)
    kept = await retention(here.engine.client)
    at_risk = is_at_risk(found, kept, await now(here.ledger))
    return ArchiveOut.model_validate({**asdict(found), "retention": kept, "at_risk": at_risk})


@router.get("/compliance/archive/sample")
async def get_sample(
    here: PartsOf, actor: Manager, size: Annotated[int, Query(ge=1, le=LARGEST_SAMPLE)] = 100
) -> list[SampledOut]:
    """Accounts with archived runs, drawn at random, to be replayed one by one."""
    return [
        SampledOut(creditor=creditor, account=account) for creditor, account in await archive.sample(here.ledger, size)
    ]
