"""Reliefs: granted within authority, kept with their promise in one transaction, taken back with its payment."""

from collections.abc import Awaitable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from journey.money import MoneyRules
from journey.relief_rules import GrantingRole, ReliefRules
from journey.reliefs import BeyondAuthority, Wish
from ledger import reliefs
from ledger.agreement_views import Wanted
from ledger.creditors import creditor, put_creditor
from ledger.errors import Conflict
from ledger.following import Followed
from ledger.relief_views import list_reliefs
from ledger.reliefs import Granter
from ledger.views import journey
from policy.errors import SendaError
from tests.ledger.agreed import Agreed
from tests.ledger.given import START, Given, local, playbook, row

PAST_DUE = ("1", "2026-01-15", "100000")
NEW_DATE = {"key": "prorroga", "kind": "new_due_date", "up_to_days": 20, "authority": {"agent": {"days": 5}}}
RULES = {
    "kinds": [
        {
            "key": "descuento",
            "kind": "punctual_discount",
            "share": "0.20",
            "within_days": 5,
            "authority": {"agent": {"share": "0.10"}},
        },
        {"key": "intereses", "kind": "interest_waived", "within_days": 5},
        {"key": "intereses-ya", "kind": "interest_waived", "share": "0.50"},
        NEW_DATE,
        {"key": "refinanciar", "kind": "refinancing", "instalments": [3, 6], "rate": "0.02"},
    ]
}
LATE = {"interest": {"rates": [{"since": "2026-01-01", "annual": "0.365"}], "kind": "nominal"}}
"""A hundred a day on a hundred thousand."""


class Relieved:
    """What people do with reliefs, and how things stand."""

    def __init__(self, given: Given) -> None:
        self.given = given

    async def rules(self, content: object = RULES, money: object = None) -> None:
        kept = await creditor(self.given.ledger, self.given.key)
        values = {name: getattr(kept, name) for name in ("name", "currency", "playbook", "test_clock", "time_zone")}
        await put_creditor(
            self.given.ledger,
            self.given.key,
            **values,
            pack="PE",  # whose law asks for no ceiling of interest
            reliefs=ReliefRules.model_validate(content),
            money=MoneyRules.model_validate(money) if money else None,
        )

    async def grants(self, relief: str, role: GrantingRole = "supervisor", key: str = "", **wish: Any) -> int:
        granter = Granter(key or uuid4().hex, "Luisa", role)
        granted = await reliefs.grant(self.given.ledger, self.given.key, "A", Wish(relief, **wish), granter)
        return granted.id

    async def cancels(self, number: int, role: GrantingRole = "supervisor", key: str = "") -> Followed:
        granter = Granter(key or uuid4().hex, "Luisa", role)
        return await reliefs.cancel(self.given.ledger, self.given.key, "A", number, granter)

    async def statuses(self) -> list[str]:
        page = await list_reliefs(self.given.ledger, Wanted(self.given.key))
        return [each["status"] for each in page.items]

    async def reasons(self, relief: str, role: GrantingRole = "supervisor") -> tuple[str, ...]:
        found = await reliefs.offers(self.given.ledger, self.given.key, "A", role)
        return next(offer.reasons for offer in found if offer.relief == relief)

    async def facts(self) -> list[str]:
        events = await self.given.events("A")
        return [each["kind"].removeprefix("relief_") for each in events if each["kind"].startswith("relief_")]

    async def person(self) -> str:
        query = "SELECT p.key FROM people p JOIN accounts a ON a.person_id = p.id WHERE a.creditor = %s"
        return (await self.given.one(query, self.given.key))["key"]

    async def due_date(self) -> date:
        query = "SELECT due_date FROM dues WHERE account_id = %s"
        return (await self.given.one(query, await self.given.number("A")))["due_date"]

    async def journey(self) -> dict[str, Any]:
        found = await journey(self.given.ledger, self.given.key, "A")
        assert found is not None
        return found


@pytest.fixture
async def relieved(given: Given) -> Relieved:
    """Account A owes 100 000, past due since 15 January; it is 2 February."""
    relieved = Relieved(given)
    await relieved.rules()
    await given.imported(row("A", PAST_DUE))
    return relieved


async def code_of(command: Awaitable[Any], kind: type[SendaError] = SendaError) -> str:
    with pytest.raises(kind) as refused:
        await command
    return refused.value.code


class TestADiscount:
    async def test_paid_in_time_closes_the_account(self, given: Given, relieved: Relieved) -> None:
        await relieved.grants("descuento")
        assert ((await relieved.journey())["status"], await relieved.statuses()) == ("promise", ["accepted"])
        assert await given.balance("A") == 100000
        await given.pays("A", 80000)
        assert ((await relieved.journey())["outcome"], await given.balance("A")) == ("paid", 0)
        assert (await relieved.statuses(), await relieved.facts()) == (["kept"], ["offered", "accepted", "kept"])

    async def test_one_cent_less_is_not_enough_whatever_the_playbook_s_threshold(self, given: Given) -> None:
        given = await Given(given.ledger).set_up(
            playbook(f"{uuid4().hex}", promise={"grace_days": 1, "threshold": "0.50"})
        )
        relieved = Relieved(given)
        await relieved.rules()
        await given.imported(row("A", PAST_DUE))
        await relieved.grants("descuento")
        await given.pays("A", "79999.99")
        assert (await relieved.statuses(), await given.balance("A")) == (["accepted"], Decimal("20000.01"))

    async def test_it_lapses_with_its_time(self, given: Given, relieved: Relieved) -> None:
        await relieved.grants("descuento")
        await given.pays("A", 50000)
        await given.lives(local(date(2026, 2, 9), 12))
        assert await relieved.statuses() == ["lapsed"]
        await Agreed(given).settles()
        assert (await relieved.statuses(), await relieved.facts()) == (["lapsed"], ["offered", "accepted", "lapsed"])
        await given.pays("A", 30000, paid_at=local(date(2026, 2, 9), 12))
        assert await given.balance("A") == 20000

    async def test_a_payment_of_its_time_that_is_known_late_keeps_it(self, given: Given, relieved: Relieved) -> None:
        await relieved.grants("descuento")
        await given.lives(local(date(2026, 2, 9), 12))
        await Agreed(given).settles()
        await given.pays("A", 80000, paid_at=local(date(2026, 2, 5), 12))
        assert (await relieved.statuses(), await given.balance("A")) == (["kept"], 0)
        assert (await relieved.journey())["outcome"] == "paid"

    async def test_a_reversal_in_its_time_takes_it_back_and_a_payment_gives_it_again(
        self, given: Given, relieved: Relieved
    ) -> None:
        await relieved.grants("descuento")
        await given.pays("A", 80000, id=f"{given.key}:p")
        await given.reverses("A", f"{given.key}:p", 80000)
        assert (await relieved.statuses(), await given.balance("A")) == (["accepted"], 100000)
        await given.pays("A", 80000)
        assert (await relieved.statuses(), await given.balance("A")) == (["kept"], 0)
        assert await relieved.facts() == ["offered", "accepted", "kept", "taken_back", "kept"]

    async def test_a_reversal_after_its_time_leaves_it(self, given: Given, relieved: Relieved) -> None:
        await relieved.grants("descuento")
        await given.pays("A", 80000, id=f"{given.key}:p")
        await given.lives(local(date(2026, 2, 9), 12))
        await given.reverses("A", f"{given.key}:p", 80000)
        assert (await relieved.statuses(), await given.balance("A")) == (["kept"], 80000)

    async def test_late_interest_until_the_payment_goes_with_it(self, given: Given, relieved: Relieved) -> None:
        await relieved.rules(money=LATE)
        owed = (await reliefs.offers(given.ledger, given.key, "A", "supervisor"))[0]
        assert (owed.pays, owed.forgives) == (81440, 20360)
        await relieved.grants("descuento")
        await given.lives(local(date(2026, 2, 6), 12))
        await given.pays("A", owed.pays, paid_at=local(date(2026, 2, 6), 11))
        assert (await relieved.statuses(), await given.balance("A")) == (["kept"], 0)

    async def test_beyond_the_agent_s_share_somebody_else_must_grant_it(self, relieved: Relieved) -> None:
        refused = relieved.grants("descuento", "agent", amount=Decimal("10000.01"))
        assert await code_of(refused, BeyondAuthority) == "relief.beyond_authority"
        await relieved.grants("descuento", "agent")
        assert (await list_reliefs(relieved.given.ledger, Wanted(relieved.given.key))).items[0]["pays"] == "90000.00"

    async def test_cancelled_it_forgives_nothing_and_the_steps_go_on(self, given: Given, relieved: Relieved) -> None:
        number = await relieved.grants("descuento", key="g")
        assert await relieved.grants("descuento", key="g") == number
        await relieved.cancels(number, "agent", key="c")
        assert await relieved.cancels(number, "agent", key="c") == Followed()
        assert ((await relieved.journey())["status"], await relieved.statuses()) == ("active", ["cancelled"])
        await given.pays("A", 80000)
        assert await given.balance("A") == 20000
        assert await code_of(relieved.cancels(number), Conflict) == "relief.not_open"

    async def test_ends_with_its_promise(self, given: Given, relieved: Relieved) -> None:
        await relieved.grants("descuento")
        (promise,) = await Agreed(given).shown("promise")
        await Agreed(given).cancels("A", "promise", promise["id"])
        assert await relieved.facts() == ["offered", "accepted", "cancelled"]

    async def test_what_is_in_the_way_is_named(self, given: Given, relieved: Relieved) -> None:
        await Agreed(given).promises("A", "100000", "2026-02-04")
        assert await relieved.reasons("descuento") == ("agreement_open",)
        assert await code_of(relieved.grants("descuento")) == "relief.not_eligible"
        assert await relieved.reasons("intereses-ya") == ("nothing_to_forgive",)


class TestInterestWaived:
    @pytest.fixture
    async def owing(self, given: Given, relieved: Relieved) -> Relieved:
        """Of 100 000, 20 000 are interest."""
        account = row("A", PAST_DUE, person=f"persona-{uuid4().hex}")
        account["dues"][0]["interest"] = "20000"
        given.key = (await Given(given.ledger).set_up()).key
        await relieved.rules()
        await given.imported(account)
        return relieved

    async def test_at_once(self, given: Given, owing: Relieved) -> None:
        number = await owing.grants("intereses-ya")
        assert (await given.balance("A"), await owing.statuses()) == (90000, ["kept"])
        assert await code_of(owing.cancels(number, "agent"), BeyondAuthority) == "relief.beyond_authority"
        await owing.cancels(number)
        assert (await given.balance("A"), await owing.statuses()) == (100000, ["cancelled"])

    async def test_once_the_rest_is_paid_it_is_interest_that_was_forgiven(self, given: Given, owing: Relieved) -> None:
        await owing.grants("intereses")
        await given.pays("A", 30000, paid_at=START + timedelta(hours=1))
        await given.pays("A", 50000, paid_at=START + timedelta(hours=2))
        assert (await given.balance("A"), (await owing.journey())["outcome"]) == (0, "paid")
        found = await given.all(
            """SELECT component, -sum(amount) AS sum FROM postings WHERE account_id = %s AND credit_id IS NOT NULL
            GROUP BY 1""",
            await given.number("A"),
        )
        assert [(each["component"], each["sum"]) for each in found] == [("interest", 20000)]

    async def test_with_late_interest_until_the_payment(self, given: Given, relieved: Relieved) -> None:
        await relieved.rules(money=LATE)
        await relieved.grants("intereses")
        await given.lives(local(date(2026, 2, 6), 12))
        await given.pays("A", 40000, paid_at=local(date(2026, 2, 4), 12))
        await given.pays("A", 60000, paid_at=local(date(2026, 2, 6), 11))
        assert (await relieved.statuses(), await given.balance("A")) == (["kept"], 0)


class TestANewDueDate:
    async def test_re_anchors_the_journey_and_no_import_brings_the_old_one_back(
        self, given: Given, relieved: Relieved
    ) -> None:
        await relieved.grants("prorroga", due_date=date(2026, 2, 20))
        assert ((await relieved.journey())["outcome"], await relieved.statuses()) == ("cured", ["kept"])
        person = await relieved.person()
        await given.imported(row("A", PAST_DUE, person=person))
        await given.lives(local(date(2026, 2, 21), 12))
        again = await relieved.journey()
        assert (again["episode"], again["stage"], again["days_past_due"]) == (2, "administrative", 1)
        (moved,) = [each["data"] for each in await given.events("A") if each["kind"] == "relief_kept"]
        assert moved["moved"] == [{"due": "1", "from": "2026-01-15", "to": "2026-02-20"}]

    async def test_a_later_date_of_the_file_wins(self, given: Given, relieved: Relieved) -> None:
        await relieved.grants("prorroga", due_date=date(2026, 2, 10))
        person = await relieved.person()
        await given.imported(row("A", ("1", "2026-02-15", "100000"), person=person))
        assert await relieved.due_date() == date(2026, 2, 15)

    async def test_taken_back_the_old_date_counts_again(self, given: Given, relieved: Relieved) -> None:
        number = await relieved.grants("prorroga", "agent")
        await relieved.cancels(number)
        await given.lives(START + timedelta(hours=12))
        again = await relieved.journey()
        assert (again["episode"], again["status"], again["days_past_due"]) == (2, "active", 18)

    async def test_by_more_days_than_the_role_may(self, relieved: Relieved) -> None:
        refused = relieved.grants("prorroga", "agent", due_date=date(2026, 2, 8))
        assert await code_of(refused, BeyondAuthority) == "relief.beyond_authority"
        assert await code_of(relieved.grants("prorroga", due_date=date(2026, 2, 23))) == "relief.too_late"

    async def test_the_late_interest_that_falls_away_is_within_the_authority(
        self, given: Given, relieved: Relieved
    ) -> None:
        await relieved.rules({"kinds": [{**NEW_DATE, "authority": {"agent": {"amount": "1799.99"}}}]}, LATE)
        refused = relieved.grants("prorroga", "agent")
        assert await code_of(refused, BeyondAuthority) == "relief.beyond_authority"
        await relieved.grants("prorroga")
        assert await given.balance("A") == 100000


class TestARefinancing:
    async def test_replaces_the_debt_by_instalments_and_a_missed_one_starts_a_journey(
        self, given: Given, relieved: Relieved
    ) -> None:
        await relieved.grants("refinanciar", instalments=3)
        assert ((await relieved.journey())["outcome"], await relieved.statuses()) == ("restructured", ["kept"])
        assert await given.balance("A") == Decimal("104026.40")
        amounts = [str(amount.normalize()) for amount in (await given.open_dues("A")).values()]
        assert amounts == ["34675.47", "34675.47", "34675.46"]
        await given.pays("A", "34675.47", paid_at=START)
        await given.lives(local(date(2026, 4, 4), 12))
        again = await relieved.journey()
        assert (again["episode"], again["status"], again["days_past_due"]) == (2, "active", 1)

    async def test_pays_old_dues_first_even_where_they_fall_due_later(self, given: Given, relieved: Relieved) -> None:
        given.key = (await Given(given.ledger).set_up()).key
        await relieved.rules()
        await given.imported(row("A", PAST_DUE, ("2", "2026-12-15", "50000")))
        await relieved.grants("refinanciar", instalments=3)
        assert [key.startswith("refinanced-") for key in await given.open_dues("A")] == [True] * 3
