"""Cases as JSON lines in, verdicts as JSON lines out: one for one, in order, whatever a line holds."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from policy.case import parse_case
from policy.decision import decide
from policy.errors import SendaError


def check_lines(lines: Iterable[str | bytes]) -> Iterator[str]:
    """A verdict for each line, without the line end.

    `{"allowed", "rules", "next_allowed_at"}`, or `{"error": {"code", "field", "message"}}` where the line is
    no case: `policy.bad_json`, or what `parse_case` finds wrong. A bad line never stops the rest, and no line
    is read before its verdict is asked for.
    """
    for line in lines:
        yield orjson.dumps(_verdict(line)).decode()


def _verdict(line: str | bytes) -> dict[str, Any]:
    try:
        packs, query = parse_case(_json(line))
        decision = decide(packs, query)
    except SendaError as error:
        return {"error": {"code": error.code, "field": error.field, "message": error.message}}
    next_allowed_at = decision.next_allowed_at.isoformat() if decision.next_allowed_at else None
    return {"allowed": decision.allowed, "rules": decision.rules, "next_allowed_at": next_allowed_at}


def _json(line: str | bytes) -> object:
    try:
        return orjson.loads(line)
    except ValueError as error:
        raise SendaError("policy.bad_json", f"the line is not JSON: {error}") from None
