"""Money backwards and late, through the ledger: the account becomes what it would have been."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from journey.interest import InterestRules, Rate
from journey.money import MoneyRules
from ledger import credits
from ledger.creditors import creditor, put_creditor
from ledger.credits import NewCredit
from ledger.database import Ledger
from ledger.errors import Conflict
from ledger.refunds import refund
from ledger.statements import Asked, statement
from tests.ledger.agreed import Agreed
from tests.ledger.given import START, Given, playbook, row

TWO = (("1", "2026-01-15", "100000"), ("2", "2026-02-20", "100000"))


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    return await Given(ledger).set_up()


async def reckons(given: Given, **rules: Any) -> None:
    """The creditor's rules of money; with interest it is in Peru, whose pack asks for no ceiling."""
    now = await creditor(given.ledger, given.key)
    await put_creditor(
        given.ledger,
        given.key,
        name=now.name,
        pack="PE" if "interest" in rules else now.pack,
        currency=now.currency,
        playbook=now.playbook,
        test_clock=now.test_clock,
        time_zone=now.time_zone,
        money=MoneyRules(**rules),
    )


def note(number: str, amount: str, **changes: Any) -> NewCredit:
    values = {"kind": "credit_note", "amount": Decimal(amount), "reason": "returned", "key": number, "actor": "ana"}
    return NewCredit(**{**values, **changes})


async def sums(given: Given, account: str, **when: Any) -> dict[str, Any]:
    """The statement without its lines."""
    found = await statement(given.ledger, Asked(given.key, account, **when))
    return {name: found[name] for name in ("balance", "principal", "interest", "fees", "unapplied_credit")}


class TestTakingBack:
    async def test_a_chargeback_that_is_taken_back_cures_again(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-15", "100000")))
        await given.pays("A", "100000", id=f"{given.key}:p")
        back = await given.reverses("A", f"{given.key}:p", "100000", kind="chargeback", id=f"{given.key}:c")
        assert back.status == "applied"
        assert await given.balance("A") == 100000
        await given.opened([back.opens] if back.opens else [])
        won = await given.reverses("A", f"{given.key}:c", "100000", id=f"{given.key}:w")
        assert won.status == "applied"
        assert await given.balance("A") == 0
        assert [journey["outcome"] for journey in await given.journeys("A")] == ["paid", "paid"]

    async def test_what_is_left_moves_to_the_oldest_due(self, given: Given) -> None:
        await given.imported(row("A", *TWO))
        await given.pays("A", "100000", id=f"{given.key}:one")
        await given.pays("A", "100000", id=f"{given.key}:two")
        await given.reverses("A", f"{given.key}:one", "100000")
        assert await given.open_dues("A") == {"2": Decimal(100000)}

    @pytest.mark.parametrize("order", [("p", "c", "w"), ("w", "c", "p"), ("c", "w", "p"), ("w", "p", "c")])
    async def test_the_order_in_which_it_is_told_does_not_matter(self, given: Given, order: tuple[str, ...]) -> None:
        await given.imported(row("A", *TWO))
        for told in order:
            if told == "p":
                await given.pays("A", "80000", id=f"{given.key}:p")
            elif told == "c":
                await given.reverses("A", f"{given.key}:p", "80000", kind="chargeback", id=f"{given.key}:c")
            else:
                await given.reverses("A", f"{given.key}:c", "30000", id=f"{given.key}:w")
        assert await given.open_dues("A") == {"1": Decimal(70000), "2": Decimal(100000)}

    async def test_a_second_taking_back_of_the_same_money_waits(self, given: Given) -> None:
        await given.imported(row("A", *TWO))
        await given.pays("A", "80000", id=f"{given.key}:p")
        await given.reverses("A", f"{given.key}:p", "80000")
        again = await given.reverses("A", f"{given.key}:p", "80000", kind="refund")
        assert (again.status, again.code) == ("unapplied", "payment.nothing_to_reverse")
        assert await given.balance("A") == 200000


class TestADesignatedPayment:
    async def test_pays_its_due_and_leaves_the_older_one_open(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-15", "100000"), ("2", "2026-01-20", "100000")))
        await given.pays("A", "100000", due="2")
        assert await given.open_dues("A") == {"1": Decimal(100000)}
        (journey,) = await given.journeys("A")
        assert not journey["closed"]


class TestCredit:
    async def test_left_over_pays_the_due_that_comes_next(self, given: Given) -> None:
        account = row("A", ("1", "2026-01-15", "100000"))
        await given.imported(account)
        await given.pays("A", "150000")
        assert (await sums(given, "A"))["unapplied_credit"] == "50000.00"
        account["dues"].append({"key": "2", "due_date": "2026-02-15", "amount": "80000"})
        await given.imported(account)
        assert await given.open_dues("A") == {"2": Decimal(30000)}
        assert (await sums(given, "A"))["unapplied_credit"] == "0.00"

    async def test_is_given_back_once_and_no_more_than_there_is(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-15", "100000")))
        await given.pays("A", "120000")
        for _ in range(2):
            await refund(given.ledger, given.key, "A", Decimal(15000), f"{given.key}:r", "ana")
        assert (await sums(given, "A"))["unapplied_credit"] == "5000.00"
        with pytest.raises(Conflict) as refused:
            await refund(given.ledger, given.key, "A", Decimal(5001), f"{given.key}:r2", "ana")
        assert refused.value.code == "refund.too_much"

    async def test_becomes_a_case_where_the_creditor_gives_it_back(self, given: Given) -> None:
        await reckons(given, overpayment="refund")
        await given.imported(row("A", ("1", "2026-01-15", "100000")))
        await given.pays("A", "120000")
        (task,) = await given.all("SELECT reason, kind FROM tasks WHERE creditor = %s", given.key)
        assert task == {"reason": "overpaid", "kind": "case"}


class TestACreditNote:
    async def test_clears_nothing_until_applied_and_reopens_once_cancelled(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-15", "100000")))
        issued = await credits.issue(given.ledger, given.key, "A", note(f"{given.key}:n", "100000"))
        assert await given.balance("A") == 100000
        await credits.apply_credit(given.ledger, given.key, "A", issued.id, f"{given.key}:a", "ana")
        (journey,) = await given.journeys("A")
        assert (await given.balance("A"), journey["outcome"]) == (0, "paid")
        undone = await credits.undo(given.ledger, given.key, "A", issued.id, ("credit_note",), f"{given.key}:u", "ana")
        assert await given.balance("A") == 100000
        assert undone.followed.opens is not None

    async def test_counts_once_however_often_it_is_commanded(self, given: Given) -> None:
        await given.imported(row("A", *TWO))
        numbers = {
            (await credits.issue(given.ledger, given.key, "A", note(f"{given.key}:n", "40000"))).id for _ in range(2)
        }
        (number,) = numbers
        for _ in range(2):
            await credits.apply_credit(given.ledger, given.key, "A", number, f"{given.key}:a", "ana")
        assert await given.balance("A") == 160000
        with pytest.raises(Conflict):
            await credits.apply_credit(given.ledger, given.key, "A", number, f"{given.key}:b", "ana")


class TestAWriteOff:
    async def test_ends_the_journey_and_its_undoing_starts_one_where_it_belongs(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-15", "100000")))
        off = await credits.write_off(given.ledger, given.key, "A", "uncollectible", f"{given.key}:o", "ana")
        (journey,) = await given.journeys("A")
        assert (journey["outcome"], await given.balance("A")) == ("written_off", 0)
        undone = await credits.undo(given.ledger, given.key, "A", off.id, ("write_off",), f"{given.key}:u", "ana")
        assert undone.followed.opens is not None
        await given.opened([undone.followed.opens])
        _, again = await given.journeys("A")
        assert (again["closed"], again["stage"], again["due_date"]) == (False, "administrative", date(2026, 1, 15))

    async def test_covers_so_much_less_when_a_recovery_comes(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-15", "100000")))
        await credits.write_off(given.ledger, given.key, "A", "uncollectible", f"{given.key}:o", "ana")
        await given.pays("A", "30000")
        assert (await sums(given, "A"))["unapplied_credit"] == "0.00"
        assert await given.balance("A") == 0
        (covered,) = await given.all(
            "SELECT -sum(amount) AS amount FROM postings o JOIN accounts a ON a.id = o.account_id "
            "WHERE a.creditor = %s AND credit_id IS NOT NULL",
            given.key,
        )
        assert covered["amount"] == 70000


class TestInterest:
    RATES = InterestRules(rates=(Rate(since=date(2026, 1, 1), annual=Decimal("0.365")),), kind="nominal")

    async def test_accrues_to_the_day_of_a_payment_and_is_paid_before_principal(self, given: Given) -> None:
        await reckons(given, interest=self.RATES)
        await given.imported(row("A", ("1", "2026-01-23", "100000")))
        await given.pays("A", "50000")
        # ten days at 100 a day, then half of the payment's rest
        assert await sums(given, "A") == {
            "balance": "51000.00",
            "principal": "51000.00",
            "interest": "0.00",
            "fees": "0.00",
            "unapplied_credit": "0.00",
        }

    async def test_a_payment_dated_back_lowers_what_had_accrued(self, given: Given) -> None:
        await reckons(given, interest=self.RATES)
        await given.imported(row("A", ("1", "2026-01-23", "100000")))
        await given.pays("A", "10", id=f"{given.key}:p")
        await given.pays("A", "100000", paid_at=datetime(2026, 1, 24, 17, tzinfo=UTC))
        # a day at 100, nine at 0.10 on what was left; the ten paid that and 9.10 of it
        found = await sums(given, "A")
        assert (found["principal"], found["interest"]) == ("90.90", "0.00")

    async def test_each_accrual_names_formula_and_inputs(self, given: Given) -> None:
        await reckons(given, interest=self.RATES)
        await given.imported(row("A", ("1", "2026-01-23", "100000")))
        await given.pays("A", "50000")
        lines = (await statement(given.ledger, Asked(given.key, "A")))["lines"]
        accrued = [line for line in lines if line["kind"] == "interest"]
        assert sum(Decimal(line["amount"]) for line in accrued) == 1000
        assert all(span["formula"] and span["principal"] for line in accrued for span in line["about"]["spans"])

    async def test_is_in_what_a_message_says_on_the_day_it_leaves(self, given: Given) -> None:
        await reckons(given, interest=self.RATES)
        await given.imported(row("A", ("1", "2026-02-02", "100000")))
        permit = (await given.lives(START + timedelta(days=2)))[-1]
        assert (permit.balance, permit.past_due) == (Decimal(100100), Decimal(100100))
        (journey,) = await given.journeys("A")
        assert Decimal(journey["state"]["standing"]["balance"]) == 100100


class TestAStatement:
    async def test_shows_what_was_known_then_beside_what_is_known_now(self, given: Given) -> None:
        await given.imported(row("A", *TWO))
        await given.pays("A", "60000", id=f"{given.key}:p", paid_at=START)
        await given.clock(START + timedelta(days=3))
        await given.reverses("A", f"{given.key}:p", "60000")
        then = await sums(given, "A", known_at=START + timedelta(days=1))
        assert (then["balance"], (await sums(given, "A"))["balance"]) == ("140000.00", "200000.00")

    async def test_breaks_the_debt_down_to_its_parts(self, given: Given) -> None:
        account = row("A", ("1", "2026-01-15", "100000"))
        account["dues"][0] |= {"interest": "20000", "fees": "5000"}
        await given.imported(account)
        await given.pays("A", "12000")
        found = await sums(given, "A")
        assert (found["principal"], found["interest"], found["fees"]) == ("75000.00", "13000.00", "0.00")

    async def test_the_order_of_the_parts_is_the_creditors(self, given: Given) -> None:
        await reckons(given, order=("principal", "interest", "fees"))
        account = row("A", ("1", "2026-01-15", "100000"))
        account["dues"][0] |= {"interest": "20000", "fees": "5000"}
        await given.imported(account)
        await given.pays("A", "80000")
        found = await sums(given, "A")
        assert (found["principal"], found["interest"], found["fees"]) == ("0.00", "15000.00", "5000.00")


class TestInterestAlone:
    @pytest.mark.parametrize(("principal_only", "outcome"), [(False, None), (True, "paid")])
    async def test_is_claimed_where_the_creditor_does(
        self, given: Given, principal_only: bool, outcome: str | None
    ) -> None:
        await reckons(given, order=("principal", "interest", "fees"), principal_only=principal_only)
        account = row("A", ("1", "2026-01-15", "100000"))
        account["dues"][0] |= {"interest": "20000"}
        await given.imported(account)
        await given.pays("A", "80000")
        (journey,) = await given.journeys("A")
        assert journey["outcome"] == outcome


class TestAgreementsHearOfIt:
    """Not of payments alone: of whatever changes what is owed."""

    async def test_a_write_off_cancels_what_was_agreed(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-15", "100000")))
        await Agreed(given).promises("A", "60000", "2026-02-10")
        await credits.write_off(given.ledger, given.key, "A", "uncollectible", f"{given.key}:o", "ana")
        assert await Agreed(given).statuses("promise") == ["cancelled"]

    async def test_a_file_that_takes_off_all_that_is_owed_keeps_it(self, ledger: Ledger) -> None:
        given = await Given(ledger).set_up(playbook(f"libro-{uuid4().hex[:8]}", minimum_balance="0"))
        person = f"persona-{uuid4().hex}"
        await given.imported(row("A", ("1", "2026-01-15", "100000"), person=person))
        await Agreed(given).promises("A", "60000", "2026-02-10")
        await given.pays("A", "50000")
        assert await Agreed(given).statuses("promise") == ["open"]
        await given.imported(row("A", ("1", "2026-01-15", "50000"), person=person))
        assert await Agreed(given).statuses("promise") == ["kept"]
