"""A command in one shape, whether the code gives it now or the history has recorded it: its kind, then its values."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import orjson
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_commands import WorkflowCommand

from compliance.histories import attributes_of, kind_of
from workflows.contract import QUEUE

Line = dict[str, Any]
"""`kind`, and the command's values: payloads as (encoding, bytes), durations as timedelta. `readable` makes it JSON."""

TIMEOUTS = ("schedule_to_close_timeout", "schedule_to_start_timeout", "start_to_close_timeout", "heartbeat_timeout")


def given_lines(commands: Iterable[WorkflowCommand]) -> list[Line]:
    """The commands of one task that reach the history."""
    lines: list[Line] = []
    for command in commands:
        kind = str(command.WhichOneof("variant"))
        if kind == "respond_to_query":
            continue
        line: Line = _GIVEN[kind](getattr(command, kind)) if kind in _GIVEN else {"kind": kind}
        if command.HasField("user_metadata"):
            line["summary"] = _payload(command.user_metadata.summary)
        if line["kind"] == "cancel timer" and (armed := _armed(lines, line["timer"])) is not None:
            lines.remove(armed)  # armed and disarmed at once: the engine never hears of it
        else:
            lines.append(line)
    return lines


def recorded_line(event: HistoryEvent) -> Line:
    """The command that an event of `histories.BY_COMMAND` records."""
    kind = kind_of(event)
    line: Line = _RECORDED[kind](attributes_of(event)) if kind in _RECORDED else {"kind": kind}
    if event.HasField("user_metadata"):
        line["summary"] = _payload(event.user_metadata.summary)
    return line


def readable(value: Any) -> Any:
    """A line, or a value of it, as JSON; the terms of a journey, which never change, are left out."""
    match value:
        case dict():
            return {name: readable(one) for name, one in value.items() if name != "terms"}  # pyright: ignore[reportUnknownVariableType]
        case (str(), bytes() as data):
            return readable(_json(data))
        case tuple() | list():
            return [readable(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
        case timedelta():
            return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
        case _:
            return value


def first_difference(old: Any, new: Any, path: str = "") -> tuple[str, Any, Any] | None:
    """Where two lines differ first: the path, the old value and the new one; payloads are looked into."""
    if old == new:
        return None
    old, new = _inside(old), _inside(new)
    names: Iterable[Any] = ()
    if isinstance(old, dict) and isinstance(new, dict):
        names = dict.fromkeys([*old, *new])  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):  # pyright: ignore[reportUnknownArgumentType]
        names = range(len(old))  # pyright: ignore[reportUnknownArgumentType]
        old, new = dict(enumerate(old)), dict(enumerate(new))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for name in names:
        found = first_difference(old.get(name), new.get(name), f"{path}.{name}" if path else str(name))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportAttributeAccessIssue]
        if found is not None:
            return found
    return path, readable(old), readable(new)


def _inside(value: Any) -> Any:
    return _json(value[1]) if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], bytes) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.hex()


def _armed(lines: list[Line], timer: str) -> Line | None:
    return next((line for line in lines if line["kind"] == "timer" and line["timer"] == timer), None)


def _time(duration: Duration) -> timedelta:
    return duration.ToTimedelta()


def _payload(payload: Payload) -> tuple[str, bytes]:
    return payload.metadata["encoding"].decode() if "encoding" in payload.metadata else "", payload.data


def _payloads(payloads: Iterable[Payload]) -> list[tuple[str, bytes]]:
    return [_payload(payload) for payload in payloads]


def _retry(policy: Any) -> Line:
    return {
        "first_after": _time(policy.initial_interval),
        "factor": policy.backoff_coefficient,
        "at_most_after": _time(policy.maximum_interval),
        "attempts": policy.maximum_attempts,
        "not_for": list(policy.non_retryable_error_types),
    }


def _activity(activity: Any, name: str, queue: str, arguments: Iterable[Payload]) -> Line:
    return {
        "kind": "activity",
        "id": activity.activity_id,
        "name": name,
        "queue": queue if queue.startswith(f"{QUEUE}-") else "",  # the workflow's own, which a replay calls otherwise
        "input": _payloads(arguments),
        "retry": _retry(activity.retry_policy),
    }


def _schedule(command: Any) -> Line:
    line = _activity(command, command.activity_type, command.task_queue, command.arguments)
    return {**line, "timeouts": {name: _time(getattr(command, name)) for name in TIMEOUTS if command.HasField(name)}}


def _scheduled(event: Any) -> Line:
    line = _activity(event, event.activity_type.name, event.task_queue.name, event.input.payloads)
    return {**line, "timeouts": {name: _time(getattr(event, name)) for name in TIMEOUTS}}


def _answer(response: Any) -> Line:
    kind = str(response.WhichOneof("response"))
    values = {"result": [_payload(response.completed)]} if kind == "completed" else {}
    return {"kind": f"update {kind}", "update": response.protocol_instance_id, **values}


def _answered(event: Any) -> Line:
    if event.outcome.HasField("failure"):
        return {"kind": "update rejected", "update": event.meta.update_id}
    result = _payloads(event.outcome.success.payloads)
    return {"kind": "update completed", "update": event.meta.update_id, "result": result}


_GIVEN: dict[str, Callable[[Any], Line]] = {
    "start_timer": lambda c: {"kind": "timer", "timer": str(c.seq), "after": _time(c.start_to_fire_timeout)},
    "cancel_timer": lambda c: {"kind": "cancel timer", "timer": str(c.seq)},
    "schedule_activity": _schedule,
    "update_response": _answer,
    "continue_as_new_workflow_execution": lambda c: {"kind": "continue as new", "input": _payloads(c.arguments)},
    "complete_workflow_execution": lambda c: {"kind": "complete", "result": _payloads([c.result])},
}
"""What each command of the code amounts to; one that is not here differs from whatever was recorded."""

_RECORDED: dict[str, Callable[[Any], Line]] = {
    "timer_started": lambda e: {"kind": "timer", "timer": e.timer_id, "after": _time(e.start_to_fire_timeout)},
    "timer_canceled": lambda e: {"kind": "cancel timer", "timer": e.timer_id},
    "activity_task_scheduled": _scheduled,
    "workflow_execution_update_accepted": lambda e: {"kind": "update accepted", "update": e.protocol_instance_id},
    "workflow_execution_update_completed": _answered,
    "workflow_execution_continued_as_new": lambda e: {"kind": "continue as new", "input": _payloads(e.input.payloads)},
    "workflow_execution_completed": lambda e: {"kind": "complete", "result": _payloads(e.result.payloads)},
}
"""What each event that a command brought about amounts to."""
