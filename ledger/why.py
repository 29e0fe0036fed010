"""Why a contact was allowed or refused: the stored question, the very packs that judged it, and the verdict."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.database import Connection
from ledger.packs import packs_by_hash
from policy import Decision, Language, Pack, Query, case_of, explain, parse_query


@dataclass(frozen=True, slots=True)
class Why:
    """A question, the packs that it was judged by, and the verdict."""

    packs: tuple[Pack, ...]
    query: Query
    decision: Decision


_REASONS: dict[str, dict[Language, str]] = {
    "paused": {
        "es": "No se contactó: la gestión de esta cuenta está en pausa.",
        "en": "Not contacted: this account's journey is paused.",
    },
    "nothing_owed": {
        "es": "No se contactó: en esta cuenta no se debe nada.",
        "en": "Not contacted: nothing is owed on this account.",
    },
    "handed_to_people": {
        "es": "No se envió un mensaje: quedó como tarea para que una persona del equipo llame.",
        "en": "No message was sent: it is a task for somebody of the team to call.",
    },
    "consolidated": {
        "es": "No se envió un mensaje aparte: el de otra cuenta de la misma persona habló también de esta.",
        "en": "No message of its own was sent: that of another account of the same person spoke of this one, too.",
    },
    "no_channel": {
        "es": "No se contactó: ningún canal del paso tiene dirección de la persona o proveedor conectado.",
        "en": "Not contacted: no channel of the step has an address of the person or a connected provider.",
    },
    "day_passed": {
        "es": "No se contactó: el día del paso ya había pasado; no se envía tarde.",
        "en": "Not contacted: the step's day had passed; it is not sent late.",
    },
    "stage_over": {
        "es": "No se contactó: la etapa del paso ya había terminado.",
        "en": "Not contacted: the step's stage was over.",
    },
    "overtaken": {
        "es": "No se contactó: cuando la norma lo permitía de nuevo, ya tocaba el paso siguiente.",
        "en": "Not contacted: by the time the law allowed it again, the next step was due.",
    },
    "condition": {
        "es": "No se contactó: no se cumplía la condición del paso.",
        "en": "Not contacted: the step's condition did not hold.",
    },
}


def basis_of(packs: Sequence[Pack], query: Query | None, verdicts: Iterable[tuple[Query, Decision]]) -> dict[str, Any]:
    """What a decision rests on, as `contacts.basis` keeps it and `whys` reads it.

    `query` is the question that decided, none where nothing could be asked: it can be judged again as it stands.
    """
    return {
        "case": case_of(packs, query) if query is not None else None,
        "verdicts": {asked.channel: verdict.as_record() for asked, verdict in verdicts},
    }


def in_words(reason: str | None, why: Why | None, language: Language) -> str:
    """A decision in words: by its reason, or by the packs that judged it; empty where it has neither."""
    if reason is not None:
        return _REASONS[reason][language]
    return explain(why.packs, why.query, why.decision, language) if why is not None else ""


async def whys(tx: Connection, rows: Iterable[dict[str, Any]]) -> list[Why | None]:
    """For each row (`channel` and `basis` of `contacts`) why it was decided so.

    None where nothing was judged, or where the decision is older than the keeping of cases and packs.
    """
    stored = [(row["basis"].get("case"), row["basis"].get("verdicts", {}).get(row["channel"])) for row in rows]
    named = {each["content_hash"] for _, verdict in stored if verdict for each in verdict["basis"]}
    packs = await packs_by_hash(tx, named) if named else {}
    return [_why(case, verdict, packs) if case and verdict else None for case, verdict in stored]


def _why(case: dict[str, Any], verdict: dict[str, Any], packs: dict[str, Pack]) -> Why | None:
    decision = Decision.of_record(verdict)
    if any(basis.content_hash not in packs for basis in decision.basis):
        return None
    return Why(tuple(packs[basis.content_hash] for basis in decision.basis), parse_query(case), decision)
