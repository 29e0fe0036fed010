"""A channel stopped at one click in a message (RFC 8058): the word of whoever holds the message."""

from dataclasses import dataclass

from ledger.database import Ledger
from ledger.errors import NotFound
from ledger.inbound import ORIGINS
from ledger.preferences import Statement, write_statement

_CONTACT = """
SELECT c.channel, c.creditor, p.key AS person, k.name AS creditor_name, d.language
FROM contacts c JOIN people p ON p.id = c.person_id JOIN creditors k ON k.key = c.creditor
JOIN accounts a ON a.id = c.account_id JOIN debtors d ON d.id = a.debtor_id
WHERE c.id = %s AND c.direction = 'outbound' AND c.decision = 'permitted'"""


@dataclass(frozen=True, slots=True)
class Stoppable:
    """What a stop link would stop: the channel, and whose messages, in the person's language."""

    channel: str
    creditor: str
    creditor_name: str
    person: str
    language: str


async def stoppable(ledger: Ledger, contact_id: int) -> Stoppable:
    """What the link of this contact stops. Error: `link.invalid`."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_CONTACT, [contact_id])).fetchone()
    if row is None:
        raise NotFound("link.invalid", "this link is not one of ours, or it is not whole", "token")
    return Stoppable(**row)


async def stop(ledger: Ledger, contact_id: int) -> Stoppable:
    """Revoke the channel of this contact for its creditor, at once; again it changes nothing."""
    what = await stoppable(ledger, contact_id)
    said = Statement(
        person=what.person,
        creditor=what.creditor,
        changes={("channel", what.channel): "revoked"},
        origin=ORIGINS.get(what.channel, "portal"),
        document=f"stop-link-{contact_id}",
        stated_at=None,
        actor="debtor",
    )
    async with ledger.transaction() as tx:
        await write_statement(tx, said)
    return what
