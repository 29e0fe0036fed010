"""The database has exactly the schema that the code speaks of, and keeps what is append-only."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import errors, sql
from sqlalchemy import create_engine

import ledger.migrate
from ledger.database import Ledger
from ledger.migrate import upgrade
from ledger.schema import APPEND_ONLY, metadata

ROOT = Path(ledger.migrate.__file__).parent.parent


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    name = f"fresh_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield postgres_url.rpartition("/")[0] + f"/{name}"
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def differences(url: str) -> list[object]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            return compare_metadata(context, metadata)
    finally:
        engine.dispose()


def test_the_migrations_create_what_the_schema_says(ledger_url: str) -> None:
    assert differences(ledger_url) == []


def test_migrating_again_changes_nothing(ledger_url: str) -> None:
    upgrade(ledger_url)
    assert differences(ledger_url) == []


async def test_several_processes_may_migrate_an_empty_database_at_once(empty_database: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ledger.migrate",
            cwd=ROOT,
            env={**os.environ, "SENDA_DATABASE_URL": empty_database},
        )
        for _ in range(2)
    ]
    assert [await process.wait() for process in processes] == [0, 0]
    assert differences(empty_database) == []


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", [sql.SQL("UPDATE {table} SET {column} = {column}"), sql.SQL("DELETE FROM {table}")]
)
async def test_an_append_only_table_refuses_a_change(ledger: Ledger, table: str, statement: sql.SQL) -> None:
    column = list(metadata.tables[table].columns)[-1].name
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
    with pytest.raises(errors.RestrictViolation, match=f"{table} is append-only"):
        async with ledger.transaction() as tx:
            await tx.execute(statement.format(**names))


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_an_append_only_table_refuses_to_be_emptied(ledger: Ledger, table: str) -> None:
    with pytest.raises(errors.RestrictViolation, match="is append-only"):
        async with ledger.transaction() as tx:
            await tx.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)))


@pytest.mark.parametrize("table", ["accounts", "people", "journeys", "creditors"])
async def test_nor_can_it_be_emptied_by_way_of_a_table_that_it_points_to(ledger: Ledger, table: str) -> None:
    with pytest.raises(errors.RestrictViolation, match="is append-only"):
        async with ledger.transaction() as tx:
            await tx.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)))
