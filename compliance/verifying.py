"""Recomputes all evidence from the rows themselves and names what was changed, removed, inserted or reordered.

Everything is read from one snapshot, which processes share.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from typing import Any

import psycopg
from psycopg.rows import dict_row

from compliance.finding import Finding, Part
from compliance.roots import DailyRoot
from compliance.sources import NOBODY, TEXT_FORM
from compliance.verifying_chains import check_chains
from compliance.verifying_rows import Connection, Piece, check_rows, pieces
from ledger.errors import NotFound

PIECE = 50_000
"""Rows of a table that are checked at a time."""

CLOSES_WITHIN = timedelta(hours=1)
"""How long after midnight (UTC) a day may still be open."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be verified: all, or one person's chain and rows (`person`: the key of the person).

    `notarised`: roots that were exported earlier. `trusted`: public keys; none: any key may have signed.
    """

    person: str | None = None
    notarised: Sequence[DailyRoot] = ()
    trusted: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Report(Part):
    """What was found. `entries` and `rows` were recomputed, `waiting` are rows of the last minute to be chained yet."""

    roots: int = 0
    notarised: int = 0
    last_day: str | None = None
    keys: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.counts

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"sound": self.is_sound, **plain, "findings": [asdict(finding) for finding in self.findings]}


def verify(url: str, asked: Asked, *, processes: int = 2) -> Report:
    """Verify a database by several processes. Error: `person.unknown`."""
    with _opened(url) as connection:
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        with ProcessPoolExecutor(processes, get_context("spawn"), _open, (url, row[0])) as pool:
            person, roots = _person_id(connection, asked.person), read_roots(connection)
            work = pool.submit(_check_chains, roots, person)
            parts = [pool.submit(_check_rows, piece, person) for piece in pieces(connection, PIECE)]
            return _report(connection, asked, roots, (each.result() for each in (*parts, work)))


def verify_here(connection: Connection, asked: Asked) -> Report:
    """Verify what one transaction sees. Error: `person.unknown`."""
    connection.execute(TEXT_FORM)
    person, roots = _person_id(connection, asked.person), read_roots(connection)
    parts = [check_rows(connection, piece, person) for piece in pieces(connection, PIECE)]
    return _report(connection, asked, roots, [*parts, check_chains(connection, roots, person)])


def read_roots(connection: Connection) -> Sequence[DailyRoot]:
    """All closed days in order."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return [DailyRoot.of_row(row) for row in cursor.execute("SELECT * FROM daily_roots ORDER BY day")]


_here: Connection
"""The connection of a process of the pool."""


def _opened(url: str, snapshot: str | None = None) -> Connection:
    connection = psycopg.connect(url)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    if snapshot is not None:
        connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'".encode())
    connection.execute(TEXT_FORM)
    return connection


def _open(url: str, snapshot: str) -> None:
    global _here
    _here = _opened(url, snapshot)


def _check_rows(piece: Piece, person: int | None) -> Part:
    return check_rows(_here, piece, person)


def _check_chains(roots: Sequence[DailyRoot], person: int | None) -> Part:
    return check_chains(_here, roots, person)


def _person_id(connection: Connection, key: str | None) -> int | None:
    if key is None:
        return None
    row = connection.execute("SELECT id FROM people WHERE key = %s", [key]).fetchone()
    if row is None:
        raise NotFound("person.unknown", f"nobody has the key {key!r}", "--person")
    return row[0]


def _report(connection: Connection, asked: Asked, roots: Sequence[DailyRoot], parts: Iterable[Part]) -> Report:
    report = Report(roots=len(roots), notarised=len(asked.notarised))
    for part in parts:
        report.take(part)
    if asked.person is None:
        for finding in (*_signed(roots, asked.trusted), *_closed(connection, roots)):
            report.add(finding)
    for finding in _as_notarised(roots, asked.notarised):
        report.add(finding)
    report.last_day = roots[-1].day.isoformat() if roots else None
    report.keys = {root.key_id: root.public_key.hex() for root in roots}
    report.findings = _named(connection, report.findings)
    return report


def _signed(roots: Sequence[DailyRoot], trusted: frozenset[bytes]) -> Iterable[Finding]:
    """Each root by itself, and as the one after the root before it."""
    before: DailyRoot | None = None
    for root in roots:
        day = root.day.isoformat()
        if not root.is_signed:
            yield Finding("root", "the signature does not fit what the root states", day=day)
        if trusted and root.public_key not in trusted:
            yield Finding("root", f"it is signed with key {root.key_id!r}, which is not trusted", day=day)
        if before is None and any(root.previous):
            yield Finding("root", "it is not the first: the days before it are not there", day=day)
        if before and (root.previous != before.root or root.day != before.day + timedelta(days=1)):
            yield Finding("root", f"it does not follow the root of {before.day.isoformat()}", day=day)
        before = root


def _closed(connection: Connection, roots: Sequence[DailyRoot]) -> Iterable[Finding]:
    """Whether the last day that ended has its root."""
    row = connection.execute(
        "SELECT now(), (SELECT recorded_at FROM chain WHERE recorded_at IS NOT NULL ORDER BY id LIMIT 1)"
    ).fetchone()
    assert row is not None
    now, first = (each.astimezone(UTC) if isinstance(each, datetime) else None for each in row)
    if now is None or first is None:
        return
    ended = (now - CLOSES_WITHIN).date() - timedelta(days=1)
    if first.date() <= ended and (not roots or roots[-1].day < ended):
        yield Finding("unclosed", "the day has ended and has no root: SENDA_SIGNING_KEY?", day=ended.isoformat())


def _as_notarised(roots: Sequence[DailyRoot], notarised: Sequence[DailyRoot]) -> Iterable[Finding]:
    """What is stored against what was exported."""
    stored = {root.day: root for root in roots}
    for said in notarised:
        day = said.day.isoformat()
        if not said.is_signed:
            yield Finding("root", "the notarised line itself is not signed: it is damaged", day=day)
        if (kept := stored.get(said.day)) is None:
            yield Finding("root", "it was notarised and is not there any more", day=day)
        elif kept != said:
            was, now = said.line(), kept.line()
            fields = ", ".join(name for name in was if was[name] != now[name])
            yield Finding("root", f"it is not what was notarised ({fields}): history was rewritten", day=day)


def _named(connection: Connection, findings: Sequence[Finding]) -> list[Finding]:
    """Findings with the keys of their people."""
    ids = [each.person_id for each in findings if each.person_id not in (None, NOBODY)]
    rows = connection.execute("SELECT id, key FROM people WHERE id = ANY(%s)", [ids]).fetchall()
    keys: dict[int | None, str] = dict(rows)
    return [replace(each, person=keys.get(each.person_id)) for each in findings]
