"""Random sequences of everything that happens to an account, against a plain model of the ledger.

After every step balances, stages and promises agree with the model. Nothing is made smaller once it fails: that takes
longer than reading it. `SENDA_MODEL_EXAMPLES=2000 pytest --timeout 0 …` runs it long.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journey.interest import InterestRules, Rate
from journey.limits import AgreementRules, PromiseRules
from journey.money import COMPONENTS, Component, MoneyRules
from journey.planning import Contact
from journey.playbook import Playbook
from ledger import credits
from ledger.accruing import accrue_due
from ledger.book import owed_now
from ledger.clock import next_instant
from ledger.creditors import creditor, put_creditor
from ledger.credits import CreditKind, NewCredit
from ledger.database import Ledger
from ledger.opening import due_to_enter
from ledger.outbox import bring_up_to_date
from ledger.outcomes import record_outcome
from ledger.payments import Posted
from ledger.permits import Permit
from ledger.refunds import refund
from ledger.statements import Asked, statement
from ledger.views import journey
from policy.errors import SendaError
from tests.ledger.agreed import Agreed
from tests.ledger.given import START, Given, playbook, row
from tests.ledger.plain_ledger import ZERO, Money, PlainDue, PlainLedger, PlainPromise, Position, Relief, day_of

EXAMPLES = int(os.environ.get("SENDA_MODEL_EXAMPLES", "30"))
DAY = timedelta(days=1)
MINIMUM = Decimal(1000)
AMOUNTS = (Decimal(500), Decimal("33333.33"), Decimal(60_000), Decimal(100_000), Decimal(160_000), Decimal(400_000))
TAKES_BACK = ("reversal", "chargeback", "refund", "cancellation")
MOVES = (
    "pay", "pay", "pay", "pay ahead", "pay again", "take back", "take back", "take back", "early", "late", "account",
    "issue", "apply", "cancel", "waive", "unwaive", "write off", "undo write off", "refund", "new due", "change due",
    "promise", "promise", "drop promise", "pause", "pause back", "resume", "dispute", "resolve",
    "to the next", "to the next", "days",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 59)), min_size=3, max_size=16)
RULES = st.fixed_dictionaries(
    {
        "order": st.permutations(COMPONENTS).map(tuple),
        "principal_only": st.sampled_from((False, False, True)),
        "interest": st.booleans(),
    }
)
DUES = (("1", date(2026, 1, 20)), ("2", date(2026, 2, 10)))


@pytest.mark.timeout(600)
@given(rules=RULES, known=st.sampled_from((True, True, False)), steps=STEPS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
async def test_the_ledger_agrees_with_a_plain_model_after_every_step(
    ledger: Ledger, rules: dict[str, Any], known: bool, steps: list[tuple[str, int]]
) -> None:
    book = await Both(Given(ledger), PlainLedger(**rules)).set_up()
    if known:
        await book.does("account", 0)
        await book.agrees()
    for move, value in steps:
        await book.does(move, value)
        await book.agrees()
    await book.still_shows_what_was_known()


@dataclass
class Both:
    """The ledger and its model, side by side."""

    given: Given
    model: PlainLedger
    now: datetime = START
    number: int = 0
    open_id: str | None = None
    pauses: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    dispute: int | None = None
    waiting: list[tuple[str, Money]] = field(default_factory=list)
    pending: tuple[str, Contact] | None = None
    known_then: list[tuple[datetime, dict[str, str]]] = field(default_factory=list)

    async def set_up(self) -> "Both":
        await self.given.set_up()
        now = await creditor(self.given.ledger, self.given.key)
        interest = InterestRules(rates=(Rate(since=date(2025, 1, 1), annual=Decimal("0.365")),), kind="nominal")
        await put_creditor(
            self.given.ledger,
            self.given.key,
            name=now.name,
            pack="PE",
            currency=now.currency,
            playbook=now.playbook,
            test_clock=START,
            time_zone=now.time_zone,
            agreements=AgreementRules(promise=PromiseRules(max_open=12, max_broken=100, max_days=300)),
            money=MoneyRules(
                order=self.model.order,
                principal_only=self.model.principal_only,
                interest=interest if self.model.interest else None,
            ),
        )
        return self

    @property
    def playbook(self) -> Playbook:
        return playbook()

    @property
    def position(self) -> Position:
        return self.model.position(day_of(self.now))

    async def does(self, move: str, value: int) -> None:
        """A step, where it means something by now. What is refused changes nothing."""
        self.number += 1
        moves: dict[str, Callable[[int], Awaitable[None]]] = {
            "pay": self.pay,
            "pay ahead": self.pay_ahead,
            "pay again": self.pay_again,
            "take back": self.take_back,
            "early": self.early,
            "late": self.late,
            "account": self.account,
            "issue": self.issue,
            "apply": self.apply,
            "cancel": self.cancel,
            "waive": self.waive,
            "unwaive": self.unwaive,
            "write off": self.write_off,
            "undo write off": self.undo_write_off,
            "refund": self.refund,
            "new due": self.new_due,
            "change due": self.change_due,
            "promise": self.promise,
            "drop promise": self.drop_promise,
            "pause": self.pause,
            "pause back": self.pause_back,
            "resume": self.resume,
            "dispute": self.open_dispute,
            "resolve": self.resolve,
            "to the next": self.to_the_next,
            "days": self.days,
        }
        if self.model.is_known or move in ("account", "pay", "pay again", "early", "late", "take back", "days"):
            await moves[move](value)

    def name(self) -> str:
        return f"{self.given.key}:{self.number}"

    # Money

    async def pay(self, value: int) -> None:
        due = [None, None, *self.model.dues][value // 6 % (2 + len(self.model.dues))]
        at = self.now - (value % 5) * 9 * DAY - timedelta(seconds=self.number)
        await self._tells(self.name(), Money(self.number, AMOUNTS[value % 6], at, due=due), "payment")

    async def pay_ahead(self, value: int) -> None:
        at = self.now + (1 + value % 40) * DAY
        await self._tells(self.name(), Money(self.number, AMOUNTS[value % 6], at), "payment")

    async def pay_again(self, value: int) -> None:
        if self.model.money:
            name = list(self.model.money)[value % len(self.model.money)]
            again = await self.given.pays("A", AMOUNTS[value % 6], id=name, paid_at=self.now)
            assert again.status == "duplicate"

    async def take_back(self, value: int) -> None:
        if self.model.money:
            target = list(self.model.money)[value % len(self.model.money)]
            whole = self.model.money[target].amount
            amount = (whole, whole, Decimal(20_000), whole * 2)[value % 4]
            kind = TAKES_BACK[value // 4 % 4]
            await self._tells(self.name(), Money(self.number, amount, self.now, reverses=target), kind)

    async def early(self, value: int) -> None:
        """A taking back comes before its payment (which comes late, or never)."""
        target = f"{self.name()}:later"
        at = self.now - (value % 4) * 9 * DAY - timedelta(seconds=self.number)
        self.waiting.append((target, Money(self.number, AMOUNTS[value % 6], at)))
        amount = (AMOUNTS[value % 6], Decimal(400))[value % 2]
        await self._tells(self.name(), Money(self.number, amount, self.now, reverses=target), TAKES_BACK[value % 4])

    async def late(self, value: int) -> None:
        if self.waiting:
            name, money = self.waiting.pop(value % len(self.waiting))
            money.number = self.number
            await self._tells(name, money, "payment")

    async def _tells(self, name: str, money: Money, kind: Any) -> None:
        self.model.money[name] = money
        posted = await self.given.pays(
            "A", money.amount, id=name, kind=kind, reverses=money.reverses, due=money.due, paid_at=money.paid_at
        )
        if self.model.is_known:
            money.booked = self.now
            self.model.settles(self.now)
        if kind == "payment":
            assert posted.status == ("applied" if self.model.is_known else "unapplied")
        await self._opens(posted)

    async def _opens(self, posted: Posted | credits.Followed) -> None:
        if posted.opens is not None:
            await self.given.opened([posted.opens])

    async def refund(self, value: int) -> None:
        amount = (self.position.credit, self.position.credit / 2, Decimal(100))[value % 3]
        amount = round(amount, 2)
        if amount <= 0:
            return
        before = await self._refunds()
        _, code = await _tried(refund(self.given.ledger, self.given.key, "A", amount, self.name(), "ana"))
        if code is not None:
            assert (code, amount > self._of_payments()) == ("refund.too_much", True)
            return
        for each in (await self._refunds())[len(before) :]:
            self.number += 1
            self.model.money[each["external_id"]] = Money(
                self.number, each["amount"], self.now, reverses=each["reverses"], booked=self.now
            )
        self.model.settles(self.now)

    def _of_payments(self) -> Decimal:
        """Unapplied credit is also left of credit notes, which are no money."""
        notes = sum((each.amount for each in self.model.reliefs.values() if each.status == "applied"), ZERO)
        return self.position.credit if not notes else ZERO

    async def _refunds(self) -> list[dict[str, Any]]:
        query = "SELECT * FROM payments WHERE creditor = %s AND external_id LIKE 'refund:%%' ORDER BY id"
        return await self.given.all(query, self.given.key)

    # Credits without money

    async def issue(self, value: int) -> None:
        due = [None, *self.model.dues][value % (1 + len(self.model.dues))]
        await self._gives("credit_note", AMOUNTS[value % 6], COMPONENTS, due, status="issued")

    async def waive(self, value: int) -> None:
        some: tuple[Component, ...] = (("interest",), ("fees",), ("fees", "interest"))[value % 3]
        await self._gives("waiver", AMOUNTS[value % 6], some, None, status="applied")

    async def _gives(
        self, kind: CreditKind, amount: Decimal, of: tuple[Component, ...], due: str | None, status: str
    ) -> None:
        at = self.now - (self.number % 3) * 11 * DAY - timedelta(milliseconds=self.number)
        new = NewCredit(kind, amount, "prueba", self.name(), "ana", due, of, at)
        act = credits.issue if status == "issued" else credits.give
        found = await act(self.given.ledger, self.given.key, "A", new)
        self.model.reliefs[found.id] = Relief(self.number, kind, amount, at, due, of, status)
        if status == "applied":
            await self._follows(found)

    async def _follows(self, found: credits.Given) -> None:
        self.model.settles(self.now)
        await self._opens(found.followed)

    def _reliefs(self, kind: str, *status: str) -> list[int]:
        return [number for number, each in self.model.reliefs.items() if each.kind == kind and each.status in status]

    async def apply(self, value: int) -> None:
        if issued := self._reliefs("credit_note", "issued"):
            number = issued[value % len(issued)]
            found = await credits.apply_credit(self.given.ledger, self.given.key, "A", number, self.name(), "ana")
            self.model.reliefs[number].status = "applied"
            await self._follows(found)

    async def cancel(self, value: int) -> None:
        await self._undo(value, "credit_note", "issued", "applied")

    async def unwaive(self, value: int) -> None:
        await self._undo(value, "waiver", "applied")

    async def undo_write_off(self, value: int) -> None:
        await self._undo(value, "write_off", "applied")

    async def _undo(self, value: int, kind: CreditKind, *status: str) -> None:
        if numbers := self._reliefs(kind, *status):
            number = numbers[value % len(numbers)]
            was = self.model.reliefs[number].status
            self.model.reliefs[number].status = "undone"
            found = await credits.undo(self.given.ledger, self.given.key, "A", number, (kind,), self.name(), "ana")
            if was == "applied":
                await self._follows(found)

    async def write_off(self, value: int) -> None:
        owed = self.position.balance
        off = credits.write_off(self.given.ledger, self.given.key, "A", "incobrable", self.name(), "ana")
        found, code = await _tried(off)
        assert code == (None if owed > 0 else "credit.nothing_owed")
        if found is None:
            return
        self.model.ends_promises()
        self.model.reliefs[found.id] = Relief(self.number, "write_off", owed, self.now, status="applied")
        await self._follows(found)

    # What a creditor's file says

    async def account(self, _value: int) -> None:
        if not self.model.is_known:
            for number, (key, day) in enumerate(DUES):
                self.model.dues[key] = PlainDue(number, day, _parts(number))
            await self._import()

    async def new_due(self, value: int) -> None:
        key = f"due-{self.number}"
        day = date(2026, 1, 5) + value * DAY
        self.model.dues[key] = PlainDue(self.number, day, _parts(value))
        await self._import()

    async def change_due(self, value: int) -> None:
        due = list(self.model.dues.values())[value % len(self.model.dues)]
        if value % 3:
            due.parts = _parts(value)
        else:
            due.day += (value % 30 - 15) * DAY
            self.known_then.clear()  # a due has one date, the last that the creditor told
        await self._import()

    async def _import(self) -> None:
        content = row("A", person=f"{self.given.key}-persona")
        content["dues"] = [
            {
                "key": key,
                "due_date": due.day.isoformat(),
                "amount": str(sum(due.parts.values())),
                **{each: str(due.parts[each]) for each in ("interest", "fees") if due.parts[each]},
            }
            for key, due in self.model.dues.items()
        ]
        first = not self.model.is_known
        self.model.is_known = True
        for each in self.model.money.values():
            each.booked = each.booked or self.now
        await self.given.imported(content)
        if first or self.open_id is not None:
            self.model.settles(self.now)

    # Agreements and holds

    async def promise(self, value: int) -> None:
        day = day_of(self.now) + (value % 12) * DAY
        amount = min(AMOUNTS[value % 6], self.position.balance)
        agreed = Agreed(self.given).promises("A", str(amount), day.isoformat(), beyond_limits=True)
        number, code = await _tried(agreed)
        if code is not None:
            return
        self.model.settles(self.now)
        before = frozenset(name for name, each in self.model.money.items() if each.booked)
        self.model.promises[number] = PlainPromise(number, amount, day, day_of(self.now), before)

    async def drop_promise(self, value: int) -> None:
        still = [each for each in self.model.promises.values() if each.status == "open" and each.until > self.now]
        if still:
            promise = still[value % len(still)]
            await Agreed(self.given).cancels("A", "promise", promise.number)
            promise.status = "cancelled"

    async def pause(self, value: int) -> None:
        await self._pause(self.now, None if value % 2 else self.now + (1 + value) * DAY)

    async def pause_back(self, value: int) -> None:
        starts = self.now - (1 + value % 9) * DAY
        await self._pause(starts, starts + (1 + value % 20) * DAY)

    async def _pause(self, starts: datetime, ends: datetime | None) -> None:
        overlaps = any((end is None or starts < end) and (ends is None or start < ends) for start, end in self.pauses)
        _, code = await _tried(self.given.pauses("A", starts=starts, ends=ends))
        if self.open_id is None:
            assert code == "journey.not_open"
            return
        assert code == ("journey.pause_overlaps" if overlaps else None)
        if not overlaps:
            self.pauses.append((starts, ends))

    async def resume(self, _value: int) -> None:
        holding = [each for each in self.pauses if _covers(each, self.now)]
        _, code = await _tried(self.given.resumes("A"))
        if self.open_id is None:
            assert code == "journey.not_open"
            return
        assert code == (None if holding else "journey.not_paused")
        for held in holding:
            self.pauses[self.pauses.index(held)] = (held[0], self.now)

    async def open_dispute(self, _value: int) -> None:
        number, code = await _tried(Agreed(self.given).disputes("A"))
        if self.open_id is None or self.dispute is not None:
            assert code in ("journey.not_open", "dispute.open")
        else:
            assert code is None
            self.dispute = number

    async def resolve(self, _value: int) -> None:
        if self.dispute is not None:
            await Agreed(self.given).resolves("A", self.dispute)
            self.dispute = None

    # Time

    async def to_the_next(self, _value: int) -> None:
        """The clock comes to what falls due next; what happens then comes after the next step."""
        at = await next_instant(self.given.ledger, self.given.key)
        if at is not None and at < self.now + 60 * DAY:
            await self._clock(max(at, self.now))

    async def days(self, value: int) -> None:
        """Days in which everything happens that falls due."""
        target = self.now + (value % 30) * DAY
        while (at := await next_instant(self.given.ledger, self.given.key)) is not None and at <= target:
            await self._clock(max(at, self.now))
            await self._acts()
        await self._clock(target)

    async def _clock(self, at: datetime) -> None:
        if at > self.now and self.model.is_known:
            self.known_then.append((self.now, await self._totals()))
        self.now = at
        await self.given.clock(at)
        await self._catches_up()

    async def _catches_up(self) -> None:
        """What housekeeping does."""
        await Agreed(self.given).settles()
        if any(each.status == "open" and each.until <= self.now for each in self.model.promises.values()):
            self.model.settles(self.now)
        if self.model.interest and self.model.is_known:
            await owed_now(self.given.ledger, self.given.key, "A")
            await accrue_due(self.given.ledger, self.given.key)
        await self.given.opened(await due_to_enter(self.given.ledger, self.given.key, 10))

    async def _acts(self) -> None:
        for each in await self.given.journeys("A"):
            if not each["closed"]:
                move = (await self.given.record(each["id"])).move
                if isinstance(move, Contact):
                    await self._asks(each["id"], move)
                else:
                    await bring_up_to_date(self.given.ledger, each["id"], self.now)

    async def _asks(self, journey_id: str, contact: Contact) -> None:
        """No permit where nothing is owed, or while anything holds."""
        answer = await self.given.asks(journey_id, contact)
        if isinstance(answer, Permit):
            assert answer.balance == self.position.balance >= MINIMUM
            assert answer.due_date == self.model.oldest(self.position)
            assert not self._is_held()
            await record_outcome(self.given.ledger, answer.contact_id, "sent", provider_ref="<1@x>", content_sha256="0")

    def _is_held(self) -> bool:
        return (
            self.dispute is not None
            or any(_covers(each, self.now) for each in self.pauses)
            or any(each.status == "open" and self.now < each.until for each in self.model.promises.values())
        )

    # What must agree

    async def agrees(self) -> None:
        if self.pending is not None:
            await self._asks(*self.pending)
            self.pending = None
        if not self.model.is_known:
            return
        await self._catches_up()
        position = self.position
        assert await self.given.balance("A") == position.balance
        assert await self._open_parts() == position.open
        assert await self._totals() == {
            "balance": f"{position.balance:.2f}",
            "unapplied_credit": f"{position.credit:.2f}",
            **{each: f"{position.of(each):.2f}" for each in COMPONENTS},
        }
        assert not (position.credit and position.open)
        shown = {each["id"]: each["status"] for each in await Agreed(self.given).shown("promise")}
        assert shown == {each.number: each.status for each in self.model.promises.values()}
        await self._journeys_agree(position)

    async def _open_parts(self) -> dict[tuple[str, Component], Decimal]:
        rows = await self.given.all(
            """SELECT d.key, o.component, sum(o.amount) AS open FROM postings o JOIN dues d ON d.id = o.due_id
            WHERE o.account_id = %s GROUP BY 1, 2 HAVING sum(o.amount) <> 0""",
            await self.given.number("A"),
        )
        return {(each["key"], each["component"]): each["open"] for each in rows}

    async def _totals(self, **when: Any) -> dict[str, str]:
        found = await statement(self.given.ledger, Asked(self.given.key, "A", **when))
        return {name: found[name] for name in ("balance", "unapplied_credit", *COMPONENTS)}

    async def _journeys_agree(self, position: Position) -> None:
        journeys = await self.given.journeys("A")
        for each in journeys:
            if not each["closed"]:
                await bring_up_to_date(self.given.ledger, each["id"], self.now)
        journeys = await self.given.journeys("A")
        assert all(each["closed"] for each in journeys[:-1])
        last = journeys[-1] if journeys else None
        oldest = self.model.oldest(position)
        is_owed = oldest is not None and position.balance >= MINIMUM
        day = (day_of(self.now) - oldest).days if oldest is not None else -1000
        if last is not None and not last["closed"]:
            record = await self.given.record(last["id"])
            standing = record.state.standing
            assert standing.oldest_due == oldest
            assert standing.balance == position.balance or self.model.interest  # learnt with the next contact or fact
            assert is_owed
            assert record.state.stage == self.playbook.stage_on(day)
            self.pending = (last["id"], record.move) if isinstance(record.move, Contact) else None
            if self.open_id != last["id"]:
                self.pauses = []  # they end with the journey
            self.open_id = last["id"]
            return
        if last is not None and self.open_id == last["id"]:
            self._ended_rightly(last["outcome"], is_owed, position, day)
        self.open_id = None
        self.pauses = []
        if not self.model.interest and (last is None or last["outcome"] in ("paid", "cured")):
            assert not (is_owed and day >= (1 if last and last["outcome"] == "cured" else self.playbook.first_day))
        shown = await journey(self.given.ledger, self.given.key, "A")
        assert shown is None or Decimal(shown["balance"]["amount"]) == position.balance

    def _ended_rightly(self, outcome: str, is_owed: bool, position: Position, day: int) -> None:
        match outcome:
            case "paid":
                assert position.balance <= 0 or self.model.oldest(position) is None
            case "cured":
                assert not is_owed or day <= 0
            case "written_off":
                assert self._reliefs("write_off", "applied")
            case _:
                assert (outcome, day >= self.playbook.ends.day) == ("referred", True)

    async def still_shows_what_was_known(self) -> None:
        for at, totals in self.known_then:
            assert await self._totals(on=day_of(at), known_at=at) == totals


async def _tried(work: Awaitable[Any]) -> tuple[Any, str | None]:
    """What came of it, or the code with which it was refused."""
    try:
        return await work, None
    except SendaError as error:
        return None, error.code


def _parts(value: int) -> dict[Component, Decimal]:
    principal = (Decimal(100_000), Decimal(40_000), Decimal("77777.77"))[value % 3]
    return {
        "principal": principal,
        "interest": (ZERO, Decimal(1500))[value // 3 % 2],
        "fees": (ZERO, Decimal("250.50"))[value // 6 % 2],
    }


def _covers(pause: tuple[datetime, datetime | None], at: datetime) -> bool:
    return pause[0] <= at and (pause[1] is None or at < pause[1])
