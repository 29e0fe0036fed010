"""What a journey costs: events kept in its histories, and the actions that the engine's vendor bills."""

from collections import Counter
from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "runs",  # the start, and each continue-as-new
    EventType.EVENT_TYPE_TIMER_STARTED: "timers",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activities",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signals",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "updates",
    EventType.EVENT_TYPE_MARKER_RECORDED: "markers",  # of local activities, which Senda does without
}
"""The events that cost one action each. Queries and an activity's further attempts leave no event of their own."""


def count_events(histories: Iterable[WorkflowHistory]) -> int:
    """Events of all runs together."""
    return sum(len(history.events) for history in histories)


def count_actions(histories: Iterable[WorkflowHistory]) -> Counter[str]:
    """Billable actions of all runs together, by kind; `.total()` is what is billed.

    An activity that was tried more than once is billed for each try: the number of the last one is on its start.
    """
    actions: Counter[str] = Counter()
    for history in histories:
        for event in history.events:
            if event.event_type in BILLED:
                actions[BILLED[event.event_type]] += 1
            retries = event.activity_task_started_event_attributes.attempt - 1
            if retries > 0:
                actions["retries"] += retries
    return actions
