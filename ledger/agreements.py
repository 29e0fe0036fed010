"""Promises to pay and payment plans: what may be agreed on, what is agreed on, and what people cancel.

An agreement holds its journey, as a pause does. It is one of several kinds of hold: people's pauses may lie over it,
another agreement may not, but for further promises where the creditor allows several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from journey.keeping import AgreementKind
from journey.limits import (
    PLAN_FIELD,
    AgreementRules,
    Debt,
    Instalment,
    PlanLimits,
    PromiseLimits,
    check_plan,
    check_promise,
    check_sound,
    plan_limits,
    promise_limits,
)
from journey.state import Hold
from ledger.commands import lock_account, record_to_command
from ledger.creditors import decimals, rules_of
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.keeping import LAST_EVENT, Agreement, Change, agreements_of, held, note, settle, write_event
from ledger.payments import Told, tell_engine
from ledger.record import Record, open_record, write
from ledger.standing import owed
from policy.calendar import local_date, start_of_day


@dataclass(frozen=True, slots=True)
class Word:
    """Who agreed, by what way, and the command's number `key`: the same again changes nothing.

    `beyond_limits`: whoever may do so agreed to more than the creditor's limits allow.
    """

    key: str
    actor: str
    origin: str = "people"
    beyond_limits: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """An agreement or dispute by its number, and what to tell the engine: none where it was there already."""

    id: int
    told: Told | None


@dataclass(frozen=True, slots=True)
class Offers:
    """What may be agreed on for an account at this moment; none: no promise, no plan."""

    promise: PromiseLimits | None
    plan: PlanLimits | None


@dataclass(frozen=True, slots=True)
class _Position:
    """What a new agreement is judged by."""

    debt: Debt
    rules: AgreementRules
    open: tuple[AgreementKind, ...]
    broken: int
    disputed: bool


async def offers(tx: Connection, record: Record) -> Offers:
    """What may be agreed on now; reads only."""
    at = await _position(tx, record)
    if at.disputed or "plan" in at.open:
        return Offers(None, None)
    promise = promise_limits(at.rules, at.debt, broken=at.broken, still_open=len(at.open))
    return Offers(promise, None if at.open else plan_limits(at.rules, at.debt))


async def make_promise(tx: Connection, record: Record, amount: Decimal, due_date: date, word: Word) -> Made:
    """Note a promise to pay `amount` by the end of `due_date` (local), in the caller's transaction under its lock.

    The record is written here. Errors: those of `journey.limits.check_promise` (only those of `check_sound` beyond
    the limits); `Conflict` with `agreement.open`, `agreement.disputed`, `agreement.nothing_owed`.
    """
    if (earlier := await _earlier(tx, word.key)) is not None:
        return Made(earlier, None)
    at = await _position(tx, record)
    promised = Instalment(due_date, amount)
    most = at.rules.promise.max_open if at.rules.promise else 1
    _admit(at, may_be_open="plan" not in at.open and len(at.open) < most)
    if word.beyond_limits:
        check_sound(at.debt, [promised])
    else:
        check_promise(at.rules, at.debt, promised, broken=at.broken)
    return await _make(tx, record, "promise", [promised], word, at)


async def make_plan(tx: Connection, record: Record, instalments: Sequence[Instalment], word: Word) -> Made:
    """Note a payment plan, as `make_promise` does. Errors: those of `journey.limits.check_plan`, and its conflicts."""
    if (earlier := await _earlier(tx, word.key)) is not None:
        return Made(earlier, None)
    at = await _position(tx, record)
    _admit(at, may_be_open=not at.open)
    if word.beyond_limits:
        check_sound(at.debt, instalments, PLAN_FIELD)
    else:
        check_plan(at.rules, at.debt, instalments)
    return await _make(tx, record, "plan", instalments, word, at)


async def promise(ledger: Ledger, creditor: str, account: str, amount: Decimal, due_date: date, word: Word) -> Made:
    """`make_promise` for an account. Errors beside: `account.unknown`, `journey.not_open`."""
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        if (earlier := await _earlier(tx, word.key)) is not None:
            return Made(earlier, None)
        return await make_promise(tx, await record_to_command(tx, account_id), amount, due_date, word)


async def plan(ledger: Ledger, creditor: str, account: str, instalments: Sequence[Instalment], word: Word) -> Made:
    """`make_plan` for an account. Errors beside: `account.unknown`, `journey.not_open`."""
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        if (earlier := await _earlier(tx, word.key)) is not None:
            return Made(earlier, None)
        return await make_plan(tx, await record_to_command(tx, account_id), instalments, word)


async def cancel(
    ledger: Ledger, creditor: str, account: str, kind: AgreementKind, number: int, word: Word
) -> Told | None:
    """End an open agreement: its steps wait no longer. The same command again changes nothing.

    Errors: `account.unknown`, `agreement.unknown`; `Conflict` with `agreement.not_open`.
    """
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        record = await open_record(tx, account_id=account_id)
        now = record.now if record else await _now(tx, creditor)
        known = {agreement.id: agreement for agreement in await agreements_of(tx, [account_id])}
        if (agreement := known.get(number)) is None or agreement.kind != kind:
            raise NotFound("agreement.unknown", f"the account has no {kind} of this number", kind)
        if await (await tx.execute(_CANCELLED, [word.key])).fetchone() is not None:
            return None
        if agreement.status != "open" or agreement.until <= now:
            raise Conflict("agreement.not_open", f"the {kind} is not open: there is nothing to cancel")
        fact = await write_event(tx, agreement, "cancelled", now, now, data={}, actor=word.actor, key=word.key)
        if record is None:
            await note(tx, agreement.journey_id, fact)
            return None
        record.facts.append(fact)
        change = Change(agreement, "cancelled", now, fact)
        standing = record.tell(holds=held(record.state.standing.holds, [change], now))
        await write(tx, record)
        return await tell_engine(tx, record.id, kind, standing)


_CANCELLED = "SELECT FROM agreement_events WHERE key = %s"

_POSITION = f"""
SELECT c.agreements,
    (SELECT count(*) FROM agreements g JOIN {LAST_EVENT}
        WHERE g.journey_id = %(journey)s AND g.kind = 'promise' AND (e.kind = 'broken'
            OR e.kind IN ('made', 'moved', 'reopened') AND e.until <= %(now)s)) AS broken,
    EXISTS (SELECT FROM disputes d WHERE d.account_id = %(account)s
        AND NOT EXISTS (SELECT FROM dispute_resolutions r WHERE r.dispute_id = d.id)) AS disputed,
    ARRAY(SELECT g.kind FROM open_agreements o JOIN agreements g ON g.id = o.agreement_id
        WHERE o.account_id = %(account)s AND o.until > %(now)s ORDER BY g.id) AS open
FROM creditors c WHERE c.key = %(creditor)s"""


async def _position(tx: Connection, record: Record) -> _Position:
    owes = await owed(tx, record.account_id)
    about = {"journey": record.id, "account": record.account_id, "creditor": record.terms.creditor, "now": record.now}
    row = await (await tx.execute(_POSITION, about)).fetchone()
    assert row is not None
    today, places = local_date(record.now, record.terms.zone), decimals(record.terms.currency)
    unit = Decimal(1).scaleb(-places)
    debt = Debt(owes.balance.quantize(unit), owes.past_due(today).quantize(unit), today, places)
    return _Position(debt, rules_of(row["agreements"]), tuple(row["open"]), row["broken"], row["disputed"])


def _admit(at: _Position, *, may_be_open: bool) -> None:
    if at.disputed:
        raise Conflict("agreement.disputed", "the debt is disputed: resolve the dispute first")
    if at.debt.balance <= 0:
        raise Conflict("agreement.nothing_owed", "the account owes nothing")
    if not may_be_open:
        raise Conflict("agreement.open", "an agreement is open: cancel it first")


async def _earlier(tx: Connection, key: str) -> int | None:
    row = await (await tx.execute("SELECT id FROM agreements WHERE key = %s", [key])).fetchone()
    return row["id"] if row else None


async def _now(tx: Connection, creditor: str) -> Any:
    row = await (
        await tx.execute(
            "SELECT coalesce(test_clock, clock_timestamp()) AS now FROM creditors WHERE key = %s", [creditor]
        )
    ).fetchone()
    assert row is not None
    return row["now"]


_INSERT = """
INSERT INTO agreements (kind, creditor, account_id, journey_id, currency, threshold, after_posting, key, actor, origin,
    beyond_limits, made_at, counts_from)
VALUES (%(kind)s, %(creditor)s, %(account)s, %(journey)s, %(currency)s, %(threshold)s,
    (SELECT coalesce(max(id), 0) FROM postings WHERE account_id = %(account)s), %(key)s, %(actor)s, %(origin)s,
    %(beyond)s, %(now)s, %(counts_from)s) RETURNING id"""

_INSTALMENT = """
INSERT INTO agreement_instalments (agreement_id, number, due_date, amount, until) VALUES (%s, %s, %s, %s, %s)"""


async def _make(
    tx: Connection, record: Record, kind: AgreementKind, instalments: Sequence[Instalment], word: Word, at: _Position
) -> Made:
    changes = await settle(tx, record.account_id, at.debt.balance, record.now)
    terms, zone = record.terms.playbook.promise, record.terms.zone
    threshold = terms.threshold if kind == "promise" else Decimal(1)
    values = {
        "kind": kind,
        "creditor": record.terms.creditor,
        "account": record.account_id,
        "journey": record.id,
        "currency": record.terms.currency,
        "threshold": threshold,
        "key": word.key,
        "actor": word.actor,
        "origin": word.origin,
        "beyond": word.beyond_limits,
        "now": record.now,
        "counts_from": start_of_day(at.debt.today, zone),
    }
    row = await (await tx.execute(_INSERT, values)).fetchone()
    assert row is not None
    grace = timedelta(days=terms.grace_days + 1)  # until the day after the last day of grace begins
    ends = [start_of_day(each.due_date + grace, zone) for each in instalments]
    async with tx.cursor() as cursor:
        await cursor.executemany(
            _INSTALMENT,
            [
                (row["id"], number, each.due_date, each.amount, end)
                for number, (each, end) in enumerate(zip(instalments, ends, strict=True), 1)
            ],
        )
    made = Agreement(row["id"], kind, record.account_id, record.id, threshold, "open", ends[0], ())
    about = {
        "instalments": [{"due_date": each.due_date, "amount": each.amount} for each in instalments],
        "origin": word.origin,
        "beyond_limits": word.beyond_limits,
    }
    fact = await write_event(tx, made, "made", made.until, record.now, data=about, actor=word.actor)
    record.facts.extend([*(change.fact for change in changes), fact])
    holds = held(record.state.standing.holds, changes, record.now) or record.state.standing.holds
    standing = record.tell(holds=(*holds, Hold(id=made.hold_id, starts=record.now, ends=made.until)))
    await write(tx, record)
    return Made(row["id"], await tell_engine(tx, record.id, kind, standing))
