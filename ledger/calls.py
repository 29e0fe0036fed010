"""Telephone calls that the bot leads: whose they are, what was pressed, what was said."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from ledger.conversations import Heard, debtor_known
from ledger.database import Connection
from ledger.errors import NotFound
from ledger.inbound import debtors_at, whose_of
from ledger.judging import sha256_of


@dataclass(frozen=True, slots=True)
class Rung:
    """A moment of a call: `number` is the person's, `keys` what they pressed (none: nothing yet); `reference`: the
    contact by which we called, none where the person called us."""

    provider: str
    call: str
    number: str
    keys: str | None
    reference: str | None


_CONVERSATION = """
INSERT INTO conversations (provider, address_sha256, updated_at) VALUES (%s, %s, clock_timestamp())
ON CONFLICT (provider, address_sha256) DO UPDATE SET updated_at = clock_timestamp()
RETURNING id, debtor_id, talk"""

_OURS = """
SELECT d.id, d.creditor, d.person_id, p.key AS person, c.id AS last_contact, d.addresses->>'call' AS address
FROM contacts c JOIN accounts a ON a.id = c.account_id JOIN debtors d ON d.id = a.debtor_id
JOIN people p ON p.id = d.person_id
WHERE c.id = %s AND c.provider = %s AND c.channel = 'call' AND c.decision = 'permitted'"""

_KNOWN = """
SELECT i.contact_id, a.key AS account FROM inbound i JOIN contacts c ON c.id = i.contact_id
JOIN accounts a ON a.id = c.account_id WHERE i.conversation_id = %s ORDER BY i.id LIMIT 1"""

_CALLED_US = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, request, actor, channel, purpose, role, direction,
    decision, rules, basis, decided_at, provider, address_sha256)
VALUES (%s, %s, %s, %s, %s, 'debtor', 'call', 'requested_information', 'debtor', 'inbound', 'permitted', '{}', '{}',
    %s, %s, %s) RETURNING id"""

_ANSWERED = """
INSERT INTO contact_events (contact_id, status, actor, at)
SELECT c.id, 'answered', 'debtor', greatest(c.decided_at, coalesce(k.test_clock, clock_timestamp()))
FROM contacts c JOIN creditors k ON k.key = c.creditor WHERE c.id = %s
ON CONFLICT (contact_id, status, actor) DO NOTHING"""

_INBOUND = """
INSERT INTO inbound (provider, provider_ref, channel, conversation_id, address, text, contact_id, at)
SELECT %(provider)s, %(call)s || ':' || count(*), 'call', %(conversation)s, %(number)s, %(keys)s, %(contact)s,
    clock_timestamp()
FROM inbound WHERE conversation_id = %(conversation)s RETURNING id"""


async def hear_call(tx: Connection, rung: Rung, serves: Callable[[str], bool]) -> Heard | None:
    """A moment of a call under its conversation's lock; none for a stranger, to whom nothing is told.

    Whoever presses a key in a call of ours has answered it; a person who calls us began a contact. Error:
    `receipt.unknown_reference` for a call that is said to be ours and is not.
    """
    row = await (await tx.execute(_CONVERSATION, [rung.provider, sha256_of(f"call:{rung.call}")])).fetchone()
    assert row is not None
    known = await (await tx.execute(_KNOWN, [row["id"]])).fetchone()
    if known is None:
        known = await _begin(tx, rung, row["id"], serves)
    if known is None:
        return None
    debtor_id = row["debtor_id"] or known["debtor_id"]
    if rung.keys:
        await tx.execute(_ANSWERED, [known["contact_id"]])
    about = {
        "provider": rung.provider,
        "call": rung.call,
        "conversation": row["id"],
        "number": rung.number,
        "keys": rung.keys or "",
        "contact": known["contact_id"],
    }
    inserted = await (await tx.execute(_INBOUND, about)).fetchone()
    assert inserted is not None
    return Heard(
        inbound_id=inserted["id"],
        conversation_id=row["id"],
        provider=rung.provider,
        channel="call",
        address=rung.number,
        text="",
        choice=None,
        talk=row["talk"],
        debtor=await debtor_known(tx, debtor_id, known["account"]),
    )


async def _begin(tx: Connection, rung: Rung, conversation: int, serves: Callable[[str], bool]) -> dict[str, Any] | None:
    if rung.reference is not None:
        reference = int(rung.reference) if rung.reference.isascii() and rung.reference.isdecimal() else 0
        found = await (await tx.execute(_OURS, [min(reference, 2**63 - 1), rung.provider])).fetchall()
    else:
        found = await debtors_at(tx, rung.provider, "call", rung.number, serves) if rung.number else []
    whose = await whose_of(tx, found)
    if whose is None and rung.reference is not None:
        raise NotFound("receipt.unknown_reference", "this provider was not to make a call of this number", "reference")
    if whose is None:
        return None
    debtor, account = whose.debtor, whose.account
    await tx.execute("UPDATE conversations SET debtor_id = %s WHERE id = %s", [debtor["id"], conversation])
    contact_id = debtor["last_contact"]
    if rung.reference is None:
        await tx.execute("SELECT FROM people WHERE id = %s FOR UPDATE", [debtor["person_id"]])
        request = f"in:{rung.provider}:{sha256_of(rung.call)[:32]}"
        values = [
            account["journey_id"],
            debtor["person_id"],
            account["creditor"],
            account["id"],
            request,
            account["now"],
            rung.provider,
            sha256_of(rung.number),
        ]
        row = await (await tx.execute(_CALLED_US, values)).fetchone()
        assert row is not None
        contact_id = row["id"]
        await tx.execute(_ANSWERED, [contact_id])
    return {"contact_id": contact_id, "account": account["key"], "debtor_id": debtor["id"]}


_TALK = "UPDATE conversations SET talk = %s, updated_at = clock_timestamp() WHERE id = %s"

_SAID = """
INSERT INTO answers (conversation_id, inbound_id, contact_id, text, at)
SELECT %s, i.id, i.contact_id, %s, clock_timestamp() FROM inbound i WHERE i.id = %s"""


async def keep_call_turn(tx: Connection, heard: Heard, talk: dict[str, Any], text: str) -> None:
    """Store how far the call got and what is said; the call itself is the contact that has the permit."""
    await tx.execute(_TALK, [Jsonb(talk), heard.conversation_id])
    await tx.execute(_SAID, [heard.conversation_id, text, heard.inbound_id])
