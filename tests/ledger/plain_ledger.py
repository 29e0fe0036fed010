"""A plain model of one account's money and promises, for tests: it goes through the days one after the other."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from journey.money import COMPONENTS, Component

ZERO = Decimal(0)
CENT = Decimal("0.01")
A_DAY = Decimal("0.001")
"""What a day of late interest costs: the creditor's nominal annual rate is 0.365."""


def day_of(at: datetime) -> date:
    """The local day in Bogotá (UTC-5 all year)."""
    return (at - timedelta(hours=5)).date()


def starts(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 5, tzinfo=UTC)


@dataclass
class PlainDue:
    """What falls due on a day, in its parts."""

    number: int
    day: date
    parts: dict[Component, Decimal]


@dataclass
class Money:
    """A payment, or what takes one (or another taking back) back; `booked`: since when it is known, by the account."""

    number: int
    amount: Decimal
    paid_at: datetime
    reverses: str | None = None
    due: str | None = None
    booked: datetime | None = None

    @property
    def at(self) -> datetime:
        """From when it counts: nobody pays tomorrow."""
        return self.paid_at if self.booked is None else min(self.paid_at, self.booked)


@dataclass
class Relief:
    """A credit note, a waiver or a write-off."""

    number: int
    kind: str
    amount: Decimal
    at: datetime
    due: str | None = None
    components: tuple[Component, ...] = COMPONENTS
    status: str = "issued"


@dataclass
class PlainPromise:
    number: int
    amount: Decimal
    due_date: date
    made_on: date
    made_after: frozenset[str]
    status: str = "open"

    @property
    def until(self) -> datetime:
        """The start of the day after its day of grace."""
        return starts(self.due_date + timedelta(days=2))


@dataclass
class Position:
    """What is owed: open parts by due and component, and what was paid too much."""

    open: dict[tuple[str, Component], Decimal]
    credit: Decimal

    @property
    def balance(self) -> Decimal:
        return sum(self.open.values(), ZERO) - self.credit

    def of(self, component: Component) -> Decimal:
        return sum((amount for (_, what), amount in self.open.items() if what == component), ZERO)


@dataclass
class PlainLedger:
    """One account. `interest`: late interest accrues; `principal_only`: a due is claimed while principal is open."""

    order: tuple[Component, ...] = COMPONENTS
    interest: bool = False
    principal_only: bool = False
    is_known: bool = False
    dues: dict[str, PlainDue] = field(default_factory=dict)
    money: dict[str, Money] = field(default_factory=dict)
    reliefs: dict[int, Relief] = field(default_factory=dict)
    promises: dict[int, PlainPromise] = field(default_factory=dict)

    def left(self, name: str) -> Decimal:
        """What is left of money once what was taken back of it is gone."""
        gone = sum((self.left(key) for key, each in self.money.items() if each.reverses == name), ZERO)
        return max(ZERO, self.money[name].amount - gone)

    def payments(self) -> dict[str, Money]:
        return {name: each for name, each in self.money.items() if each.reverses is None}

    def position(self, today: date) -> Position:
        """Day after day: interest first, then what came on that day; a write-off covers the rest."""
        owed: defaultdict[tuple[str, Component], Decimal] = defaultdict(Decimal)
        for key, due in self.dues.items():
            for component, amount in due.parts.items():
                owed[key, component] += amount
        given = [each for each in self.reliefs.values() if each.status == "applied"]
        offs = sorted((each for each in given if each.kind == "write_off"), key=lambda each: (each.at, each.number))
        came = [(each.at, each.number, self.left(name), each.due, COMPONENTS, False)
                for name, each in self.payments().items()] + [
            (each.at, each.number, each.amount, each.due, each.components, each.kind != "credit_note")
            for each in given if each.kind != "write_off"
        ]  # fmt: skip
        came.sort(key=lambda each: each[:2])
        last_day = min([today, *(day_of(each.at) for each in offs)])
        raw: defaultdict[tuple[str, date], Decimal] = defaultdict(Decimal)
        accrued: defaultdict[tuple[str, date], Decimal] = defaultdict(Decimal)
        credit = ZERO
        days = [*(due.day for due in self.dues.values()), *(day_of(each[0]) for each in came), today]
        day = min(days)
        while day <= max(days):
            for key, due in self.dues.items():
                if self.interest and due.day < day <= last_day and owed[key, "principal"] > 0:
                    month = key, day.replace(day=1)
                    raw[month] += owed[key, "principal"] * A_DAY
                    rounded = raw[month].quantize(CENT, ROUND_HALF_EVEN)
                    owed[key, "interest"] += rounded - accrued[month]
                    accrued[month] = rounded
            for at, _, amount, meant, components, lapses in came:
                if day_of(at) == day:
                    rest = self._pour(owed, amount, meant, components)
                    credit += ZERO if lapses else rest
            day += timedelta(days=1)
        for each in offs:
            self._pour(owed, each.amount, None, COMPONENTS)
        return Position({place: amount for place, amount in owed.items() if amount}, credit)

    def _pour(
        self,
        owed: dict[tuple[str, Component], Decimal],
        amount: Decimal,
        meant: str | None,
        components: tuple[Component, ...],
    ) -> Decimal:
        oldest_first = sorted(self.dues, key=lambda key: (key != meant, self.dues[key].day, self.dues[key].number))
        for key in oldest_first:
            for component in self.order:
                if component in components:
                    part = min(amount, owed[key, component])
                    owed[key, component] -= part
                    amount -= part
        return amount

    def oldest(self, position: Position) -> date | None:
        """The oldest due date with something to claim."""
        claimed = [
            due.day
            for key, due in self.dues.items()
            if position.open.get((key, "principal"))
            or (not self.principal_only and any(position.open.get((key, each)) for each in COMPONENTS))
        ]
        return min(claimed, default=None)

    def ends_promises(self) -> None:
        """A write-off ends those that are open."""
        for each in self.promises.values():
            each.status = "cancelled" if each.status == "open" else each.status

    def settles(self, now: datetime) -> None:
        """What money and time have made of the promises."""
        paid: defaultdict[int, Decimal] = defaultdict(Decimal)
        standing = sorted(
            (each for each in self.promises.values() if each.status != "cancelled"),
            key=lambda each: (each.due_date, each.number),
        )
        for name, money in sorted(self.payments().items(), key=lambda item: (item[1].at, item[1].number)):
            rest = self.left(name)
            for each in standing:
                counts = name not in each.made_after and starts(each.made_on) <= money.at < each.until
                part = min(rest, each.amount - paid[each.number]) if counts else ZERO
                paid[each.number] += part
                rest -= part
        balance = self.position(day_of(now)).balance
        for each in standing:
            if each.status == "kept" and now >= each.until:
                continue
            if paid[each.number] >= each.amount or (balance <= 0 and each.status in ("open", "kept")):
                each.status = "kept"
            else:
                each.status = "open" if now < each.until else "broken"
