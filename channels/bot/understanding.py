"""What a text says, whatever its case, accents, punctuation and language: STOP, yes and no, topics, a document's end.

All is decided without state, by the phrases of `words/`, those of the three languages together.
"""

import re
import unicodedata
from functools import cache, lru_cache

from channels.bot.words import LANGUAGES, words_of

LONGEST = 2_000
"""Characters of a message that are read; the rest is not."""

_APOSTROPHE = re.compile("['’‘`´]")
_UNSEEN = frozenset({"Mn", "Me", "Cf"})
"""Categories of accents and of what has no width."""

_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"[.!?¡¿;:,\n\r]+")
_CODE = re.compile(r"[0-9A-Z]*[0-9][0-9A-Z]*")
_ANSWER_WORDS = 8
"""Words beside the characters of a document, at most; longer texts say something else."""


def plain(text: str) -> str:
    """A text without accents, in lower case, its white space single; punctuation stays."""
    apart = unicodedata.normalize("NFKD", text[:LONGEST])
    if not apart.isascii():
        apart = "".join(part for part in apart if unicodedata.category(part) not in _UNSEEN)
    return " ".join(_APOSTROPHE.sub("", apart).casefold().split())


def fold(text: str) -> str:
    """The words of a text, without accents, in lower case, one space between them."""
    return " ".join(_WORD.findall(plain(text)))


def is_stop(text: str) -> bool:
    """Whether a whole message, or a whole sentence of it, says that the person wants no more messages.

    A keyword (BAJA, STOP, SAIR) counts as the whole message only, with courtesies around it; spaces in it do not
    matter. A sentence such as "no me escriban más" counts beside others.
    """
    whole, sentences = _stops()
    words = fold(text)
    for form in (words, without_courtesy(words)):
        said = set(form.split())
        if form.replace(" ", "") in whole or (len(said) == 1 and said <= whole):
            return True
    return any(without_courtesy(fold(part)) in sentences for part in _SENTENCE_END.split(text[:LONGEST]))


@lru_cache(512)
def without_courtesy(words: str) -> str:
    """Folded words without please, thanks and greetings."""
    return " ".join(_within("courtesy").sub(" ", f" {words} ").split())


def says(words: str, what: str) -> bool:
    """Whether folded words say `what` (a key of `hears`)."""
    if not words:
        return False
    whole = _whole(what)
    return words in whole or without_courtesy(words) in whole or _within(what).search(f" {words} ") is not None


def first_said(words: str, among: tuple[str, ...]) -> str | None:
    """The first of these keys of `hears` that folded words say."""
    return next((what for what in among if says(words, what)), None)


def read_code(text: str) -> str | None:
    """What may be an identity document, or its end, at least four characters; None where there is no such answer.

    Words without a digit are left out; what remains is one answer, however many numbers it holds.
    """
    apart = unicodedata.normalize("NFKC", text[:LONGEST]).upper()
    parts = ["".join(letter for letter in part if letter.isascii() and letter.isalnum()) for part in apart.split()]
    codes = [part for part in parts if _CODE.fullmatch(part)]
    code = "".join(codes)
    return code if len(code) >= 4 and len(parts) - len(codes) <= _ANSWER_WORDS else None


@cache
def _stops() -> tuple[frozenset[str], frozenset[str]]:
    """Keywords and sentences without their spaces; the sentences."""
    phrases = [words_of(language).hears["stop"] for language in LANGUAGES]
    sentences = frozenset(fold(phrase) for each in phrases for phrase in each.within)
    keywords = frozenset(fold(phrase) for each in phrases for phrase in each.whole)
    return frozenset(phrase.replace(" ", "") for phrase in keywords | sentences), sentences


@cache
def _whole(what: str) -> frozenset[str]:
    return frozenset(fold(phrase) for language in LANGUAGES for phrase in words_of(language).hears[what].whole)


@cache
def _within(what: str) -> re.Pattern[str]:
    """A space before and none after, so that neighbours are found too."""
    phrases = {phrase for language in LANGUAGES for phrase in words_of(language).hears[what].within}
    parts = [re.escape(fold(phrase)) + (r"[^\W_]*" if phrase.endswith("*") else "") for phrase in phrases]
    # The longest first: "muchas gracias" before "gracias". No phrase at all: a pattern that matches nothing.
    ordered = sorted(parts, key=lambda part: (-len(part), part))
    return re.compile(f" (?:{'|'.join(ordered)})(?= )" if ordered else r"(?!)")
