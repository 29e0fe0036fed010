"""Links that stop a channel: only whole ones that this installation made are taken, and they tell nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.links import Links
from policy.errors import SendaError

LINKS = Links("https://senda.example/", "a key of forty characters, or near to that")
NUMBERS = st.integers(0, 10**18 - 1)


def token(contact_id: int, links: Links = LINKS) -> str:
    """What the link holds."""
    return links.stop(contact_id).removeprefix("https://senda.example/v1/stop/")


def is_refused(text: str) -> bool:
    """Whether nothing is known by this token."""
    try:
        LINKS.contact_of(text)
    except SendaError as error:
        return error.code == "link.invalid"
    return False


@given(NUMBERS)
def test_a_link_leads_to_its_contact(number: int) -> None:
    assert LINKS.contact_of(token(number)) == number


@given(NUMBERS)
def test_a_link_is_an_address_without_anything_to_quote(number: int) -> None:
    assert re.fullmatch(r"https://senda\.example/v1/stop/[0-9]+\.[A-Za-z0-9_-]{24}", LINKS.stop(number))


@given(st.text())
def test_whatever_else_is_refused(text: str) -> None:
    assert is_refused(text)


@given(NUMBERS, NUMBERS)
def test_the_seal_of_one_contact_opens_no_other(number: int, other: int) -> None:
    moved = f"{other}.{token(number).partition('.')[2]}"
    assert is_refused(moved) or number == other


@given(NUMBERS, st.data())
def test_a_link_with_one_character_changed_is_refused(number: int, data: st.DataObject) -> None:
    whole = token(number)
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda letter: letter != whole[place]))
    assert is_refused(whole[:place] + other + whole[place + 1 :])


@given(NUMBERS, st.integers(0, 40))
def test_a_link_that_was_cut_is_refused(number: int, length: int) -> None:
    assert is_refused(token(number)[: min(length, len(token(number)) - 1)])


@given(NUMBERS)
def test_another_installation_has_other_seals(number: int) -> None:
    assert is_refused(token(number, Links("https://senda.example", "another key")))


@pytest.mark.parametrize(
    "number", ["", "-1", "+1", " 1", "1_0", "١", "²", "9" * 19, "9" * 5000, "1e3"], ids=lambda number: number[:6]
)
def test_a_number_that_is_none_is_refused(number: str) -> None:
    assert is_refused(f"{number}.{token(1).partition('.')[2]}")
