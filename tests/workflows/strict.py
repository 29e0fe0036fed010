"""Strict replay: the same commands with the same values, where the stock replayer looks at kinds and order alone."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

from tests.workflows.sealing import opened
from workflows.contract import QUEUE

Line = tuple[object, ...]
"""A command: its kind, then its values."""


class Differs(AssertionError):
    """The code gives another command than the one recorded."""


class Watching(WorkflowRunner):
    """Runs workflows by another runner and keeps the commands that they give, in order."""

    def __init__(self, inner: WorkflowRunner) -> None:
        self._inner = inner
        self.given: list[Line] = []

    def prepare_workflow(self, defn: Any) -> None:
        """As the inner runner."""
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The inner runner's instance, with its activations watched."""
        instance = self._inner.create_instance(det)
        activate = instance.activate

        def watched(act: WorkflowActivation) -> WorkflowActivationCompletion:
            completion = activate(act)
            self.given += _given(completion.successful.commands)
            return completion

        instance.activate = watched
        return instance


async def replay_strictly(
    history: WorkflowHistory, workflows: list[type], runner: WorkflowRunner, converter: DataConverter
) -> int:
    """Replay a closed run; returns how many commands are the same, all of them.

    Raises what the stock replayer raises, or `Differs` at the first command that is another now.
    """
    watching = Watching(runner)
    replayer = Replayer(workflows=workflows, workflow_runner=watching, data_converter=converter)
    await replayer.replay_workflow(history)
    plain = await opened(history, converter.payload_codec) if converter.payload_codec else history
    kinds = [(str(event.WhichOneof("attributes")), event) for event in plain.events]
    recorded = [RECORDED[kind](getattr(event, kind)) for kind, event in kinds if kind in RECORDED]
    for number, (old, new) in enumerate(zip_longest(recorded, watching.given), 1):
        if old != new:
            raise Differs(f"command {number} was\n{old}\nand is now\n{new}")
    return len(recorded)


def _given(commands: Iterable[WorkflowCommand]) -> list[Line]:
    """The commands of one activation that reach the history."""
    lines: list[Line] = []
    for command in commands:
        kind = str(command.WhichOneof("variant"))
        if kind == "respond_to_query":
            continue
        line = GIVEN[kind](getattr(command, kind)) if kind in GIVEN else (kind,)
        armed = next(
            (timer for timer in lines if line[:1] == ("cancel timer",) and timer[:2] == ("timer", *line[1:])), None
        )
        if armed is not None:  # armed and disarmed at once: the engine never hears of it
            lines.remove(armed)
        else:
            lines.append(line)
    return lines


def _time(duration: Duration) -> timedelta:
    return duration.ToTimedelta()


def _data(payloads: Iterable[Payload]) -> tuple[bytes, ...]:
    return tuple(payload.data for payload in payloads)


def _activity(name: str, activity: Any, arguments: Iterable[Payload]) -> Line:
    retry = activity.retry_policy
    tries = (retry.maximum_attempts, retry.backoff_coefficient, _time(retry.initial_interval))
    queue = _queue(activity.task_queue if isinstance(activity.task_queue, str) else activity.task_queue.name)
    return (
        "activity",
        activity.activity_id,
        name,
        queue,
        _time(activity.start_to_close_timeout),
        tries,
        _data(arguments),
    )


def _queue(name: str) -> str:
    """A channel's queue by its name; the workflow's own, which a replay calls otherwise, without one."""
    return name if name.startswith(f"{QUEUE}-") else ""


def _update(response: Any) -> Line:
    if response.HasField("accepted"):
        return "update accepted", response.protocol_instance_id
    return "update completed", response.protocol_instance_id, _data([response.completed])


GIVEN: dict[str, Callable[[Any], Line]] = {
    "start_timer": lambda c: ("timer", str(c.seq), _time(c.start_to_fire_timeout)),
    "cancel_timer": lambda c: ("cancel timer", str(c.seq)),
    "schedule_activity": lambda c: _activity(c.activity_type, c, c.arguments),
    "update_response": _update,
    "continue_as_new_workflow_execution": lambda c: ("continue as new", _data(c.arguments)),
    "complete_workflow_execution": lambda c: ("complete", _data([c.result])),
}
"""What each command of the code amounts to; one that is not here differs from whatever was recorded."""

RECORDED: dict[str, Callable[[Any], Line]] = {
    "timer_started_event_attributes": lambda e: ("timer", e.timer_id, _time(e.start_to_fire_timeout)),
    "timer_canceled_event_attributes": lambda e: ("cancel timer", e.timer_id),
    "activity_task_scheduled_event_attributes": lambda e: _activity(e.activity_type.name, e, e.input.payloads),
    "workflow_execution_update_accepted_event_attributes": lambda e: ("update accepted", e.protocol_instance_id),
    "workflow_execution_update_completed_event_attributes": lambda e: (
        *("update completed", e.meta.update_id),
        _data(e.outcome.success.payloads),
    ),
    "workflow_execution_continued_as_new_event_attributes": lambda e: ("continue as new", _data(e.input.payloads)),
    "workflow_execution_completed_event_attributes": lambda e: ("complete", _data(e.result.payloads)),
}
"""What each event that a command brought about amounts to; the other events are the engine's own."""
