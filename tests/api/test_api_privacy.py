"""No personal data in the engine, in the logs, or in the audit trail (I8)."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from senda.stack import Endpoints
from tests.api.calls import Api, Creditor, calling, payload_keys, webhook
from tests.ledger.given import START, row
from workflows.codec import data_converter

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "Anacleta Zyxgut Ñuñez"
PHONE = "+573998765432"
STREET = "Carrera Zyxgut 11 # 22-33"
MAILBOX = "anacleta.zyxgut"
TRACES = [part.encode() for part in ("Anacleta", "Zyxgut", "Ñuñez", "3998765432", "anacleta", "zyxgut")]
"""In any form in which they could be found."""

PAST_DUE = ("1", "2026-02-01", "100000")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(stack: Endpoints) -> AsyncIterator[Api]:
    """The API after a person's whole life passed through every part."""
    async with calling(stack) as opened:
        await live(opened, await opened.creditor())
        yield opened


async def live(api: Api, creditor: Creditor) -> None:
    """Contacts, failures, payments, commands, bad rows, bad requests."""
    for account, domain in (("A", "correo"), ("B", "reject"), ("C", "lost")):
        addresses = {"email": f"{MAILBOX}@{domain}.invalid", "sms": PHONE, "letter": STREET}
        person = f"p-{uuid4().hex}"
        await creditor.imports(row(account, PAST_DUE, person=person, name=NAME, addresses=addresses))
    bad = row("D", ("1", "no date", "1"), name=NAME, addresses={"email": MAILBOX, "sms": PHONE})
    zero = row("E", PAST_DUE, name=f"{NAME}\x00", addresses={"sms": PHONE})
    await creditor.imports(bad, zero)
    await creditor.advances(START.replace(day=5))
    await creditor.post("A", "/pause", {"reason": "hardship"})
    await creditor.post("A", "/resume")
    await creditor.pays("A", "5000")
    await creditor.post("B", "/close", {"outcome": "withdrawn"})
    await api.http.put(f"/v1/creditors/{creditor.key}", json={"name": NAME, "playbook": [NAME]})
    await webhook(api, f'{{"name": "{NAME}"')
    await creditor.advances(START.replace(month=6))


async def test_the_engine_knows_nobody_not_even_sealed(api: Api) -> None:
    """Both as the engine stores it and as it reads once opened with the keys."""
    converter = data_converter(payload_keys(api.stack))
    assert converter.payload_codec is not None
    client = await Client.connect(api.stack.temporal)
    opened = 0
    async for execution in client.list_workflows(""):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        async for event in handle.fetch_history_events():
            assert not any(trace in event.SerializeToString() for trace in TRACES)
            for payload in payloads_of(event):
                if payload.metadata.get("encoding", b"").startswith(b"binary/senda"):
                    (plain,) = await converter.payload_codec.decode([payload])
                    opened += 1
                    assert not any(trace in plain.data for trace in TRACES)
    assert opened > 10
    ids = [execution.id async for execution in client.list_workflows("")]
    assert not any(trace.decode() in name for name in ids for trace in TRACES)


def payloads_of(message: object) -> list[Payload]:
    """Every payload in a message of the engine's, however deep."""
    if isinstance(message, Payload):
        return [message]
    if not isinstance(message, Message):
        return []
    found: list[Payload] = []
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            values = list(value.values())
        else:
            values = list(value) if field.is_repeated else [value]
        for each in values:
            found += payloads_of(each)
    return found


async def test_the_engines_own_files_hold_nothing(api: Api) -> None:
    for file in (Path(api.stack.data) / "temporal").glob("temporal.db*"):
        content = file.read_bytes()
        assert not any(trace in content for trace in TRACES), file.name


async def test_no_log_names_anybody(api: Api) -> None:
    logs = {log.stem: log.read_bytes() for log in (Path(api.stack.data) / "logs").iterdir()}
    assert logs.keys() >= {"api", "worker", "temporal", "postgres", "sandbox"}
    assert [part for part, log in logs.items() if any(trace in log for trace in TRACES)] == []


async def test_neither_does_the_audit_trail_nor_the_journeys_record(api: Api) -> None:
    for table in (
        *("audit", "journey_events", "contacts", "contact_events", "import_errors", "journeys", "outbox"),
        *("tasks", "task_events", "agreements", "agreement_events", "disputes", "invalid_addresses"),
    ):
        (found,) = await api.rows(f"SELECT coalesce(string_agg(t::text, ''), '') AS all FROM {table} t")
        assert not any(trace.decode() in found["all"] for trace in TRACES), table
