"""How many SMS a text becomes: both alphabets, the bounds of a segment, and what may not be split."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.segments import BASIC, EXTENSION, Segments, segments_of

gsm_texts = st.text(st.sampled_from(sorted(BASIC | EXTENSION)), max_size=700)
any_texts = st.text(max_size=300)


def test_the_alphabet_has_the_size_that_the_standard_gives() -> None:
    assert len(BASIC) == 127  # 128 places, one of which is the escape
    assert len(EXTENSION) == 10


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("", Segments("gsm-7", 0, 0)),
        ("a" * 160, Segments("gsm-7", 160, 1)),
        ("a" * 161, Segments("gsm-7", 161, 2)),
        ("a" * 306, Segments("gsm-7", 306, 2)),
        ("a" * 307, Segments("gsm-7", 307, 3)),
        ("€" * 80, Segments("gsm-7", 160, 1)),
        ("ñ" * 160, Segments("gsm-7", 160, 1)),
        ("Señor, págue", Segments("ucs-2", 12, 1)),
        ("á" * 70, Segments("ucs-2", 70, 1)),
        ("á" * 71, Segments("ucs-2", 71, 2)),
        ("á" * 134, Segments("ucs-2", 134, 2)),
        ("á" * 135, Segments("ucs-2", 135, 3)),
        ("😀" * 35, Segments("ucs-2", 70, 1)),
    ],
)
def test_a_text_is_counted(text: str, counted: Segments) -> None:
    assert segments_of(text) == counted


def test_an_escaped_character_is_not_split_over_two_parts() -> None:
    # Given 306 septets, which fill two parts, with an escape at the bound of the first.
    text = "a" * 152 + "€" + "a" * 152
    # Then the escape moves to the second part, and pushes one septet into a third.
    assert segments_of(text) == Segments("gsm-7", 306, 3)


def test_a_surrogate_pair_is_not_split_over_two_parts() -> None:
    text = "á" * 66 + "😀" + "á" * 66
    assert segments_of(text) == Segments("ucs-2", 134, 3)


@settings(deadline=None)
@given(gsm_texts)
def test_septets_are_one_a_character_and_two_an_extension(text: str) -> None:
    counted = segments_of(text)
    assert counted.encoding == "gsm-7"
    assert counted.units == len(text) + sum(text.count(character) for character in EXTENSION)


@settings(deadline=None)
@given(any_texts, st.sampled_from("áíóúçÁ中😀\0"), any_texts)
def test_one_foreign_character_makes_the_whole_text_ucs2(before: str, foreign: str, after: str) -> None:
    text = before + foreign + after
    counted = segments_of(text)
    assert counted.encoding == "ucs-2"
    assert counted.units == len(text.encode("utf-16-le")) // 2


@settings(deadline=None)
@given(gsm_texts | any_texts)
def test_parts_are_as_few_as_fit_with_at_most_one_lost_unit_each(text: str) -> None:
    counted = segments_of(text)
    alone, part = (160, 153) if counted.encoding == "gsm-7" else (70, 67)
    if counted.units <= alone:
        assert counted.segments == (1 if text else 0)
    else:
        assert -(-counted.units // part) <= counted.segments <= -(-counted.units // (part - 1))


@settings(deadline=None)
@given(any_texts, any_texts)
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    assert segments_of(text + more).segments >= segments_of(text).segments
