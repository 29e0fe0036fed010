"""Finding the payloads of whatever the engine keeps, and opening them with the tests' key."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.converter import PayloadCodec


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


async def opened(history: WorkflowHistory, codec: PayloadCodec) -> WorkflowHistory:
    """A copy of a history with its payloads in the clear."""
    copy = History.FromString(History(events=history.events).SerializeToString())
    for payload in payloads_in(copy):
        payload.CopyFrom((await codec.decode([payload]))[0])
    return WorkflowHistory(history.workflow_id, list(copy.events))
