"""Debits by a mandate: each instalment's money is asked for on its day, once, and never where it may not be taken."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from activities.debiting import Debiting
from channels.callbacks import Callback
from channels.processors.events import (
    DebitAnswer,
    DebitWanted,
    Declined,
    Event,
    LinkWanted,
    PaymentLink,
    no_debits,
    no_links,
)
from channels.processors.kinds import Processors
from channels.processors.taking import take
from journey.debiting import DebitRules
from journey.limits import AgreementRules
from ledger import debits
from ledger.deadlines import next_deadline
from ledger.debit_views import list_debits
from ledger.debits import begin_debit, record_answer
from ledger.errors import Conflict, NotFound
from ledger.mandates import NewMandate, give_mandate, list_mandates, revoke_mandate
from ledger.planned_debits import Due, due_debits, next_debit
from policy.errors import SendaError
from tests.ledger.agreed import Agreed, with_rules
from tests.ledger.given import START, Given, local, row

DAY = timedelta(days=1)
FIRST = local(date(2026, 2, 10), 9)
"""The first instalment's day, a Tuesday."""

TAKEN = DebitAnswer("taken")
DECLINED = DebitAnswer("failed", code="insufficient_funds", retryable=True)
EXPIRED = DebitAnswer("failed", code="expired_card")
DOWN = DebitAnswer("failed", code="processor.unreachable", retryable=True)
SILENT = DebitAnswer("pending", code="processor.no_answer", retryable=True)
PENDING = DebitAnswer("pending", "tx_1")


@dataclass
class Bank:
    """A processor that answers as it was told, and takes each key's money once; the ledger hears of it if `tells`."""

    given: Given
    answers: list[DebitAnswer | Exception] = field(default_factory=list[DebitAnswer | Exception])
    tells: bool = True
    key: str = "caja"
    asked: list[DebitWanted] = field(default_factory=list[DebitWanted])
    taken: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    before: Any = None

    async def debit(self, wanted: DebitWanted) -> DebitAnswer:
        if self.before is not None:
            await self.before()
        self.asked.append(wanted)
        answer = self.answers.pop(0) if self.answers else TAKEN
        if isinstance(answer, Exception):
            raise answer
        if answer.status == "taken":
            return await self.takes(wanted)
        return answer

    async def takes(self, wanted: DebitWanted) -> DebitAnswer:
        """The money moves once, and the callback says so."""
        name = f"pay-{self.given.key}-{wanted.key}"
        if wanted.key not in self.taken:
            self.taken[wanted.key] = wanted.amount
            if self.tells:
                await self.given.pays(
                    wanted.account, wanted.amount, processor=self.key, id=name, paid_at=wanted.at or START
                )
        return DebitAnswer("taken", name)

    async def read(self, callback: Callback) -> list[Event]:
        return []

    async def link(self, wanted: LinkWanted) -> PaymentLink:
        raise no_links(self.key)

    async def close(self) -> None: ...


class Desk:
    """Account A owes 100,000; its debtor gave a mandate, and a bank takes debits."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.agreed = Agreed(given)
        self.bank = Bank(given)
        self.debiting = Debiting(given.ledger, Processors({"caja": self.bank}))

    async def mandate(self, account: str = "A", **changes: Any) -> int:
        values: dict[str, Any] = {"processor": "caja", "reference": "tok_1", "most": None, "proof": "DOC-1"}
        values |= {"key": uuid4().hex, "actor": "Luisa", **changes}
        return await give_mandate(self.given.ledger, self.given.key, account, NewMandate(**values))

    async def revokes(self, mandate: int) -> None:
        await revoke_mandate(self.given.ledger, self.given.key, "A", mandate, "Luisa", None)

    async def plan(self, *instalments: tuple[str, str], **changes: Any) -> int:
        """A plan with a mandate of its own, or of `mandate`."""
        mandate = changes.pop("mandate", None) or await self.mandate(**changes)
        return await self.agreed.plans("A", *instalments or TWO, mandate=mandate)

    async def lives(self, to: datetime) -> None:
        """What a test clock does of debits and agreements until an instant."""
        while True:
            instants = [
                await next_debit(self.given.ledger, self.given.key),
                await next_deadline(self.given.ledger, self.given.key),
            ]
            at = min((each for each in instants if each is not None), default=None)
            if at is None or at > to:
                break
            await self.given.clock(at)
            await self.agreed.settles()
            await self.debiting.debit(self.given.key)
        await self.given.clock(to)
        await self.agreed.settles()

    async def declines(self, payment: str) -> None:
        """The processor tells that a payment which was pending will not come."""
        await take(self.given.ledger, "caja", Declined(payment, "declined", "declined"), lambda _: True)

    async def made(self) -> list[tuple[str, Decimal, datetime]]:
        """Each debit: its instalment and attempt, the amount, when it was first asked for."""
        rows = (await list_debits(self.given.ledger, self.given.key, "A")).items
        return [(f"{r['instalment']}/{r['attempt']}", Decimal(r["amount"]), r["asked_at"]) for r in rows]

    async def stands(self) -> list[tuple[str, str | None]]:
        """How each debit stands, and why."""
        rows = (await list_debits(self.given.ledger, self.given.key, "A")).items
        return [(r["status"], r["code"]) for r in rows]

    async def events(self) -> list[str]:
        rows = await self.given.all(
            """SELECT e.kind FROM debit_events e JOIN debits d ON d.id = e.debit_id WHERE d.creditor = %s
            ORDER BY e.id""",
            self.given.key,
        )
        return [each["kind"] for each in rows]

    async def cases(self) -> list[str]:
        rows = await self.given.all("SELECT reason FROM tasks WHERE creditor = %s ORDER BY id", self.given.key)
        return [each["reason"] for each in rows]

    async def planned(self) -> int:
        return (await self.given.one("SELECT count(*) AS n FROM planned_debits WHERE creditor = %s", self.given.key))[
            "n"
        ]

    @property
    def keys(self) -> list[str]:
        return [each.key for each in self.bank.asked]


TWO = (("2026-02-10", "60000"), ("2026-03-10", "40000"))


@pytest.fixture
async def desk(given: Given) -> Desk:
    await given.imported(row("A", ("1", "2026-02-01", "100000")))
    return Desk(given)


class TestAPlanWithAMandate:
    async def test_is_debited_on_each_instalments_day_and_kept_by_the_payments_that_come(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.lives(START + 60 * DAY)
        assert await desk.made() == [
            ("1/1", Decimal(60000), FIRST),
            ("2/1", Decimal(40000), local(date(2026, 3, 10), 9)),
        ]
        assert desk.keys == [f"debit:{plan}:1:1", f"debit:{plan}:2:1"]
        assert await desk.agreed.statuses("plan") == ["kept"]
        assert await desk.given.balance("A") == 0
        assert await desk.cases() == []

    async def test_gives_the_processor_a_token_and_a_code_and_no_words(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.lives(FIRST)
        (asked,) = desk.bank.asked
        reference = (await desk.given.one("SELECT reference FROM accounts WHERE creditor = %s", desk.given.key))[
            "reference"
        ]
        assert (asked.mandate, asked.reference, asked.description) == ("tok_1", reference, f"plan-{plan}-1")
        assert (str(asked.amount), asked.currency, asked.at) == ("60000.00", "COP", FIRST)

    async def test_tells_its_journey(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.lives(FIRST)
        facts = {each["kind"]: each["data"] for each in await desk.given.events("A")}
        assert facts["mandate_given"]["processor"] == "caja"
        assert "tok_1" not in str(facts)
        taken = facts["debit_taken"]
        assert (taken["plan"], taken["instalment"], taken["attempt"], taken["amount"]) == (plan, 1, 1, "60000.00")

    async def test_posts_nothing_before_the_callback(self, desk: Desk) -> None:
        desk.bank.tells = False
        await desk.plan()
        await desk.lives(FIRST + DAY)
        assert await desk.stands() == [("taken", None)]
        assert await desk.given.balance("A") == 100_000

    async def test_takes_what_is_lacking(self, desk: Desk) -> None:
        await desk.plan()
        await desk.given.pays("A", "25000")
        await desk.lives(FIRST)
        assert await desk.made() == [("1/1", Decimal(35000), FIRST)]

    async def test_takes_nothing_where_a_payment_covered_the_instalment(self, desk: Desk) -> None:
        await desk.plan()
        await desk.given.pays("A", "60000")
        await desk.lives(FIRST + DAY)
        assert desk.bank.asked == []
        assert await desk.planned() == 1

    async def test_never_takes_more_than_the_mandate_allows(self, desk: Desk) -> None:
        await desk.plan(most=Decimal("45000.50"))
        await desk.lives(FIRST)
        assert await desk.made() == [("1/1", Decimal("45000.50"), FIRST)]

    async def test_never_takes_more_than_is_owed_also_while_money_is_on_its_way(self, desk: Desk) -> None:
        desk.bank.tells = False
        await desk.agreed.promises("A", "90000", "2026-02-10", mandate=await desk.mandate())
        await desk.agreed.promises("A", "90000", "2026-02-10", mandate=await desk.mandate())
        await desk.lives(FIRST)
        assert [amount for _, amount, _ in await desk.made()] == [90_000, 10_000]

    async def test_that_was_cancelled_takes_nothing(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.agreed.cancels("A", "plan", plan)
        await desk.lives(START + 60 * DAY)
        assert (desk.bank.asked, await desk.planned()) == ([], 0)

    async def test_whose_journey_people_closed_takes_nothing(self, desk: Desk) -> None:
        await desk.plan()
        await desk.given.closes("A", "withdrawn")
        await desk.lives(START + 60 * DAY)
        assert desk.bank.asked == []

    async def test_is_not_debited_again_after_a_chargeback(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.lives(FIRST)
        payment = f"pay-{desk.given.key}-debit:{plan}:1:1"
        await desk.given.reverses("A", payment, "60000", kind="chargeback", processor="caja", paid_at=FIRST)
        await desk.lives(FIRST + 20 * DAY)
        assert len(desk.bank.asked) == 1

    async def test_a_promise_is_debited_just_so(self, desk: Desk) -> None:
        promise = await desk.agreed.promises("A", "100000", "2026-02-10", mandate=await desk.mandate())
        await desk.lives(FIRST)
        assert desk.keys == [f"debit:{promise}:1:1"]
        assert await desk.agreed.statuses("promise") == ["kept"]


class TestARefusal:
    async def test_is_tried_again_on_its_day_under_a_key_of_its_own(self, desk: Desk) -> None:
        desk.bank.answers = [DECLINED, DECLINED]
        plan = await desk.plan()
        await desk.lives(FIRST + 10 * DAY)
        assert [at for _, _, at in await desk.made()] == [FIRST, FIRST + 2 * DAY, FIRST + 4 * DAY]
        assert desk.keys == [f"debit:{plan}:1:{attempt}" for attempt in (1, 2, 3)]
        assert [status for status, _ in await desk.stands()] == ["failed", "failed", "taken"]
        assert await desk.cases() == []
        assert await desk.agreed.statuses("plan") == ["open"]
        facts = [each["data"]["code"] for each in await desk.given.events("A") if each["kind"] == "debit_failed"]
        assert facts == ["insufficient_funds"] * 2

    async def test_the_last_one_is_a_case_and_nothing_more(self, desk: Desk) -> None:
        desk.bank.answers = [DECLINED] * 9
        await desk.plan()
        await desk.lives(FIRST + 15 * DAY)
        assert len(desk.bank.asked) == 3
        assert await desk.cases() == ["debit_failed"]
        assert await desk.agreed.statuses("plan") == ["broken"]

    async def test_for_good_is_a_case_at_once(self, desk: Desk) -> None:
        desk.bank.answers = [EXPIRED]
        await desk.plan()
        await desk.lives(FIRST + 5 * DAY)
        assert (len(desk.bank.asked), await desk.cases()) == (1, ["debit_failed"])
        (note,) = await desk.given.all(
            "SELECT note FROM task_events e JOIN tasks t ON t.id = e.task_id WHERE t.creditor = %s", desk.given.key
        )
        assert "cuota 1 no pasó al primer intento (expired_card)" in note["note"]

    async def test_is_tried_as_often_as_the_creditor_says(self, desk: Desk) -> None:
        await with_rules(desk.given, AgreementRules(debit=DebitRules(tries=2, every_days=1)))
        desk.bank.answers = [DECLINED] * 9
        await desk.plan()
        await desk.lives(FIRST + 15 * DAY)
        assert [at for _, _, at in await desk.made()] == [FIRST, FIRST + DAY]

    async def test_is_not_tried_again_after_the_end_of_grace_and_cure(self, desk: Desk) -> None:
        await with_rules(desk.given, AgreementRules(debit=DebitRules(tries=9, every_days=4)))
        desk.bank.answers = [DECLINED] * 9
        await desk.plan()
        await desk.lives(FIRST + 30 * DAY)
        ((until,),) = [
            (each["until"],)
            for each in await desk.given.all(
                """SELECT i.until FROM agreement_instalments i JOIN agreements g ON g.id = i.agreement_id
                WHERE g.creditor = %s AND i.number = 1""",
                desk.given.key,
            )
        ]
        assert all(at < until for name, _, at in await desk.made() if name.startswith("1/"))
        assert await desk.cases() == ["debit_failed"]

    async def test_a_processor_that_takes_no_debits_is_a_case(self, desk: Desk) -> None:
        desk.bank.answers = [no_debits("caja")]
        await desk.plan()
        await desk.lives(FIRST)
        assert (await desk.stands(), await desk.cases()) == ([("failed", "processor.no_debits")], ["debit_failed"])


class TestAProcessorThatDoesNotAnswer:
    @pytest.mark.parametrize("answer", [DOWN, SILENT, RuntimeError("a mistake of ours")])
    async def test_is_asked_again_with_the_same_key(self, desk: Desk, answer: DebitAnswer | Exception) -> None:
        desk.bank.answers = [answer, answer]
        plan = await desk.plan()
        await desk.lives(FIRST + DAY)
        assert desk.keys == [f"debit:{plan}:1:1"] * 3
        assert {each.amount for each in desk.bank.asked} == {Decimal(60000)}
        assert [each.at for each in desk.bank.asked if each.at] == [
            FIRST, FIRST + timedelta(minutes=15), FIRST + timedelta(minutes=45),
        ]  # fmt: skip
        assert await desk.stands() == [("taken", None)]

    async def test_that_took_it_before_the_line_broke_takes_it_once(self, desk: Desk) -> None:
        desk.bank.answers = [SILENT]
        plan = await desk.plan()
        await desk.given.clock(FIRST)
        desk.bank.taken[f"debit:{plan}:1:1"] = Decimal(60000)
        await desk.lives(FIRST + DAY)
        assert len(desk.keys) == 2
        assert desk.bank.taken == {f"debit:{plan}:1:1": Decimal(60000)}

    async def test_for_a_day_has_spent_a_try(self, desk: Desk) -> None:
        desk.bank.answers = [DOWN] * 8
        plan = await desk.plan()
        await desk.lives(FIRST + 5 * DAY)
        assert await desk.stands() == [("failed", "too_long"), ("taken", None)]
        assert desk.keys[-2:] == [f"debit:{plan}:1:1", f"debit:{plan}:1:2"]
        assert max(each.at for each in desk.bank.asked[:-1] if each.at) < FIRST + timedelta(hours=20)

    async def test_and_may_have_taken_it_is_a_case_and_not_tried_anew(self, desk: Desk) -> None:
        desk.bank.answers = [SILENT] * 99
        await desk.plan()
        await desk.lives(FIRST + 6 * DAY)
        assert set(desk.keys) == {desk.keys[0]}
        assert (await desk.stands(), await desk.cases()) == ([("pending", "too_long")], ["debit_unknown"])

    async def test_is_not_asked_again_for_what_a_payment_covered_meanwhile(self, desk: Desk) -> None:
        desk.bank.answers = [SILENT]
        await desk.plan()
        await desk.given.clock(FIRST)
        await desk.debiting.debit(desk.given.key)
        await desk.given.pays("A", "60000", paid_at=FIRST)
        await desk.lives(FIRST + DAY)
        assert (len(desk.bank.asked), await desk.stands()) == (1, [("pending", "agreement_ended")])
        assert await desk.cases() == []

    async def test_is_not_asked_again_for_more_than_is_lacking_now(self, desk: Desk) -> None:
        desk.bank.answers = [DOWN]
        await desk.plan()
        await desk.given.clock(FIRST)
        await desk.debiting.debit(desk.given.key)
        await desk.given.pays("A", "10000", paid_at=FIRST)
        await desk.lives(FIRST + 3 * DAY)
        assert [(name, amount) for name, amount, _ in await desk.made()] == [
            ("1/1", Decimal(60000)), ("1/2", Decimal(50000)),
        ]  # fmt: skip
        assert await desk.given.balance("A") == 40_000

    async def test_pending_waits_for_the_money_and_is_not_tried_again(self, desk: Desk) -> None:
        desk.bank.answers = [PENDING]
        await desk.plan()
        await desk.lives(FIRST + 2 * DAY)
        assert (len(desk.bank.asked), await desk.stands()) == (1, [("pending", None)])
        await desk.given.pays("A", "60000", processor="caja", id="tx_1", paid_at=FIRST)
        assert [each["state"] for each in await desk.agreed.shown("plan")] == ["active"]

    async def test_pending_that_is_declined_later_is_tried_again_on_its_day(self, desk: Desk) -> None:
        name = f"tx-{uuid4().hex}"
        desk.bank.answers = [DebitAnswer("pending", name)]
        await desk.plan()
        await desk.lives(FIRST)
        for _ in range(2):
            await desk.declines(name)
        assert await desk.stands() == [("failed", "declined")]
        await desk.lives(FIRST + 3 * DAY)
        assert [at for _, _, at in await desk.made()] == [FIRST, FIRST + 2 * DAY]
        assert await desk.events() == ["asked", "pending", "failed", "asked", "taken"]

    async def test_pending_that_was_declined_before_the_answer_came_is_tried_again_too(self, desk: Desk) -> None:
        name = f"tx-{uuid4().hex}"
        desk.bank.answers = [DebitAnswer("pending", name)]
        desk.bank.before = lambda: desk.declines(name)
        await desk.plan()
        await desk.lives(FIRST)
        assert await desk.stands() == [("failed", "declined")]
        assert await desk.planned() == 2

    async def test_what_was_taken_is_not_declined(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.lives(FIRST)
        await desk.declines(f"pay-{desk.given.key}-debit:{plan}:1:1")
        assert await desk.stands() == [("taken", None)]

    async def test_a_processor_that_is_not_configured_is_asked_once_it_is(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.given.clock(FIRST)
        await Debiting(desk.given.ledger, Processors({})).debit(desk.given.key)
        await desk.lives(FIRST + DAY)
        assert desk.keys == [f"debit:{plan}:1:1"]


class TestACrash:
    async def test_between_the_decision_and_the_answer_asks_again_with_the_same_key(self, desk: Desk) -> None:
        plan = await desk.plan()
        await desk.given.clock(FIRST)
        (due,) = await due_debits(desk.given.ledger, desk.given.key, 10)
        ask = await begin_debit(desk.given.ledger, due)  # and the process dies
        assert ask is not None
        await desk.lives(FIRST + DAY)
        assert (ask.key, desk.keys) == (f"debit:{plan}:1:1", [f"debit:{plan}:1:1"])
        assert await desk.events() == ["asked", "asked", "taken"]

    async def test_an_answer_is_stored_once(self, desk: Desk) -> None:
        await desk.plan()
        await desk.given.clock(FIRST)
        (due,) = await due_debits(desk.given.ledger, desk.given.key, 10)
        ask = await begin_debit(desk.given.ledger, due)
        assert ask is not None
        for _ in range(2):
            await record_answer(desk.given.ledger, ask.debit, debits.Came("taken", None, "x"))
        assert await desk.events() == ["asked", "taken"]

    async def test_two_workers_ask_once(self, desk: Desk) -> None:
        await desk.plan()
        await desk.given.clock(FIRST)
        (due,) = await due_debits(desk.given.ledger, desk.given.key, 10)
        asks = await asyncio.gather(*(begin_debit(desk.given.ledger, due) for _ in range(8)))
        assert sum(ask is not None for ask in asks) == 1

    async def test_a_mistake_of_ours_stops_no_other_debit(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        await desk.given.imported(row("B", ("1", "2026-02-01", "100000")))
        await desk.plan()
        broken = await desk.agreed.plans("B", *TWO, mandate=await desk.mandate("B"))
        tried: defaultdict[int, int] = defaultdict(int)

        async def begin(ledger: Any, due: Due) -> Any:
            tried[due.agreement] += 1
            if due.agreement == broken and tried[broken] == 1:
                raise RuntimeError
            return await begin_debit(ledger, due)

        monkeypatch.setattr(debits, "begin_debit", begin)
        await desk.given.clock(FIRST)
        await desk.debiting.debit(desk.given.key)
        assert [each.account for each in desk.bank.asked] == ["A"]
        await desk.lives(FIRST + DAY)
        assert [each.account for each in desk.bank.asked] == ["A", "B"]


class TestARevokedMandate:
    async def test_takes_nothing(self, desk: Desk) -> None:
        mandate = await desk.mandate()
        await desk.plan(mandate=mandate)
        await desk.revokes(mandate)
        await desk.lives(START + 60 * DAY)
        assert desk.bank.asked == []

    async def test_takes_nothing_that_was_due_before(self, desk: Desk) -> None:
        mandate = await desk.mandate()
        await desk.plan(mandate=mandate)
        await desk.given.clock(FIRST)
        (due,) = await due_debits(desk.given.ledger, desk.given.key, 10)
        await desk.revokes(mandate)
        assert await begin_debit(desk.given.ledger, due) is None

    @pytest.mark.parametrize(("answer", "stands"), [(DOWN, "failed"), (SILENT, "pending")])
    async def test_is_not_asked_for_again(self, desk: Desk, answer: DebitAnswer, stands: str) -> None:
        desk.bank.answers = [answer]
        mandate = await desk.mandate()
        await desk.plan(mandate=mandate)
        await desk.given.clock(FIRST)
        await desk.debiting.debit(desk.given.key)
        await desk.revokes(mandate)
        await desk.lives(START + 60 * DAY)
        assert (len(desk.bank.asked), (await desk.stands())[0]) == (1, (stands, "mandate_revoked"))

    async def test_while_a_refusal_comes_back_ends_the_tries(self, desk: Desk) -> None:
        mandate = await desk.mandate()
        desk.bank.answers = [DECLINED]

        async def revoke() -> None:
            await desk.revokes(mandate)

        desk.bank.before = revoke
        await desk.plan(mandate=mandate)
        await desk.lives(START + 60 * DAY)
        assert (len(desk.bank.asked), await desk.cases()) == (1, [])
        (failed,) = [each for each in await desk.given.events("A") if each["kind"] == "debit_failed"]
        assert (failed["data"]["code"], failed["data"]["next_try_at"]) == ("insufficient_funds", None)

    async def test_is_revoked_once_and_says_who_did_it(self, desk: Desk) -> None:
        mandate = await desk.mandate()
        for _ in range(2):
            await desk.revokes(mandate)
        (shown,) = (await list_mandates(desk.given.ledger, desk.given.key, "A")).items
        assert (shown["status"], shown["revoked_by"], shown["revoked_at"]) == ("revoked", "Luisa", START)
        facts = [each["kind"] for each in await desk.given.events("A") if each["kind"].startswith("mandate")]
        assert facts == ["mandate_given", "mandate_revoked"]

    async def test_carries_no_new_plan(self, desk: Desk) -> None:
        mandate = await desk.mandate()
        await desk.revokes(mandate)
        with pytest.raises(Conflict) as refused:
            await desk.plan(mandate=mandate)
        assert refused.value.code == "mandate.revoked"
        assert await desk.agreed.statuses("plan") == []


class TestWhatStopsDebits:
    @pytest.mark.parametrize("kind", ["deceased", "fraud", "legal_hold"])
    async def test_a_hold_does_and_its_end_lets_them_go_on(self, desk: Desk, kind: str) -> None:
        await desk.plan()
        await desk.given.pauses("A", kind=kind, ends=FIRST + 2 * DAY)
        await desk.lives(FIRST + 2 * DAY - timedelta(hours=1))
        assert desk.bank.asked == []
        await desk.lives(FIRST + 3 * DAY)
        assert await desk.made() == [("1/1", Decimal(60000), FIRST + 2 * DAY)]

    async def test_a_dispute_does_until_it_is_resolved(self, desk: Desk) -> None:
        await desk.plan()
        dispute = await desk.agreed.disputes("A")
        await desk.lives(FIRST + DAY)
        assert desk.bank.asked == []
        await desk.agreed.resolves("A", dispute)
        await desk.lives(FIRST + 2 * DAY)
        assert [at for _, _, at in await desk.made()] == [FIRST + 2 * DAY]

    async def test_a_hold_without_an_end_stops_them_for_good(self, desk: Desk) -> None:
        await desk.plan()
        await desk.given.pauses("A", kind="deceased")
        await desk.lives(START + 90 * DAY)
        assert (desk.bank.asked, await desk.planned()) == ([], 0)

    async def test_a_pause_that_was_asked_for_does_not(self, desk: Desk) -> None:
        await desk.plan()
        await desk.given.pauses("A", kind="requested")
        await desk.lives(FIRST)
        assert len(desk.bank.asked) == 1


class TestAMandate:
    async def test_is_kept_once_a_command(self, desk: Desk) -> None:
        key = uuid4().hex
        assert await desk.mandate(key=key) == await desk.mandate(key=key)

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"reference": "4111 1111 1111 1111"}, "mandate.looks_like_card"),
            ({"proof": "4111111111111111"}, "mandate.looks_like_card"),
            ({"most": Decimal("1.001")}, "mandate.amount_decimals"),
        ],
    )
    async def test_that_may_not_be_kept_is_refused(self, desk: Desk, changes: dict[str, Any], code: str) -> None:
        with pytest.raises(SendaError) as refused:
            await desk.mandate(**changes)
        assert refused.value.code == code

    async def test_of_another_account_carries_no_plan(self, desk: Desk) -> None:
        await desk.given.imported(row("B", ("1", "2026-02-01", "100000")))
        with pytest.raises(NotFound) as refused:
            await desk.plan(mandate=await desk.mandate("B"))
        assert refused.value.code == "mandate.unknown"

    async def test_alone_takes_nothing(self, desk: Desk) -> None:
        await desk.mandate()
        await desk.agreed.plans("A", *TWO)
        await desk.lives(START + 60 * DAY)
        assert desk.bank.asked == []
