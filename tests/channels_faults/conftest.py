"""Fixtures of the fault tests: providers that can be made to fail."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ledger.database import Ledger
from tests.channels_faults.world import WAYS, World, world_of


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def whole(ledger_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The sandbox, real adapters and the product's own webhooks, for all tests here."""
    async with Ledger(ledger_url) as ledger, world_of(ledger, tmp_path_factory.mktemp("sandbox")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="package")
async def world(whole: World) -> AsyncIterator[World]:
    """The same, with all providers well at first."""
    yield whole
    for way in WAYS:
        await whole.fault(way, "none")
        await whole.callbacks(way, "auto")
    await whole.quiet()
