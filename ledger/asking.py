"""Permits that people ask for before they call, write or visit, and what came of the contact."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.state import Hold
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.holds import LASTING_HOLDS, lasting_of
from ledger.judging import Known, Reading
from ledger.record import OPEN, Fact, Record, record_of, write_facts
from ledger.standing import OWED, owed_of
from ledger.why import Why, basis_of, in_words, whys
from policy import Language, Query, decide, open_until
from policy.errors import SendaError

PERMIT_LIFE = timedelta(minutes=5)
"""How long a permit may be used, within the contact hours: the law is asked when dialling, not an hour before."""

SKEW = timedelta(minutes=1)
"""How far the clock of whoever reports an outcome may be from ours."""

Disposition = Literal[
    "right_party_contact",
    "callback_requested",
    "hung_up",
    "third_party",
    "wrong_number",
    "no_answer",
    "busy",
    "voicemail",
    "invalid_number",
    "not_dialled",
    "sent",
    "delivered",
    "answered",
    "failed",
]
"""What came of a contact. The person answered: the first three and `answered`. No contact happened, so that it
counts no more: `invalid_number`, `not_dialled`, `failed`. All others count as contacts, answered by nobody."""

_STATUS: dict[str, str] = {
    "right_party_contact": "answered",
    "callback_requested": "answered",
    "hung_up": "answered",
    "answered": "answered",
    "delivered": "delivered",
    "invalid_number": "failed",
    "not_dialled": "failed",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants to contact the debtor of an account, how and what for. `request` names it: asked once.

    `provider` is to send it and to `address_sha256`, where it is no person who contacts.
    """

    request: str
    creditor: str
    account: str
    channel: str
    purpose: str
    role: str
    actor: str
    provider: str | None = None
    address_sha256: str | None = None


Reason = Literal["paused", "nothing_owed"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided, as it is stored. `reason`: what forbids it where no rule does (`paused`, `nothing_owed`).

    `expires_at`: until when a permit may be used.
    """

    contact_id: int
    channel: str
    purpose: str
    allowed: bool
    reason: Reason | None
    next_allowed_at: datetime | None
    decided_at: datetime
    expires_at: datetime | None
    why: Why

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of all blocking rules."""
        return self.why.decision.rules

    def sentence(self, language: Language) -> str:
        """The decision in words."""
        return in_words(self.reason, self.why, language)


_LOCK = """
SELECT a.id, a.person_id FROM accounts a JOIN people p ON p.id = a.person_id
WHERE a.creditor = %s AND a.key = %s FOR UPDATE OF p"""

_NOW = "SELECT coalesce(test_clock, clock_timestamp()) AS now FROM creditors WHERE key = %s"
"""Asked once the lock is held: the decision is true at this instant."""

_STORED = """
SELECT id, channel, purpose, decision, reason, next_allowed_at, basis, decided_at, expires_at
FROM contacts WHERE request = %s"""

_INSERT = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, request, actor, channel, purpose, role, decision,
    reason, rules, next_allowed_at, basis, decided_at, expires_at, provider, address_sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""


async def ask(ledger: Ledger, asked: Asked) -> Verdict:
    """Decide a contact under the person's lock and store the decision; asked again, the stored one answers.

    Collection also needs that something is owed and that no pause holds. What holds the person (a death, a fraud)
    forbids every contact, whatever it is for. Error: `account.unknown`.
    """
    async with ledger.transaction() as tx:
        return await ask_within(tx, asked)


async def ask_within(tx: Connection, asked: Asked) -> Verdict:
    """`ask` inside the caller's transaction."""
    account = await (await tx.execute(_LOCK, [asked.creditor, asked.account])).fetchone()
    if account is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    reading = Reading(account["id"], account["person_id"], asked.creditor)
    async with tx.pipeline():
        stored = await tx.execute(_STORED, [asked.request])
        clock = await tx.execute(_NOW, [asked.creditor])
        opened = await tx.execute(OPEN, [account["id"]])
        dues = await tx.execute(OWED, [account["id"]])
        lasting = await tx.execute(LASTING_HOLDS, [account["id"]])
        await reading.send(tx)
    earlier = await stored.fetchone()
    if earlier is not None:
        return await _as_stored(tx, earlier)
    row = await clock.fetchone()
    assert row is not None
    found = await opened.fetchone()
    record = record_of(found) if found is not None else None
    owes = owed_of(await dues.fetchall()).balance > 0
    holds = _holds(asked, record, await lasting.fetchall())
    verdict = _judged(asked, await reading.known(), row["now"], holds, owes)
    contact_id = await _store(tx, asked, verdict, account, record)
    return replace(verdict, contact_id=contact_id)


def _holds(asked: Asked, record: Record | None, lasting: Sequence[dict[str, Any]]) -> list[Hold]:
    """What forbids this contact: all of the open journey and of the account collection, those of the person all."""
    is_collection = asked.purpose == "collection"
    told = record.state.standing.holds if record is not None and is_collection else ()
    return [*told, *lasting_of(lasting, is_collection=is_collection)]


def _judged(asked: Asked, known: Known, now: datetime, holds: Sequence[Hold], owes: bool) -> Verdict:
    query = known.query(now, asked.channel, asked.purpose, asked.role)
    decision = decide(known.packs, query)
    reason: Reason | None = None
    if asked.purpose == "collection" and not owes:
        reason = "nothing_owed"
    elif any(hold.covers(now) for hold in holds):
        reason = "paused"
    allowed = decision.allowed and reason is None
    return Verdict(
        contact_id=0,
        channel=asked.channel,
        purpose=asked.purpose,
        allowed=allowed,
        reason=reason,
        next_allowed_at=None if allowed or reason == "nothing_owed" else _next_allowed(known, query, holds),
        decided_at=now,
        expires_at=_expires(known, query, holds) if allowed else None,
        why=Why(known.packs, query, decision),
    )


def _next_allowed(known: Known, query: Query, holds: Sequence[Hold]) -> datetime | None:
    """The first instant that the policy allows and no pause covers; none where there is none."""
    at = query.at
    while True:
        verdict = decide(known.packs, replace(query, at=at))
        if not verdict.allowed:
            if verdict.next_allowed_at is None:
                return None
            at = verdict.next_allowed_at
        hold = next((hold for hold in holds if hold.covers(at)), None)
        if hold is None or hold.ends is None:
            return at if hold is None else None
        at = hold.ends


def _expires(known: Known, query: Query, holds: Sequence[Hold]) -> datetime:
    """A permit's end: after its life, or before with the contact hours, or where a pause begins."""
    ends = [open_until(known.packs, query), *(hold.starts for hold in holds if hold.starts > query.at)]
    return min([query.at + PERMIT_LIFE, *(end for end in ends if end is not None)])


async def _store(tx: Connection, asked: Asked, verdict: Verdict, account: dict[str, Any], record: Record | None) -> int:
    why = verdict.why
    cursor = await tx.execute(
        _INSERT,
        [
            record.id if record else None,
            account["person_id"],
            asked.creditor,
            account["id"],
            asked.request,
            asked.actor,
            asked.channel,
            asked.purpose,
            asked.role,
            "permitted" if verdict.allowed else "refused",
            verdict.reason,
            list(verdict.rules),
            verdict.next_allowed_at,
            Jsonb(basis_of(why.packs, why.query, [(why.query, why.decision)])),
            verdict.decided_at,
            verdict.expires_at,
            asked.provider,
            asked.address_sha256,
        ],
    )
    row = await cursor.fetchone()
    assert row is not None
    if record is not None:
        about = {
            "step": None,
            "contact_id": row["id"],
            "channel": asked.channel,
            "purpose": asked.purpose,
            "status": "permitted" if verdict.allowed else "refused",
            "reason": verdict.reason,
            "rules": verdict.rules,
            "next_allowed_at": verdict.next_allowed_at,
        }
        record.facts.append(Fact(f"asked:{row['id']}", "contact", verdict.decided_at, about, asked.actor))
        await write_facts(tx, record)
    return row["id"]


async def _as_stored(tx: Connection, row: dict[str, Any]) -> Verdict:
    (why,) = await whys(tx, [row])
    assert why is not None
    return Verdict(
        contact_id=row["id"],
        channel=row["channel"],
        purpose=row["purpose"],
        allowed=row["decision"] == "permitted",
        reason=row["reason"],
        next_allowed_at=row["next_allowed_at"],
        decided_at=row["decided_at"],
        expires_at=row["expires_at"],
        why=why,
    )


@dataclass(frozen=True, slots=True)
class Reported:
    """What came of a contact that people made. `at`: when it happened, now where none is given."""

    contact_id: int
    disposition: Disposition
    at: datetime | None
    actor: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """An outcome as it is stored. `late`: the permit was used after it had expired."""

    contact_id: int
    status: str
    disposition: str
    at: datetime
    late: bool


_PERMITTED = """
SELECT c.id, c.request, c.decision, c.decided_at, c.expires_at, c.journey_id, c.channel,
    coalesce(k.test_clock, clock_timestamp()) AS now, e.status, e.detail, e.at AS told_at
FROM contacts c JOIN people p ON p.id = c.person_id JOIN creditors k ON k.key = c.creditor
LEFT JOIN LATERAL (SELECT status, detail, at FROM contact_events WHERE contact_id = c.id ORDER BY id LIMIT 1) e ON true
WHERE c.id = %s"""

_LOCK_PERSON = """
SELECT FROM people WHERE id = (SELECT person_id FROM contacts WHERE id = %s) FOR UPDATE"""

_NOTE = """
INSERT INTO journey_events (journey_id, key, kind, actor, data, at) VALUES (%s, %s, 'contact', %s, %s, %s)"""


async def report(ledger: Ledger, reported: Reported) -> Outcome:
    """Store what came of a permitted contact, once; the same again answers the same.

    Errors: `contact.unknown`, `contact.not_permitted`, `contact.of_a_step` (the channel reports those),
    `contact.outcome_known` where another outcome stands, `contact.at_impossible`.
    """
    async with ledger.transaction() as tx:
        await tx.execute(_LOCK_PERSON, [reported.contact_id])
        row = await (await tx.execute(_PERMITTED, [reported.contact_id])).fetchone()
        if row is None:
            raise NotFound("contact.unknown", "no such contact: use the id of a permit", "id")
        if row["request"] is None:
            raise Conflict("contact.of_a_step", "a step's own message: its channel reports what came of it", "id")
        if row["decision"] != "permitted":
            raise Conflict("contact.not_permitted", "this contact was refused: it should not have happened", "id")
        at = reported.at or row["now"]
        if row["status"] is not None:
            if row["detail"] != reported.disposition:
                raise Conflict("contact.outcome_known", f"its outcome is {row['detail']}: it stands", "disposition")
            at = row["told_at"]
        else:
            if not row["decided_at"] - SKEW <= at <= row["now"] + SKEW:
                advice = "the contact happened between its permit and now"
                raise SendaError("contact.at_impossible", advice, "at")
            await _tell(tx, reported, row, at)
        late = _is_late(reported.disposition, row, at)
        return Outcome(row["id"], status_of(reported.disposition), reported.disposition, at, late)


def status_of(disposition: Disposition) -> str:
    """A contact's status after this disposition."""
    return _STATUS.get(disposition, "sent")


def _is_late(disposition: Disposition, row: dict[str, Any], at: datetime) -> bool:
    return status_of(disposition) != "failed" and at > row["expires_at"]


async def _tell(tx: Connection, reported: Reported, row: dict[str, Any], at: datetime) -> None:
    status = status_of(reported.disposition)
    await tx.execute(
        "INSERT INTO contact_events (contact_id, status, detail, actor, at) VALUES (%s, %s, %s, %s, %s)",
        [row["id"], status, reported.disposition, reported.actor, at],
    )
    if row["journey_id"] is not None:
        about = {
            "step": None,
            "contact_id": row["id"],
            "channel": row["channel"],
            "status": status,
            "detail": reported.disposition,
            "happened_at": at,
            "late": _is_late(reported.disposition, row, at),
        }
        await tx.execute(
            _NOTE, [row["journey_id"], f"asked:{row['id']}:{status}", reported.actor, Jsonb(about), row["now"]]
        )
