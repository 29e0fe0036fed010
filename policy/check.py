"""Cases as JSON lines in, verdicts out: one for one, in order, whatever a line holds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import orjson

from policy.case import parse_case
from policy.decision import decide
from policy.errors import SendaError
from policy.explain import explain
from policy.languages import Language
from policy.pack import Pack
from policy.query import Query


def check_lines(lines: Iterable[str | bytes]) -> Iterator[str]:
    """A verdict for each line, without the line end.

    `{"allowed", "rules", "next_allowed_at"}`, or `{"error": {"code", "field", "message"}}` where the line is
    no case: `policy.bad_json`, or what `parse_case` finds wrong. A bad line never stops the rest, and no line
    is read before its verdict is asked for.
    """
    for line in lines:
        yield orjson.dumps(_answer(line, _verdict)).decode()


def explain_lines(lines: Iterable[str | bytes], language: Language) -> Iterator[dict[str, Any]]:
    """A verdict with its explanation for each line.

    `{"allowed", "rules", "next_allowed_at", "explanation", "packs": [{"pack", "version", "content_hash"}],
    "holidays_version", "tzdata_version"}`, or the error object of `check_lines`.
    """
    for line in lines:
        yield _answer(line, lambda packs, query: _explained(packs, query, language))


def _answer(line: str | bytes, judge: Callable[[Sequence[Pack], Query], dict[str, Any]]) -> dict[str, Any]:
    try:
        return judge(*parse_case(_json(line)))
    except SendaError as error:
        return {"error": {"code": error.code, "field": error.field, "message": error.message}}


def _verdict(packs: Sequence[Pack], query: Query) -> dict[str, Any]:
    decision = decide(packs, query)
    next_allowed_at = decision.next_allowed_at.isoformat() if decision.next_allowed_at else None
    return {"allowed": decision.allowed, "rules": decision.rules, "next_allowed_at": next_allowed_at}


def _explained(packs: Sequence[Pack], query: Query, language: Language) -> dict[str, Any]:
    decision = decide(packs, query)
    record = decision.as_record()
    return {
        "allowed": record["allowed"],
        "rules": record["rules"],
        "next_allowed_at": record["next_allowed_at"],
        "explanation": explain(packs, query, decision, language),
        "packs": record["basis"],
        "holidays_version": record["holidays_version"],
        "tzdata_version": record["tzdata_version"],
    }


def _json(line: str | bytes) -> object:
    try:
        return orjson.loads(line)
    except ValueError as error:
        raise SendaError("policy.bad_json", f"the line is not JSON: {error}") from None
