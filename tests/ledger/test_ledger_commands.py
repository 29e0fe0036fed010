"""Pause, resume and close: the record decides, nobody is contacted meanwhile, a repetition changes nothing."""

from collections.abc import Awaitable
from datetime import date, timedelta

import pytest

from ledger import commands
from ledger.commands import Pause
from ledger.errors import Conflict, NotFound
from policy.errors import SendaError
from tests.ledger.given import START, Given, local, row

PAST_DUE = ("1", "2026-02-01", "100000")
DAY = timedelta(days=1)


@pytest.fixture
async def given(given: Given) -> Given:
    """With account A, whose notices fall due on 2, 6 and 13 February."""
    await given.imported(row("A", PAST_DUE))
    return given


async def code_of(command: Awaitable[None]) -> str:
    with pytest.raises(SendaError) as refused:
        await command
    return refused.value.code


class TestAPause:
    async def test_keeps_everybody_silent_until_its_end(self, given: Given) -> None:
        await given.pauses("A", ends=START + 5 * DAY)
        await given.lives(local(date(2026, 2, 14), 0))
        kept = [(each["step"], each["decided_at"]) for each in await given.decisions("A")]
        assert kept == [("aviso-12", local(date(2026, 2, 13), 9))]

    async def test_that_begins_later_lets_what_comes_before_it_happen(self, given: Given) -> None:
        await given.pauses("A", starts=START + 2 * DAY)
        permits = await given.lives(local(date(2026, 2, 20), 0))
        assert len(permits) == 1

    async def test_without_an_end_holds_until_resumed(self, given: Given) -> None:
        await given.pauses("A")
        assert await given.lives(local(date(2026, 2, 6), 8)) == []
        await given.resumes("A")
        assert [permit.key.split(":")[-2] for permit in await given.lives(local(date(2026, 2, 6), 12))] == ["aviso-5"]

    async def test_does_not_stop_the_stages(self, given: Given) -> None:
        await given.pauses("A")
        await given.lives(START + 62 * DAY)
        assert (await given.record(given.journey("A"))).state.stage == "prejuridical"

    async def test_does_not_keep_a_payment_from_ending_the_journey(self, given: Given) -> None:
        await given.pauses("A")
        await given.pays("A", "100000")
        (journey,) = await given.journeys("A")
        assert journey["outcome"] == "paid"

    @pytest.mark.parametrize(
        ("starts", "ends"),
        [
            (START, None),
            (START + DAY, START + 3 * DAY),
            (START + 3 * DAY, START + 5 * DAY),
            (START + 2 * DAY, None),
        ],
    )
    async def test_over_part_of_another_is_a_conflict(self, given: Given, starts: object, ends: object) -> None:
        await given.pauses("A", starts=START + 2 * DAY, ends=START + 4 * DAY)
        assert await code_of(given.pauses("A", starts=starts, ends=ends)) == "journey.pause_overlaps"
        assert len((await given.record(given.journey("A"))).state.standing.holds) == 1

    async def test_may_begin_where_another_ends(self, given: Given) -> None:
        await given.pauses("A", starts=START + 2 * DAY, ends=START + 4 * DAY)
        await given.pauses("A", starts=START + 4 * DAY, ends=START + 6 * DAY)
        await given.pauses("A", starts=START + 1 * DAY, ends=START + 2 * DAY)
        assert len((await given.record(given.journey("A"))).state.standing.holds) == 3

    async def test_after_an_open_one_is_a_conflict_at_any_time(self, given: Given) -> None:
        await given.pauses("A")
        assert await code_of(given.pauses("A", starts=START + 50 * DAY)) == "journey.pause_overlaps"

    async def test_that_ends_before_it_begins_is_refused(self, given: Given) -> None:
        assert await code_of(given.pauses("A", ends=START - DAY)) == "journey.pause_backwards"

    async def test_is_a_fact_with_its_author_and_reason(self, given: Given) -> None:
        await given.pauses("A", ends=START + DAY)
        fact = next(event for event in await given.events("A") if event["kind"] == "paused")
        assert (fact["actor"], fact["data"]["reason"], fact["at"]) == ("Luisa", "hardship", START)


class TestAResume:
    async def test_without_a_pause_is_a_conflict(self, given: Given) -> None:
        assert await code_of(given.resumes("A")) == "journey.not_paused"

    async def test_of_a_pause_that_has_ended_is_a_conflict(self, given: Given) -> None:
        await given.pauses("A", ends=START + DAY)
        await given.clock(START + DAY)
        assert await code_of(given.resumes("A")) == "journey.not_paused"

    async def test_of_a_pause_that_is_still_to_come_is_a_conflict(self, given: Given) -> None:
        await given.pauses("A", starts=START + DAY)
        assert await code_of(given.resumes("A")) == "journey.not_paused"

    async def test_frees_the_time_for_another_pause(self, given: Given) -> None:
        await given.pauses("A")
        await given.clock(START + DAY)
        await given.resumes("A")
        await given.pauses("A")
        assert len((await given.record(given.journey("A"))).state.standing.holds) == 2


class TestAClose:
    async def test_ends_the_journey_at_once(self, given: Given) -> None:
        await given.clock(START + DAY)
        await given.closes("A", "withdrawn")
        (journey,) = await given.journeys("A")
        assert (journey["closed"], journey["outcome"], journey["closed_at"]) == (True, "withdrawn", START + DAY)
        assert await given.lives(START + 20 * DAY) == []

    async def test_names_who_closed_it(self, given: Given) -> None:
        await given.closes("A", "written_off")
        assert [(event["actor"], event["data"]) for event in await given.events("A") if event["kind"] == "closed"] == [
            ("Luisa", {"outcome": "written_off"})
        ]

    async def test_of_a_closed_journey_is_a_conflict(self, given: Given) -> None:
        await given.closes("A", "withdrawn")
        assert await code_of(given.closes("A", "written_off")) == "journey.not_open"


class TestARepetition:
    """The process died after the commit and before the answer: the caller sends the same command again."""

    async def test_of_a_pause_changes_nothing(self, given: Given) -> None:
        await given.pauses("A", id="same")
        await given.pauses("A", id="same")
        assert len((await given.record(given.journey("A"))).state.standing.holds) == 1

    async def test_of_a_resume_changes_nothing(self, given: Given) -> None:
        await given.pauses("A")
        await given.resumes("A", id="same")
        seq = (await given.record(given.journey("A"))).state.standing.seq
        await given.resumes("A", id="same")
        assert (await given.record(given.journey("A"))).state.standing.seq == seq

    async def test_of_a_close_changes_nothing(self, given: Given) -> None:
        await given.closes("A", "withdrawn", id="same")
        await given.closes("A", "withdrawn", id="same")
        assert [event["kind"] for event in await given.events("A")].count("closed") == 1


@pytest.mark.parametrize("account", ["A-unknown", "B"])
async def test_a_command_to_what_has_no_journey_says_so(given: Given, account: str) -> None:
    await given.imported(row("B"))
    order = Pause(id="x", starts=None, ends=None, reason="hardship")
    expected = (NotFound, "account.unknown") if account == "A-unknown" else (Conflict, "journey.not_open")
    with pytest.raises(expected[0]) as refused:
        await commands.pause(given.ledger, given.key, account, order, "Luisa")
    assert refused.value.code == expected[1]


async def test_each_command_is_one_seq_later_and_in_the_outbox(given: Given) -> None:
    await given.pauses("A")
    await given.resumes("A")
    await given.closes("A", "withdrawn")
    told = await given.all(
        "SELECT kind, (message->>'seq')::int AS seq FROM outbox WHERE journey_id = %s ORDER BY id", given.journey("A")
    )
    assert [(each["kind"], each["seq"]) for each in told] == [("pause", 1), ("resume", 2), ("close", 3)]
