"""Nothing that the engine keeps can be read without the key."""

import pytest
from cryptography.exceptions import InvalidTag
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory

from compliance.histories import opened, payloads_in
from tests.workflows.flows import course, paused, troubled
from tests.workflows.world import BALANCE, CONVERTER, PLAYBOOK
from workflows.codec import ENCODING, SealingCodec


@pytest.fixture
async def histories() -> list[WorkflowHistory]:
    """Runs with signals, updates, failures, refusals and changes of stage."""
    return [*await course(troubled), *await course(paused)]


def bytes_of(history: WorkflowHistory) -> bytes:
    return History(events=history.events).SerializeToString()


async def test_every_payload_is_sealed(histories: list[WorkflowHistory]) -> None:
    found = [payload for history in histories for event in history.events for payload in payloads_in(event)]

    assert len(found) > 40
    assert {payload.metadata["encoding"] for payload in found} == {ENCODING}


async def test_nothing_of_the_accounts_facts_can_be_read(histories: list[WorkflowHistory]) -> None:
    secrets = [str(BALANCE), PLAYBOOK.key, *(step.key for stage in PLAYBOOK.stages for step in stage.steps)]
    kept = b"".join(map(bytes_of, histories))
    assert CONVERTER.payload_codec is not None
    inside = b"".join([bytes_of(await opened(history, CONVERTER.payload_codec)) for history in histories])

    for secret in secrets:
        assert secret.encode() not in kept
        assert secret.encode() in inside, "otherwise this test would prove nothing"


async def test_the_message_and_trace_of_a_failure_are_sealed(histories: list[WorkflowHistory]) -> None:
    failures = [
        event.activity_task_failed_event_attributes.failure
        for history in histories
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED
    ]

    assert failures
    for failure in failures:
        assert failure.message == "Encoded failure"
        assert failure.stack_trace == ""
        assert failure.encoded_attributes.metadata["encoding"] == ENCODING


KEYS = ("old:" + "b2xk" * 10 + "b2w=", "new:" + "bmV3" * 10 + "bmU=")
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"1000.00"')


async def test_the_same_content_is_never_sealed_to_the_same_bytes() -> None:
    codec = SealingCodec(KEYS)

    first, second = await codec.encode([PLAIN, PLAIN])

    assert first.data != second.data
    assert await codec.decode([first, second]) == [PLAIN, PLAIN]


async def test_what_an_older_key_sealed_is_opened_after_a_new_key_came_first() -> None:
    old, new = KEYS
    sealed = await SealingCodec([old]).encode([PLAIN])

    assert await SealingCodec([new, old]).decode(sealed) == [PLAIN]
    assert (await SealingCodec([new, old]).encode([PLAIN]))[0].metadata["key"] == b"new"


async def test_a_payload_of_an_unknown_key_names_that_key() -> None:
    old, new = KEYS
    sealed = await SealingCodec([old]).encode([PLAIN])

    with pytest.raises(ValueError, match="'old': add it to SENDA_PAYLOAD_KEYS"):
        await SealingCodec([new]).decode(sealed)


async def test_a_payload_that_was_tampered_with_is_refused() -> None:
    codec = SealingCodec(KEYS)
    (sealed,) = await codec.encode([PLAIN])
    sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])

    with pytest.raises(InvalidTag):
        await codec.decode([sealed])


def test_a_codec_needs_a_key() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SealingCodec([])
