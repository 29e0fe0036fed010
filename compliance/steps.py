"""A journey's whole story as JSON: for each task what arrived, what was decided and why, what left, the state after."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from temporalio.client import Client

from compliance.runs import episodes
from compliance.timemachine import Step, Story, replayed, shown
from ledger.database import Ledger
from ledger.errors import NotFound
from ledger.why import in_words, whys
from policy import Language

_DECISIONS = """
SELECT c.id, c.occurrence, c.step, c.channel, c.decision, c.reason, c.rules, c.next_allowed_at, c.decided_at, c.basis
FROM contacts c WHERE c.journey_id = %s AND c.occurrence IS NOT NULL ORDER BY c.occurrence, c.attempt, c.id"""

_BEHIND = {
    **dict.fromkeys(("sent", "failed", "unknown", "skipped"), ("permitted", "skipped")),
    "refused": ("refused", "skipped"),
}
"""The decisions that may be behind an answer of the activity `contact` (also of an earlier attempt)."""

Decisions = dict[tuple[str, str], list[dict[str, Any]]]
"""The record's decisions on contacts by occurrence and decision, in order; each is told once."""


async def steps_of(
    ledger: Ledger, client: Client, creditor: str, account: str, episode: int | None, language: Language
) -> dict[str, Any]:
    """A journey's whole story, task by task; the last journey's unless an episode is named.

    Raises `NotFound` (`account.unknown`, `journey.unknown`, `replay.no_history`), `Damaged`, `Differs`.
    """
    found = await episodes(ledger, creditor, account)
    chosen = [journey for journey in found if episode in (None, journey.episode)]
    if not chosen:
        raise NotFound("journey.unknown", f"the account has had no episode {episode}", "episode")
    story = await replayed(ledger, client, chosen[-1])
    decisions = await _decisions(ledger, story.journey_id, language)
    return {
        "journey_id": story.journey_id,
        "episode": story.terms.episode,
        "steps": [_shown(story, step, decisions) for step in story.steps],
    }


async def _decisions(ledger: Ledger, journey_id: str, language: Language) -> Decisions:
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_DECISIONS, [journey_id])).fetchall()
        reasons = await whys(tx, rows)
    found: Decisions = defaultdict(list)
    for row, why in zip(rows, reasons, strict=True):
        packs = (
            [{"pack": pack.key, "version": pack.version, "hash": pack.content_hash} for pack in why.packs]
            if why
            else []
        )
        told = {name: value for name, value in row.items() if name not in ("id", "basis")}
        told |= {"contact": row["id"], "packs": packs, "why": in_words(row["reason"], why, language)}
        found[row["occurrence"], row["decision"]].append(told)
    return found


def _shown(story: Story, step: Step, decisions: Decisions) -> dict[str, Any]:
    return {
        "run_id": step.run_id,
        "task": step.task,
        "at": step.at,
        "started_at": step.started_at,
        "arrived": step.arrived,
        "decided": list(_decided(step)),
        "commands": step.commands,
        "contacts": list(_told(step, decisions)),
        "state": shown(story, step.state, step.at),
    }


def _decided(step: Step) -> Iterator[dict[str, Any]]:
    """What the core made of what arrived: how the state after the task differs from the one before."""
    before, after = step.before, step.state
    if after.standing.seq != before.standing.seq:
        yield {"kind": "standing_heard", "seq": after.standing.seq, "at": after.standing.at}
    if after.stage != before.stage:
        yield {"kind": "stage_entered", "stage": after.stage}
    for occurrence in _done(step):
        kind = "step_done" if occurrence in dict(step.answered) else "step_skipped"
        yield {"kind": kind, "occurrence": occurrence}
    if after.deferral is not None and after.deferral != before.deferral:
        yield {"kind": "step_deferred", "occurrence": after.deferral.occurrence, "until": after.deferral.until}
    if after.outcome != before.outcome:
        yield {"kind": "ended", "outcome": after.outcome}


def _done(step: Step) -> list[str]:
    return [occurrence for occurrence in step.state.done if occurrence not in step.before.done]


def _told(step: Step, decisions: Decisions) -> Iterator[dict[str, Any]]:
    """The record's decisions behind the answers that came, and behind the steps that were skipped."""
    answered = dict(step.answered)
    skipped = [(occurrence, "skipped") for occurrence in _done(step) if occurrence not in answered]
    for occurrence, status in (*step.answered, *skipped):
        waiting = (decisions.get((occurrence, decision)) for decision in _BEHIND.get(status, ()))
        if found := next(filter(None, waiting), None):
            yield found.pop(0)
