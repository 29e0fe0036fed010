"""What a creditor allows, computed: the promises that are possible, and the plans with their days and amounts."""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from babel.numbers import get_currency_precision

from channels.bot.facts import AccountFacts, PlanLimits

LONGEST_PLAN = 120
"""Instalments; a creditor's count beyond it is not offered."""

Instalments = tuple[tuple[date, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Promises:
    """The promises that are possible on an account: a day from `first` to `last`, an amount from `least` to `most`."""

    first: date
    last: date
    least: Decimal
    most: Decimal

    def takes_day(self, day: date) -> bool:
        return self.first <= day <= self.last

    def takes_amount(self, amount: Decimal) -> bool:
        return self.least <= amount <= self.most


def promises(account: AccountFacts, today: date, currency: str) -> Promises | None:
    """The promises that are possible; None where the limits, or an open promise, leave none."""
    limits = account.promise
    if limits is None or account.promised is not None or limits.last_day < today:
        return None
    unit = _unit(currency)
    least = max(limits.at_least.quantize(unit, ROUND_UP), unit)
    most = account.balance.quantize(unit, ROUND_DOWN)
    return Promises(today, limits.last_day, least, most) if least <= most else None


def in_currency(amount: Decimal, currency: str) -> Decimal | None:
    """An amount with the decimals of its currency; None where it has more than these."""
    exact = amount.quantize(_unit(currency), ROUND_DOWN)
    return exact if exact == amount else None


def plans(account: AccountFacts, today: date, currency: str) -> dict[int, Instalments]:
    """The plans that are possible, by the number of instalments, fewest first; each sums to the balance exactly."""
    limits = account.plan
    balance = in_currency(account.balance, currency)
    if limits is None or balance is None or balance <= 0 or limits.first_by < today:
        return {}
    counts = sorted({count for count in limits.instalments if 1 <= count <= LONGEST_PLAN})
    made = {count: _plan(limits, count, balance, _unit(currency)) for count in counts}
    return {count: plan for count, plan in made.items() if plan is not None}


def fingerprint(plan: Instalments) -> str:
    """Names a plan by its content, so that an answer to another one is not taken for it."""
    return hashlib.sha256(";".join(f"{day} {amount}" for day, amount in plan).encode()).hexdigest()[:12]


def _plan(limits: PlanLimits, count: int, balance: Decimal, unit: Decimal) -> Instalments | None:
    """Equal parts, the first at least its share; the last takes what rounding leaves. None beyond the limits."""
    days = [_later(limits.first_by, limits.every_days * place) for place in range(count)]
    if any(day is None or day > limits.last_day for day in days):
        return None
    if count == 1:
        amounts = [balance]
    else:
        equal = (balance / count).quantize(unit, ROUND_DOWN)
        first = max(equal, (balance * limits.first_share).quantize(unit, ROUND_UP))
        middle = ((balance - first) / (count - 1)).quantize(unit, ROUND_DOWN)
        amounts = [first, *[middle] * (count - 2), balance - first - middle * (count - 2)]
    if min(amounts) <= 0:
        return None
    return tuple((day, amount) for day, amount in zip(days, amounts, strict=True) if day is not None)


def _later(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def _unit(currency: str) -> Decimal:
    """The smallest amount of a currency."""
    return Decimal(1).scaleb(-get_currency_precision(currency))
