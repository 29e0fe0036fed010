"""Looks at a person's data: each is a line of the audit trail, with who looked and why."""

from typing import Annotated

from fastapi import Depends, Header, Request

from api.context import Recorded


class Watched(Recorded):
    """A route that shows a person's data: every look is recorded, whether it was allowed or not."""

    def is_noted(self, method: str, status: int) -> bool:
        """All of them."""
        return True


async def _why(
    request: Request,
    reason: Annotated[
        str | None,
        Header(
            alias="Senda-Reason",
            max_length=200,
            description="Why the data are looked at; kept in the audit trail. No personal data",
            examples=["reclamo 2026-0117"],
        ),
    ] = None,
) -> None:
    request.state.reason = _as_written(reason) if reason else None


def _as_written(reason: str) -> str:
    """Clients send UTF-8, headers are read as Latin-1."""
    try:
        return reason.encode("latin-1").decode().replace("\0", "")
    except UnicodeError:
        return reason.replace("\0", "")


why = Depends(_why)
"""Goes into `dependencies` of a router whose routes are `Watched`."""
