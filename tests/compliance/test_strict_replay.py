"""Whatever is altered in a history, strict replay says so, where the stock replayer often lets it pass."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from compliance.archive import run_of
from compliance.errors import Damaged
from compliance.histories import BY_COMMAND, complete_part, from_bytes, kind_of, opened, to_bytes
from compliance.strict import Difference, replay_all
from compliance.timemachine import story_of
from tests.workflows.record import HISTORIES, load
from tests.workflows.world import CONVERTER
from workflows.journey import Journey

FILES = sorted(HISTORIES.glob("*.json"))


def sealed(name: str) -> WorkflowHistory:
    return load(HISTORIES / f"{name}.json")


async def plain(name: str) -> WorkflowHistory:
    """A recorded run whose payloads are in the clear, to be tampered with by somebody who has the key."""
    return await opened(sealed(name), CONVERTER.payload_codec)


async def difference(history: WorkflowHistory) -> Difference | None:
    return (await replay_all([history], CONVERTER))[0].difference


async def stock_passes(history: WorkflowHistory) -> bool:
    replayer = Replayer(
        workflows=[Journey], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=CONVERTER, debug_mode=True
    )
    try:
        await replayer.replay_workflow(history)
    except Exception:
        return False
    return True


def of_kind(history: WorkflowHistory, kind: str, number: int = 0) -> Any:
    """The attributes of an event."""
    return getattr([event for event in history.events if kind_of(event) == kind][number], f"{kind}_event_attributes")


def rewrite(payload: Any, old: bytes, new: bytes) -> None:
    assert old in payload.data
    payload.data = payload.data.replace(old, new, 1)


def a_timer(history: WorkflowHistory) -> None:
    timer = of_kind(history, "timer_started")
    timer.start_to_fire_timeout.FromTimedelta(timer.start_to_fire_timeout.ToTimedelta() + timedelta(milliseconds=1))


def an_argument(history: WorkflowHistory) -> None:
    rewrite(of_kind(history, "activity_task_scheduled").input.payloads[0], b"recordatorio@", b"recordatoria@")


def a_summary(history: WorkflowHistory) -> None:
    event = next(event for event in history.events if kind_of(event) == "activity_task_scheduled")
    rewrite(event.user_metadata.summary, b"recordatorio", b"recordatoria")


def a_longest_pause(history: WorkflowHistory) -> None:
    of_kind(history, "activity_task_scheduled").retry_policy.maximum_interval.seconds += 1


def a_retrys_factor(history: WorkflowHistory) -> None:
    of_kind(history, "activity_task_scheduled").retry_policy.backoff_coefficient = 4


def an_activitys_result(history: WorkflowHistory) -> None:
    """Until when a step was put off: the timer would have been another."""
    rewrite(of_kind(history, "activity_task_completed", 3).result.payloads[0], b"T15:50:40", b"T15:49:40")


def a_runs_result(history: WorkflowHistory) -> None:
    rewrite(of_kind(history, "workflow_execution_completed").result.payloads[0], b"paid", b"cured")


def a_signal(history: WorkflowHistory) -> None:
    """What a journey under a test clock heard is handed on to its next run."""
    rewrite(of_kind(history, "workflow_execution_signaled").input.payloads[0], b"400000", b"400001")


def an_input(history: WorkflowHistory) -> None:
    rewrite(of_kind(history, "workflow_execution_started").input.payloads[0], b"987654.32", b"987654.33")


def an_updates_answer(history: WorkflowHistory) -> None:
    success = of_kind(history, "workflow_execution_update_completed").outcome.success
    rewrite(success.payloads[0], b"true", b"false")


VALUES: list[tuple[str, Callable[[WorkflowHistory], None]]] = [
    ("referred-1", a_timer),
    ("referred-1", an_argument),
    ("referred-1", a_summary),
    ("referred-1", a_longest_pause),
    ("referred-1", a_retrys_factor),
    ("referred-1", an_input),
    ("moved-2", an_activitys_result),
    ("paid-2", a_runs_result),
    ("clocked-2", a_signal),
    ("clocked-2", an_updates_answer),
]


@pytest.mark.parametrize(("name", "alter"), VALUES, ids=lambda one: getattr(one, "__name__", one))
async def test_another_value_is_found_that_the_stock_replayer_lets_pass(
    name: str, alter: Callable[[WorkflowHistory], None]
) -> None:
    history = await plain(name)
    assert await difference(history) is None
    alter(history)

    assert await stock_passes(history)
    found = await difference(history)
    assert found is not None
    assert found.code == "replay.differs"
    assert found.recorded != found.given


async def test_the_first_difference_is_told_with_its_place_and_both_values() -> None:
    history = await plain("referred-1")
    an_argument(history)

    found = await difference(history)
    assert found is not None
    assert found.path == "input.0.occurrence"
    assert (found.recorded[:13], found.given[:13]) == ("recordatoria@", "recordatorio@")
    assert kind_of(history.events[(found.event or 0) - 1]) == "activity_task_scheduled"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_every_event_that_is_removed_doubled_or_swapped_is_found(file: Path) -> None:
    """Each event of each history, in turn; the last two places where nothing else could show it are others' to tell."""
    history = load(file)
    events = list(history.events)
    for number in range(len(events)):
        for changed in (
            [*events[:number], *events[number + 1 :]],
            [*events[: number + 1], events[number], *events[number + 1 :]],
            [*events[:number], *reversed(events[number : number + 2]), *events[number + 2 :]],
        ):
            if [event.event_id for event in changed] == list(range(1, len(changed) + 1)):
                continue  # cut at its end: an open run, for all that it says itself; the chain of runs says otherwise
            with pytest.raises(Damaged):
                from_bytes(history.workflow_id, to_bytes(WorkflowHistory(history.workflow_id, changed)))


async def test_an_event_whose_numbers_were_mended_is_found_by_what_refers_to_it() -> None:
    history = sealed("paid-2")
    without = [event for event in history.events if kind_of(event) != "timer_started"]
    for number, event in enumerate(without, 1):
        event.event_id = number

    with pytest.raises(Damaged):
        from_bytes(history.workflow_id, to_bytes(WorkflowHistory(history.workflow_id, without)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_sealed_payload_with_another_bit_does_not_open(file: Path) -> None:
    history = load(file)
    payload = of_kind(history, "workflow_execution_started").input.payloads[0]
    payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])

    found = await difference(history)
    assert found is not None
    assert found.code == "replay.sealed"


async def test_a_history_of_another_version_says_so() -> None:
    history = await plain("referred-1")
    payload = of_kind(history, "workflow_execution_started").input.payloads[0]
    payload.data = payload.data.replace(b'"state"', b'"zustand"', 1)

    found = await difference(history)
    assert found is not None
    assert found.code == "replay.unknown_version"


class TestAChainOfRuns:
    def runs(self) -> list[Any]:
        return [run_of(sealed(f"referred-{number}")) for number in (1, 2, 3)]

    async def test_is_one_story(self) -> None:
        story = await story_of(self.runs(), CONVERTER)
        assert story.steps[-1].state.outcome == "referred"
        assert len({step.run_id for step in story.steps}) == 3

    @pytest.mark.parametrize("missing", [0, 1, 2])
    async def test_lacks_none(self, missing: int) -> None:
        runs = self.runs()
        del runs[missing]
        with pytest.raises(Damaged) as error:
            await story_of(runs, CONVERTER)
        assert error.value.code == "replay.run_missing"

    async def test_hands_on_what_the_next_run_begins_with(self) -> None:
        runs = self.runs()
        another = await plain("referred-3")
        payload = of_kind(another, "workflow_execution_started").input.payloads[0]
        rewrite(payload, b"987654.32", b"987654.33")
        runs[2] = run_of(another)
        with pytest.raises(Damaged, match="did not begin with"):
            await story_of(runs, CONVERTER)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_an_open_run_replays_as_far_as_it_got(file: Path) -> None:
    """Cut anywhere, as the engine may be asked at any moment."""
    history = await opened(load(file), CONVERTER.payload_codec)
    events = history.events
    ends = [end for end in range(1, len(events)) if kind_of(events[end]) not in BY_COMMAND]
    cuts = [WorkflowHistory(history.workflow_id, events[:end]) for end in (*ends, len(events))]
    found = await replay_all(cuts, CONVERTER)

    assert [replayed.difference for replayed in found] == [None] * len(cuts)
    assert [len(complete_part(cut).events) for cut in cuts] == sorted(len(complete_part(cut).events) for cut in cuts)
