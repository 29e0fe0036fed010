"""Which channel a step's contact may take: the person's preference, then the law's verdict on each."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from journey.playbook import Step
from policy import Decision, LoggedContact, Query, decide, load_pack


def order(
    step: Step,
    preferred: str | None,
    authorised: Sequence[str],
    addresses: dict[str, str],
    available: Collection[str],
) -> list[str]:
    """The step's channels that can be tried: the person's preferred one, then the authorised, then the step's order."""
    usable = [channel for channel in step.channels if channel in available and addresses.get(channel)]
    return sorted(usable, key=lambda channel: (channel != preferred, channel not in authorised))


def judge(
    row: dict[str, Any], at: datetime, channels: Sequence[str], log: Sequence[dict[str, Any]]
) -> list[tuple[str, Decision]]:
    """The policy's verdict on each channel in turn, up to the first that is allowed."""
    contacts = tuple(
        LoggedContact(
            at=entry["at"],
            channel=entry["channel"],
            direction="outbound",
            purpose="collection",
            two_way=entry["two_way"],
        )
        for entry in log
    )
    verdicts: list[tuple[str, Decision]] = []
    for channel in channels:
        query = Query(
            zones=tuple(row["time_zones"]),
            at=at,
            channel=channel,
            purpose="collection",
            role="debtor",
            authorised_channels=tuple(row["authorised_channels"]),
            contacts=contacts,
        )
        verdicts.append((channel, decide([load_pack(row["pack"])], query)))
        if verdicts[-1][1].allowed:
            break
    return verdicts


def soonest(verdict: tuple[str, Decision]) -> tuple[bool, datetime | None]:
    """Sorts verdicts by the instant at which they would allow; never comes last."""
    at = verdict[1].next_allowed_at
    return at is None, at
