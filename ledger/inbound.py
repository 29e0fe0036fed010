"""What people write to us: kept once, as a contact that they began and an answer to ours; a no holds at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from ledger.database import Connection, Ledger
from ledger.judging import sha256_of
from ledger.preferences import Origin, Statement, write_statement
from ledger.record import SYSTEM
from ledger.tasks import NewTask, add_task

BY_PEOPLE = "email"
"""The channel whose answers people read; on the others the bot answers."""

ORIGINS: dict[str, Origin] = {"sms": "sms", "whatsapp": "whatsapp", "email": "email", "call": "call"}


@dataclass(frozen=True, slots=True)
class Written:
    """A message of a person. `provider_ref` names it there, `answers` is our message that it answers (its number or
    the provider's name of it). `is_stop`: it says that this channel shall not be used any more."""

    provider: str
    provider_ref: str
    channel: str
    address: str
    text: str
    choice: str | None
    answers: str | None
    at: datetime | None
    is_stop: bool


_SEEN = "SELECT id FROM inbound WHERE provider = %s AND provider_ref = %s"

_CONVERSATION = """
INSERT INTO conversations (provider, address_sha256, updated_at) VALUES (%s, %s, clock_timestamp())
ON CONFLICT (provider, address_sha256) DO UPDATE SET updated_at = clock_timestamp() RETURNING id"""

# Of several files with this address, first the one whose account was written to last by this way.
_DEBTORS = """
SELECT d.id, d.creditor, d.person_id, p.key AS person,
    (SELECT max(c.id) FROM contacts c JOIN accounts a ON a.id = c.account_id
        WHERE c.address_sha256 = encode(sha256(convert_to(d.addresses->>%(channel)s, 'UTF8')), 'hex')
            AND c.provider = %(provider)s AND a.debtor_id = d.id
            AND c.direction = 'outbound' AND c.decision = 'permitted') AS last_contact,
    d.addresses->>%(channel)s AS address
FROM debtors d JOIN people p ON p.id = d.person_id
WHERE d.addresses @> %(as_written)s OR d.addresses @> %(in_lower_case)s ORDER BY last_contact DESC NULLS LAST, d.id"""

_LOCK = "SELECT FROM people WHERE id = ANY(%s) ORDER BY id FOR UPDATE"

_ACCOUNT = """
SELECT a.id, a.key, a.creditor, (SELECT j.id FROM journeys j WHERE j.account_id = a.id AND NOT j.closed) AS journey_id,
    coalesce(c.test_clock, clock_timestamp()) AS now, c.test_clock IS NOT NULL AS is_test
FROM accounts a JOIN creditors c ON c.key = a.creditor
WHERE a.debtor_id = %(debtor)s
ORDER BY a.id = (SELECT account_id FROM contacts WHERE id = %(contact)s) DESC NULLS LAST, journey_id NULLS LAST, a.id
LIMIT 1"""

_CONTACT = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, request, actor, channel, purpose, role, direction,
    decision, rules, basis, decided_at, provider, address_sha256)
VALUES (%s, %s, %s, %s, %s, 'debtor', %s, 'requested_information', 'debtor', 'inbound', 'permitted', '{}', '{}', %s,
    %s, %s) RETURNING id"""

_ANSWERED = """
INSERT INTO contact_events (contact_id, status, actor, at) VALUES (%s, 'answered', 'debtor', %s)
ON CONFLICT (contact_id, status, actor) DO NOTHING"""

# What it answers: the message that it names, else the last one within a week, if it went to this address.
_WHAT_IT_ANSWERS = """
SELECT c.id FROM contacts c JOIN accounts a ON a.id = c.account_id, LATERAL (
    SELECT c.id::text = %(answers)s OR EXISTS (
        SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.provider_ref = %(answers)s) AS it) named
WHERE a.debtor_id = %(debtor)s AND c.provider = %(provider)s AND c.direction = 'outbound' AND c.decision = 'permitted'
    AND (named.it OR c.address_sha256 = %(hash)s AND c.decided_at > %(now)s - interval '7 days')
ORDER BY named.it DESC, c.id DESC LIMIT 1"""

# Whose mail it answers, from whatever mailbox: people have several, and only people read what they write.
_WRITTEN_TO = """
SELECT d.id, d.creditor, d.person_id, p.key AS person, c.id AS last_contact,
    coalesce(d.addresses->>'email', '') AS address
FROM contact_events e JOIN contacts c ON c.id = e.contact_id JOIN accounts a ON a.id = c.account_id
JOIN debtors d ON d.id = a.debtor_id JOIN people p ON p.id = d.person_id
WHERE e.provider_ref = %s AND c.provider = %s AND c.channel = 'email' AND c.direction = 'outbound' LIMIT 1"""

_INBOUND = """
INSERT INTO inbound (provider, provider_ref, channel, conversation_id, address, text, choice, contact_id, answers, at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""

_NOTE = """
INSERT INTO journey_events (journey_id, key, kind, actor, data, at) VALUES (%s, %s, 'replied', 'debtor', %s, %s)
ON CONFLICT (journey_id, key) DO NOTHING"""


@dataclass(frozen=True, slots=True)
class Whose:
    """The debtor who wrote or called, and the account that it is about."""

    debtor: dict[str, Any]
    account: dict[str, Any]


async def take(ledger: Ledger, written: Written, serves: Callable[[str], bool]) -> int | None:
    """Keep a message; its number, none where it came before. A stop revokes the channel in the same transaction.

    `serves` says whether a creditor's messages go through this provider. Whose address fits nobody, or several
    people, is a stranger to us: the message is kept, and nothing is told to them. A mail that answers one of ours is
    its debtor's. A stop holds for all whose it is.
    """
    async with ledger.transaction() as tx:
        hashed = sha256_of(written.address.lower())
        row = await (await tx.execute(_CONVERSATION, [written.provider, hashed])).fetchone()
        assert row is not None
        if await (await tx.execute(_SEEN, [written.provider, written.provider_ref])).fetchone() is not None:
            return None
        found = await debtors_at(tx, written.provider, written.channel, written.address, serves)
        if not found and written.channel == "email":
            found = await (await tx.execute(_WRITTEN_TO, [written.answers, written.provider])).fetchall()
        await tx.execute(_LOCK, [[debtor["person_id"] for debtor in found]])
        whose = await whose_of(tx, found)
        inbound_id = await _keep(tx, written, row["id"], whose)
        if written.is_stop:
            await _revoke(tx, written, found, inbound_id)
        await _hand_on(tx, written, row["id"], whose, inbound_id)
        return inbound_id


async def debtors_at(
    tx: Connection, provider: str, channel: str, address: str, serves: Callable[[str], bool]
) -> list[dict[str, Any]]:
    """The debtors of this address, whose creditors go through the provider."""
    about = {
        "provider": provider,
        "channel": channel,
        "as_written": Jsonb({channel: address}),
        "in_lower_case": Jsonb({channel: address.lower()}),
    }
    rows = await (await tx.execute(_DEBTORS, about)).fetchall()
    return [row for row in rows if serves(row["creditor"])]


async def whose_of(tx: Connection, found: list[dict[str, Any]]) -> Whose | None:
    """Whose it is; none where it fits nobody, or several people."""
    if len({debtor["person_id"] for debtor in found}) != 1:
        return None
    debtor = found[0]
    about = {"debtor": debtor["id"], "contact": debtor["last_contact"]}
    account = await (await tx.execute(_ACCOUNT, about)).fetchone()
    return Whose(debtor, account) if account is not None else None


async def _keep(tx: Connection, written: Written, conversation: int, whose: Whose | None) -> int:
    contact_id = answers = None
    at = written.at
    if whose is not None:
        contact_id, answers, at = await _contact(tx, written, whose)
        await tx.execute("UPDATE conversations SET debtor_id = %s WHERE id = %s", [whose.debtor["id"], conversation])
    cursor = await tx.execute(
        _INBOUND,
        [
            written.provider,
            written.provider_ref,
            written.channel,
            conversation,
            written.address,
            written.text,
            written.choice,
            contact_id,
            answers,
            at or datetime.now(UTC),
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row["id"]


async def _contact(tx: Connection, written: Written, whose: Whose) -> tuple[int, int | None, datetime]:
    """The inbound contact, the contact of ours that it answers, and when, in business time."""
    account, hashed = whose.account, sha256_of(whose.debtor["address"])
    now: datetime = account["now"]
    at = now if account["is_test"] or written.at is None else min(written.at, now)
    request = f"in:{written.provider}:{sha256_of(written.provider_ref)[:32]}"
    cursor = await tx.execute(
        _CONTACT,
        [
            account["journey_id"],
            whose.debtor["person_id"],
            account["creditor"],
            account["id"],
            request,
            written.channel,
            at,
            written.provider,
            hashed,
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    about = {"debtor": whose.debtor["id"], "hash": hashed, "provider": written.provider, "now": now}
    found = await (await tx.execute(_WHAT_IT_ANSWERS, {**about, "answers": written.answers})).fetchone()
    answers: int | None = found["id"] if found else None
    for contact in (row["id"], answers):
        if contact is not None:
            await tx.execute(_ANSWERED, [contact, at])
    if account["journey_id"] is not None:
        fact = {"contact_id": row["id"], "answers": answers, "channel": written.channel, "is_stop": written.is_stop}
        await tx.execute(_NOTE, [account["journey_id"], f"replied:{row['id']}", Jsonb(fact), now])
    return row["id"], answers, at


async def _revoke(tx: Connection, written: Written, found: list[dict[str, Any]], inbound_id: int) -> None:
    for debtor in found:
        said = Statement(
            person=debtor["person"],
            creditor=debtor["creditor"],
            changes={("channel", written.channel): "revoked"},
            origin=ORIGINS[written.channel],
            document=f"inbound-{inbound_id}",
            stated_at=None,
            actor=SYSTEM,
        )
        await write_statement(tx, said)


async def _hand_on(tx: Connection, written: Written, conversation: int, whose: Whose | None, inbound_id: int) -> None:
    """What a machine can answer waits for the bot; the rest is a case for people. A stranger gets no answer."""
    if whose is None:
        return
    if written.channel != BY_PEOPLE:
        await tx.execute("INSERT INTO inbound_waiting (inbound_id) VALUES (%s)", [inbound_id])
    elif not written.is_stop:
        task = NewTask(
            key=f"inbound:{inbound_id}",
            kind="case",
            reason="email_reply",
            creditor=whose.account["creditor"],
            account_id=whose.account["id"],
            person_id=whose.debtor["person_id"],
            journey_id=whose.account["journey_id"],
            conversation_id=conversation,
        )
        await add_task(tx, task)


_NOT_ME = """
INSERT INTO invalid_addresses (debtor_id, channel, address_sha256, code, at)
VALUES (%s, %s, %s, 'not_me', clock_timestamp()) ON CONFLICT DO NOTHING"""


async def not_this_person(tx: Connection, debtor_id: int, channel: str, address: str) -> None:
    """Whoever has this address is not the debtor: it is not used for this debtor again, by no channel."""
    for each in {channel, "sms", "whatsapp", "call"} if channel != "email" else {channel}:
        await tx.execute(_NOT_ME, [debtor_id, each, sha256_of(address)])
