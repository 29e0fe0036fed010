"""Pauses by kind: backdated, of a whole person, lasting beyond the journey; and what they forbid to people."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ledger import commands
from ledger.commands import Pause
from ledger.following import Told
from ledger.holds import HoldKind, list_holds
from ledger.permits import Overtaken
from ledger.tasks import TASKS, NewTask, add_task
from policy.errors import SendaError
from tests.ledger.given import START, Given, local, playbook, row

PAST_DUE = ("1", "2026-02-01", "100000")
DAY = timedelta(days=1)
PERSONAL: tuple[HoldKind, ...] = ("deceased", "fraud")
LASTING: tuple[HoldKind, ...] = ("legal_hold", "deceased", "fraud")


@pytest.fixture
async def given(given: Given) -> Given:
    """With account A, whose notices fall due on 2, 6 and 13 February."""
    await given.imported(row("A", PAST_DUE, person=f"{given.key}-ana"))
    return given


async def resumes(given: Given, account: str, kind: HoldKind | None = None, **changes: Any) -> list[Told]:
    values: dict[str, Any] = {"command_id": uuid4().hex, "actor": "Luisa", "kind": kind, **changes}
    return await commands.resume(given.ledger, given.key, account, **values)


async def code_of(given: Given, account: str, **changes: Any) -> str:
    with pytest.raises(SendaError) as refused:
        await given.pauses(account, **changes)
    return refused.value.code


async def is_paused(given: Given, account: str) -> bool:
    verdict = await given.dials(account)
    return verdict.reason == "paused"


def also(given: Given, account: str, *dues: tuple[str, str, str]) -> dict[str, Any]:
    """Another account of the same person."""
    return row(account, *(dues or (PAST_DUE,)), person=f"{given.key}-ana")


class TestABackdatedPause:
    async def test_keeps_what_was_not_performed_unperformed_and_ends_without_a_burst(self, given: Given) -> None:
        """The worker was down on 6 and 13 February; on 14 February people tell of a pause since the 5th."""
        await given.lives(local(date(2026, 2, 3), 0))
        await given.clock(local(date(2026, 2, 14), 8))
        await given.pauses("A", starts=local(date(2026, 2, 5), 0), ends=local(date(2026, 2, 20), 0))
        permits = await given.lives(local(date(2026, 3, 20), 0))
        assert permits == []
        assert [each["step"] for each in await given.decisions("A")] == ["aviso-1"]

    async def test_that_is_over_already_is_noted_and_holds_nothing(self, given: Given) -> None:
        await given.clock(local(date(2026, 2, 4), 8))
        await given.pauses("A", starts=START - 3 * DAY, ends=START + DAY)
        permits = await given.lives(local(date(2026, 2, 7), 0))
        assert [permit.key.split(":")[-2] for permit in permits] == ["aviso-5"]
        assert not await is_paused(given, "A")

    async def test_holds_a_step_that_is_due_at_this_moment(self, given: Given) -> None:
        contact = await given.due_contact(given.journey("A"))
        await given.pauses("A", starts=START - DAY)
        assert isinstance(await given.asks(given.journey("A"), contact), Overtaken)

    async def test_overlaps_one_that_has_ended_in_its_time(self, given: Given) -> None:
        await given.pauses("A")
        await given.clock(START + DAY)
        await given.resumes("A")
        await given.clock(START + 2 * DAY)
        assert await code_of(given, "A", starts=START) == "journey.pause_overlaps"
        await given.pauses("A", starts=START + DAY)


class TestAHoldOfThePerson:
    @pytest.mark.parametrize("kind", PERSONAL)
    async def test_holds_all_accounts_at_this_creditor_and_at_no_other(self, given: Given, kind: HoldKind) -> None:
        await given.imported(also(given, "B"), row("C", PAST_DUE))
        elsewhere = await Given(given.ledger).set_up()
        await elsewhere.imported(row("A", PAST_DUE, person=f"{given.key}-ana"))
        await given.pauses("A", kind=kind)
        assert {permit.account for permit in await given.lives(START + 20 * DAY)} == {"C"}
        assert len(await elsewhere.lives(START + 20 * DAY)) == 3

    async def test_is_told_to_each_engine_in_one_transaction(self, given: Given) -> None:
        await given.imported(also(given, "B"))
        order = Pause("aviso", None, None, "family-told", "deceased")
        told = await commands.pause(given.ledger, given.key, "A", order, "Luisa")
        assert [each.journey_id for each in told] == [given.journey("A"), given.journey("B")]
        assert await commands.pause(given.ledger, given.key, "A", order, "Luisa") == []

    @pytest.mark.parametrize("kind", PERSONAL)
    async def test_opens_a_case_once(self, given: Given, kind: HoldKind) -> None:
        await given.pauses("A", id="x", kind=kind)
        await given.pauses("A", id="x", kind=kind)
        task = await given.one("SELECT * FROM tasks WHERE creditor = %s", given.key)
        assert (task["kind"], task["reason"], task["status"]) == ("case", kind, "open")

    async def test_lies_over_a_pause_of_an_account_but_not_over_its_own_kind(self, given: Given) -> None:
        await given.imported(also(given, "B"))
        await given.pauses("B", kind="hardship")
        await given.pauses("A", kind="deceased")
        assert await code_of(given, "B", kind="deceased") == "journey.pause_overlaps"
        assert await code_of(given, "A") == "journey.pause_overlaps"
        await given.pauses("B", kind="fraud")

    async def test_holds_an_account_that_comes_later(self, given: Given) -> None:
        await given.pauses("A", kind="deceased")
        await given.imported(also(given, "B"))
        assert await given.lives(START + 20 * DAY) == []

    async def test_needs_no_open_journey(self, given: Given) -> None:
        await given.imported(also(given, "B", ("1", "2026-03-01", "50000")))
        assert await given.journeys("B") == []
        await given.pauses("B", kind="deceased")
        assert await given.lives(START + 40 * DAY) == []

    async def test_is_lifted_on_all_accounts_at_once(self, given: Given) -> None:
        await given.imported(also(given, "B"))
        await given.pauses("A", kind="fraud")
        told = await resumes(given, "B")
        assert [each.journey_id for each in told] == [given.journey("A"), given.journey("B")]
        permits = await given.lives(START + DAY)
        assert {account for permit in permits for account in (permit.account, *(o.account for o in permit.others))} == {
            "A",
            "B",
        }

    @pytest.mark.parametrize("kind", PERSONAL)
    @pytest.mark.parametrize("purpose", ["collection", "requested_information", "payment_confirmation"])
    async def test_forbids_people_every_contact(self, given: Given, kind: HoldKind, purpose: str) -> None:
        await given.clock(local(date(2026, 2, 3), 10))
        assert (await given.dials("A", "email", purpose=purpose)).allowed
        await given.pauses("A", kind=kind)
        verdict = await given.dials("A", "email", purpose=purpose)
        assert (verdict.allowed, verdict.reason) == (False, "paused")

    async def test_forbids_contacts_about_an_account_without_a_journey(self, given: Given) -> None:
        await given.imported(also(given, "B", ("1", "2026-06-01", "50000")))
        await given.clock(local(date(2026, 2, 3), 10))
        assert (await given.dials("B", "email")).allowed
        await given.pauses("A", kind="deceased")
        assert await is_paused(given, "B")


class TestAHoldThatLasts:
    @pytest.mark.parametrize("kind", LASTING)
    async def test_holds_the_next_journey(self, given: Given, kind: HoldKind) -> None:
        await given.pauses("A", kind=kind)
        await given.pays("A", "100000", id=f"{given.key}-pago")
        assert (await given.journeys("A"))[0]["outcome"] == "paid"
        posted = await given.reverses("A", f"{given.key}-pago", "100000")
        assert posted.opens is not None
        await given.opened([posted.opens])
        assert await given.lives(START + 20 * DAY) == []
        assert await is_paused(given, "A")

    @pytest.mark.parametrize("kind", ["requested", "hardship"])
    async def test_is_none_of_those_that_end_with_the_journey(self, given: Given, kind: HoldKind) -> None:
        await given.pauses("A", kind=kind)
        await given.pays("A", "100000", id=f"{given.key}-pago")
        posted = await given.reverses("A", f"{given.key}-pago", "100000")
        assert posted.opens is not None
        await given.opened([posted.opens])
        assert len(await given.lives(START + 20 * DAY)) == 3

    async def test_holds_no_journey_after_its_end(self, given: Given) -> None:
        await given.pauses("A", kind="legal_hold", ends=START + 3 * DAY)
        assert len(await given.lives(START + 20 * DAY)) == 2

    async def test_that_was_lifted_between_two_journeys_holds_no_more(self, given: Given) -> None:
        await given.pauses("A", kind="legal_hold")
        await given.pays("A", "100000", id=f"{given.key}-pago")
        assert await resumes(given, "A") == []
        posted = await given.reverses("A", f"{given.key}-pago", "100000")
        assert posted.opens is not None
        await given.opened([posted.opens])
        assert len(await given.lives(START + 20 * DAY)) == 3

    async def test_on_an_account_forbids_collection_only(self, given: Given) -> None:
        await given.imported(also(given, "B"))
        await given.clock(local(date(2026, 2, 3), 10))
        await given.pauses("A", kind="legal_hold")
        assert await is_paused(given, "A")
        assert (await given.dials("A", "email", purpose="requested_information")).allowed
        assert (await given.dials("B", "email")).reason is None

    async def test_keeps_a_call_task_waiting_where_no_journey_is_open(self, given: Given) -> None:
        await given.imported(also(given, "B", ("1", "2026-06-01", "50000")))
        await given.pauses("B", kind="legal_hold")
        async with given.ledger.transaction() as tx:
            about = {"creditor": given.key, "account_id": await given.number("B")}
            task = await add_task(tx, NewTask(uuid4().hex, "call", "call_step", **about))
            found = await (await tx.execute(TASKS + " WHERE t.id = %s", [task])).fetchone()
        assert found is not None
        assert found["withheld"] == "paused"


class TestAResume:
    async def test_of_several_lifts_the_lightest(self, given: Given) -> None:
        await given.pauses("A", kind="hardship")
        await given.pauses("A", kind="deceased")
        await resumes(given, "A")
        assert [each["kind"] for each in await holding(given)] == ["deceased"]

    async def test_of_a_kind_lifts_that_one(self, given: Given) -> None:
        await given.pauses("A", kind="hardship")
        await given.pauses("A", kind="deceased")
        await resumes(given, "A", "deceased")
        assert [each["kind"] for each in await holding(given)] == ["hardship"]

    async def test_of_a_kind_that_does_not_hold_is_a_conflict(self, given: Given) -> None:
        await given.pauses("A", kind="hardship")
        with pytest.raises(SendaError) as refused:
            await resumes(given, "A", "fraud")
        assert refused.value.code == "journey.not_paused"

    async def test_that_is_not_admitted_changes_nothing(self, given: Given) -> None:
        await given.pauses("A", kind="legal_hold")

        def admit(kind: HoldKind) -> None:
            raise PermissionError(kind)

        with pytest.raises(PermissionError, match="legal_hold"):
            await resumes(given, "A", admit=admit)
        assert await is_paused(given, "A")

    async def test_again_changes_nothing(self, given: Given) -> None:
        await given.pauses("A", kind="deceased")
        await resumes(given, "A", command_id="same")
        await given.pauses("A", kind="deceased")
        assert await resumes(given, "A", command_id="same") == []
        assert await is_paused(given, "A")


async def holding(given: Given) -> list[dict[str, Any]]:
    items = (await list_holds(given.ledger, given.key, "A", None, 100)).items
    return [each for each in items if each["lifted_at"] is None]


async def test_the_list_says_who_paused_what_and_who_lifted_it(given: Given) -> None:
    await given.imported(also(given, "B"))
    await given.pauses("A", reason="lost-job", kind="hardship", ends=START + 9 * DAY)
    await given.pauses("B", reason="family-told", kind="deceased")
    await given.clock(START + DAY)
    await resumes(given, "A", actor="Pedro")
    first, second = (await list_holds(given.ledger, given.key, "A", None, 100)).items
    assert {**first, "id": 0} == {
        "id": 0,
        "kind": "hardship",
        "account": "A",
        "starts": START,
        "until": START + 9 * DAY,
        "reason": "lost-job",
        "actor": "Luisa",
        "noted_at": START,
        "lifted_at": START + DAY,
        "lifted_by": "Pedro",
    }
    assert (second["kind"], second["account"], second["lifted_at"]) == ("deceased", "B", None)


async def test_payment_in_full_ends_a_journey_under_any_hold(given: Given) -> None:
    await given.pauses("A", kind="deceased")
    await given.pays("A", "100000")
    assert [(each["closed"], each["outcome"]) for each in await given.journeys("A")] == [(True, "paid")]


async def test_a_pause_of_an_earlier_version_can_still_be_lifted(ledger: Any) -> None:
    """Such a version knows no table of holds: its pause stands in the journey only."""
    given = await Given(ledger).set_up(playbook(f"libro-{uuid4().hex[:8]}"))
    await given.imported(row("A", PAST_DUE))
    await given.pauses("A", id="old")
    async with given.ledger.transaction() as tx:
        await tx.execute("ALTER TABLE holds DISABLE TRIGGER holds_append_only")
        await tx.execute("DELETE FROM holds WHERE creditor = %s", [given.key])
        await tx.execute("ALTER TABLE holds ENABLE TRIGGER holds_append_only")
    await resumes(given, "A")
    assert len(await given.lives(START + 20 * DAY)) == 3
