"""Which three accounts' timelines are worth reading: of different outcomes, and with the most in them."""

from dataclasses import dataclass

from senda.client import Event, Journey, SendaClient
from senda.demo.portfolio import Account
from senda.demo.run import CREDITOR, Result

WANTED = ("referred", "paid", "cured", None)
"""Outcomes in the order of preference; None is a journey that is still open."""
STORIES = 3
LOOKED_AT = 8
"""Candidates of each outcome whose events are read."""
GOOD_LENGTH = 24
TELLING = ("returned", "in parts", "late", "forgetful", "never", "on time")
"""Behaviours, the most eventful first."""


@dataclass(frozen=True, slots=True)
class Story:
    """One account with everything that happened to it."""

    journey: Journey
    events: list[Event]


async def choose_stories(client: SendaClient, result: Result) -> list[Story]:
    """Up to three, each of another outcome and another behaviour."""
    chosen: list[Story] = []
    told: set[str] = set()
    for outcome in WANTED:
        if len(chosen) == STORIES:
            break
        candidates = [
            (account, Story(result.latest[account.key], await client.events(CREDITOR, account.key)))
            for account in _candidates(result, outcome, told)
        ]
        if candidates:
            account, story = max(candidates, key=lambda candidate: _interest(candidate[1]))
            chosen.append(story)
            told.add(account.behaviour)
    return chosen


def _candidates(result: Result, outcome: str | None, told: set[str]) -> list[Account]:
    fitting = [
        account
        for account in result.accounts
        if account.behaviour not in told
        and account.key in result.latest
        and result.latest[account.key].outcome == outcome
    ]
    return sorted(fitting, key=lambda account: TELLING.index(account.behaviour))[:LOOKED_AT]


def _interest(story: Story) -> tuple[int, int]:
    """Kinds of things that happened, then how near it comes to a good length."""
    kinds = {(event.kind, event.data.get("status"), event.data.get("stage")) for event in story.events}
    return len(kinds), -abs(len(story.events) - GOOD_LENGTH)
