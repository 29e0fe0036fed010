"""Days and amounts as people write them."""

from datetime import date
from decimal import Decimal

import pytest
from babel.dates import format_date
from hypothesis import given
from hypothesis import strategies as st

from channels.bot.amounts import amount_word, find_amount, find_count, find_marked_amount
from channels.bot.days import day_by_keys, find_day
from channels.bot.facts import Language
from tests.bot.talking import TODAY


def day(month: int, number: int, year: int = 2026) -> date:
    return date(year, month, number)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("es", "el viernes", day(11, 27)),
        ("es", "el martes", day(12, 1)),
        ("es", "el viernes en la mañana", day(11, 27)),
        ("es", "el viernes de la próxima semana", day(12, 4)),
        ("es", "mañana", day(11, 25)),
        ("es", "pasado mañana", day(11, 26)),
        ("es", "hoy mismo", TODAY),
        ("es", "en 5 días", day(11, 29)),
        ("es", "dentro de una semana", day(12, 1)),
        ("es", "5 días", day(11, 29)),
        ("es", "15 de diciembre", day(12, 15)),
        ("es", "El 15 de Diciembre de 2026", day(12, 15)),
        ("es", "15 dic.", day(12, 15)),
        ("es", "15/12", day(12, 15)),
        ("es", "3/4", day(4, 3, 2027)),
        ("es", "12/15", day(12, 15)),
        ("es", "15-12-26", day(12, 15)),
        ("es", "15.12.2026", day(12, 15)),
        ("es", "2026-12-15", day(12, 15)),
        ("es", "a fin de mes", day(11, 30)),
        ("es", "el 15", day(12, 15)),
        ("es", "30", day(11, 30)),
        ("es", "31", day(12, 31)),
        ("es", "next friday", day(11, 27)),
        ("en", "next friday", day(11, 27)),
        ("en", "Monday of next week", day(11, 30)),
        ("en", "December 15th, 2026", day(12, 15)),
        ("en", "15 December", day(12, 15)),
        ("en", "12/3", day(12, 3)),
        ("en", "15/12", day(12, 15)),
        ("en", "in two weeks", day(12, 8)),
        ("en", "on the 15th", day(12, 15)),
        ("en", "the day after tomorrow", day(11, 26)),
        ("pt", "amanhã", day(11, 25)),
        ("pt", "depois de amanhã", day(11, 26)),
        ("pt", "na sexta-feira", day(11, 27)),
        ("pt", "sexta", day(11, 27)),
        ("pt", "daqui a 5 dias", day(11, 29)),
        ("pt", "15 de dezembro", day(12, 15)),
        ("pt", "no dia 15", day(12, 15)),
    ],
)
def test_a_day_is_read(language: Language, text: str, expected: date) -> None:
    found = find_day(text, language, TODAY)

    assert found is not None
    assert found.day == expected


@pytest.mark.parametrize(
    "text", ["", "31/2", "30 de febrero", "no sé", "100.000", "99999", "3 cuotas", "45", "en 9999999 días"]
)
def test_what_names_no_day_is_none(text: str) -> None:
    assert find_day(text, "es", TODAY) is None


@pytest.mark.parametrize("today", [date.min, date.max, date(2028, 2, 29)])
@given(
    text=st.one_of(st.text(), st.from_regex(r"(en )?[0-9]{1,3} (días|semanas)|[0-9]{1,2}/[0-9]{1,2}", fullmatch=True))
)
def test_no_text_fails_at_the_ends_of_the_calendar(today: date, text: str) -> None:
    found = find_day(text, "es", today)

    assert found is None or isinstance(found.day, date)


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_every_day_ahead_is_read_as_the_bot_writes_it(ahead: date) -> None:
    for language, locale in (("es", "es_CO"), ("en", "en_US"), ("pt", "pt_BR")):
        found = find_day(format_date(ahead, "long", locale=locale), language, TODAY)
        assert found is not None
        assert found.day == ahead


@pytest.mark.parametrize(
    ("language", "keys", "expected"),
    [
        ("es", "1512", day(12, 15)),
        ("pt", "0301", day(1, 3, 2027)),
        ("en", "1203", day(12, 3)),
        ("en", "1512", day(12, 15)),
    ],
)
def test_a_day_is_read_from_keys(language: Language, keys: str, expected: date) -> None:
    assert day_by_keys(keys, language, TODAY) == expected


@pytest.mark.parametrize("keys", ["", "15", "3102", "0000", "15123", "٣٤٣٤", "1*12"])
def test_other_keys_are_no_day(keys: str) -> None:
    assert day_by_keys(keys, "es", TODAY) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100.000", "100000"),
        ("100,000", "100000"),
        ("100 000", "100000"),
        ("100 mil", "100000"),
        ("cien: 100mil pesos", "100000"),
        ("100k", "100000"),
        ("20 lucas", "20000"),
        ("$ 50.000,00", "50000"),
        ("50,000.00", "50000"),
        ("$50", "50"),
        ("COP 50000", "50000"),
        ("cop50000", "50000"),
        ("1'500.000", "1500000"),
        ("1.5 millones", "1500000"),
        ("1,5 milhão", "1500000"),
        ("2 million", "2000000"),
        ("R$ 1.234,56", "1234.56"),
        ("1,234.5", "1234.5"),
        ("le doy 80.000 pesos", "80000"),
        ("5", "5"),
    ],
)
def test_an_amount_is_read(text: str, expected: str) -> None:
    assert find_amount(text, "COP") == Decimal(expected)


@pytest.mark.parametrize(
    "text", ["", "mucho", "2 o 3", "50%", "-50", "0.500", "1.2345", "12,345,67", "15/12", "٣٤", "9" * 16, "abc123"]
)
def test_what_names_no_one_amount_is_none(text: str) -> None:
    assert find_amount(text, "COP") is None


@given(st.text())
def test_an_amount_is_never_negative(text: str) -> None:
    found = find_amount(text, "COP")

    assert found is None or found >= 0


def test_beside_other_words_an_amount_needs_a_mark() -> None:
    assert find_marked_amount("puedo en 3 partes", "COP") is None
    assert find_marked_amount("puedo $3", "COP") == 3
    assert find_marked_amount("puedo 300", "COP") == 300


def test_the_whole_and_the_least_have_words() -> None:
    assert [amount_word(text) for text in ("Todo", "el total, por favor", "el mínimo", "the minimum")] == [
        "balance",
        "balance",
        "least",
        "least",
    ]
    assert amount_word("todo menos 5") is None


@pytest.mark.parametrize(
    ("text", "count"),
    [("3", 3), ("3.", 3), ("plan de 3 cuotas", 3), ("em 12 parcelas", 12), ("100.000", None), ("x", None)],
)
def test_a_number_of_instalments_is_read(text: str, count: int | None) -> None:
    assert find_count(text) == count
