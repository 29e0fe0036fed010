"""Fixtures of the fault tests: providers that can be made to fail."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.database import Ledger
from tests.channels_faults.world import World, world_of


@pytest.fixture
async def world(ledger: Ledger, tmp_path: Path) -> AsyncIterator[World]:
    """The sandbox, real adapters, and the product's own webhooks."""
    async with world_of(ledger, tmp_path) as opened:
        yield opened
