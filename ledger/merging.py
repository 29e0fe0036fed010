"""Merging an import's rows into the ledger: set-based, a batch a transaction, safe to repeat."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from ledger.book import locked
from ledger.database import Connection, Ledger
from ledger.following import Told, tell_engine
from ledger.intake import ACCOUNTS_COME, MERGE_BATCH, start_phase
from ledger.payments import catch_up
from ledger.record import LAST_OUTCOME, Fact, next_entry, open_record, playbook_of, write
from ledger.relief_keeping import settle_money
from ledger.standing import owed

_BATCH = """
SELECT r.row, r.account, r.debtor, r.content FROM import_rows r
WHERE r.import_id = %s AND r.row > %s ORDER BY r.row LIMIT %s"""

_PEOPLE = "INSERT INTO people (key) SELECT DISTINCT key FROM unnest(%s::text[]) key ORDER BY key ON CONFLICT DO NOTHING"

_LOCK = "SELECT id, key FROM people WHERE key = ANY(%s) ORDER BY id FOR UPDATE"

_FILED = """
INSERT INTO preferences (person_id, creditor, subject, value, origin, document, stated_at, actor, recorded_at)
SELECT x.person_id, %(creditor)s, 'file', jsonb_build_object('language', x.language,
        'authorised_channels', to_jsonb(x.authorised_channels), 'preferred_channel', x.preferred_channel),
    'import', %(id)s, coalesce(c.test_clock, clock_timestamp()), 'import', clock_timestamp()
FROM (SELECT DISTINCT ON (p.id) p.id AS person_id, r.content->'debtor'->>'language' AS language,
          ARRAY(SELECT jsonb_array_elements_text(r.content->'debtor'->'authorised_channels')) AS authorised_channels,
          r.content->'debtor'->>'preferred_channel' AS preferred_channel
      FROM import_rows r JOIN people p ON p.key = r.debtor
      WHERE r.import_id = %(id)s AND r.row = ANY(%(rows)s) ORDER BY p.id, r.row DESC) x
JOIN creditors c ON c.key = %(creditor)s
LEFT JOIN debtors d ON d.creditor = %(creditor)s AND d.person_id = x.person_id
WHERE (d.language, d.preferred_channel) IS DISTINCT FROM (x.language, x.preferred_channel)
    OR NOT (d.authorised_channels <@ x.authorised_channels AND d.authorised_channels @> x.authorised_channels)"""
"""Evidence of what the creditor's file says, and since when: an entry where it says something new."""

_DEBTORS = """
INSERT INTO debtors (creditor, person_id, name, language, time_zones, addresses, authorised_channels,
    preferred_channel, packs, document_last4)
SELECT DISTINCT ON (p.id) %(creditor)s, p.id, d->>'name', d->>'language',
    CASE WHEN jsonb_array_length(d->'time_zones') > 0
        THEN ARRAY(SELECT jsonb_array_elements_text(d->'time_zones')) ELSE ARRAY[%(zone)s] END,
    d->'addresses', ARRAY(SELECT jsonb_array_elements_text(d->'authorised_channels')), d->>'preferred_channel',
    ARRAY(SELECT jsonb_array_elements_text(d->'packs')), d->>'document'
FROM (SELECT r.row, r.debtor, r.content->'debtor' AS d FROM import_rows r
      WHERE r.import_id = %(id)s AND r.row = ANY(%(rows)s)) x
JOIN people p ON p.key = x.debtor
ORDER BY p.id, x.row DESC
ON CONFLICT (creditor, person_id) DO UPDATE SET name = excluded.name, language = excluded.language,
    time_zones = excluded.time_zones, addresses = excluded.addresses,
    authorised_channels = excluded.authorised_channels, preferred_channel = excluded.preferred_channel,
    packs = excluded.packs, document_last4 = coalesce(excluded.document_last4, debtors.document_last4)"""

_MOVED = """
INSERT INTO import_errors (import_id, row, field, code, text)
SELECT r.import_id, r.row, 'debtor.key', 'account_of_another', 'the account belongs to another debtor'
FROM import_rows r JOIN accounts a ON a.creditor = %(creditor)s AND a.key = r.account
JOIN people p ON p.id = a.person_id
WHERE r.import_id = %(id)s AND r.row = ANY(%(rows)s) AND p.key <> r.debtor
RETURNING row"""

_ACCOUNTS = """
INSERT INTO accounts (creditor, key, debtor_id, person_id, currency, facts, import_id)
SELECT DISTINCT ON (r.account) %(creditor)s, r.account, d.id, p.id, %(currency)s, r.content->'facts', %(id)s
FROM import_rows r JOIN people p ON p.key = r.debtor
JOIN debtors d ON d.creditor = %(creditor)s AND d.person_id = p.id
WHERE r.import_id = %(id)s AND r.row = ANY(%(rows)s)
ORDER BY r.account, r.row DESC
ON CONFLICT (creditor, key) DO UPDATE SET facts = accounts.facts || excluded.facts, import_id = excluded.import_id
RETURNING id, key"""

_DUES = """
INSERT INTO dues (account_id, key, due_date)
SELECT DISTINCT ON (a.id, u->>'key') a.id, u->>'key', (u->>'due_date')::date
FROM import_rows r JOIN accounts a ON a.creditor = %(creditor)s AND a.key = r.account
CROSS JOIN jsonb_array_elements(r.content->'dues') u
WHERE r.import_id = %(id)s AND r.row = ANY(%(rows)s)
ORDER BY a.id, u->>'key', r.row DESC
ON CONFLICT (account_id, key) DO UPDATE SET
    due_date = CASE WHEN dues.filed_for IS NULL THEN excluded.due_date
        ELSE greatest(dues.due_date, excluded.due_date) END,
    filed_for = CASE WHEN dues.filed_for IS NULL THEN NULL ELSE excluded.due_date END"""
"""A date to which a relief has moved a due stays, unless the file's is later."""

_CHARGES = """
INSERT INTO postings (account_id, due_id, component, kind, amount, currency, effective_at, booked_at)
SELECT x.account_id, x.due_id, x.component, CASE WHEN x.charged IS NULL THEN 'charge' ELSE 'adjustment' END,
    x.amount - coalesce(x.charged, 0), %(currency)s, now.at, now.at
FROM (
    SELECT u.account_id, u.id AS due_id, part.component, part.amount, (
        SELECT sum(o.amount) FROM postings o
        WHERE o.due_id = u.id AND o.component = part.component AND o.kind IN ('charge', 'adjustment')) AS charged
    FROM (SELECT DISTINCT ON (u.id) u.id, u.account_id, e
          FROM import_rows r JOIN accounts a ON a.creditor = %(creditor)s AND a.key = r.account
          CROSS JOIN jsonb_array_elements(r.content->'dues') e
          JOIN dues u ON u.account_id = a.id AND u.key = e->>'key'
          WHERE r.import_id = %(id)s AND r.row = ANY(%(rows)s)
          ORDER BY u.id, r.row DESC) u
    CROSS JOIN LATERAL (SELECT coalesce((e->>'interest')::numeric, 0) AS interest,
        coalesce((e->>'fees')::numeric, 0) AS fees) w
    CROSS JOIN LATERAL (VALUES ('principal', (e->>'amount')::numeric - interest - fees), ('interest', interest),
        ('fees', fees)) part (component, amount)) x
CROSS JOIN LATERAL (SELECT coalesce(test_clock, clock_timestamp()) AS at FROM creditors WHERE key = %(creditor)s) now
WHERE x.amount <> coalesce(x.charged, 0)"""

_OWED = f"""
SELECT {LAST_OUTCOME}, a.id, a.key, d.time_zones[1] AS zone, coalesce(o.balance, 0) AS balance, o.oldest_due,
    EXISTS (SELECT FROM journeys j WHERE j.account_id = a.id AND NOT j.closed) AS running,
    EXISTS (SELECT FROM payments p WHERE p.creditor = a.creditor AND p.account = a.key)
        OR EXISTS (SELECT FROM credits r WHERE r.account_id = a.id) AS paid
FROM accounts a JOIN debtors d ON d.id = a.debtor_id
CROSS JOIN LATERAL (SELECT sum(open) AS balance, min(due_date) FILTER (WHERE claimed) AS oldest_due
    FROM claims WHERE account_id = a.id) o
WHERE a.id = ANY(%s) ORDER BY a.id"""


async def merge_batch(ledger: Ledger, import_id: str) -> tuple[bool, list[Told]]:
    """Merge the next rows of an import; returns whether more remain, and what running journeys must be told.

    A row seen before changes what it says differently: a changed amount is posted as an adjustment, never twice.
    """
    async with ledger.transaction() as tx:
        head = await (
            await tx.execute(
                """
                SELECT i.creditor, i.applied_to, c.currency, c.time_zone, b.hash, b.content::text AS playbook
                FROM imports i JOIN creditors c ON c.key = i.creditor
                JOIN current_playbooks b ON b.key = c.playbook WHERE i.id = %s FOR UPDATE OF i""",
                [import_id],
            )
        ).fetchone()
        assert head is not None
        batch = await (await tx.execute(_BATCH, [import_id, head["applied_to"], MERGE_BATCH])).fetchall()
        if not batch:
            await start_phase(tx, import_id)
            return False, []
        await tx.execute(ACCOUNTS_COME, [head["creditor"]])
        people = sorted({row["debtor"] for row in batch})
        values = {
            "id": import_id,
            "creditor": head["creditor"],
            "currency": head["currency"],
            "zone": head["time_zone"],
            "rows": [row["row"] for row in batch],
        }
        await tx.execute(_PEOPLE, [people])
        await tx.execute(_LOCK, [people])
        moved = {row["row"] for row in await (await tx.execute(_MOVED, values)).fetchall()}
        values["rows"] = [row["row"] for row in batch if row["row"] not in moved]
        await tx.execute(_FILED, values)
        await tx.execute(_DEBTORS, values)
        accounts = await (await tx.execute(_ACCOUNTS, values)).fetchall()
        await tx.execute(_DUES, values)
        await tx.execute(_CHARGES, values)
        told = await _follow(tx, head, [row["id"] for row in accounts])
        await tx.execute(
            """
            UPDATE imports SET applied_to = %s, accepted = accepted + %s, rejected = rejected + %s WHERE id = %s""",
            [batch[-1]["row"], len(batch) - len(moved), len(moved), import_id],
        )
    if _has_doubled(head["applied_to"], batch[-1]["row"]):
        await _learn_sizes(ledger)
    return True, told


def _has_doubled(before: int, after: int) -> bool:
    """Whether the number of batches that were merged passed a power of two."""
    return (after // MERGE_BATCH).bit_length() > (before // MERGE_BATCH).bit_length()


async def _learn_sizes(ledger: Ledger) -> None:
    """Tell the planner how the tables have grown: it works with what it knew of them, which may be that they are empty.

    Otherwise each batch would take longer than the last, until Postgres looks for itself after a minute or so.
    """
    async with ledger.transaction() as tx:
        await tx.execute("ANALYZE import_rows, people, debtors, accounts, dues, postings")


async def _follow(tx: Connection, head: dict[str, Any], accounts: Sequence[int]) -> list[Told]:
    """What the new rows mean: payments reach new dues, running journeys learn, the others get their entry day."""
    told: list[Told] = []
    entries: list[tuple[Any, int]] = []
    book = playbook_of(head["hash"], head["playbook"])
    for row in await (await tx.execute(_OWED, [list(accounts)])).fetchall():
        balance: Decimal = row["balance"]
        oldest_due: date | None = row["oldest_due"]
        if row["paid"]:
            caught_up = await catch_up(tx, head["creditor"], row["key"])
            balance, oldest_due = caught_up.owes.balance, caught_up.owes.oldest_due
            if caught_up.followed is not None:
                told += [caught_up.followed.told] if caught_up.followed.told else []
                continue
        if row["running"]:
            told += await _told(tx, head["creditor"], row, balance, oldest_due)
            continue
        entries.append((next_entry(book, row["zone"], balance, oldest_due, row["last_outcome"]), row["id"]))
    async with tx.cursor() as cursor:
        await cursor.executemany("UPDATE accounts SET enters_at = %s WHERE id = %s", entries)
    return told


async def _told(
    tx: Connection, creditor: str, row: dict[str, Any], balance: Decimal, oldest_due: date | None
) -> list[Told]:
    """Let agreements and the journey know of dues that changed."""
    record = await open_record(tx, account_id=row["id"])
    if record is None:
        return []
    last = record.state.standing
    if (last.balance, last.oldest_due) == (balance, oldest_due):
        return []
    data = {"balance": balance, "due_date": oldest_due}
    record.facts.append(Fact(f"dues:{last.seq + 1}", "dues_changed", record.now, data))
    account = await locked(tx, creditor, row["key"])
    owes, holds = await settle_money(tx, account, await owed(tx, account.id), record)
    standing = record.tell(balance=owes.balance, oldest_due=owes.oldest_due, holds=holds)
    await write(tx, record)
    return [await tell_engine(tx, record.id, "dues", standing)]
