"""Strict replay: the same commands with the same values, where the stock replayer looks at kinds and order alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import WorkflowRunner

from compliance.commands import Line, first_difference, given_lines, readable, recorded_line
from compliance.errors import Damaged
from compliance.histories import BY_COMMAND, check_sound, complete_part, kind_of, opened
from compliance.rerun import Rerun, rerun
from ledger.errors import Conflict
from policy.errors import SendaError
from workflows.journey import Journey


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where a history and the code that made it part.

    `code`: `replay.differs`, or what else is wrong with the run. `event`: the number of the event in the history, none
    where there is none. `path`: where in the command, `recorded` and `given`: both values.
    """

    run_id: str
    code: str
    message: str
    event: int | None = None
    path: str = ""
    recorded: Any = None
    given: Any = None


class Differs(Conflict):
    """The code gives another command than the one recorded (HTTP 409); `difference` says where."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference.code, difference.message)
        self.difference = difference


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run that was replayed: how many events and commands it has, and the first difference, none where it holds."""

    run_id: str
    events: int
    commands: int
    difference: Difference | None = None


async def replay_strictly(
    history: WorkflowHistory,
    converter: DataConverter,
    *,
    runner: WorkflowRunner | None = None,
    workflows: tuple[type, ...] = (Journey,),
) -> Replayed:
    """Replay one run, open or closed. Raises `Differs` where a command is another now, or it is damaged."""
    (replayed,) = await replay_all([history], converter, runner=runner, workflows=workflows)
    if replayed.difference is not None:
        raise Differs(replayed.difference)
    return replayed


async def replay_all(
    histories: Iterable[WorkflowHistory],
    converter: DataConverter,
    *,
    runner: WorkflowRunner | None = None,
    workflows: tuple[type, ...] = (Journey,),
) -> list[Replayed]:
    """Replay runs; what is wrong with one is said in its `difference`, those that cannot be replayed come first."""
    sound: list[WorkflowHistory] = []
    unsound: list[Replayed] = []
    for history in histories:
        try:
            sound.append(await clear(history, converter))
        except Damaged as error:
            unsound.append(damaged(history, error))
    return [*unsound, *(judged(run) for run in await rerun(sound, converter, runner=runner, workflows=workflows))]


async def clear(history: WorkflowHistory, converter: DataConverter) -> WorkflowHistory:
    """What can be run again of a history, its payloads in the clear. Raises `Damaged`."""
    check_sound(history)
    return await opened(complete_part(history), converter.payload_codec)


def damaged(history: WorkflowHistory, error: SendaError) -> Replayed:
    """A run that cannot be replayed at all."""
    event = error.event if isinstance(error, Damaged) else None
    run_id = (error.run_id if isinstance(error, Damaged) else None) or (history.run_id if history.events else "")
    return Replayed(run_id, len(history.events), 0, Difference(run_id, error.code, error.message, event))


def judged(run: Rerun) -> Replayed:
    """Compare what was recorded with what the code gave."""
    history = run.history
    recorded = [(event.event_id, recorded_line(event)) for event in history.events if kind_of(event) in BY_COMMAND]
    if run.tasks and run.tasks[0].failure is not None:  # it does not even begin
        text = f"this version of the code cannot read the run's input: {run.tasks[0].failure}"
        return _differing(run, len(recorded), Difference(history.run_id, "replay.unknown_version", text, 1))
    difference = _first(history.run_id, recorded, list(_given(run)))
    if difference is None and (run.failure is not None or any(task.failure for task in run.tasks)):
        said = next((task.failure for task in run.tasks if task.failure), None) or str(run.failure)
        difference = Difference(history.run_id, "replay.differs", f"the code cannot follow the history: {said}")
    return _differing(run, len(recorded), difference)


def _differing(run: Rerun, commands: int, difference: Difference | None) -> Replayed:
    return Replayed(run.history.run_id, len(run.history.events), commands, difference)


def _given(run: Rerun) -> Iterator[Line]:
    for task in run.tasks:
        yield from given_lines(task.commands)


def _first(run_id: str, recorded: list[tuple[int, Line]], given: list[Line]) -> Difference | None:
    for known, new in zip_longest(recorded, given):
        if known is None:
            text = f"the code gives a command beyond those recorded: {new['kind']}"
            return Difference(run_id, "replay.differs", text, None, "", None, readable(new))
        event, old = known
        if new is None:
            text = f"event {event} records a command that the code does not give: {old['kind']}"
            return Difference(run_id, "replay.differs", text, event, "", readable(old), None)
        if "timeouts" in old and "timeouts" in new:  # what the code leaves open, the engine has filled in
            old = {**old, "timeouts": {name: old["timeouts"].get(name) for name in new["timeouts"]}}
        if old != new:
            path, before, after = first_difference(old, new) or ("", readable(old), readable(new))
            text = f"event {event} ({old['kind']}) differs at {path}: recorded {before!r}, given {after!r}"
            return Difference(run_id, "replay.differs", text, event, path, before, after)
    return None
