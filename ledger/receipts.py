"""What providers say came of a message. Receipts may come twice, late and out of order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.failing import Failure, record_return
from ledger.following import Told

Status = Literal["sent", "delivered", "read", "failed"]

DIGITS = 18
"""Of a contact's number; all that have as many fit into the database's."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's word. `reference` is the contact's number as it was given along, `provider_ref` the provider's own
    name of the message: one of them is there. `at` by the provider's clock; `code` stable, without words."""

    provider: str
    status: Status
    reference: str | None
    provider_ref: str | None
    at: datetime | None
    code: str | None
    bad_address: bool


_BY_REFERENCE = "SELECT c.id, c.provider FROM contacts c WHERE c.id = %s"

_BY_PROVIDER_REF = """
SELECT c.id, c.provider FROM contact_events e JOIN contacts c ON c.id = e.contact_id
WHERE e.provider_ref = %s AND c.provider = %s ORDER BY c.id LIMIT 1"""

_LOCK = "SELECT FROM people WHERE id = (SELECT person_id FROM contacts WHERE id = %s) FOR UPDATE"

_CONTACT = """
SELECT c.id, c.journey_id, c.step, c.occurrence, c.channel, c.decided_at, k.test_clock IS NOT NULL AS is_test,
    coalesce(k.test_clock, clock_timestamp()) AS now,
    EXISTS (SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = %s) AS is_known,
    EXISTS (SELECT FROM contact_events e WHERE e.contact_id = c.id
        AND e.status IN ('delivered', 'read', 'answered')) AS has_arrived
FROM contacts c JOIN creditors k ON k.key = c.creditor
WHERE c.id = %s"""
"""Asked once the lock is held: of two receipts at once the second sees the first."""

_EVENT = """
INSERT INTO contact_events (contact_id, status, provider_ref, detail, actor, at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (contact_id, status, actor) DO NOTHING"""

_NOTE = """
INSERT INTO journey_events (journey_id, key, kind, actor, data, at) VALUES (%s, %s, 'receipt', %s, %s, %s)
ON CONFLICT (journey_id, key) DO NOTHING"""


async def record_receipt(ledger: Ledger, receipt: Receipt) -> Told | None:
    """Store a receipt once; what a journey must be told, if it re-plans.

    A message that arrived has not failed, whatever comes later. Errors: `receipt.unknown_reference`, and
    `receipt.of_another_provider` for a contact that this provider was not to send.
    """
    async with ledger.transaction() as tx:
        contact_id = await _contact(tx, receipt)
        await tx.execute(_LOCK, [contact_id])
        contact = await (await tx.execute(_CONTACT, [receipt.status, contact_id])).fetchone()
        assert contact is not None
        if contact["is_known"] or (receipt.status == "failed" and contact["has_arrived"]):
            return None
        if receipt.status == "failed" and contact["occurrence"] is not None:
            code = receipt.code or "not_delivered"
            failure = Failure(code, bad_address=receipt.bad_address, provider_ref=receipt.provider_ref)
            return await record_return(tx, contact_id, failure)
        await _keep(tx, contact, receipt)
        return None


async def _contact(tx: Connection, receipt: Receipt) -> int:
    row: dict[str, Any] | None = None
    reference = receipt.reference or ""
    if reference.isascii() and reference.isdecimal() and len(reference) <= DIGITS:
        row = await (await tx.execute(_BY_REFERENCE, [int(reference)])).fetchone()
        if row is not None and row["provider"] != receipt.provider:
            advice = "this contact was not to be sent by this provider: nothing was recorded of it"
            raise Conflict("receipt.of_another_provider", advice, "reference")
    if row is None and receipt.provider_ref is not None:
        row = await (await tx.execute(_BY_PROVIDER_REF, [receipt.provider_ref, receipt.provider])).fetchone()
    if row is None:
        raise NotFound("receipt.unknown_reference", "no contact of this reference: it was not sent by us", "reference")
    return row["id"]


async def _keep(tx: Connection, contact: dict[str, Any], receipt: Receipt) -> None:
    at = _happened(contact, receipt.at)
    actor = f"provider:{receipt.provider}"
    await tx.execute(_EVENT, [contact["id"], receipt.status, receipt.provider_ref, receipt.code, actor, at])
    if contact["journey_id"] is not None:
        about = {
            "step": contact["step"],
            "contact_id": contact["id"],
            "channel": contact["channel"],
            "status": receipt.status,
            "detail": receipt.code,
        }
        key = f"receipt:{contact['id']}:{receipt.status}"
        await tx.execute(_NOTE, [contact["journey_id"], key, actor, Jsonb(about), contact["now"]])


def _happened(contact: dict[str, Any], told: datetime | None) -> datetime:
    """When it happened: by the provider's clock where it can be true, in business time otherwise."""
    if told is None or contact["is_test"]:
        return contact["now"]
    return min(max(told, contact["decided_at"]), contact["now"])
