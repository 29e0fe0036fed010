"""What a verification finds."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

MOST = 1000
"""Findings of one part that are kept; the rest are only counted."""

Kind = Literal["changed", "removed", "unchained", "moved", "entry", "order", "backdated", "root", "unclosed"]
"""What is wrong:

- `changed`, `removed`: a row is not what was chained, or is gone; `moved`: it is another person's now
- `unchained`: a row without an entry: it was inserted past the sealer, or the sealer stands still
- `backdated`: a row says that it is older than it can be
- `entry`: an entry of a chain was changed
- `order`: an entry does not follow the one before it: one was removed, inserted, or they were reordered
- `root`: a day's root is not that of the chains, is not signed, or is not what was notarised
- `unclosed`: a day should have a root
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written. `entry`: its number in the chain; `day`: of a root."""

    kind: Kind
    detail: str
    source: str | None = None
    row_id: int | None = None
    person_id: int | None = None
    entry: int | None = None
    day: str | None = None
    person: str | None = None


@dataclass(slots=True)
class Part:
    """What one part of a verification saw."""

    entries: int = 0
    rows: int = 0
    waiting: int = 0
    counts: Counter[str] = field(default_factory=Counter[str])
    findings: list[Finding] = field(default_factory=list[Finding])

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it while there are not too many."""
        self.counts[finding.kind] += 1
        if len(self.findings) < MOST:
            self.findings.append(finding)

    def take(self, other: "Part") -> None:
        """What another part saw, too."""
        self.entries += other.entries
        self.rows += other.rows
        self.waiting += other.waiting
        self.counts.update(other.counts)
        self.findings += other.findings[: MOST - len(self.findings)]
