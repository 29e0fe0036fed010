"""How money pays a debt: which part of a payment pays what, as if everything had come in its own order. Pure.

Payments, credits and charges may become known late and in any order. `reckon` goes through them by the day on which
they count, so that what is known today always leads to the same debt, whatever came first.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal, Protocol

from pydantic import Field, field_validator

from journey.fees import FeeRules
from journey.interest import InterestRules, Span
from journey.playbook import Values

Component = Literal["fees", "interest", "principal"]
COMPONENTS: tuple[Component, ...] = ("fees", "interest", "principal")

Place = tuple[int, Component]
"""A part of a due: its number and what the part is made of."""

ZERO = Decimal(0)


class MoneyRules(Values):
    """How a creditor reckons with money."""

    order: tuple[Component, ...] = Field(default=COMPONENTS, description="what is paid first within a due")
    principal_only: bool = Field(default=False, description="a due whose principal is paid is not claimed any more")
    overpayment: Literal["next_due", "refund"] = Field(
        default="next_due", description="refund: what was paid too much becomes a case for people, too"
    )
    interest: InterestRules | None = Field(default=None, description="late interest; null: none")
    fees: FeeRules | None = Field(default=None, description="collection fees; null: none")

    @field_validator("order")
    @classmethod
    def _each_once(cls, order: tuple[Component, ...]) -> tuple[Component, ...]:
        if sorted(order) != sorted(COMPONENTS):
            raise ValueError("name fees, interest and principal, each once")
        return order


@dataclass(frozen=True, slots=True)
class Due:
    """What falls due on a local day; `id` is the ledger's number."""

    id: int
    due_date: date


@dataclass(frozen=True, slots=True)
class Charge:
    """What is owed for a due. `day`: since when (local); none: since ever, as what a creditor's file brings."""

    due: int
    component: Component
    amount: Decimal
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """What lowers the debt, by the instant and the local day from which it counts; `seq` orders what came at once.

    `due`: it is meant for that one first. `components`: all that it may pay. `lapses`: what is left of it is nothing,
    otherwise it is unapplied credit. `last`: it covers what everything else left open (a write-off).
    """

    key: str
    at: datetime
    day: date
    seq: int
    amount: Decimal
    due: int | None = None
    components: tuple[Component, ...] = COMPONENTS
    lapses: bool = False
    last: bool = False


class Interest(Protocol):
    """Late interest on a principal that was open from the end of one local day to the end of another."""

    def __call__(self, due_date: date, principal: Decimal, after: date, through: date) -> Sequence[Span]: ...


@dataclass(frozen=True, slots=True)
class Accrued:
    """The late interest of a due in a month (its first day), rounded, and how it came about."""

    amount: Decimal
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What became of everything. `paid`: by credit, on which place, none for unapplied credit (positive amounts)."""

    paid: Mapping[str, Mapping[Place | None, Decimal]]
    open: Mapping[Place, Decimal]
    accrued: Mapping[tuple[int, date], Accrued]

    def of(self, component: Component) -> Decimal:
        """What is open of a component, over all dues."""
        return sum((amount for (_, part), amount in self.open.items() if part == component), ZERO)


def reckon(
    dues: Iterable[Due],
    charges: Iterable[Charge],
    credits: Iterable[Credit],
    *,
    order: Sequence[Component] = COMPONENTS,
    interest: Interest | None = None,
    through: date | None = None,
    unit: Decimal = Decimal("0.01"),
) -> Reckoning:
    """Oldest due first, within a due in `order`; what is left over pays what is charged next.

    Late interest accrues to the end of the local day `through` (none: not at all) and is rounded half to even to
    `unit` for each due and month.
    """
    run = _Run(sorted(dues, key=lambda due: (due.due_date, due.id)), tuple(order), interest, through, unit)
    dated: list[tuple[tuple[date, int, datetime | None, int], Charge | Credit]] = []
    for charge in charges:
        if charge.day is None:
            run.charge(charge)
        else:
            dated.append(((charge.day, 0, None, 0), charge))
    wanted = [credit for credit in credits if credit.amount > 0]
    dated.extend(((credit.day, 1, credit.at, credit.seq), credit) for credit in wanted if not credit.last)
    for (day, *_), what in sorted(dated, key=lambda entry: entry[0]):
        run.accrue(day)
        if isinstance(what, Charge):
            run.charge(what)
            run.use_rest()
        else:
            run.pour(what)
    if through is not None:
        run.accrue(through)
    for credit in sorted((each for each in wanted if each.last), key=lambda each: (each.at, each.seq)):
        run.pour(credit)
    return run.result()


@dataclass(slots=True)
class _Run:
    dues: Sequence[Due]
    order: tuple[Component, ...]
    interest: Interest | None
    through: date | None
    unit: Decimal
    owes: dict[Place, Decimal] = field(default_factory=dict[Place, Decimal])
    paid: dict[str, dict[Place, Decimal]] = field(default_factory=dict[str, dict[Place, Decimal]])
    rest: dict[str, tuple[Credit, Decimal]] = field(default_factory=dict[str, tuple[Credit, Decimal]])
    spans: defaultdict[tuple[int, date], list[Span]] = field(default_factory=lambda: defaultdict(list))
    accrued: dict[tuple[int, date], Decimal] = field(default_factory=dict[tuple[int, date], Decimal])
    reached: dict[int, date] = field(default_factory=dict[int, date])

    def charge(self, charge: Charge) -> None:
        place = charge.due, charge.component
        self.owes[place] = self.owes.get(place, ZERO) + charge.amount

    def pour(self, credit: Credit) -> None:
        """Use a credit as far as it goes."""
        left = credit.amount
        for place in self._places(credit):
            part = min(left, self.owes.get(place, ZERO))
            if part > 0:
                self.owes[place] -= part
                self.paid.setdefault(credit.key, {})[place] = self.paid.get(credit.key, {}).get(place, ZERO) + part
                left -= part
        self.rest.pop(credit.key, None)
        if left > 0 and not credit.lapses:
            self.rest[credit.key] = credit, left

    def use_rest(self) -> None:
        """Let what was left of earlier credits pay what has been charged since."""
        for credit, left in list(self.rest.values()):
            self.pour(Credit(credit.key, credit.at, credit.day, credit.seq, left, credit.due, credit.components))

    def accrue(self, day: date) -> None:
        """Late interest to the end of a day, on what was open of each principal until then."""
        if self.interest is None or self.through is None:
            return
        day = min(day, self.through)
        for due in self.dues:
            after = self.reached.get(due.id, due.due_date)
            if day <= after:
                continue
            self.reached[due.id] = day
            principal = self.owes.get((due.id, "principal"), ZERO)
            if principal > 0:
                self._grow(due, self.interest(due.due_date, principal, after, day))
        self.use_rest()

    def _grow(self, due: Due, spans: Sequence[Span]) -> None:
        for month in sorted({span.month for span in spans}):
            key = due.id, month
            self.spans[key].extend(span for span in spans if span.month == month)
            total = sum((span.amount for span in self.spans[key]), ZERO).quantize(self.unit, ROUND_HALF_EVEN)
            self.charge(Charge(due.id, "interest", total - self.accrued.get(key, ZERO)))
            self.accrued[key] = total

    def _places(self, credit: Credit) -> list[Place]:
        first = [due.id for due in self.dues if due.id == credit.due]
        others = [due.id for due in self.dues if due.id != credit.due]
        return [
            (due, component) for due in first + others for component in self.order if component in credit.components
        ]

    def result(self) -> Reckoning:
        paid: dict[str, dict[Place | None, Decimal]] = {key: {**parts} for key, parts in self.paid.items()}
        for key, (_, left) in self.rest.items():
            paid.setdefault(key, {})[None] = left
        accrued = {key: Accrued(amount, tuple(self.spans[key])) for key, amount in self.accrued.items()}
        return Reckoning(paid, {place: amount for place, amount in self.owes.items() if amount}, accrued)


@dataclass(frozen=True, slots=True)
class Entry:
    """Money that came, or (where it `takes_back` another entry) went back; a thing taken back may itself be undone."""

    id: int
    amount: Decimal
    takes_back: int | None = None


def remaining(entries: Iterable[Entry]) -> dict[int, Decimal]:
    """What is left of each entry once what was taken back of it is gone: never less than zero."""
    known = {entry.id: entry for entry in entries}
    back: defaultdict[int, list[int]] = defaultdict(list)
    for entry in known.values():
        if entry.takes_back is not None:
            back[entry.takes_back].append(entry.id)
    left: dict[int, Decimal] = {}

    def of(number: int) -> Decimal:
        if number not in left:
            gone = sum((of(each) for each in back[number]), ZERO)
            left[number] = max(ZERO, known[number].amount - gone)
        return left[number]

    return {number: of(number) for number in known}
