"""What debtors read: respectful words in their language, with what is owed and how to solve it."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import get_args

import pytest

from channels.texts import FOLDER, LOCALES, STANDARD, render, templates
from journey.playbook import STAGES, Stage, Tone
from ledger.permits import Permit

EVERY = [
    (template, language, tone, stage)
    for template in sorted(templates())
    for language in LOCALES
    for tone in get_args(Tone)
    for stage in STAGES
]

REASON_OF_DEFAULT = re.compile(r"motivo|raz[oó]n|por qu[eé]|causa|reason|why|cause|raz[aã]o|por que\b", re.IGNORECASE)
"""Nobody is asked why they do not pay (CO-11, Ley 2300 of 2023, article 7)."""

THREATS = re.compile(
    r"embarg|demand|judicialmente|juzgado|cárcel|penal|denuncia|reportad|centrales de riesgo|policía|última oportunidad"
    r"|lawsuit|sue\b|seiz|garnish|jail|police|credit bureau|last chance"
    r"|penhor|processar|cadeia|polícia|serasa|protesto|última chance",
    re.IGNORECASE,
)

WAYS_TO_PAY = re.compile(r"medios|channels|meios")
WAYS_TO_TALK = re.compile(r"responda|responder|reply|responder")


def written(permit: Permit, template: str, language: str, tone: Tone, stage: Stage) -> str:
    message = render(replace(permit, language=language), template, tone, stage).message
    return f"{message.subject}\n{message.text}"


def test_every_template_exists_in_every_language() -> None:
    files = {path.name for path in FOLDER.glob("*.txt.j2")}
    assert files == {f"{template}.{language}.txt.j2" for template in templates() for language in LOCALES}


@pytest.mark.parametrize(("template", "language", "tone", "stage"), EVERY)
class TestEveryText:
    def test_names_the_amount_the_account_and_the_creditor(
        self, permit: Permit, template: str, language: str, tone: Tone, stage: Stage
    ) -> None:
        text = written(permit, template, language, tone, stage)
        assert re.search(r"185[.,]000[.,]50", text)
        assert "CR-1" in text
        assert "Crédito Amable" in text

    def test_says_how_to_pay_and_how_to_talk(
        self, permit: Permit, template: str, language: str, tone: Tone, stage: Stage
    ) -> None:
        text = written(permit, template, language, tone, stage)
        assert WAYS_TO_PAY.search(text)
        assert WAYS_TO_TALK.search(text)

    def test_asks_nobody_why_and_threatens_nobody(
        self, permit: Permit, template: str, language: str, tone: Tone, stage: Stage
    ) -> None:
        text = written(permit, template, language, tone, stage)
        assert not REASON_OF_DEFAULT.search(text)
        assert not THREATS.search(text)

    def test_is_whole(self, permit: Permit, template: str, language: str, tone: Tone, stage: Stage) -> None:
        for name in ("Ana Lucía Gómez", None):
            message = render(replace(permit, language=language, name=name), template, tone, stage).message
            assert message.subject
            assert "\n" not in message.subject
            assert not re.search(r"\{\{|\}\}|\{%|None|undefined", message.text + message.html)
            assert " ," not in message.text


@pytest.mark.parametrize("stage", STAGES)
def test_a_step_with_an_unknown_template_gets_its_stages_own(permit: Permit, stage: Stage) -> None:
    assert render(permit, "made-up", "firm", stage) == render(permit, STANDARD[stage], "firm", stage)


def test_the_greeting_uses_the_first_name_alone(permit: Permit) -> None:
    assert "Hola, Ana:" in render(permit, "overdue", "friendly", "administrative").message.text
    nameless = render(replace(permit, name=None), "overdue", "friendly", "administrative")
    assert "Hola:" in nameless.message.text


def test_before_the_due_date_the_amount_is_the_balance(permit: Permit) -> None:
    text = render(replace(permit, past_due=Decimal(0)), "reminder", "friendly", "preventive").message.text
    assert "350.000,00" in text


@pytest.mark.parametrize(
    ("language", "amount", "day"),
    [
        ("es", "$185.000,50", "1 de febrero de 2026"),
        ("en", "COP185,000.50", "February 1, 2026"),
        ("pt", "COP185.000,50", "1 de fevereiro de 2026"),
    ],
)
def test_amounts_and_dates_are_written_as_the_language_does(
    permit: Permit, language: str, amount: str, day: str
) -> None:
    text = re.sub("[\xa0\u202f]", "", written(permit, "overdue", language, "firm", "administrative"))
    assert amount in text
    assert day in text


@pytest.mark.parametrize(("days", "words"), [(1, "hace 1 día."), (5, "hace 5 días.")])
def test_days_agree_in_number(permit: Permit, days: int, words: str) -> None:
    text = render(replace(permit, days_past_due=days), "overdue", "firm", "administrative").message.text
    assert words in text


def test_what_a_file_says_is_no_markup(permit: Permit) -> None:
    hostile = replace(permit, name="<script>", creditor_name="<b>Banco</b>", account="<i>")
    html = render(hostile, "overdue", "firm", "administrative").message.html
    assert not re.search(r"<script>|<b>|<i>", html)


def test_the_digest_proves_the_words(permit: Permit) -> None:
    one = render(permit, "overdue", "friendly", "administrative")
    assert one.sha256 == render(permit, "overdue", "friendly", "administrative").sha256
    assert one.sha256 != render(replace(permit, past_due=Decimal(1)), "overdue", "friendly", "administrative").sha256


def test_the_message_carries_the_permits_key_and_address(permit: Permit) -> None:
    message = render(permit, "overdue", "friendly", "administrative").message
    assert (message.key, message.to) == (permit.key, permit.address)


def test_the_prejuridical_notice_says_that_it_is_no_court_case(permit: Permit) -> None:
    text = render(permit, "prejuridical-notice", "formal", "prejuridical").message.text
    assert "no es un proceso judicial" in text
