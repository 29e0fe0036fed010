"""Reliefs: which an account may have now, and what is granted, never beyond the rule, the debt or the authority. Pure.

Amounts are as of the day of the offer. Late interest that accrues until a condition is met goes with what is forgiven:
whoever pays what was asked for owes nothing more of what was past due.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from journey.financing import annuity
from journey.limits import Instalment
from journey.money import COMPONENTS, Component
from journey.playbook import Stage
from journey.relief_rules import (
    GRANTING_ROLES,
    GrantingRole,
    InterestWaived,
    Level,
    NewDueDate,
    PunctualDiscount,
    Refinancing,
    ReliefKind,
    ReliefRule,
    ReliefRules,
)
from policy.errors import SendaError

Reason = Literal[
    "nothing_past_due",
    "nothing_to_forgive",
    "nothing_left_to_pay",
    "stage",
    "balance",
    "days_past_due",
    "risk",
    "earlier_reliefs",
    "relief_open",
    "agreement_open",
    "disputed",
    "no_open_journey",
    "beyond_authority",
]
"""Why a relief is not to be had."""

ZERO = Decimal(0)


class BeyondAuthority(SendaError):
    """A relief that somebody else may grant."""


@dataclass(frozen=True, slots=True)
class Position:
    """How an account stands on a local day, in a currency with so many decimals.

    `interest`, `fees`: what is open of them among what is `past_due`; `late_interest`: all that accrued on it so far,
    paid or not. `earlier`: days of reliefs that were granted and not cancelled.
    """

    today: date
    decimals: int
    balance: Decimal
    past_due: Decimal
    interest: Decimal
    fees: Decimal
    late_interest: Decimal
    days_past_due: int
    stage: Stage | None
    journey_open: bool = True
    risk: str | None = None
    earlier: tuple[date, ...] = ()
    relief_open: bool = False
    agreement_open: bool = False
    disputed: bool = False

    @property
    def asked_for(self) -> Decimal:
        """What is past due, never more than the balance."""
        return max(ZERO, min(self.past_due, self.balance))

    def share(self, of: Decimal, share: Decimal) -> Decimal:
        """A share as money, rounded down."""
        return (of * share).quantize(Decimal(1).scaleb(-self.decimals), ROUND_DOWN)


@dataclass(frozen=True, slots=True)
class FinancedPart:
    """An instalment of a refinancing."""

    due_date: date
    principal: Decimal
    interest: Decimal


@dataclass(frozen=True, slots=True)
class Financed:
    """A choice of a refinancing: so many instalments, each of them and the last, and their sum."""

    instalments: int
    amount: Decimal
    last_amount: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class Offer:
    """A relief for an account now. With `reasons` it is not to be had; amounts are what it would be.

    `forgives`: by the creditor's rule, at most; `may_forgive`: by the role's authority, too. `pays`: what must be paid
    by `last_day` for that; none: no condition. `last_day`: of a new due date the latest that the role may grant.
    """

    relief: str
    kind: ReliefKind
    reasons: tuple[Reason, ...]
    forgives: Decimal
    may_forgive: Decimal
    pays: Decimal | None = None
    last_day: date | None = None
    financed: tuple[Financed, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be granted; what is none is the most that the rule and the role allow.

    `amount`: to forgive. `due_date`: by which the rest is paid, the new one, or the first instalment's. `instalments`:
    how many.
    """

    relief: str
    amount: Decimal | None = None
    due_date: date | None = None
    instalments: int | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A relief as it is granted. `condition`: what must be paid first; none: it acts at once."""

    rule: ReliefRule
    forgives: Decimal
    components: tuple[Component, ...] = COMPONENTS
    condition: Instalment | None = None
    due_date: date | None = None
    parts: tuple[FinancedPart, ...] = ()


def eligible(rules: ReliefRules, at: Position, role: GrantingRole) -> list[Offer]:
    """All of a creditor's reliefs for an account: what may be granted by the role, and why the others may not."""
    return [_offer(rule, at, role) for rule in rules.kinds]


def check(rules: ReliefRules, at: Position, role: GrantingRole, wish: Wish) -> Grant:
    """What is granted by a wish. Errors: `relief.unknown`, `relief.not_eligible` (its message names the reasons),

    `relief.amount_decimals`, `relief.too_much`, `relief.too_late`, `relief.in_past`, `relief.instalments`,
    `relief.not_asked` (something that a relief of this kind does not have); `BeyondAuthority` with
    `relief.beyond_authority` names who may.
    """
    rule = next((rule for rule in rules.kinds if rule.key == wish.relief), None)
    if rule is None:
        raise SendaError("relief.unknown", f"the creditor has no relief {wish.relief[:64]!r}", "relief")
    reasons = [reason for reason in _offer(rule, at, role).reasons if reason != "beyond_authority"]
    if reasons:
        raise SendaError("relief.not_eligible", f"the account may not have it: {', '.join(reasons)}", "relief")
    _check_fields(rule, wish)
    forgives = _amount(rule, at, role, wish)
    match rule:
        case NewDueDate():
            return Grant(rule, forgives, due_date=_moved_to(rule, at, role, wish))
        case Refinancing():
            return Grant(rule, forgives, parts=_parts(rule, at, wish))
        case PunctualDiscount():
            return Grant(rule, forgives, condition=_condition(rule.within_days, at, forgives, wish))
        case InterestWaived():
            condition = None
            if rule.within_days is not None and forgives < at.asked_for:
                condition = _condition(rule.within_days, at, forgives, wish)
            return Grant(rule, forgives, _waived(rule), condition)


def _offer(rule: ReliefRule, at: Position, role: GrantingRole) -> Offer:
    level, most = rule.authority.level(role), _most(rule, at)
    bound = _bound(level, at)
    may = bound if bound < most and not isinstance(rule, NewDueDate) else most
    reasons = list(_reasons(rule, at, most))
    if level is None or bound < (most if isinstance(rule, NewDueDate) else min(most, _unit(at))):
        reasons.append("beyond_authority")
        may = ZERO
    offer = Offer(rule.key, rule.kind, tuple(reasons), most, may)
    match rule:
        case NewDueDate():
            return replace(offer, last_day=at.today + timedelta(days=_days(rule, level)))
        case Refinancing():
            return replace(offer, financed=tuple(_financed(rule, at)))
        case PunctualDiscount() | InterestWaived():
            if rule.within_days is None or may >= at.asked_for:
                return offer
            return replace(offer, pays=at.asked_for - may, last_day=at.today + timedelta(days=rule.within_days))


def _unit(at: Position) -> Decimal:
    return Decimal(1).scaleb(-at.decimals)


def _most(rule: ReliefRule, at: Position) -> Decimal:
    """What a relief forgives at most, whoever grants it."""
    match rule:
        case PunctualDiscount():
            return rule.amount if rule.amount is not None else at.share(at.asked_for, rule.share or ZERO)
        case InterestWaived():
            open_ = at.interest + (at.fees if rule.fees else ZERO)
            return min(at.share(open_, rule.share), at.asked_for)
        case NewDueDate():
            return at.late_interest
        case Refinancing():
            return ZERO


def _bound(level: Level | None, at: Position) -> Decimal:
    """What a role may forgive at most."""
    if level is None:
        return ZERO
    bounds = [at.asked_for.max(at.late_interest)]
    if level.amount is not None:
        bounds.append(at.share(level.amount, Decimal(1)))
    if level.share is not None:
        bounds.append(at.share(at.asked_for, level.share))
    return min(bounds)


def _reasons(rule: ReliefRule, at: Position, most: Decimal) -> Iterator[Reason]:
    wanted = rule.eligibility
    if at.balance <= 0 or (at.asked_for <= 0 and not isinstance(rule, Refinancing)):
        yield "nothing_past_due"
    elif isinstance(rule, PunctualDiscount | InterestWaived) and most <= 0:
        yield "nothing_to_forgive"
    elif isinstance(rule, PunctualDiscount) and most >= at.asked_for:
        yield "nothing_left_to_pay"
    if wanted.stages is not None and at.stage not in wanted.stages:
        yield "stage"
    if not _within(at.balance, wanted.balance_at_least, wanted.balance_at_most):
        yield "balance"
    if not _within(at.days_past_due, wanted.days_past_due_from, wanted.days_past_due_to):
        yield "days_past_due"
    if wanted.risk is not None and at.risk not in wanted.risk:
        yield "risk"
    since = at.today - timedelta(days=wanted.within_days)
    if wanted.earlier_at_most is not None and sum(day > since for day in at.earlier) > wanted.earlier_at_most:
        yield "earlier_reliefs"
    yield from _in_the_way(rule, at)


def _in_the_way(rule: ReliefRule, at: Position) -> Iterator[Reason]:
    if at.disputed:
        yield "disputed"
    if at.relief_open:
        yield "relief_open"
    at_once = isinstance(rule, InterestWaived) and rule.within_days is None
    if at.agreement_open and not at.relief_open and not at_once:
        yield "agreement_open"
    if not (at.journey_open or at_once or isinstance(rule, NewDueDate)):
        yield "no_open_journey"


def _within(value: Decimal | int, least: Decimal | int | None, most: Decimal | int | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _waived(rule: InterestWaived) -> tuple[Component, ...]:
    return ("fees", "interest") if rule.fees else ("interest",)


def _check_fields(rule: ReliefRule, wish: Wish) -> None:
    """Refuse what a relief of this kind does not have, rather than to leave it out."""
    unasked = {
        "amount": isinstance(rule, NewDueDate | Refinancing) and wish.amount is not None,
        "due_date": isinstance(rule, InterestWaived) and rule.within_days is None and wish.due_date is not None,
        "instalments": not isinstance(rule, Refinancing) and wish.instalments is not None,
    }
    for field, is_unasked in unasked.items():
        if is_unasked:
            raise SendaError("relief.not_asked", f"a relief of the kind {rule.kind} has no {field}", field)


def _amount(rule: ReliefRule, at: Position, role: GrantingRole, wish: Wish) -> Decimal:
    most = _most(rule, at)
    if wish.amount is None:
        fixed = isinstance(rule, NewDueDate | Refinancing)
        amount = most if fixed else min(most, _bound(rule.authority.level(role), at))
    else:
        amount = wish.amount
        if amount != at.share(amount, Decimal(1)):
            raise SendaError("relief.amount_decimals", f"the currency has {at.decimals} decimals", "amount")
        if not 0 < amount <= most:
            raise SendaError("relief.too_much", f"the relief forgives {most} at most, and more than zero", "amount")
    needed = max(amount, _unit(at)) if isinstance(rule, PunctualDiscount | InterestWaived) else amount
    _require(rule, role, lambda level: needed <= _bound(level, at), "amount")
    return amount


def _require(rule: ReliefRule, role: GrantingRole, fits: Callable[[Level], bool], field: str) -> None:
    """Refuse what the role may not grant, naming those that may."""

    def may(each: GrantingRole) -> bool:
        level = rule.authority.level(each)
        return level is not None and fits(level)

    if not may(role):
        others = [each for each in GRANTING_ROLES if may(each)]
        who = f"ask a {others[0]}" if others else "nobody may"
        raise BeyondAuthority("relief.beyond_authority", f"it is more than the role {role} may grant: {who}", field)


def _days(rule: NewDueDate, level: Level | None) -> int:
    return min(rule.up_to_days, level.days) if level is not None and level.days is not None else rule.up_to_days


def _moved_to(rule: NewDueDate, at: Position, role: GrantingRole, wish: Wish) -> date:
    day = wish.due_date or at.today + timedelta(days=_days(rule, rule.authority.level(role)))
    _not_outside(at, day, rule.up_to_days, first=1)
    _require(rule, role, lambda level: (day - at.today).days <= _days(rule, level), "due_date")
    return day


def _condition(within_days: int, at: Position, forgives: Decimal, wish: Wish) -> Instalment:
    day = wish.due_date or at.today + timedelta(days=within_days)
    _not_outside(at, day, within_days)
    return Instalment(day, at.asked_for - forgives)


def _not_outside(at: Position, day: date, days: int, first: int = 0) -> None:
    earliest, latest = at.today + timedelta(days=first), at.today + timedelta(days=days)
    if day < earliest:
        raise SendaError("relief.in_past", f"the day must be {earliest} or later", "due_date")
    if day > latest:
        raise SendaError("relief.too_late", f"the relief allows {latest} at the latest", "due_date")


def _parts(rule: Refinancing, at: Position, wish: Wish) -> tuple[FinancedPart, ...]:
    possible = [choice.instalments for choice in _financed(rule, at)]
    number = wish.instalments or max(possible, default=0)
    if number not in possible:
        raise SendaError("relief.instalments", f"choose one of {possible} instalments", "instalments")
    first = wish.due_date or at.today + timedelta(days=min(rule.every_days, rule.first_within_days))
    _not_outside(at, first, rule.first_within_days, first=1)
    return tuple(
        FinancedPart(first + timedelta(days=each * rule.every_days), part.principal, part.interest)
        for each, part in enumerate(annuity(at.balance, rule.rate, number, at.decimals))
    )


def _financed(rule: Refinancing, at: Position) -> Iterator[Financed]:
    """The choices in which every instalment pays something back."""
    for number in sorted(set(rule.instalments)):
        parts = annuity(at.balance, rule.rate, number, at.decimals) if at.balance > 0 else ()
        if parts and all(part.principal > 0 for part in parts):
            yield Financed(number, parts[0].amount, parts[-1].amount, sum((part.amount for part in parts), ZERO))
