"""The bot's words: the same in three languages, short, and without a demand, a threat or a question for reasons."""

import re
import string

import pytest

from channels.bot.facts import Language
from channels.bot.scene import LABEL
from channels.bot.words import LANGUAGES, words_of
from channels.listed_words import Kind, find_listed

FORBIDDEN: frozenset[Kind] = frozenset({"asks_reason", "threat", "court", "insult", "demand"})
TO_STRANGERS = (
    "greeting",
    "identify",
    "blocked",
    "cannot_identify",
    "not_me",
    "stop",
    "person",
    "not_understood",
    "failed_other",
)
LONGEST = 260
"""Characters of a sentence, its values left out."""


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def all_texts(language: Language) -> dict[str, str]:
    words = words_of(language)
    return {
        f"{part}.{key}": text
        for part, texts in (("says", words.says), ("labels", words.labels), ("interest", words.interest))
        for key, text in texts.items()
    }


def test_the_three_languages_have_the_same_keys_and_values() -> None:
    spanish = {key: placeholders(text) for key, text in all_texts("es").items()}

    for language in LANGUAGES:
        assert {key: placeholders(text) for key, text in all_texts(language).items()} == spanish
        assert words_of(language).hears.keys() == words_of("es").hears.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_demands_threatens_or_asks_for_reasons(language: Language) -> None:
    for key, text in all_texts(language).items():
        # Whatever stands in a placeholder comes from the creditor, or is an amount or a day.
        shown = re.sub(r"\{\w+\}", "7", text)
        assert find_listed(shown, language, FORBIDDEN) == [], key


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_strangers_are_told_names_no_debt(language: Language) -> None:
    words = words_of(language)
    told = [text for key, text in words.says.items() if key.startswith(TO_STRANGERS)]
    offered = [text for key, text in words.labels.items() if key.startswith(("person", "not_me", "stop"))]

    for text in (*told, *offered):
        assert find_listed(re.sub(r"\{\w+\}", "7", text), language, frozenset({"debt"})) == [], text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lists_would_find_a_demand(language: Language) -> None:
    demand = {"es": "Pague ya su cuota", "en": "You must pay", "pt": "Pague agora"}[language]

    assert find_listed(demand, language, FORBIDDEN)


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_short_and_calm(language: Language) -> None:
    for key, text in all_texts(language).items():
        assert text.strip(), key
        assert len(text) <= LONGEST, key
        assert "!" not in text, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_fit_a_button(language: Language) -> None:
    for key, label in words_of(language).labels.items():
        if not key.endswith("_voice"):
            assert len(label.format(count=120, account="1" * LABEL)) <= LABEL, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_voice_wording_stands_beside_a_written_one(language: Language) -> None:
    words = words_of(language)

    for texts in (words.says, words.labels):
        assert all(key.removesuffix("_voice") in texts for key in texts)
        for key in texts:
            if key.endswith("_voice") and key.removesuffix("_voice") in texts:
                assert set(placeholders(texts[key])) <= set(placeholders(texts[key.removesuffix("_voice")])), key
