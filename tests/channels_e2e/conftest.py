"""Fixtures of the tests that go through every channel, out and back."""

from collections.abc import AsyncIterator

import pytest

from senda.stack import Endpoints
from tests.channels_e2e.driving import World, around


@pytest.fixture
async def world(stack: Endpoints) -> AsyncIterator[World]:
    """The product, and the sandbox that takes the place of all providers; left without faults."""
    async with around(stack) as opened:
        yield opened
        await opened.sandbox.http.post("/control/reset")
