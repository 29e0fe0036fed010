"""Every error as problem details (RFC 9457) with a stable code; nothing else leaves the API."""

from http import HTTPStatus
from traceback import format_tb
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import DataError, OperationalError
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError as BadValueRead
from sqlalchemy.exc import OperationalError as ReadsDown
from starlette.exceptions import HTTPException
from temporalio.service import RPCError

from activities.clock import Stuck
from channels.callbacks import CallbackRefused, CallbackUnreadable
from channels.processors.events import ProcessorDown, ProcessorRefused, ProcessorUnable
from journey.playbook import PlaybookError
from journey.reliefs import BeyondAuthority
from ledger.errors import Conflict, NotFound
from policy.errors import SendaError

log = structlog.get_logger()


class Forbidden(SendaError):
    """The actor's role does not allow this (HTTP 403)."""


class Unauthenticated(SendaError):
    """Nobody known is asking (HTTP 401)."""


class BadRequest(SendaError):
    """The request cannot be read (HTTP 400)."""


class TooLarge(SendaError):
    """The request is larger than anybody who is meant to ask has cause for (HTTP 413)."""


class Unavailable(SendaError):
    """A part of Senda does not answer (HTTP 503)."""


STATUS: dict[type[SendaError], int] = {
    CallbackRefused: 403,
    CallbackUnreadable: 400,
    BadRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    BeyondAuthority: 403,
    TooLarge: 413,
    NotFound: 404,
    Conflict: 409,
    Stuck: 503,
    ProcessorUnable: 409,
    ProcessorRefused: 502,
    ProcessorDown: 503,
    Unavailable: 503,
}


class Problem(BaseModel):
    """An error. `code` is stable: programs may rely on it; `detail` says what to do."""

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["the due date is no date: write it as 2026-03-31"])
    code: str = Field(examples=["date_invalid"])
    field: str | None = Field(default=None, examples=["due_date"])
    problems: list[dict[str, str]] | None = None


def _cause(error: Exception) -> Exception:
    """Of several tasks that ran side by side, the first that failed says why."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    return error


def status_of(error: Exception) -> tuple[int, str]:
    """The HTTP status and the code of an error."""
    error = _cause(error)
    match error:
        case SendaError():
            return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 422), error.code
        case RequestValidationError():
            return 422, "request.invalid"
        case HTTPException():
            return error.status_code, f"http.{error.status_code}"
        case OperationalError() | PoolTimeout() | ReadsDown():
            return 503, "ledger.unavailable"
        case DataError() | BadValueRead():
            return 422, "request.value_invalid"
        case RPCError():
            return 503, "engine.unavailable"
        case _:
            return 500, "internal"


def problem(error: Exception) -> JSONResponse:
    """The answer to an error. What is not meant for clients goes to the log only."""
    error = _cause(error)
    status, code = status_of(error)
    extra: dict[str, Any] = {}
    match error:
        case PlaybookError():
            detail = error.message
            extra["problems"] = [{"place": place, "message": message} for place, message in error.problems]
        case SendaError():
            detail = error.message
        case RequestValidationError():
            first = error.errors()[0]
            extra["field"] = ".".join(str(part) for part in first["loc"][1:]) or None
            detail = str(first["msg"])
        case HTTPException():
            detail = str(error.detail)
        case DataError() | BadValueRead():
            detail = "a value holds what the ledger cannot keep, such as a zero character or a number too large"
        case OperationalError() | PoolTimeout() | ReadsDown() | RPCError():
            detail = "a part of Senda does not answer: nothing was changed, try again in a moment"
        case _:
            detail = "something failed here: nothing was changed; the log says more"
            # Not the error's own words: a database's message may quote a row, and with it a person.
            log.error("unexpected", error=type(error).__name__, where=format_tb(error.__traceback__)[-5:])
    if isinstance(error, SendaError) and error.field:
        extra["field"] = error.field
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code, **extra)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(
        body.model_dump(exclude_none=True), status, media_type="application/problem+json", headers=headers
    )


def install(app: FastAPI) -> None:
    """Answer every error of this application with problem details."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem(error)

    ledger_down = (OperationalError, PoolTimeout, ReadsDown)
    expected = (SendaError, RequestValidationError, HTTPException, *ledger_down, DataError, BadValueRead, RPCError)
    for kind in (*expected, ExceptionGroup, Exception):
        app.add_exception_handler(kind, answer)
