"""Late interest: what a principal costs from day to day once it is past due, below the legal ceiling. Pure.

Interest is simple: each day costs the same and interest bears none, so that within a year less accrues than an
effective rate allows. Days are counted from the end of the due date to the end of the day of the payment.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from journey.playbook import Values
from policy.costs import interest_ceiling
from policy.errors import SendaError
from policy.pack import Pack

AnnualRate = Annotated[Decimal, Field(ge=0, le=10, max_digits=9, decimal_places=7)]

PRECISION = 34
"""Digits with which interest is reckoned, as in IEEE 754 decimal128."""

CEILING_YEAR = 365

_DAY = timedelta(days=1)


class Rate(Values):
    """A creditor's annual rate (`0.25` is 25 %) from a local day on."""

    since: date = Field(examples=["2026-01-01"])
    annual: AnnualRate = Field(examples=["0.2500"])


class InterestRules(Values):
    """Late interest of a creditor."""

    rates: tuple[Rate, ...] = Field(min_length=1, description="each holds until the next one's day")
    kind: Literal["effective", "nominal"] = Field(
        default="effective", description="effective: (1 + annual)^(1/year) - 1 a day; nominal: annual / year a day"
    )
    basis: Literal["actual/365", "actual/360", "30/360"] = Field(
        default="actual/365", description="days / year; 30/360: each month has 30 days, its last day is the 30th"
    )
    grace_days: int = Field(default=0, ge=0, le=365, description="paid within so many days, nothing accrues")
    ceiling: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*\.usury([._-][A-Za-z0-9]+)*$",
        max_length=64,
        description="key of a table of monthly ceilings (`CO.usury`), effective annual rates; "
        "a month without a ceiling accrues nothing",
    )

    @field_validator("rates")
    @classmethod
    def _in_order(cls, rates: tuple[Rate, ...]) -> tuple[Rate, ...]:
        if any(second.since <= first.since for first, second in pairwise(rates)):
            raise ValueError("each rate begins after the one before")
        return rates

    @model_validator(mode="after")
    def _a_ceiling_goes_by_real_days(self) -> Self:
        if self.ceiling is not None and self.basis == "30/360":
            raise ValueError("a ceiling holds for real days: use actual/365 or actual/360 with it")
        return self


@dataclass(frozen=True, slots=True)
class Span:
    """Interest of some days (after one day to the end of another, within a month) on one principal, not rounded.

    `annual`: the rate applied; `capped`: it is the ceiling's, which was below the creditor's own.
    """

    month: date
    after: date
    through: date
    days: int
    principal: Decimal
    annual: Decimal
    capped: bool
    amount: Decimal


Ceiling = Callable[[date], Decimal | None]
"""The annual ceiling of a month (its first day); none where it is not known."""


def check_ceiling(rules: InterestRules, packs: Iterable[Pack]) -> None:
    """Refuse interest that is not bounded by the ceiling that these packs ask for (CO-17: Código Penal, art. 305).

    A key may go on after it: `CO.usury.microcredit`. Error: `interest.ceiling_missing`.
    """
    key = interest_ceiling(packs)
    if key is not None and rules.ceiling != key and not (rules.ceiling or "").startswith(f"{key}."):
        raise SendaError("interest.ceiling_missing", f"the law bounds this rate: name {key} as its ceiling", "money")


def daily_rate(rules: InterestRules, annual: Decimal) -> Decimal:
    """What a day costs at a creditor's annual rate, to `PRECISION` digits."""
    year = _year(rules)
    if rules.kind == "nominal":
        with localcontext(prec=PRECISION):
            return annual / year
    return _effective(annual, year)


def ceiling_rate(annual: Decimal) -> Decimal:
    """What a day may cost at most under a ceiling: an effective annual rate over 365 days."""
    return _effective(annual, CEILING_YEAR)


def spans(
    rules: InterestRules, ceiling: Ceiling, due_date: date, principal: Decimal, after: date, through: date
) -> Sequence[Span]:
    """The interest on a principal from the end of `after` to the end of `through`, by month and rate.

    Nothing accrues before the grace is over; then it accrues for these days, too.
    """
    if principal <= 0 or (through - due_date).days <= rules.grace_days:
        return ()
    if (after - due_date).days <= rules.grace_days:
        after = due_date
    found: list[Span] = []
    while after < through:
        end = min(through, _last_day(rules, after + _DAY))
        span = _span(rules, ceiling, principal, after, end)
        if span is not None:
            found.append(span)
        after = end
    return found


def explained(rules: InterestRules, span: Span) -> dict[str, str]:
    """How a span came about, for its posting: the formula and all that it takes; decimals as strings."""
    capped = span.capped
    year = CEILING_YEAR if capped else _year(rules)
    kind = "effective" if capped else rules.kind
    a_day = f"((1 + annual)^(1/{year}) - 1)" if kind == "effective" else f"annual / {year}"
    about = {
        "formula": f"principal * {a_day} * days",
        "after": span.after.isoformat(),
        "through": span.through.isoformat(),
        "principal": f"{span.principal:f}",
        "days": str(span.days),
        "annual": f"{span.annual:f}",
        "kind": kind,
        "basis": f"actual/{year}" if capped else rules.basis,
        "amount": f"{span.amount:.8f}",
        "capped": "yes" if capped else "no",
    }
    return about if rules.ceiling is None else {**about, "ceiling": rules.ceiling}


def _last_day(rules: InterestRules, first: date) -> date:
    """The last day of a month, or the day before the rate changes."""
    changes = [rate.since for rate in rules.rates if rate.since > first]
    return min([_next_month(first), *changes]) - _DAY


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _span(rules: InterestRules, ceiling: Ceiling, principal: Decimal, after: date, end: date) -> Span | None:
    first = after + _DAY
    month = first.replace(day=1)
    own = next((rate.annual for rate in reversed(rules.rates) if rate.since <= first), None)
    if own is None:
        return None
    annual, a_day, capped = own, daily_rate(rules, own), False
    if rules.ceiling is not None:
        most = ceiling(month)
        if most is None:
            return None
        if (most_a_day := ceiling_rate(most)) < a_day:
            annual, a_day, capped = most, most_a_day, True
    days = _days(rules, after, end)
    if a_day == 0 or days == 0:
        return None
    with localcontext(prec=PRECISION):
        amount = principal * a_day * days
    return Span(month, after, end, days, principal, annual, capped, amount)


def _year(rules: InterestRules) -> int:
    return 365 if rules.basis == "actual/365" else 360


@lru_cache(maxsize=1024)
def _effective(annual: Decimal, year: int) -> Decimal:
    with localcontext(prec=PRECISION):
        return (1 + annual) ** (Decimal(1) / year) - 1


def _days(rules: InterestRules, after: date, end: date) -> int:
    if rules.basis != "30/360":
        return (end - after).days
    return 360 * (end.year - after.year) + 30 * (end.month - after.month) + _thirtieth(end) - _thirtieth(after)


def _thirtieth(day: date) -> int:
    """The day of a month of 30 days; the last day of February is the 30th, too."""
    return 30 if (day + _DAY).month != day.month else min(day.day, 30)
