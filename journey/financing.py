"""A debt that is paid in equal instalments with interest: the annuity formula, in exact money. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

PRECISION = 50
"""Digits with which the formula is reckoned; money is rounded once, at its end."""


@dataclass(frozen=True, slots=True)
class Part:
    """An instalment: what it pays back, and the interest of its period."""

    principal: Decimal
    interest: Decimal

    @property
    def amount(self) -> Decimal:
        """All of it."""
        return self.principal + self.interest


def annuity(debt: Decimal, rate: Decimal, number: int, decimals: int) -> Sequence[Part]:
    """A debt in `number` instalments at `rate` a period (0.02: two per cent), the last takes what rounding left.

    Each is debt * rate / (1 - (1 + rate) ** -number) (without a rate: debt / number), the annuity in arrears of
    financial arithmetic. Amounts are rounded half to even to `decimals`; the principals sum to the debt exactly.
    """
    unit = Decimal(1).scaleb(-decimals)
    with localcontext() as context:
        context.prec = PRECISION
        equal = debt * rate / (1 - (1 + rate) ** -number) if rate else debt / number
        amount = equal.quantize(unit, ROUND_HALF_EVEN)
        left, parts = debt, list[Part]()
        for _ in range(number - 1):
            interest = (left * rate).quantize(unit, ROUND_HALF_EVEN)
            principal = min(left, max(Decimal(0), amount - interest))
            parts.append(Part(principal, interest))
            left -= principal
        return [*parts, Part(left, (left * rate).quantize(unit, ROUND_HALF_EVEN))]
