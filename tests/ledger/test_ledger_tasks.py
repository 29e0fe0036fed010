"""What people are to do: asked for once, in order of what presses most, claimed by one, and all of it on record."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ledger.access import Actor, Role
from ledger.asking import Reported, report
from ledger.errors import Conflict, NotFound
from ledger.task_commands import claim, done, release, write_note
from ledger.task_views import Filter, list_tasks, show_task
from ledger.tasks import NewTask, add_task, drop_stale
from policy.errors import SendaError
from tests.ledger.given import Given, local, row

MONDAY = date(2026, 2, 2)
EIGHT = local(MONDAY, 8)
NUMBER = "+573000000001"


def debt(account: str, amount: str = "100000", due: str = "2026-02-01", **debtor: Any) -> dict[str, Any]:
    """An account past due whose debtor may be called."""
    values: dict[str, Any] = {"addresses": {"call": NUMBER, "sms": NUMBER}, "authorised_channels": ["call", "sms"]}
    return row(account, ("1", due, amount), **{**values, **debtor})


@pytest.fixture
async def given(given: Given) -> Given:
    """Account A with a journey on its first day past due, Monday at eight."""
    await given.imported(debt("A"))
    await given.clock(EIGHT)
    return given


def someone(name: str, role: Role = "agent") -> Actor:
    return Actor(f"key-{name}", name, role)


MARTA, PEDRO, LUISA = someone("Marta"), someone("Pedro"), someone("Luisa", "supervisor")


async def added(given: Given, account: str | None = "A", **changes: Any) -> int | None:
    """A call task for an account; `changes` are fields of `NewTask`."""
    number = await given.number(account) if account else None
    values: dict[str, Any] = {"key": uuid4().hex, "kind": "call", "reason": "call_step", "account_id": number}
    async with given.ledger.transaction() as tx:
        return await add_task(tx, NewTask(**{**values, "creditor": given.key, **changes}))


async def task_of(given: Given, account: str | None = "A", **changes: Any) -> int:
    task = await added(given, account, **changes)
    assert task is not None
    return task


async def listed(given: Given, **changes: Any) -> list[dict[str, Any]]:
    """The creditor's tasks as a list shows them; `changes` are fields of `Filter`."""
    return (await list_tasks(given.ledger, Filter(creditor=given.key, **changes), None, 100)).items


async def kept(given: Given, task: int) -> dict[str, Any]:
    return await given.one("SELECT * FROM tasks WHERE id = %s", task)


async def history(given: Given, task: int) -> list[tuple[str, str, str | None]]:
    events = await given.all("SELECT kind, actor, detail FROM task_events WHERE task_id = %s ORDER BY id", task)
    return [(event["kind"], event["actor"], event["detail"]) for event in events]


class TestATask:
    async def test_is_added_once_for_a_key(self, given: Given) -> None:
        key = uuid4().hex
        first = await added(given, key=key)
        assert first is not None
        assert await added(given, key=key, reason="other") is None
        assert await history(given, first) == [("created", "senda", "call_step")]

    async def test_asked_for_by_many_at_once_is_one(self, given: Given) -> None:
        key = uuid4().hex
        tasks = await asyncio.gather(*(added(given, key=key) for _ in range(6)))
        assert len([task for task in tasks if task is not None]) == 1

    async def test_is_not_there_where_the_callers_transaction_fails(self, given: Given) -> None:
        key = uuid4().hex

        async def fails() -> None:
            async with given.ledger.transaction() as tx:
                assert await add_task(tx, NewTask(key, "case", "dispute", given.key)) is not None
                raise RuntimeError("after")

        with pytest.raises(RuntimeError, match="after"):
            await fails()
        assert await given.all("SELECT FROM tasks WHERE key = %s", key) == []

    async def test_knows_the_person_by_the_account_and_the_time_by_the_creditors_clock(self, given: Given) -> None:
        task = await kept(given, await task_of(given))
        person = await given.one("SELECT person_id FROM accounts WHERE id = %s", await given.number("A"))
        assert (task["person_id"], task["created_at"], task["status"]) == (person["person_id"], EIGHT, "open")

    async def test_about_somebody_unknown_is_a_case_without_account(self, given: Given) -> None:
        task = await task_of(given, None, kind="case", reason="contact_unknown", note="Escribe desde otro número")
        (shown,) = await listed(given)
        about = {name: shown[name] for name in ("id", "account", "balance", "stage", "days_past_due", "best_hour")}
        assert about == dict.fromkeys(about) | {"id": task}
        (event,) = (await show_task(given.ledger, task, "Marta"))["events"]
        assert event["note"] == "Escribe desde otro número"


class TestTheList:
    async def test_shows_what_presses_and_no_name_or_number(self, given: Given) -> None:
        task = await task_of(given, journey_id=given.journey("A"), step="llamada", occurrence="llamada@2026-02-01")
        assert await listed(given) == [
            {
                "id": task,
                "kind": "call",
                "reason": "call_step",
                "creditor": given.key,
                "account": "A",
                "stage": "administrative",
                "days_past_due": 1,
                "balance": {"amount": "100000.00", "currency": "COP"},
                "priority": 260,
                "best_hour": None,
                "not_before": None,
                "status": "open",
                "owner": None,
                "created_at": EIGHT,
            }
        ]

    async def test_has_later_stages_before_greater_balances_before_longer_waiting(self, given: Given) -> None:
        await given.imported(
            debt("GREAT", "20000000"), debt("LATER", "5000", "2025-11-28"), debt("SMALL", "5000"), debt("NONE", "5000")
        )
        tasks = {name: await task_of(given, name) for name in ("SMALL", "A", "GREAT", "LATER")}
        await given.closes("NONE", "withdrawn")
        tasks["NONE"] = await task_of(given, "NONE")
        assert [each["id"] for each in await listed(given)] == [
            tasks[name] for name in ("LATER", "GREAT", "A", "SMALL", "NONE")
        ]
        await given.clock(EIGHT + timedelta(days=1))
        newer = await task_of(given, "A")
        order = [each["id"] for each in await listed(given)]
        assert order.index(tasks["A"]) + 1 == order.index(newer)

    async def test_follows_the_balance_as_it_is_paid(self, given: Given) -> None:
        await given.imported(debt("B", "90000"))
        first, second = await task_of(given, "A"), await task_of(given, "B")
        assert [each["id"] for each in await listed(given)] == [first, second]
        await given.pays("A", "91000")
        assert [(each["id"], each["priority"]) for each in await listed(given)] == [(second, 250), (first, 240)]

    async def test_counts_days_of_waiting_up_to_nine(self, given: Given) -> None:
        await task_of(given)
        for days, waited in ((0, 0), (3, 3), (9, 9), (40, 9)):
            await given.clock(EIGHT + timedelta(days=days))
            (shown,) = await listed(given)
            assert shown["priority"] == 260 + waited

    async def test_goes_page_by_page_through_all_of_them_once(self, given: Given) -> None:
        await given.imported(*(debt(f"P{number}", str(10 ** (number + 2))) for number in range(4)))
        tasks = {await task_of(given, f"P{number % 4}") for number in range(9)}
        seen: list[tuple[int, int]] = []
        cursor: str | None = None
        while True:
            page = await list_tasks(given.ledger, Filter(creditor=given.key), cursor, 2)
            seen += [(-each["priority"], each["id"]) for each in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == sorted(seen)
        assert {each for _, each in seen} == tasks
        assert len(seen) == 9

    @pytest.mark.parametrize("cursor", ["", "x", "1", "-", "12-", "1-2-3", "9999-1", "1-" + "9" * 30, "1-٣"])
    async def test_refuses_a_cursor_that_no_page_gave(self, given: Given, cursor: str) -> None:
        with pytest.raises(SendaError) as error:
            await list_tasks(given.ledger, Filter(), cursor, 10)
        assert error.value.code == "cursor.invalid"

    async def test_shows_those_that_were_asked_for(self, given: Given) -> None:
        call, case, over = await task_of(given), await task_of(given, kind="case"), await task_of(given, kind="case")
        await claim(given.ledger, case, "Marta", "Marta")
        await done(given.ledger, over, "resolved", None, LUISA)

        async def ids(**wanted: Any) -> set[int]:
            return {each["id"] for each in await listed(given, **wanted)}

        assert await ids() == {call, case}
        assert await ids(kind="call") == {call}
        assert await ids(status="claimed") == {case}
        assert await ids(status="done") == {over}
        assert await ids(owner="Marta") == {case}
        assert await ids(owner="Pedro") == set()


class TestACallThatIsNotToBeMade:
    async def pointless(self, given: Given, task: int, reason: str) -> None:
        assert await listed(given) == []
        assert await drop_stale(given.ledger, given.key) == 1
        assert await drop_stale(given.ledger, given.key) == 0
        assert (await kept(given, task))["status"] == "dropped"
        assert (await history(given, task))[-1] == ("dropped", "senda", reason)

    async def test_because_nothing_is_owed_is_dropped(self, given: Given) -> None:
        task = await task_of(given)
        await given.pays("A", "100000")
        await self.pointless(given, task, "nothing_owed")

    async def test_because_its_journey_closed_is_dropped(self, given: Given) -> None:
        task = await task_of(given, journey_id=given.journey("A"))
        await given.closes("A", "withdrawn")
        await self.pointless(given, task, "journey_closed")

    async def test_because_of_a_pause_waits_for_its_end(self, given: Given) -> None:
        await task_of(given)
        await given.pauses("A", ends=local(MONDAY, 12))
        assert await listed(given) == []
        assert await drop_stale(given.ledger, given.key) == 0
        await given.clock(local(MONDAY, 12))
        assert len(await listed(given)) == 1

    async def test_is_not_one_without_a_journey_while_something_is_owed(self, given: Given) -> None:
        await given.closes("A", "withdrawn")
        await task_of(given)
        assert len(await listed(given)) == 1

    async def test_is_dropped_by_whoever_would_claim_it(self, given: Given) -> None:
        task = await task_of(given)
        await given.pays("A", "100000")
        with pytest.raises(Conflict) as error:
            await claim(given.ledger, task, "Marta", "Marta")
        assert error.value.code == "task.finished"
        assert (await history(given, task))[-1] == ("dropped", "senda", "nothing_owed")

    async def test_now_cannot_be_claimed_during_a_pause(self, given: Given) -> None:
        task = await task_of(given)
        await given.pauses("A")
        with pytest.raises(Conflict) as error:
            await claim(given.ledger, task, "Marta", "Marta")
        assert error.value.code == "task.paused"
        assert (await kept(given, task))["status"] == "open"

    async def test_stays_a_case_all_the_same(self, given: Given) -> None:
        task = await task_of(given, kind="case", reason="dispute", journey_id=given.journey("A"))
        await given.pauses("A")
        await given.pays("A", "100000")
        assert await drop_stale(given.ledger, given.key) == 0
        assert [each["id"] for each in await listed(given)] == [task]


class TestTheBestHour:
    """Colombia is five hours behind UTC."""

    async def answers(self, given: Given, at: datetime, channel: str = "call") -> None:
        await given.clock(at)
        permit = await given.dials("A", channel)
        assert permit.allowed
        await report(given.ledger, Reported(permit.contact_id, "right_party_contact", None, "Marta"))

    async def test_is_that_at_which_the_person_answered_on_two_days(self, given: Given) -> None:
        await task_of(given)
        for at in (local(MONDAY, 18, 10), local(date(2026, 2, 10), 9), local(date(2026, 2, 18), 18, 59)):
            assert [each["best_hour"] for each in await listed(given)] == [None]
            await self.answers(given, at)
        assert [each["best_hour"] for each in await listed(given)] == [18]

    async def test_of_several_is_the_latest(self, given: Given) -> None:
        await task_of(given)
        for day, hour in ((2, 9), (10, 17), (18, 17), (26, 9)):
            await self.answers(given, local(date(2026, 2, day), hour))
        assert [each["best_hour"] for each in await listed(given)] == [9]

    async def test_counts_no_call_that_was_not_answered(self, given: Given) -> None:
        await task_of(given)
        for day in (2, 10):
            await given.clock(local(date(2026, 2, day), 18))
            permit = await given.dials("A")
            await report(given.ledger, Reported(permit.contact_id, "voicemail", None, "Marta"))
        assert [each["best_hour"] for each in await listed(given)] == [None]

    async def test_counts_what_the_person_wrote_once_an_hour(self, given: Given) -> None:
        await task_of(given)
        account = await given.number("A")
        inbound = """
            INSERT INTO contacts (journey_id, person_id, creditor, account_id, request, actor, channel, direction,
                decision, rules, basis, decided_at)
            SELECT NULL, person_id, creditor, id, %s, 'senda', 'whatsapp', 'inbound', 'permitted', '{}', '{}', %s
            FROM accounts WHERE id = %s RETURNING id"""
        for at in (local(MONDAY, 19, 5), local(MONDAY, 19, 40)):
            await given.all(inbound, uuid4().hex, at, account)
        await given.clock(local(date(2026, 2, 4), 8))
        assert [each["best_hour"] for each in await listed(given)] == [None]
        await given.all(inbound, uuid4().hex, local(date(2026, 2, 3), 19, 1), account)
        assert [each["best_hour"] for each in await listed(given)] == [19]


class TestAClaim:
    async def test_of_many_at_once_is_won_by_one(self, given: Given) -> None:
        task = await task_of(given)
        names = [f"agent {number}" for number in range(8)]
        ends = await asyncio.gather(*(claim(given.ledger, task, name, name) for name in names), return_exceptions=True)
        won = [name for name, end in zip(names, ends, strict=True) if end is None]
        lost = [end for end in ends if end is not None]
        assert len(won) == 1
        assert {end.code for end in lost if isinstance(end, Conflict)} == {"task.claimed"}
        assert len(lost) == 7
        assert (await kept(given, task))["owner"] == won[0]
        assert await history(given, task) == [("created", "senda", "call_step"), ("claimed", won[0], None)]

    async def test_again_by_the_same_owner_changes_nothing(self, given: Given) -> None:
        task = await task_of(given)
        await claim(given.ledger, task, "Marta", "Marta")
        before = await kept(given, task)
        await given.clock(local(MONDAY, 9))
        await claim(given.ledger, task, "Marta", "Marta")
        assert await kept(given, task) == before
        assert len(await history(given, task)) == 2

    async def test_for_somebody_else_names_both(self, given: Given) -> None:
        task = await task_of(given)
        await claim(given.ledger, task, "Marta", "Luisa")
        assert (await kept(given, task))["owner"] == "Marta"
        assert (await history(given, task))[-1] == ("claimed", "Luisa", "Marta")

    async def test_is_given_back(self, given: Given) -> None:
        task = await task_of(given)
        await claim(given.ledger, task, "Marta", "Marta")
        await release(given.ledger, task, MARTA)
        await release(given.ledger, task, MARTA)
        assert ((await kept(given, task))["status"], (await kept(given, task))["owner"]) == ("open", None)
        assert [kind for kind, _, _ in await history(given, task)] == ["created", "claimed", "released"]

    async def test_is_taken_back_by_a_supervisor_and_by_no_other_agent(self, given: Given) -> None:
        task = await task_of(given)
        await claim(given.ledger, task, "Marta", "Marta")
        with pytest.raises(Conflict) as error:
            await release(given.ledger, task, PEDRO)
        assert error.value.code == "task.claimed"
        await release(given.ledger, task, LUISA)
        assert (await kept(given, task))["status"] == "open"

    @pytest.mark.parametrize("number", [0, -1, 10**30])
    async def test_of_an_unknown_task_is_an_error(self, given: Given, number: int) -> None:
        for act in (claim(given.ledger, number, "M", "M"), release(given.ledger, number, MARTA)):
            with pytest.raises(NotFound) as error:
                await act
            assert error.value.code == "task.unknown"


class TestTheEnd:
    async def test_keeps_disposition_owner_and_note_and_comes_once(self, given: Given) -> None:
        task = await task_of(given)
        await claim(given.ledger, task, "Marta", "Marta")
        for _ in range(2):
            await done(given.ledger, task, "right_party_contact", "Paga el viernes", MARTA)
        over = await kept(given, task)
        assert (over["status"], over["disposition"], over["owner"], over["done_at"]) == (
            "done", "right_party_contact", "Marta", EIGHT,
        )  # fmt: skip
        (event,) = await given.all("SELECT note FROM task_events WHERE task_id = %s AND kind = 'done'", task)
        assert event["note"] == "Paga el viernes"

    async def test_stands(self, given: Given) -> None:
        task = await task_of(given, kind="case")
        await claim(given.ledger, task, "Marta", "Marta")
        await done(given.ledger, task, "resolved", None, MARTA)
        for act in (
            done(given.ledger, task, "escalated", None, MARTA),
            claim(given.ledger, task, "Marta", "Marta"),
            release(given.ledger, task, MARTA),
        ):
            with pytest.raises(Conflict) as error:
                await act
            assert error.value.code == "task.finished"

    @pytest.mark.parametrize(
        ("kind", "disposition"),
        [("call", "resolved"), ("call", "wrong_person"), ("case", "no_answer"), ("case", "shouted")],
    )
    async def test_takes_a_disposition_of_its_kind(self, given: Given, kind: str, disposition: str) -> None:
        task = await task_of(given, kind=kind)
        with pytest.raises(SendaError) as error:
            await done(given.ledger, task, disposition, None, LUISA)
        assert (error.value.code, error.value.field) == ("task.disposition_invalid", "disposition")

    async def test_is_for_whoever_claimed_it_or_a_supervisor(self, given: Given) -> None:
        task = await task_of(given, kind="case")
        with pytest.raises(Conflict) as error:
            await done(given.ledger, task, None, None, MARTA)
        assert error.value.code == "task.not_claimed"
        await claim(given.ledger, task, "Marta", "Marta")
        with pytest.raises(Conflict) as error:
            await done(given.ledger, task, None, None, PEDRO)
        assert error.value.code == "task.claimed"
        await done(given.ledger, task, None, None, LUISA)
        assert (await kept(given, task))["owner"] == "Marta"

    async def test_of_a_call_to_an_invalid_number_marks_it(self, given: Given) -> None:
        task = await task_of(given)
        await done(given.ledger, task, "invalid_number", None, LUISA)
        (marked,) = await given.all(
            """SELECT i.* FROM invalid_addresses i JOIN debtors d ON d.id = i.debtor_id WHERE d.creditor = %s""",
            given.key,
        )
        assert (marked["channel"], marked["code"], marked["contact_id"]) == ("call", "invalid_number", None)


class TestOneTask:
    async def test_is_shown_with_number_to_whoever_claimed_it_alone(self, given: Given) -> None:
        task = await task_of(given)
        assert (await show_task(given.ledger, task, "Marta"))["debtor"] is None
        await claim(given.ledger, task, "Marta", "Marta")
        shown = await show_task(given.ledger, task, "Marta")
        assert shown["debtor"] == {"name": "Ana Lucía Gómez", "number": NUMBER}
        assert (await show_task(given.ledger, task, "Pedro"))["debtor"] is None
        await done(given.ledger, task, None, None, MARTA)
        assert (await show_task(given.ledger, task, "Marta"))["debtor"] is None

    async def test_has_the_notes_in_order_each_command_once(self, given: Given) -> None:
        task = await task_of(given)
        for text, command in (("uno", "1"), ("dos", "2"), ("dos", "2")):
            await write_note(given.ledger, task, text, MARTA, f"{given.key}:{command}")
        events = (await show_task(given.ledger, task, "Marta"))["events"]
        assert [event["note"] for event in events if event["kind"] == "noted"] == ["uno", "dos"]

    async def test_has_what_was_said_in_its_conversation(self, given: Given) -> None:
        (talk,) = await given.all(
            "INSERT INTO conversations (provider, address_sha256, updated_at) VALUES ('w', %s, %s) RETURNING id",
            uuid4().hex,
            EIGHT,
        )
        said = """INSERT INTO inbound (provider, provider_ref, channel, conversation_id, address, text, choice, at)
            VALUES ('w', %s, 'whatsapp', %s, %s, %s, %s, %s) RETURNING id"""
        answered = "INSERT INTO answers (conversation_id, text, at) VALUES (%s, %s, %s) RETURNING id"
        await given.all(said, uuid4().hex, talk["id"], NUMBER, "Hola", None, EIGHT)
        await given.all(answered, talk["id"], "Buenos días", EIGHT)
        await given.all(said, uuid4().hex, talk["id"], NUMBER, "Asesor", "person", EIGHT + timedelta(minutes=1))
        task = await task_of(given, kind="case", reason="asked_for_person", conversation_id=talk["id"])
        lines = (await show_task(given.ledger, task, "Marta"))["lines"]
        assert [(line["said_by"], line["text"], line["choice"]) for line in lines] == [
            ("person", "Hola", None), ("senda", "Buenos días", None), ("person", "Asesor", "person"),
        ]  # fmt: skip
        assert NUMBER not in str(lines)
