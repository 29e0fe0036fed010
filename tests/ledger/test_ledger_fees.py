"""Collection fees in the ledger: the action must be in the record, the law's ceilings hold, the journey is told."""

from collections.abc import Awaitable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from journey.money import MoneyRules
from ledger.access import Actor
from ledger.creditors import creditor, put_creditor
from ledger.credits import NewCredit, give
from ledger.errors import NotFound
from ledger.fees import FeeCharged, FeeOrder, charge_fee
from ledger.reference_values import ReferenceValue, put_values
from ledger.task_commands import done
from ledger.tasks import NewTask, add_task
from policy.errors import SendaError
from tests.ledger.given import Given, local, row

PAST_DUE = ("1", "2026-02-01", "100000")
EMAIL: dict[str, Any] = {
    "key": "gestion",
    "amount": "5000",
    "channels": ["email"],
    "informed_by": "contrato, cláusula 9",
    "informed_on": "2026-01-01",
    "times": 2,
}
VISIT: dict[str, Any] = {**EMAIL, "key": "negociacion", "channels": [], "dispositions": ["resolved"]}
AFTER_THE_FIRST = local(date(2026, 2, 3), 0)
"""The day after the notice of day 1 left."""


async def follows(given: Given, *fees: dict[str, Any], **changes: Any) -> None:
    """The creditor's settings with these fees."""
    kept = await creditor(given.ledger, given.key)
    values = {name: getattr(kept, name) for name in ("name", "pack", "currency", "playbook", "test_clock", "time_zone")}
    money = MoneyRules.model_validate({"fees": {"kinds": fees}})
    await put_creditor(given.ledger, given.key, **{**values, "money": money, **changes})


@pytest.fixture
async def given(given: Given) -> Given:
    """With two fees, and account A that owes 100 000 since 1 February; its first notice left on the 2nd."""
    await follows(given, EMAIL, VISIT)
    await given.imported(row("A", PAST_DUE))
    await given.lives(AFTER_THE_FIRST)
    return given


async def contacts(given: Given, account: str = "A") -> list[int]:
    """The numbers of the contacts that were permitted."""
    return [each["id"] for each in await given.decisions(account) if each["decision"] == "permitted"]


async def charges(given: Given, kind: str = "gestion", account: str = "A", **order: Any) -> FeeCharged:
    """Luisa charges a fee for the account's first contact; `order` are fields of `FeeOrder`."""
    if "task" not in order and "contact" not in order:
        order["contact"] = (await contacts(given, account))[0]
    return await charge_fee(given.ledger, given.key, account, FeeOrder(kind, **{"key": uuid4().hex, **order}), "Luisa")


async def code_of(command: Awaitable[Any]) -> str:
    with pytest.raises(SendaError) as refused:
        await command
    return refused.value.code


async def task(given: Given, disposition: str | None, account: str = "A") -> int:
    """A case of the account, done with a disposition by a supervisor, or still open."""
    async with given.ledger.transaction() as tx:
        new = NewTask(uuid4().hex, "case", "wants_person", given.key, await given.number(account))
        number = await add_task(tx, new)
    assert number is not None
    if disposition is not None:
        await done(given.ledger, number, disposition, None, Actor("k", "Marta", "supervisor"))
    return number


class TestAFee:
    async def test_is_a_posting_that_names_its_formula_its_inputs_and_its_action(self, given: Given) -> None:
        (contact,) = await contacts(given)
        charged = await charges(given)
        assert (charged.kind, charged.due, charged.amount, charged.currency) == ("gestion", "1", 5_000, "COP")
        posted = await given.one("SELECT * FROM postings WHERE id = %s", charged.id)
        assert (posted["kind"], posted["component"], posted["amount"]) == ("fee", "fees", 5_000)
        assert posted["effective_at"] == posted["booked_at"] == AFTER_THE_FIRST
        about = posted["about"]
        assert about.items() > charged.about.items()
        assert (about["formula"], about["action"], about["actor"]) == ("amount", f"contact:{contact}", "Luisa")
        assert (about["action_on"], about["principal"]) == ("2026-02-02", "100000.0000")
        assert await given.balance("A") == 105_000

    async def test_is_told_to_the_journey(self, given: Given) -> None:
        charged = await charges(given)
        assert charged.followed is not None
        assert charged.followed.told is not None
        assert charged.followed.told.standing.balance == 105_000
        (event,) = [each for each in await given.events("A") if each["kind"] == "fee"]
        assert (event["actor"], event["data"]["due"], event["data"]["fee"]) == ("Luisa", "1", "gestion")

    async def test_is_charged_once_for_a_command(self, given: Given) -> None:
        first = await charges(given, key="c1")
        again = await charges(given, key="c1")
        assert (again.id, again.amount, again.about, again.followed) == (first.id, first.amount, first.about, None)
        assert await given.balance("A") == 105_000

    async def test_is_paid_before_interest_and_principal(self, given: Given) -> None:
        await charges(given)
        await given.pays("A", "6000", paid_at=AFTER_THE_FIRST)
        assert await given.open_dues("A") == {"1": Decimal(99_000)}
        assert await code_of(charges(given)) == "fee.action_used"

    async def test_may_be_for_a_task_that_was_done(self, given: Given) -> None:
        number = await task(given, "resolved")
        charged = await charges(given, "negociacion", task=number)
        assert charged.about["action"] == f"task:{number}"

    async def test_is_about_the_oldest_due_unless_one_is_named(self, given: Given) -> None:
        await given.imported(row("B", ("1", "2026-01-31", "50000"), ("2", "2026-02-01", "50000")))
        await given.lives(local(date(2026, 2, 7), 0))
        first, *_ = await contacts(given, "B")
        assert (await charges(given, account="B", contact=first)).due == "1"
        assert await code_of(charges(given, account="B", contact=first, due="2")) == "fee.action_used"
        assert await code_of(charges(given, account="B", contact=first, due="9")) == "fee.due_unknown"

    async def test_opens_no_second_time_for_the_same_due(self, given: Given) -> None:
        await follows(given, {**EMAIL, "times": 1})
        await given.lives(local(date(2026, 2, 7), 0))
        first, second = await contacts(given)
        await charges(given, contact=first)
        assert await code_of(charges(given, contact=second)) == "fee.too_often"


class TestIsRefused:
    async def test_where_the_creditor_charges_none(self, given: Given) -> None:
        await put_creditor_without_fees(given)
        assert await code_of(charges(given)) == "fee.not_offered"

    async def test_for_an_action_of_another_account(self, given: Given) -> None:
        await given.imported(row("B", PAST_DUE))
        with pytest.raises(NotFound) as refused:
            await charges(given, account="B", contact=(await contacts(given))[0])
        assert refused.value.code == "fee.action_unknown"
        assert await code_of(charges(given, account="B", task=await task(given, "resolved"))) == "fee.action_unknown"

    async def test_for_a_contact_that_the_law_did_not_allow(self, given: Given) -> None:
        refused = await given.one(
            """
            INSERT INTO contacts (person_id, creditor, account_id, request, channel, decision, rules, basis, decided_at)
            SELECT person_id, creditor, id, gen_random_uuid()::text, 'email', 'refused', '{CO-02}', '{}', %s
            FROM accounts WHERE creditor = %s AND key = 'A' RETURNING id""",
            AFTER_THE_FIRST,
            given.key,
        )
        assert await code_of(charges(given, contact=refused["id"])) == "fee.action_unknown"

    async def test_for_a_message_that_never_arrived(self, given: Given) -> None:
        (contact,) = await contacts(given)
        await told(given, contact, "failed")
        assert await code_of(charges(given)) == "fee.action_not_performed"

    async def test_for_a_message_of_which_nobody_knows(self, given: Given) -> None:
        await given.imported(row("B", PAST_DUE))
        await given.clock(local(date(2026, 2, 3), 9))
        answer = await given.asks(given.journey("B"), await given.due_contact(given.journey("B")))
        contact = getattr(answer, "contact_id", None)
        assert contact is not None
        await told(given, contact, "unknown")
        assert await code_of(charges(given, account="B", contact=contact)) == "fee.action_not_performed"
        await told(given, contact, "delivered")
        assert (await charges(given, account="B", contact=contact)).amount == 5_000

    async def test_for_a_message_that_bore_one_on_another_account(self, given: Given) -> None:
        """A message about two accounts of a person is one action."""
        two = [row(account, ("1", "2026-02-02", "50000"), person=f"{given.key}-p") for account in ("C", "D")]
        await given.imported(*two)
        await given.lives(local(date(2026, 2, 4), 0))
        rows = await given.all(
            """
            SELECT c.id, c.covered_by, a.key FROM contacts c JOIN accounts a ON a.id = c.account_id
            WHERE a.creditor = %s AND a.key IN ('C', 'D') AND (c.decision = 'permitted' OR c.covered_by IS NOT NULL)
            ORDER BY c.covered_by NULLS FIRST""",
            given.key,
        )
        message, covered = rows
        assert covered["covered_by"] == message["id"]
        await charges(given, account=covered["key"], contact=covered["id"])
        assert await code_of(charges(given, account=message["key"], contact=message["id"])) == "fee.action_used"

    async def test_for_a_task_that_is_open_or_was_done_otherwise(self, given: Given) -> None:
        assert await code_of(charges(given, "negociacion", task=await task(given, None))) == "fee.action_unknown"
        withdrawn = await task(given, "withdrawn")
        assert await code_of(charges(given, "negociacion", task=withdrawn)) == "fee.action_does_not_bear_it"

    async def test_where_nothing_is_past_due(self, given: Given) -> None:
        (contact,) = await contacts(given)
        await given.pays("A", "100000", paid_at=AFTER_THE_FIRST)
        assert await code_of(charges(given, contact=contact)) == "fee.nothing_past_due"
        assert await given.balance("A") == 0

    async def test_for_an_account_that_is_not_known(self, given: Given) -> None:
        assert await code_of(charges(given, account="Z", contact=1)) == "account.unknown"


class TestTheLawOfChile:
    """UF 1 000: 10 UF are 10 000, 50 UF 50 000; on 100 000 at most 900 + 2 400 + 1 500 = 4 800."""

    @pytest.fixture
    async def given(self, ledger: Any) -> Given:
        """A creditor in Chile whose fee is what the law leaves; the clock stands on day 20."""
        given = await Given(ledger).set_up()
        await follows(given, {**EMAIL, "amount": None}, pack="CL", currency="CLP")
        await given.imported(row("A", PAST_DUE))
        await given.lives(local(date(2026, 2, 21), 12))
        return given

    async def uf(self, given: Given, value: str, day: date) -> None:
        await put_values(given.ledger, [ReferenceValue("CL.UF", day, Decimal(value), "boletín")], "Luisa")

    async def test_bounds_all_fees_together(self, given: Given) -> None:
        await self.uf(given, "1000", date(2026, 2, 22))
        await given.clock(local(date(2026, 2, 22), 0))
        first, second, *_ = await contacts(given)
        charged = await charges(given, contact=first)
        assert charged.amount == 4_800
        assert (charged.about["ceiling"], charged.about["rules"]) == ("4800", "CL-05")
        assert Decimal(charged.about["CL.UF"]) == 1_000
        assert await code_of(charges(given, contact=second)) == "fee.beyond_ceiling"

    async def test_allows_none_before_day_21(self, given: Given) -> None:
        await self.uf(given, "1000", date(2026, 2, 21))
        await given.clock(local(date(2026, 2, 21), 23, 59))
        assert await code_of(charges(given)) == "fee.too_early"
        await given.clock(local(date(2026, 2, 22), 0))
        assert (await charges(given)).amount == 4_800

    async def test_counts_fees_that_were_paid(self, given: Given) -> None:
        await self.uf(given, "1000", date(2026, 2, 22))
        await given.clock(local(date(2026, 2, 22), 0))
        first, second, *_ = await contacts(given)
        await charges(given, contact=first)
        await given.pays("A", "4800", currency="CLP", paid_at=local(date(2026, 2, 22), 0))
        assert await code_of(charges(given, contact=second)) == "fee.beyond_ceiling"

    async def test_counts_no_fee_that_was_taken_back(self, given: Given) -> None:
        await self.uf(given, "1000", date(2026, 2, 22))
        await given.clock(local(date(2026, 2, 22), 0))
        first, second, *_ = await contacts(given)
        await charges(given, contact=first)
        waiver = NewCredit("waiver", Decimal(800), "goodwill", uuid4().hex, "Luisa", components=("fees",))
        await give(given.ledger, given.key, "A", waiver)
        assert (await charges(given, contact=second)).amount == 800

    async def test_needs_a_value_of_the_unit_that_is_not_old(self, given: Given) -> None:
        await given.clock(local(date(2027, 2, 1), 12))
        await self.uf(given, "1000", date(2026, 12, 31))
        assert await code_of(charges(given)) == "fee.unit_unknown"
        await self.uf(given, "1000", date(2027, 1, 1))
        assert (await charges(given)).amount == 4_800


async def told(given: Given, contact: int, status: str) -> None:
    """A receipt says so of a contact."""
    await given.all(
        "INSERT INTO contact_events (contact_id, status, actor, at) VALUES (%s, %s, 'receipt', %s) RETURNING id",
        contact,
        status,
        AFTER_THE_FIRST,
    )


async def put_creditor_without_fees(given: Given) -> None:
    """The creditor's settings without fees."""
    await follows(given, EMAIL, money=None)
