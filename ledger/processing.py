"""What the ledger keeps for processors: whose money it is, what could not be taken, links, how bank files look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import exists, select

from ledger.database import Ledger
from ledger.errors import NotFound
from ledger.schema import payments, processor_events
from ledger.views import Page, number_after, page_of

DECLINED = ":declined"
"""How the event that says that a payment will not come is named, after the payment."""


@dataclass(frozen=True, slots=True)
class Keys:
    """An account by its keys."""

    creditor: str
    account: str


_NAMED = """
SELECT a.creditor, a.key AS account, 1 AS rank FROM accounts a WHERE a.reference = %(reference)s
UNION ALL
SELECT a.creditor, a.key, 2 FROM payment_links l JOIN accounts a ON a.id = l.account_id
WHERE l.processor = %(processor)s AND l.link = %(link)s
UNION ALL
SELECT p.creditor, p.account, 3 FROM payments p
WHERE p.processor = %(processor)s AND p.external_id = %(reverses)s
ORDER BY rank LIMIT 1"""


async def keys_of(
    ledger: Ledger, processor: str, *, reference: str | None, link: str | None, reverses: str | None
) -> Keys | None:
    """The account that a processor means: by its reference, by a link of the processor, by the money taken back."""
    values = {"processor": processor, "reference": reference, "link": link, "reverses": reverses}
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_NAMED, values)).fetchone()
    return Keys(row["creditor"], row["account"]) if row else None


async def is_known(ledger: Ledger, processor: str, money: str) -> bool:
    """Whether money of this id was kept."""
    async with ledger.transaction() as tx:
        query = "SELECT FROM payments WHERE processor = %s AND external_id = %s"
        return await (await tx.execute(query, [processor, money])).fetchone() is not None


@dataclass(frozen=True, slots=True)
class Unused:
    """An event that does not become a payment now. `data`, `code`: money that could not be taken, and why;
    `waits_for`: what it takes back, whose coming may say whose it is."""

    id: str
    type: str
    code: str | None = None
    data: dict[str, Any] | None = None
    waits_for: str | None = None


async def keep_event(ledger: Ledger, processor: str, event: Unused) -> bool:
    """Record an event once; false: it was there."""
    async with ledger.transaction() as tx:
        row = await tx.execute(
            """
            INSERT INTO processor_events (processor, event_id, type, code, data, waits_for)
            VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id""",
            [
                processor,
                event.id,
                event.type,
                event.code,
                Jsonb(event.data) if event.data is not None else None,
                event.waits_for,
            ],
        )
        return await row.fetchone() is not None


async def waiting_for(ledger: Ledger, processor: str, money: str) -> list[dict[str, Any]]:
    """The `data` of events that waited for this money and are not kept as payments yet, in their order."""
    async with ledger.transaction() as tx:
        rows = await tx.execute(
            """
            SELECT e.data FROM processor_events e
            WHERE e.processor = %s AND e.waits_for = %s AND NOT EXISTS (
                SELECT FROM payments p WHERE p.processor = e.processor AND p.external_id = e.event_id)
            ORDER BY e.id""",
            [processor, money],
        )
        return [row["data"] for row in await rows.fetchall()]


async def list_events(ledger: Ledger, processor: str | None, cursor: str | None, limit: int) -> Page:
    """What processors told that moved no money at once; `taken`: its money is kept as a payment by now."""
    kept = exists().where(
        payments.c.processor == processor_events.c.processor, payments.c.external_id == processor_events.c.event_id
    )
    query = select(processor_events, kept.label("taken")).order_by(processor_events.c.id).limit(limit + 1)
    if processor is not None:
        query = query.where(processor_events.c.processor == processor)
    if cursor is not None:
        query = query.where(processor_events.c.id > number_after(cursor))
    async with ledger.reads.connect() as connection:
        rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    return page_of([{**row, "seq": row["id"], "id": row["event_id"]} for row in rows], limit, "seq")


@dataclass(frozen=True, slots=True)
class Payable:
    """An account that a link is wanted for: `open` is what is owed on it, or on the due that was named."""

    id: int
    reference: str
    creditor_name: str
    currency: str
    open: Decimal


_PAYABLE = """
SELECT a.id, a.reference, a.currency, c.name AS creditor_name,
    (SELECT coalesce(sum(o.amount), 0) FROM postings o WHERE o.account_id = a.id
        AND (%(due)s::text IS NULL OR o.due_id = d.id)) AS open, d.id AS due_id
FROM accounts a JOIN creditors c ON c.key = a.creditor LEFT JOIN dues d ON d.account_id = a.id AND d.key = %(due)s
WHERE a.creditor = %(creditor)s AND a.key = %(account)s"""


async def payable(ledger: Ledger, creditor: str, account: str, due: str | None) -> Payable:
    """What an account owes, or one of its dues. Raises `NotFound`: `account.unknown`, `due.unknown`."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_PAYABLE, {"creditor": creditor, "account": account, "due": due})).fetchone()
    if row is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    if due is not None and row["due_id"] is None:
        raise NotFound("due.unknown", "the account has no due of this key", "due")
    return Payable(row["id"], row["reference"], row["creditor_name"], row["currency"], row["open"])


@dataclass(frozen=True, slots=True)
class KeptLink:
    """A payment link as it is kept. `key` names the command that made it."""

    key: str
    creditor: str
    account_id: int
    processor: str
    link: str
    url: str
    amount: Decimal
    currency: str
    due: str | None
    actor: str
    expires_at: datetime | None


_LINK = "key, creditor, account_id, processor, link, url, amount, currency, due, actor, expires_at"


async def keep_link(ledger: Ledger, link: KeptLink) -> KeptLink:
    """Keep a link; of one command the first counts, which is returned."""
    values = [getattr(link, name.strip()) for name in _LINK.split(",")]
    async with ledger.transaction() as tx:
        await tx.execute(
            f"INSERT INTO payment_links ({_LINK}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            values,
        )
    return await link_of(ledger, link.key) or link


async def link_of(ledger: Ledger, key: str) -> KeptLink | None:
    """The link that a command made."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute(f"SELECT {_LINK} FROM payment_links WHERE key = %s", [key])).fetchone()
    return KeptLink(**row) if row else None


async def put_bank_mapping(ledger: Ledger, creditor: str, mapping: dict[str, Any], actor: str) -> None:
    """Keep how a creditor's bank files look; the one before is replaced. The creditor must exist."""
    async with ledger.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO bank_mappings (creditor, mapping, actor) VALUES (%s, %s, %s)
            ON CONFLICT (creditor) DO UPDATE
            SET mapping = excluded.mapping, actor = excluded.actor, put_at = clock_timestamp()""",
            [creditor, Jsonb(mapping), actor],
        )


async def bank_mapping(ledger: Ledger, creditor: str) -> dict[str, Any]:
    """How a creditor's bank files look. Raises `NotFound`: `bank_mapping.unknown`."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute("SELECT mapping FROM bank_mappings WHERE creditor = %s", [creditor])).fetchone()
    if row is None:
        raise NotFound("bank_mapping.unknown", "PUT the creditor's bank-mapping first", "creditor")
    return row["mapping"]


async def accounts_meant(ledger: Ledger, creditor: str, names: Sequence[str]) -> dict[str, Keys]:
    """Of names in a creditor's file, each a key or a reference, the accounts; a key of the creditor comes first. A
    reference of another creditor's account is answered as that account."""
    async with ledger.transaction() as tx:
        rows = await tx.execute(
            """
            SELECT a.reference AS name, a.creditor, a.key FROM accounts a WHERE a.reference = ANY(%(names)s)
            UNION ALL
            SELECT a.key, a.creditor, a.key FROM accounts a
            WHERE a.creditor = %(creditor)s AND a.key = ANY(%(names)s)""",
            {"creditor": creditor, "names": list(names)},
        )
        return {row["name"]: Keys(row["creditor"], row["key"]) for row in await rows.fetchall()}
