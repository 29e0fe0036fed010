"""Dialers take the next lawful calls, each once and each with a permit, and their results move the tasks."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from ledger import dialing
from ledger.access import Actor
from ledger.asking import Asked, Disposition, Reported, ask, report
from ledger.call_results import RESULT_AWAITED, RETRY, TRIES, Result, bring_back, take_result
from ledger.dialing import Batch, Call, Wanted, next_calls, numbers
from ledger.errors import Conflict, NotFound
from ledger.judging import sha256_of
from ledger.task_commands import claim, done, release
from ledger.tasks import NewTask, add_task
from policy.errors import SendaError
from tests.ledger.given import Given, local, row

MONDAY = date(2026, 2, 2)
EIGHT = local(MONDAY, 8)
NUMBER = "+573000000001"
LUISA = Actor("key-Luisa", "Luisa", "supervisor")
LIFE = timedelta(minutes=5)
NO_ONE = ("no_answer", "busy", "voicemail", "failed")
ENDING = sorted(set(get_args(Disposition)) - {*NO_ONE, "callback_requested", "not_dialled"})


def debt(account: str, amount: str = "100000", due: str = "2026-02-01", **debtor: Any) -> dict[str, Any]:
    """An account past due whose debtor may be called."""
    values: dict[str, Any] = {"addresses": {"call": NUMBER, "sms": NUMBER}, "authorised_channels": ["call", "sms"]}
    return row(account, ("1", due, amount), **{**values, **debtor})


@pytest.fixture
async def given(given: Given) -> Given:
    """Monday at eight: account A past due, with a call to make."""
    await given.imported(debt("A", person=f"{given.key}-a"))
    await given.clock(EIGHT)
    await task_of(given, "A")
    return given


async def task_of(given: Given, account: str, **changes: Any) -> int:
    """A call task for an account; `changes` are fields of `NewTask`."""
    values: dict[str, Any] = {"key": uuid4().hex, "kind": "call", "reason": "call_step", "creditor": given.key}
    async with given.ledger.transaction() as tx:
        task = await add_task(tx, NewTask(**{**values, "account_id": await given.number(account), **changes}))
    assert task is not None
    return task


async def batch(given: Given, size: int = 10, **changes: Any) -> Batch:
    """What a dialer gets now; `changes` are fields of `Wanted`."""
    values: dict[str, Any] = {"batch": uuid4().hex, "campaign": None, "actor": "dialer", "creditor": given.key}
    return await next_calls(given.ledger, Wanted(**{**values, "size": size, **changes}))


async def only_call(given: Given) -> Call:
    (call,) = (await batch(given)).calls
    return call


async def told(given: Given, call: Call, disposition: Disposition, **changes: Any) -> None:
    """The dialer tells what came of a call; `changes` are fields of `Result`."""
    await take_result(given.ledger, Result(**{"permit": call.permit, "disposition": disposition, **changes}), "dialer")


async def kept(given: Given, task: int) -> dict[str, Any]:
    return await given.one("SELECT * FROM tasks WHERE id = %s", task)


async def events(given: Given, task: int) -> list[tuple[str, str | None]]:
    found = await given.all("SELECT kind, detail FROM task_events WHERE task_id = %s ORDER BY id", task)
    return [(event["kind"], event["detail"]) for event in found]


async def permitted(given: Given) -> int:
    query = "SELECT count(*) FROM contacts WHERE creditor = %s AND decision = 'permitted' AND request LIKE 'task:%%'"
    return (await given.one(query, given.key))["count"]


class TestABatch:
    async def test_hands_out_calls_with_their_permits(self, given: Given) -> None:
        got = await batch(given)
        (call,) = got.calls
        assert (call.creditor, call.account, call.expires_at) == (given.key, "A", EIGHT + LIFE)
        assert (got.refused, got.waiting) == (0, 0)
        contact = await given.one("SELECT * FROM contacts WHERE id = %s", call.permit)
        assert (contact["decision"], contact["actor"], contact["channel"]) == ("permitted", "dialer", "call")
        task = await kept(given, call.task)
        assert (task["status"], task["owner"]) == ("claimed", "dialer")
        assert (await numbers(given.ledger, [call.permit]))[call.permit] == dialing.Dialled(NUMBER, "es")

    async def test_asked_for_again_is_the_same_and_asks_no_second_permit(self, given: Given) -> None:
        name = uuid4().hex
        first = await batch(given, batch=name)
        await told(given, first.calls[0], "right_party_contact")
        again = await batch(given, batch=name)
        assert again.calls == first.calls
        assert await permitted(given) == 1

    async def test_asked_for_many_times_at_once_is_one(self, given: Given) -> None:
        await given.imported(*(debt(f"B{number}") for number in range(6)))
        for number in range(6):
            await task_of(given, f"B{number}")
        name = uuid4().hex
        got = await asyncio.gather(*(batch(given, 4, batch=name) for _ in range(5)))
        assert all(each.calls == got[0].calls for each in got)
        assert len(got[0].calls) == await permitted(given) == 4

    async def test_begins_with_the_highest_priority(self, given: Given) -> None:
        await given.imported(debt("LATER", "5000", "2025-11-28"), debt("GREAT", "20000000"))
        await task_of(given, "GREAT")
        await task_of(given, "LATER")
        assert [call.account for call in (await batch(given, 2)).calls] == ["LATER", "GREAT"]
        assert [call.account for call in (await batch(given, 2)).calls] == ["A"]

    async def test_has_those_first_of_one_priority_who_are_best_reached_now(self, given: Given) -> None:
        await given.imported(debt("B"), debt("C"))
        for day in (2, 10):
            for account, hour in (("C", 9), ("B", 17)):
                await given.clock(local(date(2026, 2, day), hour))
                asked = Asked(uuid4().hex, given.key, account, "call", "fraud_alert", "debtor", "Marta")
                permit = await ask(given.ledger, asked)
                await report(given.ledger, Reported(permit.contact_id, "answered", None, "Marta"))
        await given.clock(local(date(2026, 2, 18), 17))
        await task_of(given, "C")
        await task_of(given, "B")
        newer = [call.account for call in (await batch(given, 3)).calls]
        assert newer == ["A", "B", "C"], "A has waited for longer, B is reached at five"

    async def test_has_no_more_permits_than_its_size(self, given: Given) -> None:
        await given.imported(*(debt(f"B{number}") for number in range(5)))
        for number in range(5):
            await task_of(given, f"B{number}")
        got = await batch(given, 2)
        assert (len(got.calls), got.waiting, await permitted(given)) == (2, 4, 2)

    async def test_has_only_the_campaigns_calls(self, given: Given) -> None:
        await given.imported(debt("B"), debt("C"))
        await task_of(given, "B", step="llamada-1")
        await task_of(given, "C", reason="asked_for_person")
        assert [call.account for call in (await batch(given, campaign="llamada-1")).calls] == ["B"]
        assert [call.account for call in (await batch(given, campaign="asked_for_person")).calls] == ["C"]
        assert (await batch(given, campaign="another")).calls == []

    async def test_has_no_case_no_claimed_call_and_none_before_its_time(self, given: Given) -> None:
        await given.imported(debt("B"), debt("C"), debt("D"))
        await task_of(given, "B", kind="case")
        claimed = await task_of(given, "C")
        await claim(given.ledger, claimed, "Marta", "Marta")
        await task_of(given, "D", not_before=local(MONDAY, 9))
        got = await batch(given)
        assert ([call.account for call in got.calls], got.waiting) == (["A"], 1)
        await given.clock(local(MONDAY, 9))
        assert [call.account for call in (await batch(given)).calls] == ["D"]

    async def test_for_an_unknown_creditor_is_an_error(self, given: Given) -> None:
        with pytest.raises(NotFound) as error:
            await batch(given, creditor="nobody")
        assert error.value.code == "creditor.unknown"


class TestWhatIsNotLawful:
    async def test_now_waits_until_it_is(self, given: Given) -> None:
        await given.clock(local(MONDAY, 20))
        got = await batch(given)
        assert (got.calls, got.refused, got.waiting) == ([], 1, 1)
        (task,) = await given.all("SELECT * FROM tasks WHERE creditor = %s", given.key)
        assert (task["status"], task["not_before"]) == ("open", local(date(2026, 2, 3), 7))
        assert (await events(given, task["id"]))[-1] == ("released", "CO-01")
        assert (await batch(given)).refused == 0, "it is not asked for before its time"
        await given.clock(local(date(2026, 2, 3), 7))
        assert len((await batch(given)).calls) == 1

    async def test_at_any_time_is_dropped_with_the_reason(self, given: Given) -> None:
        await given.says(f"{given.key}-a", {("channel", "call"): "revoked"})
        assert (await batch(given)).refused == 1
        (task,) = await given.all("SELECT * FROM tasks WHERE creditor = %s", given.key)
        assert (task["status"], task["disposition"]) == ("dropped", "CO-05")

    async def test_for_a_second_account_of_the_person_that_day_waits(self, given: Given) -> None:
        await given.imported(debt("B", person=f"{given.key}-a"))
        await task_of(given, "B")
        got = await batch(given)
        assert ([call.account for call in got.calls], got.refused) == (["A"], 1)

    async def test_does_not_keep_what_is_out_of_the_batch(self, given: Given) -> None:
        """Two that are refused leave room for two more."""
        await given.imported(*(debt(f"B{number}", "900000", person=f"{given.key}-b{number}") for number in range(2)))
        await given.imported(debt("C"))
        for account in ("B0", "B1", "C"):
            await task_of(given, account)
        for number in range(2):
            await given.dials(f"B{number}", "sms")
        got = await batch(given, 2)
        assert ([call.account for call in got.calls], got.refused) == (["A", "C"], 2)

    async def test_is_asked_for_three_times_the_size_at_most(self, given: Given) -> None:
        await given.imported(*(debt(f"B{number}") for number in range(8)))
        for number in range(8):
            await task_of(given, f"B{number}")
        await given.clock(local(MONDAY, 20))
        assert (await batch(given, 2)).refused == 6

    @pytest.mark.parametrize("addresses", [{"sms": NUMBER}, {"call": ""}])
    async def test_to_call_without_a_number_is_dropped_and_asks_no_permit(
        self, given: Given, addresses: dict[str, str]
    ) -> None:
        await given.imported(debt("B", "9000000"))
        await given.all(
            """UPDATE debtors SET addresses = %s WHERE id = (SELECT debtor_id FROM accounts WHERE id = %s)
            RETURNING 1""",
            Jsonb(addresses),
            await given.number("B"),
        )
        task = await task_of(given, "B")
        assert [call.account for call in (await batch(given, 1)).calls] == ["A"]
        assert ((await kept(given, task))["status"], (await kept(given, task))["disposition"]) == (
            "dropped", "no_number",
        )  # fmt: skip
        assert await permitted(given) == 1

    async def test_because_the_debt_was_paid_is_not_handed_out(self, given: Given) -> None:
        await given.pays("A", "100000")
        got = await batch(given)
        assert (got.calls, got.refused, got.waiting) == ([], 0, 0)

    async def test_during_a_pause_waits_unasked(self, given: Given) -> None:
        await given.pauses("A")
        got = await batch(given)
        assert (got.calls, got.refused, got.waiting) == ([], 0, 0)
        await given.resumes("A")
        assert len((await batch(given)).calls) == 1


class TestManyDialersAtOnce:
    async def test_get_each_task_once_and_each_person_once_a_day(self, given: Given) -> None:
        """Twelve people with two accounts each at two creditors; five dialers, an agent, and messages besides."""
        other = await Given(given.ledger).set_up(at=EIGHT)
        for creditor in (given, other):
            people = [debt(f"{n}-{copy}", person=f"{given.key}-{n}") for n in range(12) for copy in range(2)]
            await creditor.imported(*people)
            for each in people:
                await task_of(creditor, each["account"])
        got = await asyncio.gather(
            *(batch(creditor, 9) for creditor in (given, other) for _ in range(5)),
            *(given.dials(f"{n}-0", "sms") for n in range(12)),
        )
        batches = [each for each in got if isinstance(each, Batch)]
        calls = [call for each in batches for call in each.calls]
        assert len({call.task for call in calls}) == len(calls)
        assert len({call.permit for call in calls}) == len(calls)
        people = await given.all(
            """SELECT p.key, count(*) FROM contacts c JOIN people p ON p.id = c.person_id
            WHERE c.creditor = ANY(%s) AND c.decision = 'permitted' GROUP BY p.key""",
            [given.key, other.key],
        )
        assert {person["count"] for person in people} == {1}
        assert len(people) == 13
        for creditor in (given, other):
            (state,) = await creditor.all(
                """SELECT count(*) FILTER (WHERE status = 'claimed') AS claimed, (SELECT count(*) FROM dials d
                JOIN tasks t ON t.id = d.task_id WHERE t.creditor = %s AND d.ended IS NULL) AS out
                FROM tasks WHERE creditor = %s""",
                creditor.key,
                creditor.key,
            )
            assert state["claimed"] == state["out"] == sum(call.creditor == creditor.key for call in calls)

    async def test_wait_for_nobody_who_has_a_task_in_hand(self, given: Given) -> None:
        await given.imported(debt("B", "9000000"))
        task = await task_of(given, "B")
        async with given.ledger.transaction() as tx:
            await tx.execute("SELECT FROM tasks WHERE id = %s FOR UPDATE", [task])
            async with asyncio.timeout(10):
                assert [call.account for call in (await batch(given)).calls] == ["A"]

    async def test_and_people_who_claim_never_hold_the_same_task(self, given: Given) -> None:
        await given.imported(*(debt(f"B{number}") for number in range(12)))
        tasks = [await task_of(given, f"B{number}") for number in range(12)]
        ends = await asyncio.gather(
            *(claim(given.ledger, task, "Marta", "Marta") for task in tasks),
            *(batch(given, 5) for _ in range(3)),
            return_exceptions=True,
        )
        called = {call.task for end in ends if isinstance(end, Batch) for call in end.calls}
        claimed = {task for task, end in zip(tasks, ends, strict=False) if end is None}
        assert all(end is None or isinstance(end, Batch | Conflict) for end in ends)
        assert called & claimed == set()
        for task in claimed:
            assert (await kept(given, task))["owner"] == "Marta"


class TestAResult:
    @pytest.mark.parametrize("disposition", ENDING)
    async def test_that_settles_the_call_ends_its_task(self, given: Given, disposition: Disposition) -> None:
        call = await only_call(given)
        await told(given, call, disposition, talk_seconds=42, note="Paga el viernes")
        task = await kept(given, call.task)
        assert (task["status"], task["disposition"], task["owner"]) == ("done", disposition, "dialer")
        (said,) = await given.all("SELECT detail FROM contact_events WHERE contact_id = %s", call.permit)
        assert said["detail"] == disposition
        (dial,) = await given.all("SELECT * FROM dials WHERE task_id = %s", call.task)
        assert (dial["ended"], dial["talk_seconds"]) == (disposition, 42)
        (event,) = await given.all("SELECT note FROM task_events WHERE task_id = %s AND kind = 'done'", call.task)
        assert event["note"] == "Paga el viernes"

    @pytest.mark.parametrize("disposition", NO_ONE)
    async def test_that_nobody_answered_is_another_try_later_and_three_are_enough(
        self, given: Given, disposition: Disposition
    ) -> None:
        at = EIGHT
        for number in range(1, TRIES + 1):
            call = await only_call(given)
            await told(given, call, disposition)
            task = await kept(given, call.task)
            if number < TRIES:
                assert (task["status"], task["not_before"]) == ("open", at + RETRY)
                assert (await batch(given)).calls == []
            at += timedelta(days=8)
            await given.clock(at)
        assert (task["status"], task["disposition"]) == ("done", disposition)

    async def test_that_nobody_answered_is_another_try_at_tomorrows_best_hour(self, given: Given) -> None:
        for day in (2, 3):
            await given.clock(local(date(2026, 2, day), 18, 30))
            permit = await given.dials("A", purpose="fraud_alert")
            await report(given.ledger, Reported(permit.contact_id, "answered", None, "Marta"))
        await given.clock(local(date(2026, 2, 4), 8))
        call = await only_call(given)
        await told(given, call, "no_answer")
        assert (await kept(given, call.task))["not_before"] == local(date(2026, 2, 5), 18)

    @pytest.mark.parametrize(("call_at", "opens"), [(local(MONDAY, 15), local(MONDAY, 15)), (None, EIGHT + RETRY)])
    async def test_that_asks_for_a_call_back_opens_the_task_at_that_time(
        self, given: Given, call_at: datetime | None, opens: datetime
    ) -> None:
        call = await only_call(given)
        await told(given, call, "callback_requested", call_at=call_at)
        task = await kept(given, call.task)
        assert (task["status"], task["not_before"], task["owner"]) == ("open", opens, None)
        assert (await events(given, call.task))[-1] == ("reopened", "callback_requested")

    async def test_that_it_was_not_dialled_opens_the_task_at_once_and_frees_the_day(self, given: Given) -> None:
        for _ in range(TRIES + 1):
            call = await only_call(given)
            await told(given, call, "not_dialled")
        assert (await kept(given, call.task))["status"] == "open"

    async def test_of_an_invalid_number_marks_the_address(self, given: Given) -> None:
        call = await only_call(given)
        await told(given, call, "invalid_number")
        (marked,) = await given.all(
            "SELECT i.* FROM invalid_addresses i JOIN debtors d ON d.id = i.debtor_id WHERE d.creditor = %s", given.key
        )
        assert (marked["channel"], marked["address_sha256"]) == ("call", sha256_of(NUMBER))
        assert (marked["contact_id"], marked["code"]) == (call.permit, "invalid_number")
        task = await task_of(given, "A")
        assert (await batch(given)).calls == []
        assert (await kept(given, task))["disposition"] == "no_number"

    async def test_told_again_changes_nothing(self, given: Given) -> None:
        call = await only_call(given)
        for _ in range(3):
            await told(given, call, "no_answer")
        assert await events(given, call.task) == [
            ("created", "call_step"), ("claimed", None), ("reopened", "no_answer"),
        ]  # fmt: skip

    async def test_told_many_times_at_once_is_one(self, given: Given) -> None:
        call = await only_call(given)
        await asyncio.gather(*(told(given, call, "busy") for _ in range(6)))
        assert (await events(given, call.task))[2:] == [("reopened", "busy")]

    async def test_that_differs_from_the_first_is_refused(self, given: Given) -> None:
        call = await only_call(given)
        await told(given, call, "busy")
        with pytest.raises(Conflict) as error:
            await told(given, call, "right_party_contact")
        assert error.value.code == "contact.outcome_known"

    async def test_may_name_the_task_instead(self, given: Given) -> None:
        call = await only_call(given)
        await take_result(given.ledger, Result("hung_up", task=call.task), "dialer")
        assert (await kept(given, call.task))["disposition"] == "hung_up"

    async def test_of_a_call_that_no_batch_handed_out_is_an_error(self, given: Given) -> None:
        await given.clock(local(MONDAY, 20))
        await batch(given)
        (refused,) = await given.all(
            "SELECT task_id FROM dials d JOIN tasks t ON t.id = d.task_id WHERE creditor = %s", given.key
        )
        await given.clock(local(date(2026, 2, 3), 8))
        permit = await given.dials("A")
        for result in (
            Result("busy", permit=permit.contact_id),
            Result("busy", task=refused["task_id"]),
            Result("busy", task=10**30),
            Result("busy", permit=0),
            Result("busy", permit=10**30),
        ):
            with pytest.raises(NotFound) as error:
                await take_result(given.ledger, result, "dialer")
            assert error.value.code == "dialer.call_unknown"

    async def test_at_an_impossible_time_is_refused_and_moves_nothing(self, given: Given) -> None:
        call = await only_call(given)
        with pytest.raises(SendaError) as error:
            await told(given, call, "busy", at=EIGHT - timedelta(hours=1))
        assert error.value.code == "contact.at_impossible"
        assert (await kept(given, call.task))["status"] == "claimed"


class TestACallThatIsOut:
    async def test_can_neither_be_given_back_nor_ended_by_people(self, given: Given) -> None:
        call = await only_call(given)
        for act in (release(given.ledger, call.task, LUISA), done(given.ledger, call.task, "busy", None, LUISA)):
            with pytest.raises(Conflict) as error:
                await act
            assert error.value.code == "task.call_out"

    async def test_without_a_result_leaves_its_permit_counting_and_opens_its_task(self, given: Given) -> None:
        call = await only_call(given)
        await given.clock(call.expires_at + RESULT_AWAITED)
        await bring_back(given.ledger, creditor=given.key)
        assert (await kept(given, call.task))["status"] == "claimed", "it may still be talked"
        await given.clock(call.expires_at + RESULT_AWAITED + timedelta(seconds=1))
        await bring_back(given.ledger, creditor=given.key)
        assert (await kept(given, call.task))["status"] == "open"
        assert (await events(given, call.task))[-1] == ("reopened", "no_result")
        assert (await given.dials("A")).rules == ("CO-03",)

    async def test_three_times_without_a_result_is_over(self, given: Given) -> None:
        for number in range(TRIES):
            await given.clock(EIGHT + timedelta(days=8 * number))
            call = await only_call(given)
        await given.clock(EIGHT + timedelta(days=30))
        assert (await batch(given)).calls == []
        task = await kept(given, call.task)
        assert (task["status"], task["disposition"]) == ("done", "no_result")

    async def test_whose_result_comes_after_all_ends_its_task(self, given: Given) -> None:
        call = await only_call(given)
        await given.clock(EIGHT + timedelta(hours=3))
        await bring_back(given.ledger, creditor=given.key)
        await told(given, call, "right_party_contact", at=EIGHT + timedelta(minutes=3))
        assert (await kept(given, call.task))["disposition"] == "right_party_contact"

    async def test_whose_result_comes_while_somebody_else_works_on_it_is_noted(self, given: Given) -> None:
        call = await only_call(given)
        await given.clock(EIGHT + timedelta(hours=3))
        await bring_back(given.ledger, creditor=given.key)
        await claim(given.ledger, call.task, "Marta", "Marta")
        await told(given, call, "hung_up", at=EIGHT + timedelta(minutes=3))
        assert ((await kept(given, call.task))["status"], (await kept(given, call.task))["owner"]) == (
            "claimed", "Marta",
        )  # fmt: skip
        assert (await events(given, call.task))[-1] == ("noted", "hung_up")

    async def test_whose_outcome_was_reported_for_its_permit_is_ended_by_it(self, given: Given) -> None:
        call = await only_call(given)
        await report(given.ledger, Reported(call.permit, "third_party", None, "dialer"))
        await given.clock(EIGHT + timedelta(hours=3))
        await bring_back(given.ledger, task=call.task)
        assert (await kept(given, call.task))["disposition"] == "third_party"


class TestACrash:
    """A process that dies between taking tasks, asking for permits and writing the answers."""

    @pytest.fixture
    async def waiting(self, given: Given) -> Given:
        await given.imported(debt("B"), debt("C"))
        await task_of(given, "B")
        await task_of(given, "C")
        return given

    async def dies(self, given: Given, name: str, monkeypatch: pytest.MonkeyPatch, where: str, after: int) -> None:
        """The batch dies when it does something for the `after`th time and one."""
        real, times = getattr(dialing, where), 0

        async def dying(*values: Any) -> Any:
            nonlocal times
            times += 1
            if times > after:
                raise ConnectionError("dead")
            return await real(*values)

        monkeypatch.setattr(dialing, where, dying)
        with pytest.raises(ConnectionError):
            await batch(given, 3, batch=name)
        monkeypatch.setattr(dialing, where, real)

    @pytest.mark.parametrize(("where", "after"), [("ask", 0), ("ask", 1), ("locked", 0), ("locked", 2), ("_batch", 0)])
    async def test_is_mended_by_the_same_batch_asked_for_again(
        self, waiting: Given, monkeypatch: pytest.MonkeyPatch, where: str, after: int
    ) -> None:
        name = uuid4().hex
        await self.dies(waiting, name, monkeypatch, where, after)
        assert (await batch(waiting, 3)).calls == [], "nobody else gets what is in its hands"
        assert sorted(call.account for call in (await batch(waiting, 3, batch=name)).calls) == ["A", "B", "C"]
        assert await permitted(waiting) == 3

    async def test_for_good_opens_the_tasks_for_which_no_permit_was_asked(
        self, waiting: Given, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await self.dies(waiting, uuid4().hex, monkeypatch, "ask", 1)
        await self.minutes_pass(waiting)
        assert sorted(call.account for call in (await batch(waiting, 3)).calls) == ["B", "C"]
        await waiting.clock(EIGHT + timedelta(hours=2))
        await bring_back(waiting.ledger, creditor=waiting.key)
        lost = await waiting.all(
            "SELECT t.id FROM tasks t JOIN dials d ON d.task_id = t.id WHERE t.creditor = %s AND d.ended = 'no_result'",
            waiting.key,
        )
        assert len(lost) == 3

    async def test_after_a_refusal_was_stored_leaves_the_task_to_wait(
        self, waiting: Given, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await waiting.clock(local(MONDAY, 20))
        await self.dies(waiting, uuid4().hex, monkeypatch, "locked", 0)
        await self.minutes_pass(waiting)
        await bring_back(waiting.ledger, creditor=waiting.key)
        tasks = await waiting.all("SELECT status, not_before FROM tasks WHERE creditor = %s ORDER BY id", waiting.key)
        assert [(task["status"], task["not_before"]) for task in tasks] == [
            ("open", local(date(2026, 2, 3), 7)), ("open", None), ("open", None),
        ]  # fmt: skip

    async def test_that_was_none_but_a_long_wait_frees_the_permit_that_nobody_will_use(
        self, given: Given, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = dialing.ask

        async def slow(*values: Any) -> Any:
            await self.minutes_pass(given)
            await bring_back(given.ledger, creditor=given.key)
            return await real(*values)

        monkeypatch.setattr(dialing, "ask", slow)
        assert (await batch(given, 1)).calls == []
        monkeypatch.setattr(dialing, "ask", real)
        assert len((await batch(given, 1)).calls) == 1

    async def minutes_pass(self, given: Given) -> None:
        """On the real clock, for what is in a process' hands."""
        await given.all(
            """UPDATE dials d SET recorded_at = d.recorded_at - interval '3 minutes' FROM tasks t
            WHERE t.id = d.task_id AND t.creditor = %s RETURNING 1""",
            given.key,
        )
