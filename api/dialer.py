"""For predictive dialers: the next lawful calls, each with its permit, and the results that come back."""

from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter, ValidationError

from api.context import Caller, IdempotencyKey, Parts, PartsOf, Recorded, once
from api.problems import Problem, status_of
from api.task_shapes import BatchIn, BatchOut, ResultIn, ResultOut, ResultsIn, ResultsOut
from ledger import call_results, dialing
from ledger.access import Actor, Answer
from policy.errors import SendaError

router = APIRouter(
    prefix="/v1/dialer",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["dialer"],
)

_BATCH = TypeAdapter(dialing.Batch)


@router.post("/batch", status_code=201, response_model=BatchOut)
async def next_calls(
    request: Request, body: BatchIn, here: PartsOf, actor: Caller, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Take the next lawful calls, each with a permit of its own. Under the same Idempotency-Key: the same calls.

    A permit counts as a contact until its result says that none happened.
    """

    async def work(command: str) -> Answer:
        wanted = dialing.Wanted(command, body.creditor, body.size, body.campaign, actor.name)
        return Answer(201, _BATCH.dump_python(await dialing.next_calls(here.ledger, wanted), mode="json"))

    kept = await once(request, here, actor, idempotency_key, work)
    return await _with_numbers(here, kept)


async def _with_numbers(here: Parts, kept: JSONResponse) -> JSONResponse:
    """The answer to give: numbers are read anew each time, never kept with the key."""
    batch: dict[str, Any] = orjson.loads(kept.body)
    dialled = await dialing.numbers(here.ledger, [call["permit"] for call in batch["calls"]])
    for call in batch["calls"]:
        call["number"] = dialled[call["permit"]].number
        call["language"] = dialled[call["permit"]].language
    replayed = {name: value for name, value in kept.headers.items() if name == "idempotent-replayed"}
    return JSONResponse(batch, kept.status_code, headers=replayed)


@router.post("/results", response_model=ResultsOut)
async def take_results(
    request: Request, body: ResultsIn, here: PartsOf, actor: Caller, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Take results, each on its own: a bad one never stops the good. The same result again changes nothing."""

    async def work(command: str) -> Answer:
        kept = [await _take(here, actor, index, result) for index, result in enumerate(body.results)]
        return Answer(200, jsonable_encoder(ResultsOut(results=kept), exclude_none=True))

    return await once(request, here, actor, idempotency_key, work)


async def _take(here: Parts, actor: Actor, index: int, result: Any) -> ResultOut:
    try:
        told = ResultIn.model_validate(result)
        await call_results.take_result(here.ledger, call_results.Result(**told.model_dump()), actor.name)
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        return ResultOut(index=index, status="error", code="request.invalid", field=str(place[0]) if place else None)
    except SendaError as error:
        return ResultOut(index=index, status="error", code=status_of(error)[1], field=error.field)
    return ResultOut(index=index, status="kept")
