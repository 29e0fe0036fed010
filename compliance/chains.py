"""A person's chain as it is shown: its entries, and the proof that the last closed day commits to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from compliance.closing import heads_at
from compliance.hashing import head_leaf
from compliance.merkle import Hash, Tree
from compliance.roots import DailyRoot
from ledger.database import Connection, Ledger
from ledger.errors import NotFound

_PERSON = """
SELECT p.id, %(creditor)s::text IS NULL
    OR EXISTS (SELECT FROM debtors d WHERE d.person_id = p.id AND d.creditor = %(creditor)s) AS is_known
FROM people p WHERE p.key = %(key)s"""

_ENTRIES = """
SELECT id, seq, source, row_id, recorded_at, version, row_hash, previous, hash FROM chain
WHERE person_id = %s AND seq > %s ORDER BY seq LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry of a chain."""

    id: int
    seq: int
    source: str
    row_id: int
    recorded_at: datetime | None
    version: int
    row_hash: Hash
    previous: Hash
    hash: Hash


@dataclass(frozen=True, slots=True)
class Proof:
    """That the day's root commits to the chain up to entry `seq`: leaf `index` of its tree, with this path to the root.

    Check it with `compliance.merkle.verify_inclusion`, or by RFC 9162, section 2.1.3.2.
    """

    root: DailyRoot
    seq: int
    hash: Hash
    index: int
    path: Sequence[Hash]


@dataclass(frozen=True, slots=True)
class Chain:
    """A person's entries, and the proof; none: no day is closed yet that has any of them."""

    person_id: int
    entries: Sequence[Shown]
    proof: Proof | None


class _LastDay:
    """The tree of the last day that was asked for: it is over all chains, and is the same until the next is closed."""

    def __init__(self) -> None:
        self._key: tuple[date, Hash] | None = None
        self._tree = Tree.over(())
        self._index: dict[int, tuple[int, int, Hash]] = {}

    async def proof(self, tx: Connection, root: DailyRoot, person: int) -> Proof | None:
        """The proof for one person; none: the person had no chain then."""
        if self._key != (root.day, root.root):
            heads = await heads_at(tx, root.upto)
            self._tree = Tree.over(head_leaf(*head) for head in heads)
            self._index = {person: (index, seq, head) for index, (person, seq, head) in enumerate(heads)}
            self._key = (root.day, root.root)
        if (found := self._index.get(person)) is None:
            return None
        index, seq, head = found
        return Proof(root, seq, head, index, self._tree.inclusion_proof(index))


_last_day = _LastDay()


async def chain_of(ledger: Ledger, debtor: str, creditor: str | None, *, after: int, limit: int) -> Chain:
    """At most `limit` entries of a person's chain above seq `after`, with the proof of the last closed day.

    `creditor`: the person must be a debtor of it. Error: `NotFound` (`debtor.unknown`, `creditor.unknown`).
    """
    async with ledger.transaction() as tx:
        person = await _person(tx, debtor, creditor)
        entries = await (await tx.execute(_ENTRIES, [person, after, limit])).fetchall()
        last = await (await tx.execute("SELECT * FROM daily_roots ORDER BY day DESC LIMIT 1")).fetchone()
        proof = await _last_day.proof(tx, DailyRoot.of_row(last), person) if last else None
        return Chain(person, [Shown(**entry) for entry in entries], proof)


async def roots_between(ledger: Ledger, since: date | None, until: date | None) -> Sequence[DailyRoot]:
    """The roots of the days from one to another, both included; none: from the first, to the last."""
    async with ledger.transaction() as tx:
        rows: list[dict[str, Any]] = await (
            await tx.execute(
                """SELECT * FROM daily_roots WHERE day >= coalesce(%s, '-infinity'::date)
                    AND day <= coalesce(%s, 'infinity'::date) ORDER BY day""",
                [since, until],
            )
        ).fetchall()
    return [DailyRoot.of_row(row) for row in rows]


async def _person(tx: Connection, debtor: str, creditor: str | None) -> int:
    row = await (await tx.execute(_PERSON, {"key": debtor, "creditor": creditor})).fetchone()
    if row is None:
        raise NotFound("debtor.unknown", f"no person has the key {debtor!r}: import an account first", "debtor")
    if not row["is_known"]:
        raise NotFound("creditor.unknown", f"the person is no debtor of {creditor!r}", "creditor")
    return row["id"]
