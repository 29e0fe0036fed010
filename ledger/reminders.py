"""Reminders of instalments: which are due, and the permit under the person's lock. At most one each.

A reminder is a contact outside a journey's steps, for collection: the agreement's own hold does not forbid it, pauses
and disputes do. It happens on its own local day or not at all.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.keeping import held_by
from journey.playbook import Channel, Stage, Step
from journey.state import Hold
from ledger.asking import PERMIT_LIFE
from ledger.creditors import rules_of
from ledger.database import Connection, Ledger
from ledger.judging import Known, known_of, sha256_of, soonest
from ledger.keeping import agreements_of, holds_of, note, poured_for
from ledger.permits import Permit
from ledger.record import LAST_OUTCOME, SYSTEM, Fact, Record, open_record, write_facts
from ledger.standing import owed
from ledger.why import basis_of
from policy import Query, open_until
from policy.calendar import local_date

TEMPLATE = "instalment-reminder"
CHANNELS: tuple[Channel, ...] = ("whatsapp", "sms", "email")
"""Those that a reminder may take, in this order where the person prefers and authorised none of them."""

OUTAGE_PAUSE = timedelta(minutes=15)
"""How long a reminder waits for its providers the first time; each further time twice as long, within its day."""

_STEP = Step(key=TEMPLATE, day=0, channels=CHANNELS, template=TEMPLATE, tone="friendly")
"""What orders the channels."""


@dataclass(frozen=True, slots=True)
class Due:
    """An instalment of which a person is to be reminded now."""

    agreement: int
    number: int
    creditor: str
    person: int


Other = Literal["done", "exhausted"]
"""Nothing to send now; no channel is left to be tried."""

_OF_CLOCK = """
CASE WHEN %(creditor)s::text IS NULL THEN c.test_clock IS NULL ELSE c.key = %(creditor)s END"""

_DUE = f"""
SELECT r.agreement_id, r.number, r.creditor, a.person_id
FROM reminders r JOIN creditors c ON c.key = r.creditor JOIN agreements g ON g.id = r.agreement_id
JOIN accounts a ON a.id = g.account_id
WHERE r.contact_id IS NULL AND r.at <= coalesce(c.test_clock, clock_timestamp()) AND {_OF_CLOCK}
ORDER BY r.at, r.agreement_id, r.number LIMIT %(limit)s"""

_NEXT = "SELECT min(at) AS at FROM reminders WHERE creditor = %s AND contact_id IS NULL"

_LOCK = """
SELECT a.id, a.person_id, a.key, a.creditor FROM agreements g JOIN accounts a ON a.id = g.account_id
JOIN people p ON p.id = a.person_id WHERE g.id = %s FOR UPDATE OF p"""

_REMINDER = f"""
SELECT r.at, r.tries, g.currency, g.journey_id, g.kind, c.agreements, {LAST_OUTCOME},
    coalesce(c.test_clock, clock_timestamp()) AS now, d.time_zones[1] AS zone,
    coalesce((b.content->>'minimum_balance')::numeric, 0) AS minimum_balance,
    (SELECT count(*) FROM contacts t WHERE t.account_id = a.id
        AND (t.request = %(request)s OR t.request LIKE %(request)s || ':%%')) AS attempts
FROM reminders r JOIN agreements g ON g.id = r.agreement_id JOIN accounts a ON a.id = g.account_id
JOIN debtors d ON d.id = a.debtor_id JOIN creditors c ON c.key = r.creditor
JOIN journeys j ON j.id = g.journey_id JOIN playbooks b ON b.hash = j.playbook_hash
WHERE r.agreement_id = %(agreement)s AND r.number = %(number)s AND r.contact_id IS NULL"""
"""Asked once the lock is held."""

_INSERT = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, request, actor, channel, decision, reason, rules,
    next_allowed_at, basis, decided_at, expires_at, provider, address_sha256)
VALUES (%(journey)s, %(person)s, %(creditor)s, %(account)s, %(request)s, %(actor)s, %(channel)s, %(decision)s,
    %(reason)s, %(rules)s, %(next)s, %(basis)s, %(now)s, %(expires)s, %(provider)s, %(address)s) RETURNING id"""

_LEAVING = """
UPDATE reminders SET contact_id = %s, since = clock_timestamp() WHERE agreement_id = %s AND number = %s"""
_LATER = "UPDATE reminders SET at = %s, tries = tries + %s WHERE agreement_id = %s AND number = %s"
_DONE = "DELETE FROM reminders WHERE agreement_id = %s AND number = %s"


async def due_reminders(ledger: Ledger, creditor: str | None, limit: int) -> list[Due]:
    """The reminders that are due: of one creditor, or of all on the real clock."""
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_DUE, {"creditor": creditor, "limit": limit})).fetchall()
    return [Due(row["agreement_id"], row["number"], row["creditor"], row["person_id"]) for row in rows]


async def next_reminder(ledger: Ledger, creditor: str) -> datetime | None:
    """When the next reminder of this creditor is due."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_NEXT, [creditor])).fetchone()
    return row["at"] if row else None


@dataclass(frozen=True, slots=True)
class _At:
    """Where a reminder stands, under the lock. `lacking`: what of the instalment is not paid."""

    due: Due
    account: dict[str, Any]
    row: dict[str, Any]
    record: Record | None
    balance: Decimal
    lacking: Decimal
    due_date: date

    @property
    def now(self) -> datetime:
        return self.row["now"]

    @property
    def request(self) -> str:
        """The request of the next contact: `reminder:7:2`, then `reminder:7:2:2`, after one that did not leave."""
        again = f":{self.row['attempts'] + 1}" if self.row["attempts"] else ""
        return f"{_name(self.due)}{again}"

    def is_today(self, at: datetime) -> bool:
        return local_date(at, self.row["zone"]) == local_date(self.now, self.row["zone"])


def _name(due: Due) -> str:
    return f"reminder:{due.agreement}:{due.number}"


async def request_reminder(
    ledger: Ledger, due: Due, connected: Mapping[str, str], tried: Collection[str] = ()
) -> Permit | Other:
    """Decide a reminder in one transaction under the person's lock; a permit is to be used at once, and told of.

    `connected`: the keys of the providers by channel; `tried`: channels that failed. A refused one is due again when
    the policy allows it on the same local day.
    """
    async with ledger.transaction() as tx:
        at = await _stand(tx, due)
        if at is None:
            return "done"
        if not at.is_today(at.row["at"]):
            return await _skip(tx, at, "day_passed")
        known = await known_of(tx, at.account["id"], at.account["person_id"], due.creditor)
        channels = known.order(_STEP, set(connected).difference(tried))
        if not channels:
            return "exhausted" if tried else await _skip(tx, at, "no_channel")
        return await _decide(tx, at, known, channels, connected)


async def _stand(tx: Connection, due: Due) -> _At | None:
    """Where the reminder stands; none, and it is dropped, where there is nothing to remind of."""
    account = await (await tx.execute(_LOCK, [due.agreement])).fetchone()
    assert account is not None
    about = {"agreement": due.agreement, "number": due.number, "request": _name(due)}
    row = await (await tx.execute(_REMINDER, about)).fetchone()
    if row is None or row["at"] > row["now"]:
        return None
    known = await agreements_of(tx, [account["id"]])
    agreement = next(each for each in known if each.id == due.agreement)
    instalment = agreement.instalments[due.number - 1]
    paid = sum((await poured_for(tx, known)).get((due.agreement, due.number), {}).values(), Decimal(0))
    balance = (await owed(tx, account["id"])).balance
    is_wanted = (
        agreement.status == "open"
        and row["now"] < agreement.until
        and paid < instalment.amount * agreement.threshold
        and balance > 0
        and balance >= row["minimum_balance"]
        and row["last_outcome"] in (None, "cured", "paid")
        and rules_of(row["agreements"]).remind_days_before(row["kind"]) is not None
    )
    if not is_wanted:
        await tx.execute(_DONE, [due.agreement, due.number])
        return None
    record = await open_record(tx, account_id=account["id"])
    lacking = min(instalment.amount - paid, balance)
    return _At(due, account, row, record, balance, lacking, instalment.due_date)


async def _decide(
    tx: Connection, at: _At, known: Known, channels: Sequence[str], connected: Mapping[str, str]
) -> Permit | Other:
    verdicts = known.judge(at.now, channels)
    query, verdict = verdicts[-1] if verdicts[-1][1].allowed else soonest(verdicts)
    paused = await _paused(tx, at)
    allowed = verdict.allowed and paused is None
    again = None if allowed else _again(verdict.next_allowed_at, paused)
    values = {
        "channel": query.channel,
        "decision": "permitted" if allowed else "refused",
        "reason": "paused" if paused is not None else None,
        "rules": list(verdict.rules),
        "next": again,
        "basis": Jsonb(basis_of(known.packs, query, verdicts)),
        "expires": _expires(known, query) if allowed else None,
        "provider": connected[query.channel] if allowed else None,
        "address": sha256_of(known.addresses[query.channel]) if allowed else None,
    }
    contact_id = await _keep(tx, at, values)
    if allowed:
        await tx.execute(_LEAVING, [contact_id, at.due.agreement, at.due.number])
        return _permit(at, known, query.channel, contact_id)
    if again is not None and at.is_today(again):
        await tx.execute(_LATER, [again, 0, at.due.agreement, at.due.number])
    else:
        await tx.execute(_DONE, [at.due.agreement, at.due.number])
    return "done"


async def _paused(tx: Connection, at: _At) -> Hold | None:
    """The pause or dispute that forbids it; agreements do not."""
    account = at.account["id"]
    if at.record is not None:
        holds = at.record.state.standing.holds
    else:
        holds = (await holds_of(tx, [account])).get(account, ())
    return next((hold for hold in holds if held_by(hold) in ("pause", "dispute") and hold.covers(at.now)), None)


def _again(allowed_at: datetime | None, paused: Hold | None) -> datetime | None:
    """When it may be tried again: where a rule and a pause forbid it, not before both are over."""
    if paused is None:
        return allowed_at
    return paused.ends if paused.ends is None or allowed_at is None else max(paused.ends, allowed_at)


def _expires(known: Known, query: Query) -> datetime:
    ends = open_until(known.packs, query)
    return query.at + PERMIT_LIFE if ends is None else min(query.at + PERMIT_LIFE, ends)


async def _keep(tx: Connection, at: _At, values: dict[str, Any]) -> int:
    """Store the decision, and note it with the journey."""
    about = {
        **values,
        "journey": at.record.id if at.record else None,
        "person": at.account["person_id"],
        "creditor": at.due.creditor,
        "account": at.account["id"],
        "request": at.request,
        "actor": SYSTEM,
        "now": at.now,
    }
    row = await (await tx.execute(_INSERT, about)).fetchone()
    assert row is not None
    data = {
        "step": None,
        "contact_id": row["id"],
        at.row["kind"]: at.due.agreement,
        "instalment": at.due.number,
        "channel": values["channel"],
        "status": values["decision"],
        "reason": values["reason"],
        "rules": values["rules"],
        "next_allowed_at": values["next"],
    }
    await _note(tx, at, Fact(f"asked:{row['id']}", "contact", at.now, data))
    return row["id"]


async def _note(tx: Connection, at: _At, fact: Fact) -> None:
    if at.record is None:
        await note(tx, at.row["journey_id"], fact)
        return
    at.record.facts.append(fact)
    await write_facts(tx, at.record)


async def _skip(tx: Connection, at: _At, reason: str) -> Other:
    """It is not made, and the record says why."""
    await tx.execute(_DONE, [at.due.agreement, at.due.number])
    data = {at.row["kind"]: at.due.agreement, "instalment": at.due.number, "reason": reason}
    await _note(tx, at, Fact(f"{_name(at.due)}:skipped", "reminder_skipped", at.now, data))
    return "done"


def _permit(at: _At, known: Known, channel: str, contact_id: int) -> Permit:
    stage: Stage = (at.record.state.stage if at.record else None) or "preventive"
    return Permit(
        contact_id=contact_id,
        key=at.request,
        channel=channel,
        address=known.addresses[channel],
        language=known.language,
        name=known.facts["name"],
        creditor_name=known.facts["creditor_name"],
        account=at.account["key"],
        currency=at.row["currency"],
        balance=at.balance,
        past_due=at.lacking,
        due_date=at.due_date,
        days_past_due=(local_date(at.now, at.row["zone"]) - at.due_date).days,
        stage=stage,
        template=TEMPLATE,
        tone="friendly",
        pay_link=known.facts["pay_link"],
    )


async def put_off(ledger: Ledger, due: Due) -> None:
    """No provider takes it at this moment: it is due again in a while of the same local day, otherwise given up."""
    async with ledger.transaction() as tx:
        at = await _stand(tx, due)
        if at is None:
            return
        later = at.now + OUTAGE_PAUSE * 2 ** at.row["tries"]
        if at.is_today(later):
            await tx.execute(_LATER, [later, 1, due.agreement, due.number])
        else:
            await _skip(tx, at, "provider_down")


async def give_up(ledger: Ledger, due: Due) -> None:
    """No provider will take it: it is not tried again."""
    async with ledger.transaction() as tx:
        at = await _stand(tx, due)
        if at is not None:
            await _skip(tx, at, "failed")
