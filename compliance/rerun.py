"""Running histories again by the code that made them, and keeping what each task of the workflow gives."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter, DefaultFailureConverter
from temporalio.worker import (
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
    WorkflowRunner,
)

from workflows import contract
from workflows.journey import Journey


@dataclass(slots=True)
class Task:
    """A task of the workflow, as the code does it now.

    `started_id`: the number of its `workflow_task_started` event (of several that brought nothing, the last one).
    `state`: what the query `state` answers after it (JSON), where it was asked.
    """

    started_id: int
    commands: list[WorkflowCommand] = field(default_factory=list[WorkflowCommand])
    state: bytes = b""
    failure: str | None = None


@dataclass(slots=True)
class Rerun:
    """A history that was run again. `failure`: why the stock replayer gave up, if it did."""

    history: WorkflowHistory
    tasks: list[Task]
    failure: Exception | None


class Watching(WorkflowRunner):
    """Runs workflows by another runner, and keeps what each task of the run at hand gave."""

    def __init__(self, inner: WorkflowRunner, *, asking: bool = False) -> None:
        self._inner = inner
        self._asking = asking
        self.tasks: list[Task] = []

    def prepare_workflow(self, defn: Any) -> None:
        """As the inner runner."""
        self._inner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """The inner runner's instance, with its activations watched."""
        instance = self._inner.create_instance(det)
        activate = instance.activate

        def watched(act: WorkflowActivation) -> WorkflowActivationCompletion:
            completion = activate(act)
            if not act.jobs or act.jobs[0].HasField("remove_from_cache"):
                return completion
            task = self._task(act.history_length)
            if completion.HasField("failed"):
                task.failure = completion.failed.failure.message or "the code cannot take this history"
                return completion
            task.commands += completion.successful.commands
            if self._asking:
                task.state = _answer(activate(_question(act))) or task.state
            return completion

        instance.activate = watched
        return instance

    def _task(self, started_id: int) -> Task:
        if not self.tasks or self.tasks[-1].started_id != started_id:
            self.tasks.append(Task(started_id))
        return self.tasks[-1]


async def rerun(
    histories: Iterable[WorkflowHistory],
    converter: DataConverter,
    *,
    runner: WorkflowRunner | None = None,
    asking: bool = False,
    workflows: tuple[type, ...] = (Journey,),
) -> list[Rerun]:
    """Run histories again whose payloads are in the clear; one `Rerun` each, in order.

    `asking`: ask for the state after each task. Without a runner there is no sandbox: it keeps new code from being
    indeterminate, and what was recorded shows here what it is.
    """
    watching = Watching(runner or UnsandboxedWorkflowRunner(), asking=asking)
    replayer = Replayer(
        workflows=list(workflows),
        workflow_runner=watching,
        data_converter=replace(converter, payload_codec=None, failure_converter_class=DefaultFailureConverter),
        debug_mode=runner is None,  # no time limit for a task: a busy machine is no difference
    )

    found: list[Rerun] = []

    async def one_by_one() -> AsyncGenerator[WorkflowHistory]:
        for history in histories:
            watching.tasks = []
            if len(history.events) > 1:
                yield history
            else:  # no task of it is done yet
                found.append(Rerun(history, [], None))

    async with replayer.workflow_replay_iterator(one_by_one()) as results:
        async for result in results:
            found.append(Rerun(result.history, watching.tasks, result.replay_failure))
    return found


def _question(act: WorkflowActivation) -> WorkflowActivation:
    """The query `state` as the engine would ask it right after an activation."""
    asked = WorkflowActivation(
        run_id=act.run_id, timestamp=act.timestamp, is_replaying=act.is_replaying, history_length=act.history_length
    )
    job = asked.jobs.add().query_workflow
    job.query_id, job.query_type = "after", contract.STATE
    return asked


def _answer(completion: WorkflowActivationCompletion) -> bytes:
    for command in completion.successful.commands:
        if command.HasField("respond_to_query") and command.respond_to_query.HasField("succeeded"):
            return command.respond_to_query.succeeded.response.data
    return b""
