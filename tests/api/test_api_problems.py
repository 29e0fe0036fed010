"""Which status and code an error of the inside becomes; needs no server."""

import json

import psycopg
import pytest
from psycopg_pool import PoolTimeout
from sqlalchemy import exc
from temporalio.service import RPCError, RPCStatusCode

from api.problems import problem, status_of
from ledger.errors import Conflict

DOWN = RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.OperationalError("gone"), (503, "ledger.unavailable")),
        (PoolTimeout("full"), (503, "ledger.unavailable")),
        (exc.OperationalError("SELECT", {}, Exception("gone")), (503, "ledger.unavailable")),
        (DOWN, (503, "engine.unavailable")),
        (ExceptionGroup("side by side", [DOWN, DOWN]), (503, "engine.unavailable")),
        (ExceptionGroup("deep", [ExceptionGroup("deeper", [DOWN])]), (503, "engine.unavailable")),
        (psycopg.DataError("zero"), (422, "request.value_invalid")),
        (exc.DataError("SELECT", {}, Exception("zero")), (422, "request.value_invalid")),
        (Conflict("clock.busy", "wait"), (409, "clock.busy")),
        (RuntimeError("Ana Gómez"), (500, "internal")),
    ],
)
def test_an_error_has_its_status_and_code(error: Exception, expected: tuple[int, str]) -> None:
    assert status_of(error) == expected
    body = json.loads(bytes(problem(error).body))
    assert (body["status"], body["code"]) == expected


def test_an_unexpected_error_tells_nobody_its_words() -> None:
    assert "Ana" not in bytes(problem(RuntimeError("Ana Gómez")).body).decode()
