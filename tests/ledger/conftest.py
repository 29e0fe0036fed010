"""Fixtures of the ledger's tests."""

import pytest

from ledger.database import Ledger
from tests.ledger.given import Given


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    """A creditor of the test's own, with its playbook, at the start of the test clock."""
    return await Given(ledger).set_up()
