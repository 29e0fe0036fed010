"""Logs as JSON lines, through structlog, for every library alike."""

import logging
import sys
from traceback import format_tb
from typing import cast

import structlog
from structlog.typing import EventDict, WrappedLogger


def _error_without_words(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """An exception as its type and its place. Its own words may quote a row of the database, and with it a person."""
    found = event.pop("exc_info", None)
    error = (
        sys.exc_info()[1]
        if found is True
        else cast("tuple[object, object]", found)[1]
        if isinstance(found, tuple)
        else found
    )
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = format_tb(error.__traceback__)[-5:]
    return event


def configure(level: str) -> None:
    """Send all logs of this process to stderr as JSON lines, from `level` (debug, info, warning, error) on."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _error_without_words,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
