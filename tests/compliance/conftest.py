"""Fixtures of the tests of evidence: databases that a test may damage."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from ledger.database import Ledger
from ledger.migrate import upgrade
from tests.compliance.facts import chain_all, database, happen, people


@pytest.fixture(scope="session")
def facts_url(postgres_url: str) -> Iterator[str]:
    """Two facts of each kind about each of two people, not chained; a template for others."""
    with database(postgres_url) as url:
        upgrade(url)
        people(url)
        with psycopg.connect(url) as connection:
            happen(connection)
        yield url


@pytest.fixture(scope="session")
def chained_url(postgres_url: str, facts_url: str) -> Iterator[str]:
    """The same facts, chained. Tests damage it in transactions that they never commit."""
    with database(postgres_url, facts_url.rpartition("/")[2]) as url:
        asyncio.run(chain_all(url))
        yield url


@pytest.fixture
def url(postgres_url: str, facts_url: str) -> Iterator[str]:
    """A database of the test's own with the facts, not chained."""
    with database(postgres_url, facts_url.rpartition("/")[2]) as made:
        yield made


@pytest.fixture
async def own(url: str) -> AsyncIterator[Ledger]:
    """The ledger of the test's own database."""
    async with Ledger(url) as opened:
        yield opened
