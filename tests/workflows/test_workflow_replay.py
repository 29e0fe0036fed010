"""Histories recorded from the main flows replay on today's code: no change may break a journey in flight (I11)."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from compliance.histories import opened
from compliance.strict import Differs, replay_strictly
from tests.workflows.flows import GOLDEN
from tests.workflows.record import HISTORIES, load
from tests.workflows.world import CONVERTER
from worker import runner
from workflows.journey import Journey

FILES = sorted(HISTORIES.glob("*.json"))

HELP = """
A journey in flight would break. Keep the old commands for it (`workflow.patched`), or take the change back.
Where no such journey is left, record the histories anew: python -m tests.workflows.record
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_recorded_run_replays_to_the_same_commands(file: Path) -> None:
    try:
        assert (await replay_strictly(load(file), CONVERTER, runner=runner())).commands > 0
    except Exception as error:
        error.add_note(HELP)
        raise


def test_every_main_flow_is_recorded() -> None:
    assert {file.stem.rsplit("-", 1)[0] for file in FILES} == set(GOLDEN)


async def clear(name: str) -> WorkflowHistory:
    """A recorded run whose payloads are in the clear, to be tampered with."""
    assert CONVERTER.payload_codec is not None
    return await opened(load(HISTORIES / f"{name}.json"), CONVERTER.payload_codec)


def first(history: WorkflowHistory, attributes: str) -> HistoryEvent:
    return next(event for event in history.events if event.HasField(attributes))  # type: ignore[arg-type]


def another_sleep(history: WorkflowHistory) -> None:
    timer = first(history, "timer_started_event_attributes").timer_started_event_attributes
    timer.start_to_fire_timeout.FromTimedelta(timer.start_to_fire_timeout.ToTimedelta() + timedelta(minutes=1))


def another_argument(history: WorkflowHistory) -> None:
    activity = first(history, "activity_task_scheduled_event_attributes").activity_task_scheduled_event_attributes
    argument = activity.input.payloads[0]
    argument.data = argument.data.replace(b"recordatorio@", b"recordatoria@")


def another_timeout(history: WorkflowHistory) -> None:
    activity = first(history, "activity_task_scheduled_event_attributes").activity_task_scheduled_event_attributes
    activity.start_to_close_timeout.FromTimedelta(timedelta(seconds=21))


def another_queue(history: WorkflowHistory) -> None:
    activity = first(history, "activity_task_scheduled_event_attributes").activity_task_scheduled_event_attributes
    activity.task_queue.name = "senda-sms"


def other_attempts(history: WorkflowHistory) -> None:
    activity = first(history, "activity_task_scheduled_event_attributes").activity_task_scheduled_event_attributes
    activity.retry_policy.maximum_attempts += 1


def another_state_for_the_next_run(history: WorkflowHistory) -> None:
    state = history.events[-1].workflow_execution_continued_as_new_event_attributes.input.payloads[0]
    state.data = state.data.replace(b'"administrative"', b'"prejuridical"', 1)


TAMPERED: list[Callable[[WorkflowHistory], None]] = [
    another_sleep,
    another_argument,
    another_timeout,
    another_queue,
    other_attempts,
    another_state_for_the_next_run,
]


@pytest.mark.parametrize("tamper", TAMPERED)
async def test_another_value_is_caught_that_the_stock_replayer_lets_pass(
    tamper: Callable[[WorkflowHistory], None],
) -> None:
    history = await clear("referred-1")
    before = [event.SerializeToString() for event in history.events]
    tamper(history)
    assert [event.SerializeToString() for event in history.events] != before

    await Replayer(workflows=[Journey], workflow_runner=runner(), data_converter=CONVERTER).replay_workflow(history)
    with pytest.raises(Differs):
        await replay_strictly(history, CONVERTER)


async def test_another_result_is_caught() -> None:
    history = await clear("paid-2")
    result = history.events[-1].workflow_execution_completed_event_attributes.result.payloads[0]
    result.data = b'"cured"'

    with pytest.raises(Differs, match="cured"):
        await replay_strictly(history, CONVERTER)
