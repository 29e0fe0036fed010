"""Every fact about a person is in that person's chain, once, whoever seals and in whatever order rows are committed."""

import asyncio
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.chains import chain_of
from compliance.closing import close_days
from compliance.hashing import FIRST, head_leaf, row_hash
from compliance.merkle import root, verify_inclusion
from compliance.roots import DailyRoot, SigningKey
from compliance.sealing import seal
from compliance.sources import NOT_OF_PEOPLE, PARTS_OF_OTHERS, SOURCES
from compliance.verifying import Asked, verify_here
from ledger.database import Ledger
from ledger.schema import APPEND_ONLY, metadata
from policy.errors import SendaError
from tests.compliance.facts import PEOPLE, chain_all, happen

KEY = SigningKey("s1:" + "A" * 43 + "=")
OTHER = SigningKey("s2:" + "B" * 43 + "=")
NOW = timedelta(0)
NOT_NULL = "ecc67a43"
"""The columns of chained tables that may not be null, hashed: what is said below is for whoever changes them."""


def rows(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values).fetchall()


def is_sound(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return verify_here(connection, Asked()).is_sound


def test_every_append_only_table_is_chained_or_says_nothing_of_a_person() -> None:
    assert set(APPEND_ONLY) == {*SOURCES, *PARTS_OF_OTHERS, *NOT_OF_PEOPLE}


def test_a_new_column_leaves_the_hashes_of_old_rows_as_they_are() -> None:
    columns = [
        f"{table}.{column.name}" for table in sorted(SOURCES) for column in metadata.tables[table].columns
        if not column.nullable
    ]  # fmt: skip
    assert hashlib.sha256("\n".join(columns).encode()).hexdigest()[:8] == NOT_NULL, (
        "a column of a chained table that old rows have not may only be added as one that is null in them: content is "
        "what is not null. A table that is new here: put the new value into NOT_NULL"
    )


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1), st.none() | st.text(st.characters(codec="utf-8"))
    )
)
def test_a_row_is_hashed_as_canonical_json_that_any_language_can_make(content: dict[str, str | None]) -> None:
    names = sorted(content)
    said = {name: content[name] for name in names if content[name] is not None}
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
    made = hashlib.sha256(b"senda.row.v1\n" + text.encode()).digest()
    assert row_hash(names, [content[name] for name in names]) == made


class TestTheSealer:
    async def test_puts_each_fact_into_its_persons_chain(self, url: str) -> None:
        await chain_all(url)
        for person in PEOPLE:
            found = rows(
                url,
                """SELECT source, count(*) FROM chain c JOIN people p ON p.id = c.person_id WHERE p.key = %s
                GROUP BY 1""",
                person,
            )
            assert dict(found) == dict.fromkeys(SOURCES, 2)

    async def test_links_entries_so_that_anybody_can_follow_with_json_and_sha256(self, url: str) -> None:
        await chain_all(url)
        before: dict[int, tuple[int, str]] = {}
        with psycopg.connect(url) as connection:
            connection.execute("SET TimeZone TO 'UTC'")
            found = connection.execute(
                """SELECT id, person_id, seq, source, row_id, recorded_at::text, encode(row_hash, 'hex'),
                encode(previous, 'hex'), encode(hash, 'hex') FROM chain ORDER BY id"""
            ).fetchall()
            for number, (*content, kept) in enumerate(found, 1):
                entry, person, seq, source, row_id, _, of_row, previous = content
                assert (entry, (seq - 1, previous)) == (number, before.get(person, (0, FIRST.hex())))
                text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
                assert hashlib.sha256(b"senda.entry.v1\n" + text.encode()).hexdigest() == kept
                if source == "task_events":
                    row = connection.execute(
                        """SELECT (SELECT json_object_agg(key, value ORDER BY key) FROM (
                            VALUES ('id', id::text), ('task_id', task_id::text), ('kind', kind), ('actor', actor),
                                ('note', note), ('at', at::text), ('recorded_at', recorded_at::text)) x (key, value))
                        FROM task_events WHERE id = %s""",
                        [row_id],
                    ).fetchone()
                    assert row is not None
                    text = json.dumps(row[0], ensure_ascii=False, separators=(",", ":"))
                    assert hashlib.sha256(b"senda.row.v1\n" + text.encode()).hexdigest() == of_row
                before[person] = (seq, kept)

    async def test_chains_nothing_twice(self, url: str) -> None:
        await chain_all(url)
        entries = rows(url, "SELECT count(*) FROM chain")
        assert [each.sealed for each in await chain_all(url)] == [0]
        assert rows(url, "SELECT count(*) FROM chain") == entries

    async def test_looks_no_further_back_than_it_must(self, url: str) -> None:
        await chain_all(url)
        await chain_all(url)
        assert set(rows(url, "SELECT DISTINCT floor FROM chain_cursors")) == {(4,)}

    async def test_lets_a_fence_stand_until_it_has_settled(self, url: str) -> None:
        await chain_all(url, settles=timedelta(hours=1))
        fences = rows(url, "SELECT source, fenced_at FROM chain_cursors ORDER BY source")
        await chain_all(url, settles=timedelta(hours=1))
        assert rows(url, "SELECT source, fenced_at FROM chain_cursors ORDER BY source") == fences
        assert set(rows(url, "SELECT DISTINCT floor, fence FROM chain_cursors")) == {(0, 4)}

    async def test_chains_a_row_that_is_committed_after_a_later_one(self, url: str) -> None:
        with psycopg.connect(url) as slow, psycopg.connect(url) as quick:
            happen(slow)
            happen(quick)
            quick.commit()
            for _ in range(3):
                await chain_all(url)
            assert rows(url, "SELECT count(*), max(row_id) FROM chain WHERE source = 'contacts'") == [(8, 12)]
            slow.commit()
        await chain_all(url)
        assert rows(url, "SELECT count(*) FROM chain") == [(12 * len(SOURCES),)]
        assert is_sound(url)

    async def test_waits_with_the_newer_where_it_cannot_take_all_at_once(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            happen(connection)
        rounds = await chain_all(url, batch=3)
        assert len(rounds) > 2
        assert [each.is_complete for each in rounds][-1]
        recorded = [at for (at,) in rows(url, "SELECT recorded_at FROM chain ORDER BY id")]
        assert recorded == sorted(recorded)
        assert is_sound(url)

    async def test_may_run_several_times_at_once_beside_those_who_write(self, url: str) -> None:
        async def write() -> None:
            for _ in range(5):
                await asyncio.to_thread(write_once)

        def write_once() -> None:
            with psycopg.connect(url) as connection:
                happen(connection)

        async def work() -> None:
            for _ in range(12):
                await chain_all(url, batch=7)

        await asyncio.gather(write(), write(), *(work() for _ in range(3)))
        await chain_all(url)
        assert rows(url, "SELECT count(*), count(DISTINCT (source, row_id)) FROM chain") == [(44 * len(SOURCES),) * 2]
        assert is_sound(url)

    async def test_goes_on_in_a_database_that_was_restored_on_another_server(self, url: str) -> None:
        await chain_all(url)
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE chain_cursors SET floor = 0, fence = 2, fence_xid = 9000000000000")
        await chain_all(url)
        assert set(rows(url, "SELECT DISTINCT floor FROM chain_cursors")) == {(0,)}
        for _ in range(2):
            await chain_all(url)
        assert set(rows(url, "SELECT DISTINCT floor FROM chain_cursors")) == {(4,)}

    async def test_keeps_facts_about_nobody_in_a_chain_of_their_own(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(
                """INSERT INTO payments (processor, external_id, kind, creditor, account, amount, currency, paid_at)
                VALUES ('generic', 'x', 'payment', 'c', 'nobodys', 10, 'COP', now())"""
            )
            connection.execute("INSERT INTO audit (actor, action, status) VALUES ('k', 'POST /v1/keys', 201)")
        await chain_all(url)
        assert rows(url, "SELECT source FROM chain WHERE person_id = 0 ORDER BY seq") == [("payments",), ("audit",)]
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE accounts SET key = 'nobodys' WHERE key = 'beto'")
        assert is_sound(url)

    @pytest.mark.parametrize(
        ("action", "subject", "person"),
        [
            ("GET /v1/journeys/{creditor}/{account}/contacts", "c:beto", 2),
            ("POST /v1/journeys/{creditor}/{account}/promises/{promise}/cancel", "c:beto:12", 2),
            ("POST /v1/accounts/{creditor}/{account}/fees", "c:beto", 2),
            ("GET /v1/compliance/chain/{debtor}", "ana", 1),
            ("PUT /v1/debtors/{key}/preferences", "ana", 1),
            ("PUT /v1/playbooks/{key}", "ana", 0),
            ("GET /v1/compliance/roots", None, 0),
            ("GET /v1/debtors/{key}/preferences", "carla", 0),
        ],
    )
    async def test_puts_a_line_of_the_audit_trail_into_the_chain_of_whom_it_names(
        self, own: Ledger, action: str, subject: str | None, person: int
    ) -> None:
        async with own.transaction() as tx:
            await tx.execute(
                "INSERT INTO audit (actor, action, subject, status) VALUES ('k', %s, %s, 200)", [action, subject]
            )
        await seal(own)
        async with own.transaction() as tx:
            found = await tx.execute("SELECT person_id FROM chain WHERE source = 'audit' ORDER BY row_id DESC LIMIT 1")
            assert await found.fetchone() == {"person_id": person}


TODAY = datetime.now(UTC)
TOMORROW = TODAY + timedelta(days=1)


async def closed(ledger: Ledger, now: datetime = TOMORROW, key: SigningKey = KEY) -> list[DailyRoot]:
    """What two looks at the clock close: the first one only makes sure that nothing older can come."""
    return await close_days(ledger, key, now=now, settles=NOW) or await close_days(ledger, key, now=now, settles=NOW)


class TestADay:
    async def test_is_closed_with_a_signed_root_over_all_heads(self, own: Ledger, url: str) -> None:
        (day,) = await closed(own)
        heads = rows(url, "SELECT DISTINCT ON (person_id) person_id, seq, hash FROM chain ORDER BY person_id, seq DESC")
        assert day.root == root(head_leaf(*head) for head in heads)
        assert (day.day, day.leaves, day.upto, day.previous) == (TODAY.date(), 2, 4 * len(SOURCES), FIRST)
        assert day.is_signed
        assert DailyRoot.of_line(json.dumps(day.line()).encode()) == day

    async def test_is_closed_once(self, own: Ledger) -> None:
        assert len(await closed(own)) == 1
        assert await closed(own) == []

    async def test_stays_open_while_something_of_it_may_still_be_committed(self, own: Ledger, url: str) -> None:
        with psycopg.connect(url) as slow:
            happen(slow)
            assert await closed(own) == []
            slow.commit()
        (day,) = await closed(own)
        assert day.upto == 8 * len(SOURCES)

    async def test_stays_open_while_it_has_not_ended(self, own: Ledger) -> None:
        assert (await closed(own, datetime(2026, 3, 3, 0, 0, 30, tzinfo=UTC)))[-1].day == date(2026, 3, 1)
        assert await closed(own, datetime(2026, 3, 3, 0, 0, 59, tzinfo=UTC)) == []
        assert (await closed(own, datetime(2026, 3, 3, 0, 1, tzinfo=UTC)))[-1].day == date(2026, 3, 2)

    async def test_that_was_missed_is_closed_with_the_next(self, own: Ledger, url: str) -> None:
        (first,) = await closed(own)
        with psycopg.connect(url) as connection:
            happen(connection)
        later = await closed(own, TOMORROW + timedelta(days=3), OTHER)
        assert [root.day - first.day for root in later] == [timedelta(days=n) for n in (1, 2, 3)]
        assert [root.previous for root in later] == [first.root, later[0].root, later[1].root]
        assert {(root.key_id, root.is_signed) for root in later} == {("s2", True)}

    async def test_is_not_closed_twice_by_two_workers(self, own: Ledger) -> None:
        await close_days(own, KEY, now=TOMORROW, settles=NOW)
        made = await asyncio.gather(*(close_days(own, KEY, now=TOMORROW, settles=NOW) for _ in range(4)))
        assert sorted(map(len, made)) == [0, 0, 0, 1]

    async def test_proves_the_chain_of_each_person(self, own: Ledger, url: str) -> None:
        (day,) = await closed(own)
        with psycopg.connect(url) as connection:
            happen(connection)
        await chain_all(url)
        for person in PEOPLE:
            shown = await chain_of(own, person, None, after=0, limit=1000)
            proof = shown.proof
            assert proof is not None
            assert len(shown.entries) == 4 * len(SOURCES)
            assert proof.root == day
            assert (proof.seq, proof.hash) == (2 * len(SOURCES), shown.entries[proof.seq - 1].hash)
            leaf = head_leaf(shown.person_id, proof.seq, proof.hash)
            assert verify_inclusion(leaf, proof.index, day.leaves, proof.path, day.root)


@pytest.mark.parametrize("key", ["s1", "s1:", "s1:AAAA", "s1:" + "A" * 44, "s1:ñ"])
def test_a_key_that_is_none_is_told(key: str) -> None:
    with pytest.raises(SendaError, match="SENDA_SIGNING_KEY"):
        SigningKey(key)
