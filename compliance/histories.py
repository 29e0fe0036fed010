"""Histories of runs: their bytes, their payloads opened, the part that is complete, and whether they hang together."""

from collections.abc import Iterator
from typing import Any

from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError, Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.converter import PayloadCodec

from compliance.errors import Damaged

BY_COMMAND = {
    *("timer_started", "timer_canceled", "activity_task_scheduled", "activity_task_cancel_requested"),
    *("workflow_execution_update_accepted", "workflow_execution_update_completed", "marker_recorded"),
    *("workflow_execution_completed", "workflow_execution_failed", "workflow_execution_canceled"),
    *("workflow_execution_continued_as_new", "start_child_workflow_execution_initiated"),
    *("signal_external_workflow_execution_initiated", "request_cancel_external_workflow_execution_initiated"),
    *("upsert_workflow_search_attributes", "workflow_properties_modified", "nexus_operation_scheduled"),
    "nexus_operation_cancel_requested",
}
"""Events that a command of the workflow brings about; the others are the engine's own."""

CLOSING = {
    "workflow_execution_completed": "completed",
    "workflow_execution_continued_as_new": "continued_as_new",
    "workflow_execution_failed": "failed",
    "workflow_execution_canceled": "canceled",
    "workflow_execution_terminated": "terminated",
    "workflow_execution_timed_out": "timed_out",
}
"""Events that close a run, and the status that it then has."""

_REFERS: dict[str, tuple[str, str]] = {
    "workflow_task_started": ("scheduled_event_id", "workflow_task_scheduled"),
    "workflow_task_completed": ("started_event_id", "workflow_task_started"),
    "workflow_task_failed": ("scheduled_event_id", "workflow_task_scheduled"),
    "workflow_task_timed_out": ("scheduled_event_id", "workflow_task_scheduled"),
    "activity_task_started": ("scheduled_event_id", "activity_task_scheduled"),
    "activity_task_completed": ("scheduled_event_id", "activity_task_scheduled"),
    "activity_task_failed": ("scheduled_event_id", "activity_task_scheduled"),
    "activity_task_timed_out": ("scheduled_event_id", "activity_task_scheduled"),
    "timer_fired": ("started_event_id", "timer_started"),
    "timer_canceled": ("started_event_id", "timer_started"),
}
"""What an event must refer back to: the field, and the kind of that event."""


def kind_of(event: HistoryEvent) -> str:
    """What an event is, as `activity_task_scheduled`."""
    return str(event.WhichOneof("attributes")).removesuffix("_event_attributes")


def attributes_of(event: HistoryEvent) -> Any:
    """The attributes of an event's kind."""
    return getattr(event, str(event.WhichOneof("attributes")))


def to_bytes(history: WorkflowHistory) -> bytes:
    """A history as it is kept: the engine's own message, its payloads as sealed as they came."""
    return History(events=history.events).SerializeToString(deterministic=True)


def from_bytes(journey_id: str, plain: bytes) -> WorkflowHistory:
    """What `to_bytes` gave. Raises `Damaged`."""
    try:
        history = WorkflowHistory(journey_id, list(History.FromString(plain).events))
    except DecodeError:
        raise Damaged("archive.damaged", "an archived history cannot be read: its bytes are no history") from None
    check_sound(history)
    return history


def payloads_in(message: Message) -> Iterator[Payload]:
    """Every payload within a message, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        entry = field.message_type.fields_by_name.get("value") if field.message_type.GetOptions().map_entry else None
        values: Any = value.values() if entry is not None else value if field.is_repeated else [value]
        for one in values:
            if isinstance(one, Message):
                yield from payloads_in(one)


async def opened(history: WorkflowHistory, codec: PayloadCodec | None) -> WorkflowHistory:
    """A copy of a history with its payloads in the clear. Raises `Damaged` where one was altered or its key is gone."""
    copy = History.FromString(History(events=history.events).SerializeToString())
    if codec is not None:
        sealed = [payload for event in copy.events for payload in payloads_in(event)]
        try:
            plain = await codec.decode(sealed)
        except (InvalidTag, ValueError, KeyError, DecodeError) as error:
            reason = str(error) or "it is not as it was sealed"
            raise Damaged("replay.sealed", f"a payload of run {history.run_id} cannot be opened: {reason}") from None
        for payload, clear in zip(sealed, plain, strict=True):
            payload.CopyFrom(clear)
    return WorkflowHistory(history.workflow_id, list(copy.events))


def complete_part(history: WorkflowHistory) -> WorkflowHistory:
    """What a run has done: up to its last completed task and the commands of it; at least its first event."""
    events = history.events
    last = max((index for index, event in enumerate(events) if kind_of(event) == "workflow_task_completed"), default=-1)
    end = last + 1
    while end < len(events) and (kind_of(events[end]) in BY_COMMAND or kind_of(events[end]) in CLOSING):
        end += 1
    return WorkflowHistory(history.workflow_id, events[: max(end, 1)])


def check_sound(history: WorkflowHistory) -> None:
    """Raise `Damaged` where events are missing, doubled, out of order, or refer to what is not there."""
    kinds: dict[int, str] = {}
    for number, event in enumerate(history.events, 1):
        kind = kind_of(event)
        if event.event_id != number:
            raise _unsound(number, f"event {number} of the history has the number {event.event_id}")
        if (number == 1) != (kind == "workflow_execution_started"):
            raise _unsound(number, f"event {number} is {kind}")
        kinds[number] = kind
        field, cause = _REFERS.get(kind, ("", ""))
        earlier = getattr(attributes_of(event), field) if field else 0
        if earlier and kinds.get(earlier) != cause:  # the time-skipping engine leaves some of them out
            raise _unsound(number, f"event {number} ({kind}) refers to event {earlier}, which is no {cause}")
        if kind in ("timer_fired", "timer_canceled") and _timer_of(history, event) != attributes_of(event).timer_id:
            raise _unsound(number, f"event {number} ({kind}) is of another timer than it says")
    if not kinds:
        raise _unsound(0, "the history is empty")


def _timer_of(history: WorkflowHistory, event: HistoryEvent) -> str:
    armed: int = attributes_of(event).started_event_id
    return history.events[armed - 1].timer_started_event_attributes.timer_id


def _unsound(event: int, text: str) -> Damaged:
    return Damaged("replay.unsound", f"{text}: something was removed, added or moved", event=event)
