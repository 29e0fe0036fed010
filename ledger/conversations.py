"""Conversations with the bot: what waits for an answer, what may be told to whom, and what was answered."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from journey.limits import PlanLimits, PromiseLimits
from ledger.agreements import offers
from ledger.asking import Asked, ask_within
from ledger.book import locked, read
from ledger.database import Connection, Ledger
from ledger.judging import sha256_of
from ledger.keeping import LAST_EVENT
from ledger.record import open_record
from ledger.tasks import NewTask, add_task
from policy.calendar import local_date

IDLE = timedelta(minutes=30)
"""After so long a silence whoever writes must say again who they are."""

BLOCKED = timedelta(hours=24)
"""How long wrong answers to the question who it is count, and after three of them nobody is identified."""

BOT = "bot"
"""The actor of what the bot does."""

MOST_ACCOUNTS = 9

MOST_TRIES = 4
"""How often a message is tried to be answered, where a mistake of ours hinders it."""

LONGEST_PAUSE = timedelta(minutes=10)
"""Between these tries; the first pause is five seconds."""


@dataclass(frozen=True, slots=True)
class Open:
    """A due that is open: its day and what of it is not paid."""

    due_date: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class AccountKnown:
    """An account as its debtor may be told of it. Amounts in its currency; `due_date`: the oldest unpaid one.

    `interest`, `fees`: how much of the balance these are, late interest of today included.
    """

    account: str
    balance: Decimal
    past_due: Decimal
    due_date: date | None
    days_past_due: int
    dues: tuple[Open, ...]
    interest: Decimal
    fees: Decimal
    pay_link: str | None
    promise: PromiseLimits | None
    plan: PlanLimits | None
    promised: Open | None
    disputed: bool


@dataclass(frozen=True, slots=True)
class DebtorKnown:
    """A debtor as one creditor knows it, with the accounts that owe something."""

    debtor_id: int
    person_id: int
    creditor: str
    creditor_name: str
    language: str
    currency: str
    name: str | None
    document_last4: str | None
    today: date
    addresses: dict[str, str]
    account: str
    """The account that answers are recorded under: the one that was written about."""
    accounts: tuple[AccountKnown, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that waits, under its conversation's lock. `talk`: how far the conversation got; none: it begins."""

    inbound_id: int
    conversation_id: int
    provider: str
    channel: str
    address: str
    text: str
    choice: str | None
    talk: dict[str, Any] | None
    debtor: DebtorKnown


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that may leave, once: its contact's number, where to, and its words."""

    contact_id: int
    provider: str
    address: str
    language: str
    creditor_name: str
    text: str


_IS_NEXT = """
NOT EXISTS (SELECT FROM inbound_waiting e JOIN inbound o ON o.id = e.inbound_id
    WHERE o.conversation_id = i.conversation_id AND o.id < i.id)
AND NOT EXISTS (SELECT FROM answers_leaving l JOIN answers s ON s.contact_id = l.contact_id
    WHERE s.conversation_id = i.conversation_id)"""
"""Nothing that was said before is still to be answered, and no answer is still leaving."""

_WAITING = f"""
SELECT w.inbound_id FROM inbound_waiting w JOIN inbound i ON i.id = w.inbound_id
WHERE w.not_before <= clock_timestamp() AND {_IS_NEXT} ORDER BY w.inbound_id LIMIT %s"""

_HEAR = f"""
SELECT i.id, i.conversation_id, i.provider, i.channel, i.address, i.text, i.choice, c.talk, a.debtor_id,
    a.key AS account, (SELECT max(s.at) FROM answers s WHERE s.conversation_id = c.id) AS answered_at,
    clock_timestamp() AS now
FROM inbound_waiting w JOIN inbound i ON i.id = w.inbound_id JOIN conversations c ON c.id = i.conversation_id
JOIN contacts t ON t.id = i.contact_id JOIN accounts a ON a.id = t.account_id
WHERE w.inbound_id = %s AND {_IS_NEXT}
FOR UPDATE OF w, c SKIP LOCKED"""

_DEBTOR = """
SELECT d.id, d.person_id, d.creditor, k.name AS creditor_name, d.language, k.currency, d.name, d.document_last4,
    d.time_zones[1] AS zone, d.addresses, coalesce(k.test_clock, clock_timestamp()) AS now, (
        SELECT p.value #>> '{}' FROM preferences p WHERE p.person_id = d.person_id AND p.subject = 'language'
            AND p.origin <> 'import' AND (p.creditor IS NULL OR p.creditor = d.creditor)
        ORDER BY p.id DESC LIMIT 1) AS said_language
FROM debtors d JOIN creditors k ON k.key = d.creditor WHERE d.id = %s"""

_ACCOUNTS = """
SELECT a.id, a.key, replace(k.pay_url, '{reference}', a.reference) AS pay_link, EXISTS (
    SELECT FROM disputes x WHERE x.account_id = a.id
        AND NOT EXISTS (SELECT FROM dispute_resolutions r WHERE r.dispute_id = x.id)) AS disputed
FROM accounts a JOIN creditors k ON k.key = a.creditor
WHERE a.debtor_id = %s AND (SELECT sum(amount) FROM postings o WHERE o.account_id = a.id) > 0
ORDER BY a.id LIMIT %s"""


async def waiting(ledger: Ledger, limit: int) -> list[int]:
    """Messages that can be answered now, in the order in which they came: the next one of each conversation."""
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_WAITING, [limit])).fetchall()
    return [row["inbound_id"] for row in rows]


async def hear(tx: Connection, inbound_id: int) -> Heard | None:
    """A message under its conversation's lock; none where somebody else answers it, or it is not its turn yet."""
    row = await (await tx.execute(_HEAR, [inbound_id])).fetchone()
    if row is None or row["debtor_id"] is None:
        return None
    debtor = await debtor_known(tx, row["debtor_id"], row["account"])
    return Heard(
        inbound_id=row["id"],
        conversation_id=row["conversation_id"],
        provider=row["provider"],
        channel=row["channel"],
        address=row["address"],
        text=row["text"],
        choice=row["choice"],
        talk=_still_valid(row),
        debtor=debtor,
    )


def _still_valid(row: dict[str, Any]) -> dict[str, Any] | None:
    """What was said holds for a while; that somebody could not be identified, for longer."""
    talk, last = row["talk"], row["answered_at"]
    if talk is None or last is None:
        return talk
    has_guessed = talk.get("blocked") or (talk.get("tries") and not talk.get("identified"))
    lasts = BLOCKED if has_guessed else IDLE
    return talk if row["now"] - last <= lasts else None


async def debtor_known(tx: Connection, debtor_id: int, account: str) -> DebtorKnown:
    """What may be told to a debtor who is identified; the person is locked by this."""
    row = await (await tx.execute(_DEBTOR, [debtor_id])).fetchone()
    assert row is not None
    await tx.execute("SELECT FROM people WHERE id = %s FOR UPDATE", [row["person_id"]])
    today = local_date(row["now"], row["zone"])
    found = await (await tx.execute(_ACCOUNTS, [debtor_id, MOST_ACCOUNTS])).fetchall()
    return DebtorKnown(
        debtor_id=row["id"],
        person_id=row["person_id"],
        creditor=row["creditor"],
        creditor_name=row["creditor_name"],
        language=row["said_language"] or row["language"],
        currency=row["currency"],
        name=row["name"],
        document_last4=row["document_last4"],
        today=today,
        addresses=row["addresses"],
        account=account,
        accounts=tuple([await _account(tx, row["creditor"], each, today) for each in found]),
    )


async def _account(tx: Connection, creditor: str, row: dict[str, Any], today: date) -> AccountKnown:
    book = await read(tx, await locked(tx, creditor, row["key"]))
    reckoning = book.reckoned()
    owes = book.owed(reckoning)
    record = await open_record(tx, account_id=row["id"])
    offered = await offers(tx, record) if record is not None else None
    oldest = owes.oldest_due
    return AccountKnown(
        account=row["key"],
        balance=owes.balance,
        past_due=owes.past_due(today),
        due_date=oldest,
        days_past_due=max(0, (today - oldest).days) if oldest else 0,
        dues=tuple(Open(due.due_date, due.open) for due in owes.dues),
        interest=reckoning.of("interest"),
        fees=reckoning.of("fees"),
        pay_link=row["pay_link"],
        promise=offered.promise if offered else None,
        plan=offered.plan if offered else None,
        promised=await _promised(tx, row["id"]),
        disputed=row["disputed"],
    )


async def _promised(tx: Connection, account_id: int) -> Open | None:
    row = await (await tx.execute(_PROMISED, [account_id])).fetchone()
    return Open(row["due_date"], row["amount"]) if row else None


_PROMISED = f"""
SELECT i.due_date, i.amount FROM agreements g JOIN creditors k ON k.key = g.creditor
JOIN agreement_instalments i ON i.agreement_id = g.id JOIN {LAST_EVENT}
WHERE g.account_id = %s AND g.kind = 'promise' AND e.kind IN ('made', 'moved', 'reopened')
    AND e.until > coalesce(k.test_clock, clock_timestamp())
ORDER BY i.due_date LIMIT 1"""

_TALK = "UPDATE conversations SET talk = %s, updated_at = clock_timestamp() WHERE id = %s"

_ANSWER = """
INSERT INTO answers (conversation_id, inbound_id, contact_id, text, at) VALUES (%s, %s, %s, %s, clock_timestamp())"""


async def keep_turn(tx: Connection, heard: Heard, talk: dict[str, Any], text: str) -> Reply | None:
    """Store how far the conversation got and the answer, with a permit for it; none where the policy refuses it.

    The answer is information that the person asked for (CO-09): free of hours and frequency, not of the channels.
    """
    await tx.execute("DELETE FROM inbound_waiting WHERE inbound_id = %s", [heard.inbound_id])
    await tx.execute(_TALK, [Jsonb(talk), heard.conversation_id])
    if not text:
        return None
    asked = Asked(
        request=f"reply:{heard.inbound_id}",
        creditor=heard.debtor.creditor,
        account=heard.debtor.account,
        channel=heard.channel,
        purpose="requested_information",
        role="debtor",
        actor=BOT,
        provider=heard.provider,
        address_sha256=sha256_of(heard.address),
    )
    verdict = await ask_within(tx, asked)
    contact = verdict.contact_id if verdict.allowed else None
    await tx.execute(_ANSWER, [heard.conversation_id, heard.inbound_id, contact, text])
    if contact is None:
        return None
    await tx.execute("INSERT INTO answers_leaving (contact_id) VALUES (%s)", [contact])
    debtor = heard.debtor
    return Reply(contact, heard.provider, heard.address, talk["language"], debtor.creditor_name, text)


_EVENT = """
INSERT INTO contact_events (contact_id, status, provider_ref, content_sha256, detail, actor, at)
SELECT c.id, %(status)s, %(ref)s, %(sha256)s, %(detail)s, 'bot',
    greatest(c.decided_at, coalesce(k.test_clock, clock_timestamp()))
FROM contacts c JOIN creditors k ON k.key = c.creditor WHERE c.id = %(contact)s
ON CONFLICT (contact_id, status, actor) DO NOTHING"""


async def record_reply(
    ledger: Ledger, contact_id: int, status: str, *, sha256: str, ref: str | None = None, detail: str | None = None
) -> None:
    """Store what came of an answer: sent, failed, unknown."""
    about = {"contact": contact_id, "status": status, "ref": ref, "sha256": sha256, "detail": detail}
    async with ledger.transaction() as tx:
        await tx.execute(_EVENT, about)
        await tx.execute("DELETE FROM answers_leaving WHERE contact_id = %s", [contact_id])


_FORGOTTEN = """
WITH gone AS (DELETE FROM answers_leaving WHERE since < clock_timestamp() - %s::interval RETURNING contact_id)
INSERT INTO contact_events (contact_id, status, detail, actor, at)
SELECT c.id, 'unknown', 'process_died', 'bot', greatest(c.decided_at, coalesce(k.test_clock, clock_timestamp()))
FROM gone g JOIN contacts c ON c.id = g.contact_id JOIN creditors k ON k.key = c.creditor
WHERE NOT EXISTS (SELECT FROM contact_events e WHERE e.contact_id = c.id)
ON CONFLICT (contact_id, status, actor) DO NOTHING"""


async def give_up_replies(ledger: Ledger, older_than: timedelta) -> None:
    """Answers of which nobody knows whether they left, because their process died: they are not sent again."""
    async with ledger.transaction() as tx:
        await tx.execute(_FORGOTTEN, [older_than])


_LATER = """
UPDATE inbound_waiting SET tries = tries + 1,
    not_before = clock_timestamp() + least(%s, make_interval(secs => 5 * power(8, tries)))
WHERE inbound_id = %s RETURNING tries"""

_GIVE_UP = """
DELETE FROM inbound_waiting w USING inbound i, contacts c
WHERE w.inbound_id = %s AND i.id = w.inbound_id AND c.id = i.contact_id
RETURNING c.creditor, c.account_id, c.person_id, c.journey_id, i.conversation_id"""


async def try_later(ledger: Ledger, inbound_id: int) -> None:
    """Answering this message failed by a mistake of ours: it is tried again a few times, then people are asked."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_LATER, [LONGEST_PAUSE, inbound_id])).fetchone()
        if row is None or row["tries"] < MOST_TRIES:
            return
        about = await (await tx.execute(_GIVE_UP, [inbound_id])).fetchone()
        if about is not None:
            await add_task(tx, NewTask(f"inbound:{inbound_id}:bot_failed", "case", "bot_failed", **about))
