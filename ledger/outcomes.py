"""What came of a contact, and what the record last said to a journey that may have ended meanwhile."""

from typing import TypedDict, Unpack

from journey.playbook import Outcome
from journey.state import JourneyState, Standing
from ledger.database import Connection, Ledger

_OUTCOME = """
WITH contact AS (
    SELECT c.id, c.journey_id, c.step, c.channel, j.state::text AS state, j.closed, j.outcome,
        c.occurrence, nullif(c.attempt, 0) AS again,
        greatest(c.decided_at, coalesce(k.test_clock, clock_timestamp())) AS at
    FROM contacts c JOIN journeys j ON j.id = c.journey_id JOIN creditors k ON k.key = c.creditor
    WHERE c.id = %(contact)s),
told AS (
    INSERT INTO contact_events (contact_id, status, provider_ref, content_sha256, template, detail, at)
    SELECT id, %(status)s, %(ref)s, %(hash)s, %(template)s, %(detail)s, at FROM contact
    ON CONFLICT (contact_id, status, actor) DO NOTHING),
noted AS (
    INSERT INTO journey_events (journey_id, key, kind, actor, data, at)
    SELECT journey_id, 'contact:' || concat_ws(':', occurrence, %(status)s::text, again), 'contact', 'senda',
        jsonb_build_object('step', step, 'channel', channel, 'status', %(status)s::text,
            'content_sha256', %(hash)s::text, 'template', %(template)s::text, 'detail', %(detail)s::text), at
    FROM contact ON CONFLICT (journey_id, key) DO NOTHING)
SELECT state, closed, outcome FROM contact"""


class Told(TypedDict, total=False):
    """What is told of a contact beside its status.

    `content_sha256` is that of the words, `template` names whose they were: `overdue.es@3f2a…`.
    """

    provider_ref: str | None
    content_sha256: str | None
    template: str | None
    detail: str | None


async def record_outcome(ledger: Ledger, contact_id: int, status: str, **told: Unpack[Told]) -> Standing:
    """Store what came of a permitted contact (`sent`, `unknown`); returns the journey's last standing.

    That it failed is stored by `ledger.failing.record_failure`.
    """
    async with ledger.transaction() as tx:
        return await write_outcome(tx, contact_id, status, **told)


async def write_outcome(tx: Connection, contact_id: int, status: str, **told: Unpack[Told]) -> Standing:
    """`record_outcome` inside the caller's transaction."""
    cursor = await tx.execute(
        _OUTCOME,
        {
            "contact": contact_id,
            "status": status,
            "ref": told.get("provider_ref"),
            "hash": told.get("content_sha256"),
            "template": told.get("template"),
            "detail": told.get("detail"),
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    standing = _standing(row["state"])
    return closing(standing, row["outcome"]) if row["closed"] else standing


async def closed_standing(tx: Connection, journey_id: str) -> Standing:
    """The last standing of a journey that the record has closed."""
    row = await (
        await tx.execute("SELECT state::text AS state, outcome FROM journeys WHERE id = %s", [journey_id])
    ).fetchone()
    if row is None:
        raise LookupError(f"no record of {journey_id}")
    return closing(_standing(row["state"]), row["outcome"])


def closing(standing: Standing, outcome: Outcome) -> Standing:
    """A closed journey's standing with its outcome, one `seq` later: a workflow that missed the end learns it."""
    return standing.model_copy(update={"seq": standing.seq + 1, "outcome": outcome})


def _standing(state: str) -> Standing:
    return JourneyState.model_validate_json(state).standing
