"""A whole stack of the fault tests' own, whose parts they kill."""

from collections.abc import AsyncIterator

import pytest_asyncio

from senda.stack import Stack
from tests.api.calls import Api, calling


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def killed() -> AsyncIterator[Stack]:
    """The stack; it starts a killed part again."""
    async with Stack(durability="none") as running:
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def api(killed: Stack) -> AsyncIterator[Api]:
    """The API of that stack."""
    async with calling(killed.endpoints) as opened:
        yield opened
