"""What a creditor lets people agree on: promises to pay and payment plans, with their limits. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Annotated

from pydantic import Field

from journey.debiting import DebitRules
from journey.keeping import AgreementKind
from journey.playbook import Values
from policy.errors import SendaError

PLAN_FIELD = "instalments.{}."
"""Where a plan's instalment stands in the body that asked for it; a promise's fields stand alone."""

Share = Annotated[Decimal, Field(ge=0, le=1, max_digits=9, decimal_places=4)]
Days = Annotated[int, Field(ge=0, le=3650)]
RemindDays = Annotated[int, Field(ge=0, le=30)] | None

REMIND = "days before a promised day on which its debtor is reminded; null: not at all"


class PromiseRules(Values):
    """A creditor's limits of a promise to pay."""

    max_days: Days = Field(default=31, description="days from today to the promised day, at most")
    min_share: Share = Field(
        default=Decimal(0), description="of what is past due (of the balance where nothing is), at least"
    )
    max_broken: int = Field(default=3, ge=1, le=100, description="no promise after so many broken ones of a journey")
    max_open: int = Field(default=3, ge=1, le=12, description="promises of an account that may be open at once")
    max_renegotiated: int = Field(default=2, ge=0, le=100, description="promises of a journey made anew, at most")
    remind_days_before: RemindDays = Field(default=None, description=REMIND)


class PlanRules(Values):
    """A creditor's limits of a payment plan."""

    instalments: tuple[Annotated[int, Field(ge=2, le=60)], ...] = Field(
        default=(2, 3, 6, 12),
        min_length=1,
        max_length=12,
        description="numbers that are offered; people agree on fewer, too",
    )
    every_days: int = Field(default=30, ge=1, le=366, description="the rhythm that is offered; people may agree others")
    first_share: Share = Field(default=Decimal(0), description="of the plan's sum in its first instalment")
    first_within_days: Days = Field(default=31, description="days from today to the first instalment, at most")
    max_days: Days = Field(default=366, description="days from today to the last instalment, at most")
    min_instalment: Decimal = Field(
        default=Decimal(0), ge=0, max_digits=20, decimal_places=4, description="in the creditor's currency"
    )
    first_payment_is_condition: bool = Field(
        default=False, description="without its first instalment in time a plan never began: it is cancelled"
    )
    cure_days: int = Field(
        default=5, ge=0, le=90, description="days after a missed instalment's grace in which it can be made good"
    )
    remind_days_before: RemindDays = Field(default=2, description=REMIND)


class AgreementRules(Values):
    """What a creditor lets people agree on; null means none of that kind."""

    promise: PromiseRules | None = PromiseRules()
    plan: PlanRules | None = PlanRules()
    debit: DebitRules = Field(default=DebitRules(), description="of what was agreed with a mandate")

    def remind_days_before(self, kind: AgreementKind) -> int | None:
        """How many days before an instalment its debtor is reminded; none: not at all."""
        rules = self.promise if kind == "promise" else self.plan
        return rules.remind_days_before if rules is not None else None


@dataclass(frozen=True, slots=True)
class Debt:
    """What an account owes on a local day, in a currency with so many decimals."""

    balance: Decimal
    past_due: Decimal
    today: date
    decimals: int

    @property
    def asked_for(self) -> Decimal:
        """What is past due, all of it where nothing is; never more than the balance."""
        return min(self.past_due, self.balance) if self.past_due > 0 else self.balance

    def share(self, of: Decimal, share: Decimal) -> Decimal:
        """A share as an amount of money, rounded down."""
        return (of * share).quantize(Decimal(1).scaleb(-self.decimals), ROUND_DOWN)


@dataclass(frozen=True, slots=True)
class Instalment:
    """An amount to be paid by the end of a local day. A promise is one, a plan has several."""

    due_date: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PromiseLimits:
    """What may be promised today: between `at_least` and `at_most`, by `last_day`."""

    last_day: date
    at_least: Decimal
    at_most: Decimal


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What plans may be agreed on today: numbers of instalments to offer, and how they must lie.

    `at_least` and `at_most` bound the sum; `first_share` of it falls due by `first_by`, the rest by `last_day`.
    """

    instalments: tuple[int, ...]
    every_days: int
    first_share: Decimal
    first_by: date
    last_day: date
    at_least: Decimal
    at_most: Decimal
    min_instalment: Decimal


def promise_limits(rules: AgreementRules, debt: Debt, *, broken: int, still_open: int) -> PromiseLimits | None:
    """What may be promised today; none where nothing may. `broken`, `still_open`: promises that there are."""
    limits = rules.promise
    if limits is None or debt.balance <= 0 or broken >= limits.max_broken or still_open >= limits.max_open:
        return None
    return PromiseLimits(
        last_day=debt.today + timedelta(days=limits.max_days),
        at_least=debt.share(debt.asked_for, limits.min_share),
        at_most=debt.balance,
    )


def plan_limits(rules: AgreementRules, debt: Debt) -> PlanLimits | None:
    """What plans may be agreed on today; none where none may, or where no number of instalments fits."""
    limits = rules.plan
    if limits is None or debt.balance <= 0:
        return None
    numbers = tuple(
        number
        for number in sorted(set(limits.instalments))
        if number * limits.min_instalment <= debt.balance and (number - 1) * limits.every_days <= limits.max_days
    )
    if not numbers:
        return None
    return PlanLimits(
        instalments=numbers,
        every_days=limits.every_days,
        first_share=limits.first_share,
        first_by=debt.today + timedelta(days=min(limits.first_within_days, limits.max_days)),
        last_day=debt.today + timedelta(days=limits.max_days),
        at_least=debt.asked_for,
        at_most=debt.balance,
        min_instalment=limits.min_instalment,
    )


def check_sound(debt: Debt, instalments: Sequence[Instalment], field: str = "") -> None:
    """Refuse what nobody may agree on, whatever a creditor allows. `field`: where the instalments stand.

    Errors: `agreement.amount_decimals`, `agreement.too_little`, `agreement.in_past`, `agreement.out_of_order`,
    `agreement.too_much`.
    """
    before: date | None = None
    for number, each in enumerate(instalments):
        amount, due_date = f"{field.format(number)}amount", f"{field.format(number)}due_date"
        if each.amount != debt.share(each.amount, Decimal(1)):
            advice = f"the currency has {debt.decimals} decimals"
            raise SendaError("agreement.amount_decimals", advice, amount)
        if each.amount <= 0:
            raise SendaError("agreement.too_little", "the amount must be more than zero", amount)
        if each.due_date < debt.today:
            raise SendaError("agreement.in_past", f"the day must be {debt.today} or later", due_date)
        if before is not None and each.due_date <= before:
            raise SendaError("agreement.out_of_order", "each instalment falls due after the one before", due_date)
        before = each.due_date
    if sum(each.amount for each in instalments) > debt.balance:
        field = "instalments" if field else "amount"
        raise SendaError("agreement.too_much", f"the account owes {debt.balance}: not more than that", field)


def check_promise(
    rules: AgreementRules, debt: Debt, promised: Instalment, *, broken: int, renegotiated: int | None = None
) -> None:
    """Refuse a promise that the creditor does not allow; `broken`: promises that the journey has seen broken.

    `renegotiated`: how often the journey saw a promise made anew, where this one replaces another.
    Errors: those of `check_sound`, `agreement.not_offered`, `agreement.too_many_broken`,
    `agreement.too_many_renegotiated`, `agreement.too_late`, `agreement.too_little`.
    """
    check_sound(debt, [promised])
    limits = rules.promise
    if limits is None:
        raise SendaError("agreement.not_offered", "the creditor takes no promises")
    if broken >= limits.max_broken:
        raise SendaError("agreement.too_many_broken", f"{broken} promises were broken: the creditor takes no more")
    if renegotiated is not None and renegotiated >= limits.max_renegotiated:
        advice = f"promises were renegotiated {renegotiated} times: the creditor takes no more"
        raise SendaError("agreement.too_many_renegotiated", advice)
    _not_after(debt.today + timedelta(days=limits.max_days), promised, "due_date")
    _not_below(debt.share(debt.asked_for, limits.min_share), promised, "amount")


def check_plan(rules: AgreementRules, debt: Debt, instalments: Sequence[Instalment]) -> None:
    """Refuse a plan that the creditor does not allow. Its sum lies between what is past due and the balance.

    Errors: those of `check_sound`, `agreement.not_offered`, `agreement.too_many_instalments`,
    `agreement.sum_differs`, `agreement.too_late`, `agreement.too_little`.
    """
    check_sound(debt, instalments, PLAN_FIELD)
    limits = rules.plan
    if limits is None:
        raise SendaError("agreement.not_offered", "the creditor takes no plans")
    if len(instalments) > max(limits.instalments):
        most = max(limits.instalments)
        raise SendaError("agreement.too_many_instalments", f"{most} instalments at most", "instalments")
    total = sum((each.amount for each in instalments), Decimal(0))
    if total < debt.asked_for:
        advice = f"the instalments must sum to {debt.asked_for} at least, to {debt.balance} at most"
        raise SendaError("agreement.sum_differs", advice, "instalments")
    first = f"{PLAN_FIELD.format(0)}"
    _not_after(debt.today + timedelta(days=limits.first_within_days), instalments[0], f"{first}due_date")
    _not_below(debt.share(total, limits.first_share), instalments[0], f"{first}amount")
    for number, each in enumerate(instalments):
        _not_after(debt.today + timedelta(days=limits.max_days), each, f"{PLAN_FIELD.format(number)}due_date")
        _not_below(limits.min_instalment, each, f"{PLAN_FIELD.format(number)}amount")


def _not_after(last: date, each: Instalment, field: str) -> None:
    if each.due_date > last:
        raise SendaError("agreement.too_late", f"the creditor allows {last} at the latest", field)


def _not_below(least: Decimal, each: Instalment, field: str) -> None:
    if each.amount < least:
        raise SendaError("agreement.too_little", f"the creditor asks for {least} at least", field)
