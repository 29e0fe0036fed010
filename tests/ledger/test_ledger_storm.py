"""64 requests at once for one person, from several processes: exactly as many permits as the caps allow (I5)."""

import asyncio

import pytest

from tests.ledger.storm import prepared, stored, storm, wrong

ROUNDS = 30
"""Some of each law; `make storm` runs a thousand."""


@pytest.mark.timeout(300)
def test_a_storm_of_requests_gets_exactly_as_many_permits_as_the_caps_allow(ledger_url: str) -> None:
    rounds = asyncio.run(prepared(ledger_url, ROUNDS))

    told = storm(ledger_url, rounds)

    assert wrong(rounds, told, asyncio.run(stored(ledger_url, rounds))) == []
