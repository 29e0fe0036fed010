"""Promises to pay and payment plans: what may be agreed on, what is agreed on, and what people cancel.

An agreement holds its journey, as a pause does. It is one of several kinds of hold: people's pauses may lie over it,
another agreement may not, but for further promises where the creditor allows several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

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
from ledger.agreement_rows import Word, write_agreement
from ledger.commands import lock_account, record_to_command
from ledger.creditors import decimals, rules_of
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.following import Told, tell_engine
from ledger.keeping import LAST_EVENT, Agreement, Change, agreements_of, held, note, settle, write_event
from ledger.record import Record, open_record, write
from ledger.relief_keeping import close_reliefs
from ledger.standing import owed
from policy.calendar import local_date


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
    renegotiated: int
    disputed: bool

    @property
    def may_be_promised(self) -> bool:
        """Whether a further promise may stand beside what is open."""
        most = self.rules.promise.max_open if self.rules.promise else 1
        return "plan" not in self.open and len(self.open) < most


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
    _admit(at, may_be_open=at.may_be_promised)
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


async def renegotiate(
    ledger: Ledger, creditor: str, account: str, number: int, amount: Decimal, due_date: date, word: Word
) -> Made:
    """Cancel an open promise and make another in its place, in one transaction. What was paid stays with the old one.

    Errors: those of `promise` and `cancel`, and of `journey.limits.check_promise`: `agreement.too_many_renegotiated`.
    """
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        if (earlier := await _earlier(tx, word.key)) is not None:
            return Made(earlier, None)
        record = await record_to_command(tx, account_id)
        replaced = await _open_one(tx, account_id, "promise", number, record.now)
        ended = await _end(tx, replaced, record.now, word, reason="renegotiated")
        at = await _position(tx, record)
        promised = Instalment(due_date, amount)
        _admit(at, may_be_open=at.may_be_promised)
        if word.beyond_limits:
            check_sound(at.debt, [promised])
        else:
            check_promise(at.rules, at.debt, promised, broken=at.broken, renegotiated=at.renegotiated)
        return await _make(tx, record, "promise", [promised], word, at, ended)


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
        return await cancel_within(tx, account_id, record, now, kind, number, word)


async def cancel_within(
    tx: Connection,
    account_id: int,
    record: Record | None,
    now: datetime,
    kind: AgreementKind,
    number: int,
    word: Word,
) -> Told | None:
    """`cancel` inside the caller's transaction under its lock; a relief that depends on it ends with it."""
    if await (await tx.execute(_CANCELLED, [word.key])).fetchone() is not None:
        return None
    agreement = await _open_one(tx, account_id, kind, number, now)
    change = await _end(tx, agreement, now, word, key=word.key)
    if record is None:
        await note(tx, agreement.journey_id, change.fact)
        await close_reliefs(tx, account_id, None, now)
        return None
    record.facts.append(change.fact)
    await close_reliefs(tx, account_id, record, now)
    standing = record.tell(holds=held(record.state.standing.holds, [change], now))
    await write(tx, record)
    return await tell_engine(tx, record.id, kind, standing)


async def _open_one(tx: Connection, account_id: int, kind: AgreementKind, number: int, now: datetime) -> Agreement:
    known = {agreement.id: agreement for agreement in await agreements_of(tx, [account_id])}
    if (agreement := known.get(number)) is None or agreement.kind != kind:
        raise NotFound("agreement.unknown", f"the account has no {kind} of this number", kind)
    if agreement.status != "open" or agreement.until <= now:
        raise Conflict("agreement.not_open", f"the {kind} is not open: there is nothing to cancel")
    return agreement


async def _end(
    tx: Connection,
    agreement: Agreement,
    now: datetime,
    word: Word,
    *,
    key: str | None = None,
    reason: str | None = None,
) -> Change:
    data = {"reason": reason} if reason else {}
    fact = await write_event(tx, agreement, "cancelled", now, now, data=data, actor=word.actor, key=key)
    return Change(agreement, "cancelled", now, fact)


_CANCELLED = "SELECT FROM agreement_events WHERE key = %s"

_POSITION = f"""
SELECT c.agreements,
    (SELECT count(*) FROM agreements g JOIN {LAST_EVENT}
        WHERE g.journey_id = %(journey)s AND g.kind = 'promise' AND (e.kind = 'broken'
            OR e.kind IN ('made', 'moved', 'reopened') AND e.until <= %(now)s)) AS broken,
    (SELECT count(*) FROM agreements g WHERE g.journey_id = %(journey)s AND g.replaces IS NOT NULL) AS renegotiated,
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
    return _Position(
        debt=debt,
        rules=rules_of(row["agreements"]),
        open=tuple(row["open"]),
        broken=row["broken"],
        renegotiated=row["renegotiated"],
        disputed=row["disputed"],
    )


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


async def _now(tx: Connection, creditor: str) -> datetime:
    row = await (
        await tx.execute(
            "SELECT coalesce(test_clock, clock_timestamp()) AS now FROM creditors WHERE key = %s", [creditor]
        )
    ).fetchone()
    assert row is not None
    return row["now"]


async def _make(
    tx: Connection,
    record: Record,
    kind: AgreementKind,
    instalments: Sequence[Instalment],
    word: Word,
    at: _Position,
    replaced: Change | None = None,
) -> Made:
    changes = await settle(tx, record.account_id, at.debt.balance, record.now)
    if replaced is not None:
        changes.append(replaced)
    replaces = replaced.agreement.id if replaced is not None else None
    made, fact = await write_agreement(tx, record, kind, instalments, word, at.rules, replaces)
    record.facts.extend([*(change.fact for change in changes), fact])
    await close_reliefs(tx, record.account_id, record, record.now)
    holds = held(record.state.standing.holds, changes, record.now) or record.state.standing.holds
    standing = record.tell(holds=(*holds, Hold(id=made.hold_id, starts=record.now, ends=made.until)))
    await write(tx, record)
    return Made(made.id, await tell_engine(tx, record.id, kind, standing))
