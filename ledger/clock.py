"""A creditor's test clock: where it stands, what falls due next, and who may advance it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from ledger.database import Ledger
from ledger.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class DueJourney:
    """An open journey with something to do; journeys of one person take their turns."""

    journey_id: str
    person_id: int


@asynccontextmanager
async def advancing(ledger: Ledger, creditor: str, to: datetime) -> AsyncGenerator[None]:
    """Hold the right to advance this clock; raises `Conflict` where it is held, goes backwards, or is no test clock."""
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                """
                SELECT test_clock, pg_try_advisory_xact_lock(hashtextextended('clock:' || key, 0)) AS mine,
                    EXISTS (SELECT FROM imports
                            WHERE creditor = key AND status IN ('applying', 'starting')) AS importing
                FROM creditors WHERE key = %s""",
                [creditor],
            )
        ).fetchone()
        if row is None:
            raise NotFound("creditor.unknown", f"no creditor {creditor!r}: PUT it first", "creditor")
        if row["test_clock"] is None:
            raise Conflict("clock.real", "this creditor lives by the real clock")
        if not row["mine"]:
            raise Conflict("clock.busy", "the clock is being advanced: wait for that to end")
        if row["importing"]:
            raise Conflict("clock.importing", "an import is under way: wait until it is done")
        if to < row["test_clock"]:
            raise Conflict("clock.backwards", f"the clock stands at {row['test_clock'].isoformat()}", "advance_to")
        yield


async def next_instant(ledger: Ledger, creditor: str) -> datetime | None:
    """The earliest instant at which a journey of this creditor wakes or an account enters; may have passed already."""
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                """
                SELECT least((SELECT min(wake_at) FROM journeys WHERE creditor = %(key)s AND NOT closed),
                             (SELECT min(enters_at) FROM accounts
                              WHERE creditor = %(key)s AND enters_at IS NOT NULL)) AS at""",
                {"key": creditor},
            )
        ).fetchone()
    return row["at"] if row else None


async def set_clock(ledger: Ledger, creditor: str, at: datetime) -> None:
    """Move the clock; it never goes back."""
    async with ledger.transaction() as tx:
        await tx.execute("UPDATE creditors SET test_clock = greatest(test_clock, %s) WHERE key = %s", [at, creditor])


async def due_journeys(ledger: Ledger, creditor: str, at: datetime) -> list[DueJourney]:
    """The open journeys that have something to do at `at` or before, in a stable order."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT id, person_id FROM journeys WHERE creditor = %s AND NOT closed AND wake_at <= %s
                ORDER BY wake_at, id""",
                [creditor, at],
            )
        ).fetchall()
    return [DueJourney(row["id"], row["person_id"]) for row in rows]
