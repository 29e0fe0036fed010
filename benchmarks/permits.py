"""Permits a second (lock, decide, store), against bare psycopg transactions of the very same statements.

Half of the journeys get their permits from the product. For the other half the product's statements are recorded in
transactions that are rolled back, and then sent again as they are: nothing is decided, built or read in between.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, cast

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from benchmarks.rounds import Figure, Site, at, side_by_side
from ledger.clock import set_clock
from ledger.database import Connection, Ledger
from ledger.permits import Permit, Reach, request_permit

PERMITS = 400
"""In each half."""

CONNECTIONS = 6
OCCURRENCE = "notice@2026-03-02"

Call = tuple[str, Any, Any]
"""`execute` or `executemany` with its arguments; or `pipeline` and `end`."""


class _Recorded:
    """A connection that keeps what is sent through it."""

    def __init__(self, connection: Any, calls: list[Call]) -> None:
        self._connection = connection
        self._calls = calls

    async def execute(self, query: Any, values: Any = None) -> Any:
        self._calls.append(("execute", query, values))
        return await self._connection.execute(query, values)

    async def executemany(self, query: Any, lines: Sequence[Any]) -> None:
        self._calls.append(("executemany", query, lines))
        await self._connection.executemany(query, lines)

    @asynccontextmanager
    async def cursor(self) -> AsyncGenerator["_Recorded"]:
        async with self._connection.cursor() as cursor:
            yield _Recorded(cursor, self._calls)

    @asynccontextmanager
    async def pipeline(self) -> AsyncGenerator[None]:
        self._calls.append(("pipeline", None, None))
        async with self._connection.pipeline():
            yield
        self._calls.append(("end", None, None))


class _Recorder(Ledger):
    """A ledger whose transactions are recorded and rolled back."""

    calls: list[Call]

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """The connection of one transaction; what is sent is in `calls`."""
        self.calls = []
        async with self.pool.connection() as connection, connection.transaction(force_rollback=True):
            yield cast("Connection", _Recorded(connection, self.calls))


async def measure(site: Site) -> Figure:
    """Permits a second in both ways, one after the other, on a creditor of their own."""
    creditor = await site.creditor("permit")
    await site.load(creditor, 2 * PERMITS)
    url = site.endpoints.postgres
    ours = [f"journey:{creditor}:a{number}:1" for number in range(PERMITS)]
    theirs = [f"journey:{creditor}:a{number}:1" for number in range(PERMITS, 2 * PERMITS)]
    async with Ledger(url, connections=CONNECTIONS) as ledger:
        await set_clock(ledger, creditor, at(9))
        sent = await _sent(url, theirs)
        bare = await _bare(url, sent)
        product = await _product(ledger, ours)
    return Figure("permits", product, "/s", bare, product / bare)


async def _product(ledger: Ledger, journeys: list[str]) -> float:
    async def ask(number: int) -> None:
        answer = await request_permit(ledger, journeys[number], OCCURRENCE, at(9), Reach(frozenset({"email"})))
        if not isinstance(answer, Permit):
            raise TypeError(f"no permit but {type(answer).__name__}")

    began = perf_counter()
    await side_by_side(ask, range(len(journeys)))
    return len(journeys) / (perf_counter() - began)


async def _sent(url: str, journeys: list[str]) -> list[list[Call]]:
    """What the product sends for each journey's permit."""
    found: list[list[Call]] = []
    async with _Recorder(url, connections=CONNECTIONS) as recorder:
        for journey in journeys:
            await request_permit(recorder, journey, OCCURRENCE, at(9), Reach(frozenset({"email"})))
            found.append(recorder.calls)
    return found


async def _bare(url: str, transactions: list[list[Call]]) -> float:
    async with AsyncConnectionPool[AsyncConnection](url, min_size=CONNECTIONS, open=False) as pool:
        await pool.wait()

        async def send(number: int) -> None:
            async with pool.connection() as connection, connection.transaction():
                await _replay(connection, transactions[number])

        began = perf_counter()
        await side_by_side(send, range(len(transactions)))
        return len(transactions) / (perf_counter() - began)


async def _replay(connection: AsyncConnection, calls: list[Call]) -> None:
    rest = iter(calls)
    for kind, query, values in rest:
        if kind == "pipeline":
            async with connection.pipeline():
                cursors = [
                    await connection.execute(query, values)
                    for _, query, values in iter(lambda: next(rest), ("end", None, None))
                ]
            for cursor in cursors:
                await cursor.fetchall()
        elif kind == "executemany":
            async with connection.cursor() as cursor:
                await cursor.executemany(query, values)
        else:
            cursor = await connection.execute(query, values)
            if cursor.description is not None:
                await cursor.fetchall()
