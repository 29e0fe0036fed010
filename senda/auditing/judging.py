"""Recorded contacts judged again: by the packs that decided them, or by another one."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from policy import Decision, Language, Pack, decide, explain, parse_query
from senda.client import SendaClient


@dataclass(slots=True)
class Audit:
    """What the judging came to.

    `refused`: contacts that were made and that the pack would have refused; `allowed`: contacts that were refused
    by rules and that it would have allowed; `differing`: the recorded verdict is another (without `--pack`);
    `unjudged`: decided before cases were kept.
    """

    judged: int = 0
    unjudged: int = 0
    refused: int = 0
    allowed: int = 0
    differing: int = 0
    by_rule: Counter[str] = field(default_factory=Counter[str])
    first: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def as_json(self) -> dict[str, Any]:
        """The counts."""
        return {
            "judged": self.judged,
            "unjudged": self.unjudged,
            "would_refuse": self.refused,
            "would_allow": self.allowed,
            "differing": self.differing,
            "by_rule": dict(sorted(self.by_rule.items())),
        }


class Judge:
    """Judges cases by one pack, or each by the packs that it names."""

    def __init__(self, client: SendaClient, pack: Pack | None, language: Language) -> None:
        self._client = client
        self._pack = pack
        self._language: Language = language
        self._named: dict[str, Pack] = {}
        self.audit = Audit()

    async def judge(self, line: dict[str, Any]) -> dict[str, Any] | None:
        """What is to be said of a recorded contact; none where nothing is."""
        if line["case"] is None:
            self.audit.unjudged += 1
            return None
        query = parse_query(line["case"])
        packs = [self._pack] if self._pack else [await self._by_hash(each["content_hash"]) for each in line["packs"]]
        decision = decide(packs, query)
        self.audit.judged += 1
        finding = self._against(line, decision) if self._pack else self._itself(line, decision)
        if finding is None:
            return None
        why = explain(packs, query, decision, self._language)
        return {**_about(line, decision), "finding": finding, "why": why}

    def _against(self, line: dict[str, Any], decision: Decision) -> str | None:
        """What another pack would have decided otherwise."""
        if line["decision"] == "permitted" and not decision.allowed:
            self.audit.refused += 1
            self.audit.by_rule.update(decision.rules)
            return "would_refuse"
        if line["decision"] == "refused" and line["rules"] and decision.allowed:
            self.audit.allowed += 1
            return "would_allow"
        return None

    def _itself(self, line: dict[str, Any], decision: Decision) -> str | None:
        """Whether the record says what its own packs say today."""
        is_same = list(decision.rules) == line["rules"] and decision.allowed == (not line["rules"])
        if is_same and (line["decision"] == "refused" or decision.allowed):
            return None
        self.audit.differing += 1
        self.audit.by_rule.update(set(decision.rules) ^ set(line["rules"]))
        return "differs"

    async def _by_hash(self, content_hash: str) -> Pack:
        if content_hash not in self._named:
            self._named[content_hash] = Pack.model_validate(await self._client.pack(content_hash))
        return self._named[content_hash]


def _about(line: dict[str, Any], decision: Decision) -> dict[str, Any]:
    names = ("id", "creditor", "account", "step", "actor", "channel", "decision", "decided_at")
    return {
        **{name: line[name] for name in names},
        "rules_then": line["rules"],
        "rules": list(decision.rules),
        "next_allowed_at": decision.next_allowed_at,
    }
