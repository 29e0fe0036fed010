"""The words that no message may hold, and the few sentences that may hold them: `words/{es,en,pt}.yaml`.

A phrase matches whole words, whatever their case and accents. `embarg*` is every word that begins so; `…` stands for
up to four words of the same sentence.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from channels.template_language import Language, Level
from journey.playbook import Stage, Values

Kind = Literal["asks_reason", "threat", "court", "insult", "demand", "debt"]
Mark = Literal["Q", "S", "B", "P"]
"""How far the source was read, as in a pack: original wording, secondary source, background, the product's own."""

_TOKEN = re.compile(r"[.!?]+(?=\s|$)|\n[^\S\n]*\n|[^\W_]+")
_END = "."
"""Of a sentence, among its words."""


class Listed(Values):
    """Phrases that one kind of fault is known by. `demand` is one only where the purpose may not demand payment,
    `debt` only where nobody knows yet who listens."""

    kind: Kind
    level: Level = "error"
    why: str = Field(min_length=1)
    source: str = Field(min_length=1)
    mark: Mark
    phrases: tuple[str, ...] = Field(min_length=1)


class Allowed(Values):
    """A sentence that may hold listed words, exactly as it stands here; `stages`: only there, empty for all."""

    sentence: str
    stages: tuple[Stage, ...] = ()
    why: str = Field(min_length=1)
    source: str = Field(min_length=1)
    mark: Mark


class WordList(Values):
    """The words of one language."""

    listed: tuple[Listed, ...]
    allowed: tuple[Allowed, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """A listed phrase that a text holds; `line` of the text, from 1."""

    entry: Listed
    phrase: str
    line: int


@cache
def word_list(language: Language) -> WordList:
    """The words of a language."""
    text = (Path(__file__).parent / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    return WordList.model_validate(yaml.safe_load(text))


def find_listed(
    text: str, language: Language, kinds: frozenset[Kind], stages: frozenset[Stage] = frozenset()
) -> list[Match]:
    """The listed phrases of these kinds in a text, outside the sentences that are allowed in all of these stages."""
    words, lines = _words(text)
    for pattern, only in _allowed(language):
        if not only or stages <= only:
            words = pattern.sub(lambda found: _blank(found[0]), words)
    return [
        Match(entry, phrase, lines[words.count(" ", 0, found.start())])
        for entry, phrase, pattern in _listed(language)
        if entry.kind in kinds
        for found in pattern.finditer(words)
    ]


def _blank(words: str) -> str:
    """Ends of sentences in place of words, so that places stay."""
    return re.sub(r"\S+", lambda word: _END * len(word[0]), words)


def _words(text: str) -> tuple[str, list[int]]:
    """The words of a text, folded, a space around each, ends of sentences among them; and the line of each."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    folded = "".join(part for part in apart if unicodedata.category(part) != "Mn")
    breaks = [place.start() for place in re.finditer("\n", folded)]
    words: list[str] = []
    lines: list[int] = []
    for token in _TOKEN.finditer(folded):
        words.append(token[0] if token[0][0].isalnum() else _END)
        lines.append(bisect_right(breaks, token.start()) + 1)
    return f" {' '.join(words)} ", lines


@cache
def _listed(language: Language) -> list[tuple[Listed, str, re.Pattern[str]]]:
    entries = word_list(language).listed
    return [(entry, phrase, _pattern(phrase)) for entry in entries for phrase in entry.phrases]


@cache
def _allowed(language: Language) -> list[tuple[re.Pattern[str], frozenset[Stage]]]:
    return [(_pattern(entry.sentence), frozenset(entry.stages)) for entry in word_list(language).allowed]


def _pattern(phrase: str) -> re.Pattern[str]:
    parts: list[str] = []
    for part in phrase.split():
        if part == "…":
            parts.append(r"(?: [^\W_]+){0,4}")
            continue
        words = _words(part)[0].replace(_END, "").rstrip()
        parts.append(re.escape(words) + (r"[^\W_]*" if part.endswith("*") else ""))
    return re.compile("".join(parts) + "(?= )")
