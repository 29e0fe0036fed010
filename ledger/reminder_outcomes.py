"""What came of reminders that were permitted."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from ledger.database import Connection, Ledger

_TOLD = """
WITH contact AS (
    SELECT c.id, c.journey_id, c.channel, greatest(c.decided_at, coalesce(k.test_clock, clock_timestamp())) AS at
    FROM contacts c JOIN creditors k ON k.key = c.creditor WHERE c.id = %(contact)s),
told AS (
    INSERT INTO contact_events (contact_id, status, provider_ref, content_sha256, template, detail, at)
    SELECT id, %(status)s, %(ref)s, %(sha256)s, %(template)s, %(detail)s, at FROM contact
    ON CONFLICT (contact_id, status, actor) DO NOTHING)
INSERT INTO journey_events (journey_id, key, kind, actor, data, at)
SELECT journey_id, 'asked:' || id || ':' || %(status)s::text, 'contact', 'senda', jsonb_build_object('step', null,
    'contact_id', id, 'channel', channel, 'status', %(status)s::text, 'content_sha256', %(sha256)s::text,
    'template', %(template)s::text, 'detail', %(detail)s::text), at
FROM contact WHERE journey_id IS NOT NULL ON CONFLICT (journey_id, key) DO NOTHING"""

_LEFT = "DELETE FROM reminders WHERE contact_id = %s"
_FAILED = "UPDATE reminders SET contact_id = NULL, since = NULL WHERE contact_id = %s"


CameStatus = Literal["sent", "failed", "unknown"]


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a permitted reminder: `failed`: before it left; `unknown`: nobody can tell."""

    status: CameStatus
    provider_ref: str | None = None
    content_sha256: str | None = None
    template: str | None = None
    detail: str | None = None


async def record_reminder(ledger: Ledger, contact_id: int, came: Came) -> None:
    """Store what came of it. One that failed is due still, by another channel; any other is done for good."""
    async with ledger.transaction() as tx:
        await _tell(tx, contact_id, came)


async def _tell(tx: Connection, contact_id: int, came: Came) -> None:
    about = {
        "contact": contact_id,
        "status": came.status,
        "ref": came.provider_ref,
        "sha256": came.content_sha256,
        "template": came.template,
        "detail": came.detail,
    }
    await tx.execute(_TOLD, about)
    await tx.execute(_FAILED if came.status == "failed" else _LEFT, [contact_id])


async def give_up_forgotten(ledger: Ledger, older_than: timedelta) -> None:
    """Reminders of which nobody knows whether they left, because their process died: they are not sent again."""
    async with ledger.transaction() as tx:
        query = """
            SELECT contact_id FROM reminders WHERE contact_id IS NOT NULL AND since < clock_timestamp() - %s::interval
            FOR UPDATE SKIP LOCKED"""
        for row in await (await tx.execute(query, [older_than])).fetchall():
            await _tell(tx, row["contact_id"], Came("unknown", detail="process_died"))
