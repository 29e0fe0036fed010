"""Whatever a database administrator does to the record is found and named, down to one bit, also with triggers off."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql

from compliance.hashing import FIRST, Entry, head_leaf, row_hash
from compliance.merkle import root
from compliance.roots import DailyRoot
from compliance.sources import SOURCES, TEXT_FORM
from compliance.verifying import Asked, read_roots, verify, verify_here
from compliance.verifying_rows import Piece, check_rows
from ledger.database import Ledger
from ledger.errors import NotFound
from ledger.schema import metadata
from policy.errors import SendaError
from tests.compliance.facts import chain_all, database, happen
from tests.compliance.test_chain import KEY, OTHER, TODAY, TOMORROW, closed

Connection = psycopg.Connection[tuple[Any, ...]]

CHANGES = {
    "bytea": "set_bit({c}, 0, 1 - get_bit({c}, 0))",
    "bigint": "{c} # 1", "integer": "{c} # 1", "boolean": "NOT {c}", "numeric": "{c} + 0.0001", "date": "{c} + 1",
    "timestamp with time zone": "{c} + interval '1 microsecond'", "ARRAY": "array_append({c}, 'x')",
    "text": "convert_from(set_byte(convert_to({c}, 'UTF8'), 0, get_byte(convert_to({c}, 'UTF8'), 0) # 1), 'UTF8')",
    "jsonb": "jsonb_build_array({c})",
}  # fmt: skip
"""The smallest change of a value of each type."""
VALUES = {
    "bigint": "1", "integer": "1", "boolean": "false", "numeric": "0", "date": "'2026-01-01'", "ARRAY": "'{}'",
    "timestamp with time zone": "'2026-01-01'", "text": "'x'", "jsonb": "'null'",
}  # fmt: skip
"""What takes the place of null."""


def free(connection: Connection, *tables: str) -> None:
    """What an administrator does first: no triggers, no constraints."""
    for table in tables:
        for (name,) in connection.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'f', 'p', 'u')",
            [table],
        ).fetchall():
            drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {} CASCADE")
            connection.execute(drop.format(sql.Identifier(table), sql.Identifier(name)))
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        if table != "chain":
            connection.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP IDENTITY IF EXISTS".encode())


def found(connection: Connection, asked: Asked | None = None) -> set[tuple[str, str | None, int | None, str | None]]:
    """Kind, table, row and person of each finding."""
    report = verify_here(connection, asked or Asked())
    return {(each.kind, each.source, each.row_id, each.person) for each in report.findings}


@pytest.fixture
def chained(chained_url: str) -> Iterator[Connection]:
    """The chained facts in a transaction that is never committed."""
    with psycopg.connect(chained_url) as connection:
        yield connection
        connection.rollback()


def test_what_nobody_touched_is_sound(chained: Connection) -> None:
    report = verify_here(chained, Asked())
    assert report.is_sound
    assert (report.entries, report.rows, report.waiting) == (4 * len(SOURCES),) * 2 + (0,)


def test_several_processes_find_what_one_finds(chained_url: str, chained: Connection) -> None:
    assert verify(chained_url, Asked()) == verify_here(chained, Asked())


@pytest.mark.parametrize("table", SOURCES)
class TestARow:
    def test_in_which_one_bit_of_any_column_is_another_is_named(self, chained: Connection, table: str) -> None:
        free(chained, table)
        chained.execute(TEXT_FORM)
        for column in map(str, metadata.tables[table].columns.keys()):
            kind, is_null = chained.execute(
                f"""SELECT data_type, (SELECT {column} IS NULL FROM {table} WHERE id = 3)
                FROM information_schema.columns WHERE table_name = %s AND column_name = %s""".encode(),
                [table, column],
            ).fetchall()[0]
            if column == "id":
                continue
            change = VALUES[kind] if is_null else CHANGES[kind].format(c=column)
            with chained.transaction(force_rollback=True):
                chained.execute(f"UPDATE {table} SET {column} = {change} WHERE id = 3".encode())
                part = check_rows(chained, Piece(table, None, None, 0))
                assert ("changed", table, 3) in {(each.kind, each.source, each.row_id) for each in part.findings}, (
                    column
                )

    def test_that_was_removed_is_named_with_its_person(self, chained: Connection, table: str) -> None:
        free(chained, table)
        chained.execute(f"DELETE FROM {table} WHERE id = 3".encode())
        ((person,),) = chained.execute(
            """SELECT key FROM people p JOIN chain c ON c.person_id = p.id WHERE c.source = %s AND c.row_id = 3""",
            [table],
        ).fetchall()
        assert ("removed", table, 3, person) in found(chained)

    def test_that_was_inserted_is_named(self, chained: Connection, table: str) -> None:
        free(chained, table)
        chained.execute(f"UPDATE chain_cursors SET floor = 5 WHERE source = '{table}'".encode())
        chained.execute(
            f"""INSERT INTO {table} SELECT (jsonb_populate_record(t, '{{"id": 5}}')).* FROM {table} t
            WHERE id = 1""".encode()
        )
        assert [(each.kind, each.source, each.row_id) for each in verify_here(chained, Asked()).findings] == [
            ("unchained", table, 5)
        ]

    def test_that_changed_places_with_another_is_named(self, chained: Connection, table: str) -> None:
        free(chained, table)
        chained.execute(f"UPDATE {table} SET id = 5 - id WHERE id IN (1, 4)".encode())
        assert {("changed", table, 1), ("changed", table, 4)} <= {each[:3] for each in found(chained)}


def test_an_instalment_is_part_of_its_agreement(chained: Connection) -> None:
    free(chained, "agreements")
    chained.execute("ALTER TABLE agreement_instalments DISABLE TRIGGER USER")
    chained.execute("UPDATE agreement_instalments SET amount = 9 WHERE agreement_id = 2")
    assert found(chained) == {("changed", "agreements", 2, "beto")}


def test_an_account_that_is_given_to_another_person_is_found(chained: Connection) -> None:
    chained.execute("UPDATE accounts SET person_id = 3 - person_id")
    assert ("moved", "postings", 1, "ana") in found(chained)


class TestARowThatTheSealerDoesNotChain:
    def test_waits_while_it_is_young(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            report = verify_here(connection, Asked())
        assert (report.is_sound, report.waiting) == (True, 4 * len(SOURCES))

    def test_is_an_alarm_after_a_minute(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            free(connection, "holds")
            connection.execute("UPDATE holds SET recorded_at = now() - interval '61 seconds' WHERE id = 1")
            assert found(connection) == {("unchained", "holds", 1, "ana")}


class TestARowThatIsBackdated:
    async def test_into_a_day_that_is_closed_is_found(self, own: Ledger, url: str) -> None:
        await closed(own)
        with psycopg.connect(url) as connection:
            happen(connection)
        await chain_all(url)
        with psycopg.connect(url) as connection:
            assert ("backdated", "holds", 5, "ana") in found(connection)

    async def test_within_the_day_is_found(self, url: str) -> None:
        await chain_all(url)
        with psycopg.connect(url) as connection:
            connection.execute(
                """
                INSERT INTO holds (creditor, person_id, account_id, kind, reason, key, starts, actor, at, recorded_at)
                SELECT creditor, person_id, account_id, kind, reason, 'late:' || id, starts, actor, at,
                    recorded_at - id * interval '301 seconds' FROM holds WHERE id IN (1, 3)"""
            )
        await chain_all(url)
        with psycopg.connect(url) as connection:
            assert {each[0] for each in found(connection)} == {"backdated"}
            assert len(found(connection)) == 1


class TestAnEntryOfAChain:
    @pytest.mark.parametrize("column", sorted({*metadata.tables["chain"].columns.keys()} - {"version"}))
    def test_in_which_one_bit_is_another_is_named(self, chained: Connection, column: str) -> None:
        free(chained, "chain")
        changes = {**CHANGES, "bytea": "set_byte({c}, 31, get_byte({c}, 31) # 1)"}
        ((kind,),) = chained.execute(
            "SELECT data_type FROM information_schema.columns WHERE table_name = 'chain' AND column_name = %s", [column]
        ).fetchall()
        entry = chained.execute("SELECT source, row_id, person_id FROM chain WHERE id = 51").fetchall()[0]
        chained.execute(f"UPDATE chain SET {column} = {changes[kind].format(c=column)} WHERE id = 51".encode())
        findings = verify_here(chained, Asked()).findings
        places = {(each.source, each.row_id, each.person_id) for each in findings if each.kind in ("entry", "order")}
        now = chained.execute("SELECT source, row_id, person_id FROM chain WHERE id IN (50, 51)").fetchall()
        assert places & {entry, *now}

    def test_that_claims_another_version_is_named(self, chained: Connection) -> None:
        free(chained, "chain")
        chained.execute("UPDATE chain SET version = 0 WHERE source = 'holds' AND row_id = 1")
        assert found(chained) == {("changed", "holds", 1, "ana")}

    def test_that_was_removed_with_its_row_is_missed(self, chained: Connection) -> None:
        free(chained, "chain", "contact_events")
        chained.execute("DELETE FROM contact_events WHERE id = 1")
        chained.execute("DELETE FROM chain WHERE source = 'contact_events' AND row_id = 1")
        assert {each[0] for each in found(chained)} == {"order"}

    def test_that_changed_places_with_another_is_found(self, chained: Connection) -> None:
        free(chained, "chain")
        chained.execute("UPDATE chain SET seq = 7 - seq WHERE person_id = 1 AND seq IN (3, 4)")
        findings = verify_here(chained, Asked()).findings
        assert {each.kind for each in findings} == {"entry", "order"}
        assert {each.person for each in findings} == {"ana"}

    def test_is_looked_at_for_one_person_alone(self, chained: Connection) -> None:
        free(chained, "holds", "contacts")
        chained.execute("UPDATE holds SET reason = 'x' WHERE person_id = 1")
        chained.execute("UPDATE contacts SET rules = '{}' WHERE person_id = 2")
        report = verify_here(chained, Asked(person="ana"))
        assert {(each.source, each.person) for each in report.findings} == {("holds", "ana")}
        assert (report.entries, report.rows) == (2 * len(SOURCES),) * 2

    def test_of_a_person_whom_nobody_knows_is_told(self, chained: Connection) -> None:
        with pytest.raises(NotFound, match="nobody has the key"):
            verify_here(chained, Asked(person="carla"))


@pytest.fixture(scope="session")
def days_url(postgres_url: str, facts_url: str) -> Iterator[str]:
    """Yesterday, today and tomorrow closed."""
    with database(postgres_url, facts_url.rpartition("/")[2]) as url:
        asyncio.run(live(url))
        yield url


async def live(url: str) -> None:
    async with Ledger(url) as ledger:
        await closed(ledger, TODAY)
        with psycopg.connect(url) as connection:
            happen(connection)
        await closed(ledger, TOMORROW + timedelta(days=1), OTHER)


@pytest.fixture
def days(days_url: str) -> Iterator[Connection]:
    """The three days in a transaction that is never committed."""
    with psycopg.connect(days_url) as connection:
        yield connection
        connection.rollback()


def rewrite(connection: Connection, person: int) -> None:
    """All entries are made anew, consistent among themselves, with the rows as they are now."""
    connection.execute(TEXT_FORM)
    heads: dict[int, Any] = {}
    entries = connection.execute(
        "SELECT id, person_id, seq, source, row_id, recorded_at::text, row_hash FROM chain ORDER BY id"
    ).fetchall()
    for *content, kept in entries:
        number, whose, _, table, row_id, *_ = content
        if whose == person:
            source = SOURCES[table]
            query = f"COPY (SELECT {source.values} FROM {table} t WHERE id = {row_id}) TO STDOUT"
            with connection.cursor().copy(query.encode()) as copy:
                ((*values,),) = copy.rows()
            kept = row_hash(source.names, values)
        entry = Entry(*content, kept, heads.get(whose, FIRST))
        heads[whose] = entry.hash
        connection.execute(
            "UPDATE chain SET row_hash = %s, previous = %s, hash = %s WHERE id = %s",
            [kept, entry.previous, entry.hash, number],
        )


def sign_again(connection: Connection) -> None:
    """All days are closed again over the chains as they are now, with the installation's own keys."""
    before = None
    for old in read_roots(connection):
        heads = connection.execute(
            """SELECT DISTINCT ON (person_id) person_id, seq, hash FROM chain WHERE id <= %s
            ORDER BY person_id, seq DESC""",
            [old.upto],
        ).fetchall()
        key = KEY if old.key_id == KEY.id else OTHER
        new = key.close(old.day, old.upto, old.leaves, root(head_leaf(*each) for each in heads), before, old.closed_at)
        before = new.root
        connection.execute(
            "UPDATE daily_roots SET root = %s, previous = %s, signature = %s WHERE day = %s",
            [new.root, new.previous, new.signature, new.day],
        )


class TestTheRoots:
    def test_of_what_nobody_touched_are_sound(self, days: Connection) -> None:
        exported = [DailyRoot.of_line(json.dumps(each.line()).encode()) for each in read_roots(days)]
        report = verify_here(days, Asked(notarised=exported, trusted=frozenset({KEY.public_key, OTHER.public_key})))
        assert report.is_sound, report.findings
        assert (report.roots, report.notarised, sorted(report.keys)) == (3, 3, ["s1", "s2"])

    def test_find_a_chain_that_was_rewritten_as_a_whole(self, days: Connection) -> None:
        free(days, "holds", "chain")
        days.execute("UPDATE holds SET reason = 'x' WHERE id = 1")
        rewrite(days, 1)
        findings = verify_here(days, Asked()).findings
        assert [each.kind for each in findings] == ["root"] * 3

    def test_that_were_signed_again_are_found_by_those_that_were_exported(self, days: Connection) -> None:
        exported = read_roots(days)
        free(days, "holds", "chain")
        days.execute("ALTER TABLE daily_roots DISABLE TRIGGER USER")
        days.execute("UPDATE holds SET reason = 'x' WHERE id = 1")
        rewrite(days, 1)
        sign_again(days)
        assert verify_here(days, Asked()).is_sound  # with the key, this is the perfect crime, were it not for the file
        findings = verify_here(days, Asked(notarised=exported[:1])).findings
        assert [(each.kind, each.day) for each in findings] == [("root", exported[0].day.isoformat())]
        assert "rewritten" in findings[0].detail

    @pytest.mark.parametrize("column", metadata.tables["daily_roots"].columns.keys())
    def test_in_which_one_bit_is_another_are_found(self, days: Connection, column: str) -> None:
        days.execute("ALTER TABLE daily_roots DISABLE TRIGGER USER")
        kinds = {**CHANGES, "bytea": "set_byte({c}, 3, get_byte({c}, 3) # 1)", "date": "{c} - 9"}
        ((kind,),) = days.execute(
            "SELECT data_type FROM information_schema.columns WHERE table_name = 'daily_roots' AND column_name = %s",
            [column],
        ).fetchall()
        day = read_roots(days)[1].day
        change = kinds[kind].format(c=column)
        days.execute(f"UPDATE daily_roots SET {column} = {change} WHERE day = %s".encode(), [day])
        assert "root" in {each[0] for each in found(days)}

    @pytest.mark.parametrize("which", [0, 1])
    def test_that_were_removed_are_missed(self, days: Connection, which: int) -> None:
        exported = read_roots(days)
        days.execute("ALTER TABLE daily_roots DISABLE TRIGGER USER")
        days.execute("DELETE FROM daily_roots WHERE day = %s", [exported[which].day])
        assert "root" in {each[0] for each in found(days)}
        gone = verify_here(days, Asked(person="ana", notarised=exported)).findings
        assert [(each.kind, each.day) for each in gone] == [("root", exported[which].day.isoformat())]

    def test_that_a_stranger_signed_are_found(self, days: Connection) -> None:
        findings = verify_here(days, Asked(trusted=frozenset({KEY.public_key}))).findings
        assert [each.kind for each in findings] == ["root", "root"]

    def test_of_a_damaged_file_are_told(self, days: Connection) -> None:
        exported = read_roots(days)
        other = replace(exported[0], leaves=9)
        details = [each.detail for each in verify_here(days, Asked(notarised=[other])).findings]
        assert len(details) == 2
        assert "damaged" in details[0]
        assert "(leaves)" in details[1]


def test_a_day_that_ended_and_has_no_root_is_found(chained: Connection) -> None:
    free(chained, "chain")
    chained.execute("UPDATE chain SET recorded_at = recorded_at - interval '2 days' WHERE id = 1")
    assert "unclosed" in {each[0] for each in found(chained)}


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"day": "2026-13-01"}', b"\xff"])
def test_a_line_that_no_export_wrote_is_told(line: bytes) -> None:
    with pytest.raises(SendaError, match="not a line"):
        DailyRoot.of_line(line)
