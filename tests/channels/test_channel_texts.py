"""What debtors read: respectful words in their language, with what is owed and how to solve it."""

import hashlib
import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest

from channels.templating import FOLDER, OPENING, TemplateError, load_all, read_template, shipped, template_names
from channels.texts import STANDARD, render, templates
from channels.values import LOCALES, stop_sentence
from journey.playbook import STAGES, Stage, Tone
from ledger.permits import Permit
from policy.errors import SendaError

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

PAY = "https://pagos.example/a?b=1&c=2"
STOP_LINK = "https://senda.example/v1/stop/x?y=1"


def written(permit: Permit, template: str, language: str, tone: Tone, stage: Stage) -> str:
    message = render(replace(permit, language=language), template, tone, stage).message
    return f"{message.subject}\n{message.text}"


def test_every_template_exists_in_every_language() -> None:
    long = {(template, language, None) for template in template_names() for language in LOCALES}
    short = {
        (template, language, variant)
        for template in template_names()
        for language in LOCALES
        for variant in ("sms", "whatsapp")
    }
    assert set(shipped()) == long | short | {(OPENING, language, "call") for language in LOCALES}


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


def test_a_text_names_its_template_and_the_hash_of_its_source(permit: Permit) -> None:
    text = render(permit, "overdue", "friendly", "administrative")

    source = (FOLDER / "overdue.es.txt.j2").read_bytes()
    assert text.template == f"overdue.es@{hashlib.sha256(source).hexdigest()}"
    assert render(permit, "made-up", "firm", "preventive").template.startswith("reminder.es@")


def test_the_version_is_the_templates_and_not_the_words(permit: Permit) -> None:
    one = render(permit, "overdue", "friendly", "administrative")
    other = render(replace(permit, account="CR-2"), "overdue", "friendly", "administrative")
    assert one.template == other.template
    assert one.sha256 != other.sha256


@pytest.mark.parametrize(
    ("language", "stop"),
    [
        ("es", "Si no quiere recibir más correos nuestros, responda BAJA."),
        ("en", "If you want no more e-mails from us, reply STOP."),
        ("pt", "Se não quiser receber mais e-mails nossos, responda SAIR."),
    ],
)
def test_every_mail_says_how_to_stop(permit: Permit, language: str, stop: str) -> None:
    for template in templates():
        assert stop in written(permit, template, language, "firm", "administrative")


def test_the_stop_sentence_is_the_channels_own(permit: Permit) -> None:
    def text(channel: str) -> str:
        return written(replace(permit, channel=channel), "overdue", "es", "firm", "administrative")

    assert text("sms").endswith("Para no recibir SMS, responda BAJA.")
    assert "Responda BAJA para no recibir más mensajes por este canal." in text("whatsapp")
    assert stop_sentence("es", "letter") in text("letter")
    assert stop_sentence("es", "call") in text("call")
    assert "Escriba ALTO." in render(permit, "overdue", "firm", "administrative", stop="Escriba ALTO.").message.text


@pytest.mark.parametrize("template", sorted(templates()))
@pytest.mark.parametrize("language", LOCALES)
def test_a_link_takes_the_place_of_the_means_of_payment(permit: Permit, template: str, language: str) -> None:
    there = replace(permit, language=language)
    without = render(there, template, "firm", "administrative").message
    linked = render(there, template, "firm", "administrative", pay_link=PAY).message

    assert WAYS_TO_PAY.search(without.text)
    assert "http" not in without.text
    assert not WAYS_TO_PAY.search(linked.text)
    assert PAY in linked.text


@pytest.mark.parametrize("field", ["pay_link", "stop_link"])
def test_a_link_that_is_no_address_is_refused(permit: Permit, field: str) -> None:
    with pytest.raises(SendaError) as refused:
        render(replace(permit, **{field: "javascript:alert(1)"}), "overdue", "firm", "administrative")
    assert (refused.value.code, refused.value.field) == ("template.bad_link", field)


def test_the_permits_link_is_used_unless_another_is_given(permit: Permit) -> None:
    linked = replace(permit, pay_link=PAY)
    assert PAY in render(linked, "overdue", "firm", "administrative").message.text
    other = render(linked, "overdue", "firm", "administrative", pay_link="https://otro.example").message.text
    assert "https://otro.example" in other
    assert PAY not in other


class Page(HTMLParser):
    """What a page of HTML links to, and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.loads: list[str] = []
        self.href: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.href = named.get("href") if tag == "a" else None
        self.loads += [tag] if tag in ("img", "link", "script", "style", "iframe") or "src" in named else []
        self.loads += re.findall(r"url\(", named.get("style") or "")

    def handle_data(self, data: str) -> None:
        if self.href and data.strip():
            self.links.append((self.href, data.strip()))
            self.href = None


@pytest.mark.parametrize(
    ("language", "button", "stop"),
    [
        ("es", "Pagar o ver opciones", "No recibir más correos"),
        ("en", "Pay or see your options", "Stop these e-mails"),
        ("pt", "Pagar ou ver opções", "Não receber mais e-mails"),
    ],
)
def test_a_mail_has_a_button_to_pay_and_a_link_to_stop(permit: Permit, language: str, button: str, stop: str) -> None:
    there = replace(permit, language=language, pay_link=PAY, stop_link=STOP_LINK)
    page = Page(render(there, "overdue", "firm", "administrative").message.html)
    assert page.links == [(PAY, PAY), (PAY, button), (STOP_LINK, stop)]
    assert page.loads == []


def test_a_mail_without_links_has_none(permit: Permit) -> None:
    html = render(permit, "overdue", "firm", "administrative").message.html
    assert Page(html).links == []
    assert "Crédito Amable" in html


def test_the_message_says_who_writes_to_whom_and_where_its_receipts_belong(permit: Permit) -> None:
    message = render(replace(permit, language="pt", stop_link=STOP_LINK), "overdue", "firm", "administrative").message
    assert (message.reference, message.language, message.stop_link) == ("1", "pt", STOP_LINK)
    assert (message.sender, message.recipient) == ("Crédito Amable", "Ana Lucía Gómez")


@pytest.mark.parametrize(
    ("language", "sender"),
    [
        ("es", "Cobros Andinos por Crédito Amable"),
        ("en", "Cobros Andinos for Crédito Amable"),
        ("pt", "Cobros Andinos por Crédito Amable"),
    ],
)
def test_an_agency_sends_for_the_creditor(permit: Permit, language: str, sender: str) -> None:
    there = replace(permit, language=language)
    assert render(there, "overdue", "firm", "administrative", sender="Cobros Andinos").message.sender == sender
    assert (
        render(there, "overdue", "firm", "administrative", sender="Crédito Amable").message.sender == "Crédito Amable"
    )


@pytest.mark.parametrize(("language", "words"), [("es", "en nombre de"), ("en", "writing for"), ("pt", "em nome de")])
def test_an_agency_says_for_whom_it_writes(permit: Permit, language: str, words: str) -> None:
    there = replace(permit, language=language)
    for template in templates():
        agency = render(there, template, "firm", "administrative", sender="Cobros Andinos").message.text
        assert f"Cobros Andinos, {words} Crédito Amable" in agency
        assert words not in render(there, template, "firm", "administrative").message.text


def test_a_step_never_sends_a_receipt(permit: Permit) -> None:
    assert "payment-confirmation" in template_names()
    assert render(permit, "payment-confirmation", "firm", "administrative").template.startswith("overdue.es@")


def test_the_prejuridical_stage_is_said_in_that_stage_alone(permit: Permit) -> None:
    assert "prejurídica" in render(permit, "prejuridical-notice", "formal", "prejuridical").message.text
    assert "prejurídica" not in render(permit, "prejuridical-notice", "formal", "administrative").message.text


def test_a_blank_name_is_no_name(permit: Permit) -> None:
    assert "Hola:" in render(replace(permit, name="  "), "overdue", "friendly", "administrative").message.text


def test_a_line_break_in_a_name_does_not_end_the_subject(permit: Permit) -> None:
    broken = replace(permit, account="CR-1\nBcc: x", creditor_name="Crédito\r\nAmable")
    message = render(broken, "prejuridical-notice", "formal", "prejuridical").message
    assert message.subject == "Aviso formal sobre su cuenta CR-1 Bcc: x con Crédito Amable"


def test_an_unknown_variable_is_an_error_before_there_is_a_message() -> None:
    with pytest.raises(TemplateError) as refused:
        read_template("aviso.es", "Su cuota\n\nHola, {{ nombre }}: debe {{ amount }}")

    assert refused.value.code == "template.unknown_variable"
    assert refused.value.message.startswith(
        "aviso.es, line 3: unknown variable 'nombre': use account, accounts, amount, "
    )


@pytest.mark.parametrize("variable", ["name", "pay_link"])
def test_a_missing_value_is_never_printed(variable: str) -> None:
    template = read_template("aviso.es", f"Asunto\nHola {{{{ {variable} }}}}")

    with pytest.raises(TemplateError) as refused:
        template.fill({variable: None})

    assert refused.value.code == "template.missing_value"
    assert f"{{% if {variable} %}}" in refused.value.message
    assert template.fill({variable: "Ana"}) == ("Asunto", "Hola Ana")


class TestLoadingAll:
    @staticmethod
    def copy(to: Path) -> Path:
        for path in FOLDER.glob("*.txt.j2"):
            (to / path.name).write_bytes(path.read_bytes())
        return to

    def test_the_shipped_ones_can_all_be_used(self) -> None:
        load_all()

    @pytest.mark.parametrize(
        ("file", "source", "code"),
        [
            ("overdue.pt.sms.txt.j2", "{{ monto }}", "template.unknown_variable"),
            ("overdue.es.txt.j2", "Su cuenta\n\n{% if name %}", "template.syntax"),
            (
                "overdue.es.whatsapp.txt.j2",
                "Hola {% if tone == 'firm' %}{{ creditor }}{% endif %}.",
                "template.not_fixed",
            ),
            ("overdue.es.call.txt.j2", "Le llama {{ sender }} por {{ amount }}", "template.unknown_variable"),
            ("overdu.es.sms.txt.j2", "Hola", "template.not_found"),
            ("overdue.es.smss.txt.j2", "Hola", "template.unnamed"),
            ("overdue.fr.txt.j2", "Salut", "template.unnamed"),
        ],
    )
    def test_the_first_that_cannot_be_used_is_named(self, tmp_path: Path, file: str, source: str, code: str) -> None:
        (self.copy(tmp_path) / file).write_text(source, encoding="utf-8")
        with pytest.raises(SendaError) as refused:
            load_all(tmp_path)
        assert refused.value.code == code
        assert file.split(".")[0] in refused.value.message

    @pytest.mark.parametrize("file", ["overdue.pt.txt.j2", "opening.en.call.txt.j2"])
    def test_a_missing_language_is_told(self, tmp_path: Path, file: str) -> None:
        (self.copy(tmp_path) / file).unlink()
        with pytest.raises(SendaError) as refused:
            load_all(tmp_path)
        assert refused.value.code == "template.not_found"
        assert file in refused.value.message
