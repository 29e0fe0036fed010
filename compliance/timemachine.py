"""The time machine: a journey's state at an instant and its whole story, both from its replayed histories.

Instants are business instants, as everywhere in the API: those of a test clock where the creditor has one. The business
instant of a task is the `at` of the standing that it brought, where that is newer than what was known: so a payment
counts from when it was posted, also where the engine heard of it later. Otherwise it is the test clock's (by the last
tick) or the engine's time at which the task started, but never before the last fact.
"""

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter

from compliance.archive import Run, instant
from compliance.commands import given_lines, readable
from compliance.histories import BY_COMMAND, attributes_of, kind_of
from compliance.replaying import aside, opened_runs
from compliance.rerun import Rerun, Task, rerun
from compliance.runs import Episode, episodes, runs_of
from compliance.strict import Differs, judged
from journey.state import JourneyState, Terms
from ledger.database import Ledger
from ledger.errors import NotFound
from ledger.views import as_of, money
from policy.errors import SendaError
from workflows import contract
from workflows.contract import JourneyStart

_ARRIVALS = {
    "workflow_execution_started": "started",
    "workflow_execution_signaled": "signal",
    "workflow_execution_update_accepted": "update",
    "timer_fired": "timer",
    "activity_task_completed": "answer",
    "activity_task_failed": "failure",
    "activity_task_timed_out": "timeout",
}
"""Events that tell the workflow something."""


@dataclass(frozen=True, slots=True)
class Step:
    """One task of the workflow. `at`: its business instant; `started_at`: the engine's time.

    `arrived`, `commands`: as JSON; `answered`: occurrences of contacts whose answer came, with the answer's status.
    """

    run_id: str
    task: int
    at: datetime
    started_at: datetime
    arrived: list[dict[str, Any]]
    commands: list[Any]
    before: JourneyState
    state: JourneyState
    answered: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A journey replayed: its terms, its state when it began, and every step since."""

    journey_id: str
    terms: Terms
    began: JourneyState
    steps: tuple[Step, ...]

    def known_at(self, at: datetime) -> JourneyState:
        """What the journey knew at a business instant; what time alone brings is not taken yet."""
        state = self.began
        for step in self.steps:
            if step.at <= at:
                state = step.state
        return state


async def state_at(ledger: Ledger, client: Client, creditor: str, account: str, at: datetime) -> dict[str, Any]:
    """A journey's state as it was at a business instant.

    Raises `NotFound` (`account.unknown`, `journey.unknown`, `replay.before_beginning`, `replay.no_history`),
    `Damaged`, `Differs`, and `SendaError` `replay.in_future`.
    """
    found = await episodes(ledger, creditor, account)
    if at > await _now(ledger, creditor):
        raise SendaError("replay.in_future", "ask for an instant that has been, by the creditor's clock", "at")
    begun = [journey for journey in found if journey.opened_at <= at]
    if not begun:
        text = f"the account's first journey began at {found[0].opened_at.isoformat()}"
        raise NotFound("replay.before_beginning", text, "at")
    story = await replayed(ledger, client, begun[-1])
    return shown(story, story.known_at(at), at)


def shown(story: Story, state: JourneyState, at: datetime) -> dict[str, Any]:
    """A state in the shape of `GET /v1/journeys/…`, and what was known beside. The balance is what the journey knew."""
    terms, standing = story.terms, state.standing
    return {
        "journey_id": story.journey_id,
        "creditor": terms.creditor,
        "account": terms.account,
        "episode": terms.episode,
        "at": at,
        **as_of(terms, state, at),
        "balance": money(standing.balance, terms.currency),
        "strategy": {"playbook": terms.playbook.key, "hash": terms.playbook.hash},
        "known": {
            "seq": standing.seq,
            "at": standing.at,
            "oldest_due": standing.oldest_due,
            "holds": [hold.model_dump(mode="json") for hold in standing.holds],
            "done": list(state.done),
            "deferral": state.deferral.model_dump(mode="json") if state.deferral else None,
        },
    }


async def replayed(ledger: Ledger, client: Client, journey: Episode) -> Story:
    """A journey's story, replayed aside so that this loop goes on. Raises as `story_of`."""
    runs = await runs_of(ledger, client, journey)
    return await aside(lambda: story_of(runs, client.data_converter))


async def _now(ledger: Ledger, creditor: str) -> datetime:
    async with ledger.transaction() as tx:
        query = "SELECT coalesce(test_clock, clock_timestamp()) AS now FROM creditors WHERE key = %s"
        row = await (await tx.execute(query, [creditor])).fetchone()
    assert row is not None
    return row["now"]


async def story_of(runs: Sequence[Run], converter: DataConverter) -> Story:
    """Replay the runs of one journey, strictly. Raises `Damaged`, `Differs`, `NotFound`."""
    histories = await opened_runs(list(runs), converter)
    steps: list[Step] = []
    first: JourneyStart | None = None
    for run in await rerun(histories, converter, asking=True):
        difference = judged(run).difference
        if difference is not None:
            raise Differs(difference)
        start = _start(run.history)
        first = first or start
        steps += _steps(run, start)
    assert first is not None
    return Story(runs[0].journey_id, first.terms, first.state, tuple(steps))


def _start(history: WorkflowHistory) -> JourneyStart:
    data = attributes_of(history.events[0]).input.payloads[0].data
    return JourneyStart.model_validate_json(data)


def _steps(run: Rerun, start: JourneyStart) -> Iterator[Step]:
    events = {event.event_id: event for event in run.history.events}
    arrivals = _arrivals(run.history, run.tasks)
    state, clock = start.state, start.clock
    for task in run.tasks:
        arrived = [_arrival(event, events) for event in arrivals[task.started_id]]
        for tick in (_tick(one) for one in arrived if one["kind"] == contract.TICK):
            clock = tick if clock is None else max(clock, tick)
        started_at = instant(events[task.started_id])
        before, state = state, JourneyState.model_validate_json(task.state)
        news = state.standing.seq > before.standing.seq and state.standing.at > before.standing.at
        at = state.standing.at if news else max(clock or started_at, state.since)
        yield Step(
            run_id=run.history.run_id,
            task=task.started_id,
            at=at,
            started_at=started_at,
            arrived=arrived,
            commands=[readable(line) for line in given_lines(task.commands)],
            before=before,
            state=state,
            answered=tuple(_answered(arrived)),
        )


def _arrivals(history: WorkflowHistory, tasks: Sequence[Task]) -> dict[int, list[HistoryEvent]]:
    """What each task was told: what came since the task before; an update's request is written with its acceptance."""
    ids = [task.started_id for task in tasks]
    found: dict[int, list[HistoryEvent]] = {started_id: [] for started_id in ids}
    for event in history.events:
        kind = kind_of(event)
        if kind in _ARRIVALS:
            following = bisect(ids, event.event_id)
            number = following - 1 if kind in BY_COMMAND else following
            if 0 <= number < len(ids):
                found[ids[number]].append(event)
    return found


def _arrival(event: HistoryEvent, events: dict[int, HistoryEvent]) -> dict[str, Any]:
    kind, attributes = kind_of(event), attributes_of(event)
    told: dict[str, Any] = {"event": event.event_id, "at": instant(event)}
    match kind:
        case "workflow_execution_started":
            return {"kind": "started", **told, "data": _first(attributes.input.payloads)}
        case "workflow_execution_signaled":
            return {"kind": attributes.signal_name, **told, "data": _first(attributes.input.payloads)}
        case "workflow_execution_update_accepted":
            request = attributes.accepted_request.input
            return {"kind": request.name, **told, "data": _first(request.args.payloads)}
        case "timer_fired":
            return {"kind": "timer", **told, "data": {"timer": attributes.timer_id}}
        case _:
            asked = attributes_of(events[attributes.scheduled_event_id])
            answer = {"status": _ARRIVALS[kind]}
            if kind == "activity_task_completed":
                answer = _first(attributes.result.payloads)
            return {"kind": asked.activity_type.name, **told, "order": _first(asked.input.payloads), "data": answer}


def _first(payloads: Iterable[Any]) -> Any:
    return next((readable(orjson.loads(payload.data)) for payload in payloads), None)


def _tick(arrived: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(arrived["data"]["at"])


def _answered(arrived: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in arrived:
        if one["kind"] == contract.CONTACT:
            yield one["order"]["occurrence"], one["data"]["status"]
