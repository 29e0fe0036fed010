"""Amounts as people write them: "100.000", "$ 50,000.00", "100 mil", "1,5 millones", "the total"."""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache, lru_cache
from typing import Literal

from channels.bot.understanding import fold, plain, without_courtesy
from channels.bot.words import LANGUAGES, words_of

_MOST_DIGITS = 15
_DECIMAL = re.compile(
    r"(?P<whole>[1-9][0-9]*(?P<mark>[.,])[0-9]{3}(?:(?P=mark)[0-9]{3})*|[0-9]+)(?:(?!(?P=mark))[.,](?P<end>[0-9]{1,2}))?"
)


def find_amount(text: str, currency: str) -> Decimal | None:
    """The amount that the answer to "which amount" names; None where it names none or several.

    Where only one kind of separator stands once, three digits after it are thousands, one or two are decimals: this
    holds in every language. Where both kinds stand, the last is the decimal one.
    """
    return _only(value for value, _ in _amounts(text, currency))


def find_marked_amount(text: str, currency: str) -> Decimal | None:
    """The amount in a text about more than an amount: with a sign, a word such as "mil", or at least three digits."""
    return _only(value for value, marked in _amounts(text, currency) if marked)


def amount_word(text: str) -> Literal["balance", "least"] | None:
    """Whether a text says the whole balance, or the least that is possible."""
    words = without_courtesy(fold(text))
    if words in _said("whole_balance"):
        return "balance"
    return "least" if words in _said("smallest") else None


def find_count(text: str) -> int | None:
    """How many instalments a text names: a number alone, or one before "cuotas"."""
    read = plain(text)
    words = "|".join(re.escape(word) for word in sorted(_said("instalment")))
    found = re.search(rf"\b([0-9]{{1,3}}) (?:{words})\b", read) or re.fullmatch(r"([0-9]{1,3})[.!]?", read)
    return int(found[1]) if found else None


def _only(values: Iterator[Decimal]) -> Decimal | None:
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _amounts(text: str, currency: str) -> Iterator[tuple[Decimal, bool]]:
    """Each amount, and whether it is marked as one."""
    for found in _pattern(plain(currency)).finditer(plain(text)):
        value = _decimal(found["number"])
        if value is not None:
            times = _times(found["times"])
            digits = sum(letter.isdigit() for letter in found["number"])
            yield value * times, found["sign"] is not None or times > 1 or digits >= 3


def _decimal(number: str) -> Decimal | None:
    """The number that digits with separators stand for; None where they are put in no known way."""
    read = _DECIMAL.fullmatch(number.replace(" ", ""))
    if read is None:
        return None
    digits = re.sub("[.,]", "", read["whole"])
    return Decimal(f"{digits}.{read['end'] or 0}") if len(digits) <= _MOST_DIGITS else None


def _times(word: str | None) -> int:
    if word is None:
        return 1
    return 1_000 if word in _said("thousand") else 1_000_000


@lru_cache(maxsize=64)
def _pattern(currency: str) -> re.Pattern[str]:
    """A number, not part of a date, a word or a share; what stands before as a sign, and after as a power."""
    powers = "|".join(re.escape(word) for word in sorted(_said("thousand") | _said("million"), key=len, reverse=True))
    return re.compile(
        rf"(?:(?<![a-z])(?P<sign>[a-z]{{0,3}}\$|€|£|{re.escape(currency)})\s?|(?<![\w.,/-]))"
        r"(?P<number>[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]{1,2})?|[0-9]+(?:[.,][0-9]+)*)"
        rf"(?:\s?(?P<times>{powers})\b)?(?![\w/-]|\s?%|[.,][0-9]| [0-9]{{3}}\b)"
    )


@cache
def _said(what: Literal["whole_balance", "smallest", "thousand", "million", "instalment"]) -> frozenset[str]:
    """The folded words of `reads` in all languages."""
    return frozenset(fold(phrase) for language in LANGUAGES for phrase in getattr(words_of(language).reads, what))
