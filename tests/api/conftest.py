"""Fixtures of the tests that go through HTTP."""

from collections.abc import AsyncIterator

import pytest

from senda.stack import Endpoints
from tests.api.calls import Api, Creditor, calling


@pytest.fixture
async def api(stack: Endpoints) -> AsyncIterator[Api]:
    """The API of the running stack."""
    async with calling(stack) as opened:
        yield opened


@pytest.fixture
async def creditor(api: Api) -> Creditor:
    """A creditor of the test's own, at the start of its test clock."""
    return await api.creditor()
