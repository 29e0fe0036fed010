"""Each channel has its queue: one that hangs holds up nobody else's."""

import httpx
import pytest

from channels.providers import Lane
from senda.stack import Stack
from tests.api.calls import Api, Creditor, calling, plain
from tests.channels_faults.world import book, noon_zone, yesterday
from tests.eventually import assert_eventually
from tests.ledger.given import row

pytestmark = pytest.mark.asyncio(loop_scope="package")

EACH = 20
"""More than a worker takes of one channel at once."""

BEGUN = "SELECT count(*) AS begun FROM contacts WHERE creditor = %s AND decision = 'permitted'"

TOLD = """
SELECT c.channel, e.status, e.recorded_at FROM contacts c JOIN contact_events e ON e.contact_id = c.id
WHERE c.creditor = ANY(%s) ORDER BY e.id"""


async def creditor(api: Api, channel: str) -> Creditor:
    """In real time, at noon of its place, with one step by this channel."""
    steps = book([channel])
    assert (await api.http.put(f"/v1/playbooks/{steps.key}", json=steps.model_dump(mode="json"))).status_code == 200
    return await api.creditor(None, playbook=steps.key, pack="US", currency="USD", time_zone=noon_zone())


def rows(channel: str) -> list[dict[str, object]]:
    addresses = [f"+573001{n:06}" if channel == "sms" else f"ana.{n}@correo.invalid" for n in range(EACH)]
    return [
        row(
            f"A{number}",
            ("1", yesterday(), "100000"),
            addresses={channel: address},
            authorised_channels=[channel],
            time_zones=[noon_zone()],
        )
        for number, address in enumerate(addresses)
    ]


async def test_while_sms_hangs_the_mails_of_others_leave() -> None:
    async with Stack(durability="none") as stack, calling(stack.endpoints) as api:
        async with httpx.AsyncClient(base_url=stack.endpoints.sandbox, transport=plain()) as sandbox:
            await sandbox.put("/control/faults/twilio", json={"mode": "timeout"})
        sms, email = await creditor(api, "sms"), await creditor(api, "email")
        await sms.imports(*rows("sms"))

        async def hangs() -> None:
            assert (await api.rows(BEGUN, sms.key))[0]["begun"] == Lane().at_once

        await assert_eventually(hangs)
        await email.imports(*rows("email"))

        async def mailed() -> None:
            told = await api.rows(TOLD, [email.key])
            assert [each["status"] for each in told] == ["sent"] * EACH

        await assert_eventually(mailed, seconds=30)
        told = await api.rows(TOLD, [sms.key, email.key])
        assert [each["channel"] for each in told[:EACH]] == ["email"] * EACH  # while all those still hung
        await stack.kill("sandbox")  # what hangs ends
