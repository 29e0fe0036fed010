"""The outbox: standings that the engine has not taken yet, and the record brought up to the present."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from journey.state import Standing
from ledger.database import Ledger
from ledger.following import Told
from ledger.outcomes import closed_standing, closing
from ledger.record import open_record, write


async def unsent(ledger: Ledger, older_than: timedelta, limit: int) -> list[Told]:
    """Standings waiting for longer than this, oldest first; of one journey only the last, which says it all."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT DISTINCT ON (journey_id) id, journey_id, kind, message
                FROM (SELECT * FROM outbox WHERE created_at < clock_timestamp() - %s ORDER BY id LIMIT %s) o
                ORDER BY journey_id, id DESC""",
                [older_than, limit],
            )
        ).fetchall()
    return [Told(row["id"], row["journey_id"], row["kind"], Standing.model_validate(row["message"])) for row in rows]


async def taken(ledger: Ledger, told: Sequence[Told]) -> None:
    """The engine has these: they and what they supersede leave the outbox."""
    async with ledger.transaction() as tx, tx.cursor() as cursor:
        await cursor.executemany(
            "DELETE FROM outbox WHERE journey_id = %s AND id <= %s",
            [(each.journey_id, each.outbox_id) for each in sorted(told, key=lambda each: each.journey_id)],
        )


async def bring_up_to_date(ledger: Ledger, journey_id: str, at: datetime) -> Standing:
    """Let the record take the moves that time alone has brought by `at`; returns the standing.

    Raises `ClockBehind` where the record's own clock has not come that far.
    """
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                """
                SELECT j.account_id FROM journeys j JOIN people p ON p.id = j.person_id
                WHERE j.id = %s FOR UPDATE OF p""",
                [journey_id],
            )
        ).fetchone()
        record = await open_record(tx, account_id=row["account_id"]) if row else None
        if record is None or record.id != journey_id:
            return await closed_standing(tx, journey_id)
        record.reach(at)
        record.learn()
        await write(tx, record)
        if record.state.outcome is not None:
            return closing(record.state.standing, record.state.outcome)
        return record.state.standing


async def open_journey_ids(ledger: Ledger, after: str, limit: int) -> list[str]:
    """A page of the open journeys by id, for the reconciler."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                "SELECT id FROM journeys WHERE NOT closed AND launched AND id > %s ORDER BY id LIMIT %s",
                [after, limit],
            )
        ).fetchall()
    return [row["id"] for row in rows]


async def standing_of(ledger: Ledger, journey_id: str) -> Standing:
    """The last standing that the record knows of a journey, open or closed."""
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute("SELECT state->'standing' AS standing, closed FROM journeys WHERE id = %s", [journey_id])
        ).fetchone()
        if row is None:
            raise LookupError(f"no record of {journey_id}")
        return await closed_standing(tx, journey_id) if row["closed"] else Standing.model_validate(row["standing"])


async def is_launched(ledger: Ledger, journey_id: str) -> bool:
    """Whether the engine was given this journey."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute("SELECT launched FROM journeys WHERE id = %s", [journey_id])).fetchone()
    return row is not None and row["launched"]


async def unsent_of(ledger: Ledger, creditor: str) -> list[Told]:
    """Everything that waits for a creditor's journeys."""
    return [
        told
        for told in await unsent(ledger, timedelta(0), 100_000)
        if told.journey_id.startswith(f"journey:{creditor}:")
    ]
