"""What the packs say of the costs of late payment: how much collection may cost, which ceiling interest has. Pure.

The packs state it as duties (`about: fee`, `about: interest`), in parameters that are text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from policy.errors import SendaError
from policy.pack import Pack
from policy.rules import Duty

_RATE = re.compile(r"rate_(?:up_to_(?P<to>\d+)|from_(?P<low>\d+)_to_(?P<high>\d+)|above_(?P<over>\d+))")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Band:
    """A share of what lies between the end of the band before and `up_to` units (none: without end)."""

    up_to: Decimal | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class CostCeiling:
    """A rule that bounds what collecting a debt may cost its debtor.

    `unit`: the unit in which the bands are counted, a key of values that others publish (`CL.UF`). `country`: of the
    pack, in whose currency a unit's value is (none: a pack of no country).
    """

    rule: str
    unit: str
    country: str | None
    after_days: int
    bands: tuple[Band, ...]

    def most(self, principal: Decimal, unit_value: Decimal) -> Decimal:
        """The highest cost, not rounded: each band's rate on the part of the principal that lies in it."""
        cost, low = _ZERO, _ZERO
        for band in self.bands:
            high = principal if band.up_to is None else min(principal, band.up_to * unit_value)
            cost += max(_ZERO, high - low) * band.rate
            low = max(low, high)
        return cost


def cost_ceilings(packs: Iterable[Pack]) -> tuple[CostCeiling, ...]:
    """The ceilings that these packs put on collection costs; each of them holds. Error: `policy.bad_costs`."""
    return tuple(
        _ceiling(pack, rule)
        for pack in packs
        for rule in pack.rules
        if isinstance(rule, Duty) and rule.about == "fee" and any(_RATE.fullmatch(name) for name in rule.parameters)
    )


def interest_ceiling(packs: Iterable[Pack]) -> str | None:
    """The key of the monthly ceilings that these packs ask for (`CO.usury`); none where they ask for none."""
    for pack in packs:
        if any(isinstance(rule, Duty) and rule.about == "interest" for rule in pack.rules):
            return f"{pack.key}.usury"
    return None


def _ceiling(pack: Pack, rule: Duty) -> CostCeiling:
    said = rule.parameters
    rates = [(match, rate) for name, rate in said.items() if (match := _RATE.fullmatch(name))]
    bands: list[Band] = []
    end: int | None = 0
    for match, rate in sorted(rates, key=lambda each: _low(each[0])):
        if end != _low(match) or not _NUMBER.fullmatch(rate):
            raise _bad(pack, rule)
        high = match["to"] or match["high"]
        end = int(high) if high else None
        bands.append(Band(Decimal(high) if high else None, Decimal(rate)))
    days = said.get("after_days_past_due", "0")
    if end is not None or "unit" not in said or not days.isdecimal():
        raise _bad(pack, rule)
    country = pack.holidays.country if pack.holidays else None
    return CostCeiling(rule.id, f"{pack.key}.{said['unit']}", country, int(days), tuple(bands))


def _low(rate: re.Match[str]) -> int:
    return int(rate["low"] or rate["over"] or 0)


def _bad(pack: Pack, rule: Duty) -> SendaError:
    return SendaError(
        "policy.bad_costs",
        f"{pack.key} {rule.id}: bands of costs need a unit, and rates rate_up_to_A, rate_from_A_to_B, rate_above_B",
        "pack",
    )
