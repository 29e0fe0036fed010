"""For agents and their supervisors: the tasks that wait for people, and what they do about them."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from api.context import Caller, IdempotencyKey, Parts, PartsOf, Reader, Recorded, once
from api.problems import Forbidden, Problem
from api.shapes import PageOf, Slug, Words
from api.task_shapes import ClaimIn, DoneIn, NoteIn, TaskDetail, TaskOut
from ledger import call_results, task_commands, task_views, views
from ledger.access import Actor, Answer
from ledger.tasks import Kind, TaskStatus


class Looked(Recorded):
    """A route that shows a person's data: every look is a line of the audit trail."""

    def is_noted(self, method: str, status: int) -> bool:
        """Always."""
        return True


router = APIRouter(
    prefix="/v1/tasks",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["tasks"],
)

Limit = Annotated[int, Query(ge=1, le=views.LONGEST_PAGE)]


@router.get("")
async def list_tasks(
    here: PartsOf,
    actor: Reader,
    creditor: Slug | None = None,
    kind: Kind | None = None,
    status: Annotated[TaskStatus | None, Query(description="none: open and claimed")] = None,
    owner: Words | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PageOf[TaskOut]:
    """Tasks, the highest priority first. Open calls that are not to be made now are left out."""
    wanted = task_views.Filter(creditor, kind, status, owner)
    page = await task_views.list_tasks(here.ledger, wanted, cursor, limit)
    return PageOf[TaskOut].model_validate(page, from_attributes=True)


async def get_task(task: int, here: PartsOf, actor: Reader) -> TaskDetail:
    """A task with what was done and said; whoever claimed it also sees name and number. Every look is recorded."""
    return TaskDetail.model_validate(await task_views.show_task(here.ledger, task, actor.name))


router.add_api_route("/{task}", get_task, methods=["GET"], route_class_override=Looked)


@router.post("/{task}/claim", response_model=TaskOut)
async def claim_task(
    request: Request,
    task: int,
    here: PartsOf,
    actor: Caller,
    body: ClaimIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Work on a task. 409 where somebody else does, it is over, or its journey is paused."""
    owner = (body.owner if body else None) or actor.name
    if owner != actor.name and actor.role not in task_commands.LEADS:
        raise Forbidden("auth.role", "only a supervisor may claim a task for somebody else")

    async def work(command: str) -> None:
        await call_results.bring_back(here.ledger, task=task)
        await task_commands.claim(here.ledger, task, owner, actor.name)

    return await _done(request, here, actor, idempotency_key, task, work)


@router.post("/{task}/release", response_model=TaskOut)
async def release_task(
    request: Request, task: int, here: PartsOf, actor: Caller, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Give a task back. 409 where somebody else works on it, unless a supervisor asks."""

    async def work(command: str) -> None:
        await call_results.bring_back(here.ledger, task=task)
        await task_commands.release(here.ledger, task, actor)

    return await _done(request, here, actor, idempotency_key, task, work)


@router.post("/{task}/notes", status_code=201, response_model=TaskOut)
async def add_note(
    request: Request, task: int, body: NoteIn, here: PartsOf, actor: Caller, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Add a note; it is kept as it is."""

    async def work(command: str) -> None:
        await task_commands.write_note(here.ledger, task, body.text, actor, command)

    return await _done(request, here, actor, idempotency_key, task, work, 201)


@router.post("/{task}/done", response_model=TaskOut)
async def end_task(
    request: Request, task: int, body: DoneIn, here: PartsOf, actor: Caller, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """End a task that one has claimed. What came of a contact is reported for its permit, too."""

    async def work(command: str) -> None:
        await task_commands.done(here.ledger, task, body.disposition, body.note, actor)

    return await _done(request, here, actor, idempotency_key, task, work)


async def _done(
    request: Request,
    here: Parts,
    actor: Actor,
    key: str | None,
    task: int,
    work: Callable[[str], Awaitable[None]],
    status: int = 200,
) -> JSONResponse:
    """Carry out a command and answer with the task as lists show it: what is kept with a key names nobody."""

    async def carried_out(command: str) -> Answer:
        await work(command)
        shown = TaskOut.model_validate(await task_views.get_item(here.ledger, task))
        return Answer(status, jsonable_encoder(shown))

    return await once(request, here, actor, key, carried_out)
