"""Whether agreements are kept: which payments count for which, and what that makes of them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from journey.state import Hold

AgreementKind = Literal["promise", "plan"]
AgreementStatus = Literal["open", "kept", "broken", "cancelled"]


def held_by(hold: Hold) -> Literal["pause", "promise", "plan", "dispute"]:
    """What a hold comes from: an agreement or a dispute by its id (`promise:7`), otherwise a pause by people."""
    match hold.id.partition(":")[0]:
        case "promise":
            return "promise"
        case "plan":
            return "plan"
        case "dispute":
            return "dispute"
        case _:
            return "pause"


@dataclass(frozen=True, slots=True)
class Received:
    """A payment less what was taken back of it. `posting`: when it was booked, by the ledger's order."""

    payment: str
    posting: int
    at: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Expected:
    """An instalment of an agreement; a promise has one. It is paid by payments booked after `after_posting`.

    They must be of `counts_from` or later (the local day of the agreement), and of before `until` (the end of the
    grace), by their own date, not by the day on which they were booked.
    """

    agreement: int
    number: int
    due_date: date
    amount: Decimal
    after_posting: int
    counts_from: datetime
    until: datetime

    def takes(self, paid: Received) -> bool:
        """Whether this payment counts for it."""
        return paid.posting > self.after_posting and self.counts_from <= paid.at < self.until


Poured = Mapping[tuple[int, int], Mapping[str, Decimal]]
"""How much of which payment counts for an instalment, by (agreement, number)."""


def pour(received: Iterable[Received], expected: Sequence[Expected]) -> Poured:
    """First in, first out: the oldest payment fills the instalment that falls due first, what is left the next."""
    poured: defaultdict[tuple[int, int], dict[str, Decimal]] = defaultdict(dict)
    lacking = {(each.agreement, each.number): each.amount for each in expected}
    in_order = sorted(expected, key=lambda each: (each.due_date, each.agreement, each.number))
    for paid in sorted(received, key=lambda paid: (paid.at, paid.posting)):
        rest = paid.amount
        for each in in_order:
            place = each.agreement, each.number
            part = min(rest, lacking[place]) if each.takes(paid) else Decimal(0)
            if part > 0:
                poured[place][paid.payment] = poured[place].get(paid.payment, Decimal(0)) + part
                lacking[place] -= part
                rest -= part
    return poured


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of an agreement. `until`: when the instalment that decided it stops waiting."""

    status: Literal["open", "kept", "broken"]
    until: datetime


def judge(instalments: Sequence[Expected], poured: Poured, threshold: Decimal, now: datetime) -> Judged:
    """Kept once every instalment got its `threshold` (a share), broken once one did not by its end, open before."""
    for each in instalments:
        paid = sum(poured.get((each.agreement, each.number), {}).values(), Decimal(0))
        if paid < each.amount * threshold:
            return Judged("open" if now < each.until else "broken", each.until)
    return Judged("kept", instalments[-1].until)
