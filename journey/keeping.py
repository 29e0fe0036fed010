"""Whether agreements are kept: which payments count for which, and what that makes of them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
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
    grace and of the days in which it can be made good), by their own date, not by the day on which they were booked.
    `warned_from`: the end of the grace, where days to make it good follow.
    """

    agreement: int
    number: int
    due_date: date
    amount: Decimal
    after_posting: int
    counts_from: datetime
    until: datetime
    warned_from: datetime | None = None

    @property
    def grace_ends(self) -> datetime:
        """From then on it is missed, unless it is paid."""
        return self.warned_from or self.until

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
    """What became of an agreement. `until`: when the instalment that decided it stops waiting.

    `warned`: its grace is over. `warns_at`: when it will be, where days to make it good follow.
    """

    status: Literal["open", "kept", "broken"]
    until: datetime
    warned: bool = False
    warns_at: datetime | None = None


def judge(instalments: Sequence[Expected], poured: Poured, threshold: Decimal, now: datetime) -> Judged:
    """Kept once every instalment got its `threshold` (a share), broken once one did not by its end, open before."""
    for each in instalments:
        paid = sum(poured.get((each.agreement, each.number), {}).values(), Decimal(0))
        if paid < each.amount * threshold:
            if now >= each.until:
                return Judged("broken", each.until)
            return Judged("open", each.until, now >= each.grace_ends, each.warned_from)
    return Judged("kept", instalments[-1].until)


InstalmentState = Literal["pending", "paid", "late", "missed"]
PlanState = Literal["awaiting_first", "active", "warned", "kept", "broken", "cancelled"]


def instalment_state(each: Expected, paid: Decimal, due_day_ends: datetime, now: datetime) -> InstalmentState:
    """How an instalment stands: `late` after its day, `missed` after its grace."""
    if paid >= each.amount:
        return "paid"
    if now >= each.grace_ends:
        return "missed"
    return "late" if now >= due_day_ends else "pending"


def plan_state(status: AgreementStatus, states: Sequence[InstalmentState], first_is_condition: bool) -> PlanState:
    """How a plan stands: while it is open, whether it waits for the payment it depends on, or was warned."""
    if status != "open":
        return status
    if first_is_condition and states[0] != "paid":
        return "awaiting_first"
    return "warned" if "missed" in states else "active"


def weighted(promised: Decimal, rate: Decimal | None, decimals: int) -> Decimal | None:
    """What promises will bring, by the share that was kept before; none where nothing tells."""
    return None if rate is None else (promised * rate).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def kept_rate(promised_and_paid: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """The share of promised amounts that was paid in time: sum of min(paid, promised) over sum of promised."""
    pairs = list(promised_and_paid)
    promised = sum((each for each, _ in pairs), Decimal(0))
    return sum((min(pair) for pair in pairs), Decimal(0)) / promised if promised > 0 else None
