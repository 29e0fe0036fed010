"""The connections to Postgres: a psycopg pool for the transactions, a SQLAlchemy engine on the same for the reads."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from types import TracebackType
from typing import Self

import orjson
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Connection = AsyncConnection[DictRow]


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


set_json_dumps(lambda value: orjson.dumps(value, default=_plain))
set_json_loads(orjson.loads)


class Ledger:
    """An open ledger. `async with Ledger(url) as ledger: async with ledger.transaction() as tx: …`"""

    def __init__(self, url: str, *, connections: int = 12) -> None:
        """`url`: postgresql://user:password@host:port/database; `connections` of each kind at most."""
        self._pool = AsyncConnectionPool(
            url,
            connection_class=AsyncConnection[DictRow],
            kwargs={"row_factory": dict_row},
            min_size=2,
            max_size=connections,
            open=False,
        )
        self._reads = create_async_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_size=4,
            max_overflow=connections - 4,
            pool_pre_ping=True,
            json_deserializer=orjson.loads,
        )

    async def __aenter__(self) -> Self:
        await self._pool.open(wait=True, timeout=30)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.close()
        await self._reads.dispose()

    @property
    def pool(self) -> AsyncConnectionPool[Connection]:
        """The connections of the transactions."""
        return self._pool

    @property
    def reads(self) -> AsyncEngine:
        """For queries written with SQLAlchemy Core (`ledger/views.py`)."""
        return self._reads

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection within one READ COMMITTED transaction: committed at the end, rolled back by an exception."""
        async with self._pool.connection() as connection, connection.transaction():
            yield connection
