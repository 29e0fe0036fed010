"""Fixtures that several rooms' tests share: a Postgres with the ledger's schema, and one whole running stack."""

from collections.abc import AsyncIterator, Iterator

import pytest

from ledger.database import Ledger
from ledger.migrate import upgrade
from senda.stack import Endpoints, running_stack, scratch_postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A Postgres server of the tests' own; its role may create further databases."""
    with scratch_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def ledger_url(postgres_url: str) -> str:
    """The database with the newest schema. Tests share it and keep apart by creditors and people of their own."""
    upgrade(postgres_url)
    return postgres_url


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    """An open ledger in the test's own event loop."""
    async with Ledger(ledger_url) as opened:
        yield opened


@pytest.fixture(scope="session")
def stack() -> Iterator[Endpoints]:
    """Temporal, Postgres, mail sandbox, API and worker, for the tests that go through HTTP."""
    with running_stack(durability="none") as endpoints:
        yield endpoints
