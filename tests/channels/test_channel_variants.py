"""A channel's own words: SMS, WhatsApp's approved texts, calls; several accounts in one message; receipts; sizes."""

import hashlib
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.approved import approved_bodies
from channels.message import Approved
from channels.segments import BASIC, EXTENSION, segments_of
from channels.templating import FOLDER, load_template, template_names, variant_of
from channels.texts import SIZES, render, render_receipt, templates
from channels.values import LOCALES, plain
from ledger.consolidation import AccountDue
from ledger.permits import Permit
from policy.errors import SendaError
from policy.vocabulary import CHANNELS

PAY = "https://pagos.example/a"
PAID_ON = date(2026, 2, 9)


def due(number: int, past_due: str = "50000", balance: str = "90000", day: date = date(2026, 2, 3)) -> AccountDue:
    """Another account of the person, CR-{number}."""
    return AccountDue(f"CR-{number}", Decimal(past_due), Decimal(balance), day, (date(2026, 2, 6) - day).days)


OTHERS = (due(2, day=date(2026, 1, 20)), due(3, "1000.50", "1000.50"))


def words(permit: Permit, template: str, channel: str, **changes: Any) -> str:
    """What a collection template says by a channel."""
    there = replace(permit, channel=channel, **changes)
    return render(there, template, "firm", "administrative").message.text


def everywhere(permit: Permit, channel: str, **changes: Any) -> list[str]:
    """What every collection template says by a channel, in every language."""
    return [
        words(permit, template, channel, language=language, **changes)
        for template in sorted(templates())
        for language in LOCALES
    ]


@pytest.mark.parametrize(
    ("channel", "file"),
    [
        ("sms", "overdue.es.sms"),
        ("push", "overdue.es.sms"),
        ("whatsapp", "overdue.es.whatsapp"),
        ("email", "overdue.es"),
        ("letter", "overdue.es"),
        ("visit", "overdue.es"),
        ("call", "opening.es.call"),
    ],
)
def test_the_version_is_that_of_the_channels_own_file(permit: Permit, channel: str, file: str) -> None:
    text = render(replace(permit, channel=channel), "overdue", "firm", "administrative")
    source = (FOLDER / f"{file}.txt.j2").read_bytes()
    assert text.template == f"{file}@{hashlib.sha256(source).hexdigest()}"


def test_where_there_is_no_variant_the_long_text_serves() -> None:
    assert {channel: variant_of(channel) for channel in CHANNELS if variant_of(channel) is None}.keys() == {
        "email", "letter", "visit",
    }  # fmt: skip
    assert load_template("overdue", "es", "letter").label == "overdue.es"


@pytest.mark.parametrize("channel", ["sms", "push", "whatsapp", "call"])
def test_a_variant_has_no_subject_and_no_page(permit: Permit, channel: str) -> None:
    message = render(replace(permit, channel=channel), "reminder", "friendly", "preventive").message
    assert (message.subject, message.html) == ("", "")


class TestSms:
    def test_is_one_line_of_two_segments_at_most(self, permit: Permit) -> None:
        for text in everywhere(permit, "sms", pay_link=PAY):
            count = segments_of(text)
            assert "\n" not in text
            assert (count.encoding, count.segments) in {("gsm-7", 1), ("gsm-7", 2)}, text

    def test_says_all_that_a_collection_message_says(self, permit: Permit) -> None:
        for text in everywhere(permit, "sms", pay_link=PAY):
            for said in ("Crédito Amable", "CR-1", PAY):
                assert said in text
            assert re.search(r"185[.,]000[.,]50", text)
            assert re.search("01/02/2026|Feb 1, 2026", text)
            assert re.search("responda BAJA|reply STOP|responda SAIR", text)

    def test_writes_names_in_its_alphabet(self, permit: Permit) -> None:
        text = words(permit, "overdue", "sms", name="Íñigo", creditor_name="Caja Única “São João”", language="pt")
        assert text.startswith('Caja Unica "Sao Joao": Iñigo, constam COP 185.000,50 pendentes em sua conta CR-1')

    def test_leaves_out_decimals_that_are_zero(self, permit: Permit) -> None:
        assert "Tiene $185.000 pendientes" in words(permit, "overdue", "sms", past_due=Decimal("185000.00"))
        assert "Tiene $185.000,50 pendientes" in words(permit, "overdue", "sms")

    @given(st.text())
    def test_only_letters_of_its_alphabet_are_put_in_place_of_others(self, text: str) -> None:
        assert set(plain(text)) <= set(text) | BASIC | EXTENSION
        assert plain(plain(text)) == plain(text)


class TestApprovedTexts:
    @pytest.mark.parametrize("template", sorted(templates()))
    @pytest.mark.parametrize("language", LOCALES)
    @pytest.mark.parametrize(
        "changes",
        [
            {"pay_link": PAY},
            {"name": None},
            {"others": OTHERS, "pay_link": PAY},
            {"name": " ", "others": tuple(due(number) for number in range(2, 10))},
        ],
    )
    def test_the_text_is_the_approved_body_with_its_values(
        self, permit: Permit, template: str, language: str, changes: dict[str, Any]
    ) -> None:
        there = replace(permit, channel="whatsapp", language=language, **changes)
        message = render(there, template, "firm", "administrative", sender="Cobros Andinos", stop="Otra frase.").message

        assert message.approved is not None
        (body,) = [
            each
            for each in approved_bodies()
            if (each.name, each.language) == (message.approved.name, message.approved.language)
        ]
        filled = re.sub(r"\{\{(\d+)\}\}", lambda found: message.approved.values[int(found[1]) - 1], body.body)
        assert filled == message.text
        assert len(message.approved.values) == len(body.variables)
        for value in message.approved.values:
            assert value.strip(), "Meta takes no empty value"
            assert "\n" not in value, "Meta takes no value of several lines"

    def test_names_and_languages_follow_one_rule(self) -> None:
        assert {(each.name, each.language) for each in approved_bodies()} == {
            (f"senda_{template.replace('-', '_')}", language)
            for template in template_names()
            for language in ("es", "en", "pt_BR")
        }

    def test_variables_are_numbered_in_order_and_never_at_an_edge(self) -> None:
        for each in approved_bodies():
            numbers = [int(number) for number in re.findall(r"\{\{(\d+)\}\}", each.body)]
            assert list(dict.fromkeys(numbers)) == list(range(1, len(each.variables) + 1))
            assert not re.search(r"^\W*\{\{|\}\}\W*$|\}\}\s*\{\{", each.body)

    def test_a_provider_may_have_other_names(self, permit: Permit) -> None:
        there = replace(permit, channel="whatsapp")
        names = {"overdue": "amable_mora_v2"}
        message = render(there, "overdue", "firm", "administrative", approved_names=names).message
        other = render(there, "plan-offer", "firm", "administrative", approved_names=names).message
        assert (message.approved and message.approved.name) == "amable_mora_v2"
        assert (other.approved and other.approved.name) == "senda_plan_offer"
        assert {each.name for each in approved_bodies(names) if each.template == "overdue"} == {"amable_mora_v2"}

    @pytest.mark.parametrize("channel", sorted(CHANNELS - {"whatsapp"}))
    def test_no_other_channel_has_one(self, permit: Permit, channel: str) -> None:
        message = render(replace(permit, channel=channel), "overdue", "firm", "administrative").message
        assert message.approved is None

    def test_a_whole_example(self, permit: Permit) -> None:
        there = replace(permit, channel="whatsapp", pay_link=PAY)
        message = render(there, "overdue", "firm", "administrative", sender="Cobros Andinos").message
        assert message.approved == Approved(
            "senda_overdue",
            "es",
            (
                "Ana",
                "Cobros Andinos, en nombre de Crédito Amable",
                "$185.000,50",
                "1 de febrero de 2026",
                "su cuenta CR-1",
                PAY,
            ),
        )


class TestACall:
    def test_tells_whoever_picks_up_no_debt_amount_or_account(self, permit: Permit) -> None:
        there = replace(permit, creditor_name="Amable S.A.")
        for text in everywhere(there, "call", pay_link=PAY, others=OTHERS):
            assert "Amable S.A." in text
            assert "Ana" in text
            assert not re.search(r"\d|CR-|http|cuenta|account|conta\b|deud|debt|dívida|pag|pay", text), text

    def test_says_how_to_stop(self, permit: Permit) -> None:
        for text in everywhere(permit, "call"):
            assert re.search("no quiere más llamadas|no more calls|não quiser mais ligações", text)

    def test_looks_for_nobody_where_the_name_is_missing(self, permit: Permit) -> None:
        assert words(permit, "overdue", "call", name=None).startswith("Buen día. Le llama Crédito Amable.\n")

    def test_never_begins_with_a_receipt(self, permit: Permit) -> None:
        text = render_receipt(replace(permit, channel="call"), Decimal(50000), PAID_ON)
        assert text.template.startswith("opening.es.call@")
        assert "50" not in text.message.text


class TestSeveralAccounts:
    def test_the_amount_is_the_sum_and_the_date_the_oldest(self, permit: Permit) -> None:
        text = words(permit, "overdue", "email", others=OTHERS)
        assert (
            "Sus cuentas tienen en total $236.001,00 pendientes, la más antigua desde el 20 de enero de 2026, "
            "hace 17 días. El saldo total es de $441.000,50."
        ) in text

    def test_a_long_text_lists_each_with_its_amount_and_date(self, permit: Permit) -> None:
        for template in templates():
            text = words(permit, template, "letter", others=OTHERS)
            assert (
                "\n\n• CR-1: $185.000,50 (1 de febrero de 2026)\n• CR-2: $50.000,00 (20 de enero de 2026)\n"
                "• CR-3: $1.000,50 (3 de febrero de 2026)\n\n"
            ) in text

    def test_a_mail_has_each_on_a_line_of_its_own(self, permit: Permit) -> None:
        html = render(replace(permit, others=OTHERS), "overdue", "firm", "administrative").message.html
        assert "<br>• CR-2: $50.000,00 (20 de enero de 2026)<br>" in html

    def test_an_sms_has_no_room_for_the_dates(self, permit: Permit) -> None:
        assert words(permit, "overdue", "sms", others=OTHERS).startswith(
            "Crédito Amable: hola, Ana. Tiene $236.001 pendientes en sus cuentas "
            "(CR-1 $185.000,50, CR-2 $50.000 y CR-3 $1.000,50), desde el 20/01/2026."
        )

    def test_whatsapp_says_them_in_one_value(self, permit: Permit) -> None:
        assert "en sus cuentas CR-1 ($185.000,50, 01/02/2026) y CR-2 ($50.000, 20/01/2026)." in words(
            permit, "overdue", "whatsapp", others=OTHERS[:1]
        )

    def test_before_the_due_date_the_amounts_are_the_balances(self, permit: Permit) -> None:
        there = replace(permit, past_due=Decimal(0), others=(due(2, "0"),))
        text = render(there, "reminder", "friendly", "preventive")
        assert text.message.subject == "Sus cuotas vencen desde el 1 de febrero de 2026: $440.000,00 en total"
        assert "• CR-2: $90.000,00 (3 de febrero de 2026)" in text.message.text

    def test_the_subject_names_the_accounts(self, permit: Permit) -> None:
        there = replace(permit, others=OTHERS, language="en")
        subject = render(there, "plan-offer", "firm", "administrative").message.subject
        assert subject == "A payment plan for your accounts CR-1, CR-2 and CR-3"

    @pytest.mark.parametrize(
        ("count", "listed"),
        [
            (2, "CR-1 y CR-2"),
            (5, "CR-1, CR-2, CR-3, CR-4 y CR-5"),
            (6, "CR-1, CR-2, CR-3, CR-4 y 2 más"),
            (7, "CR-1, CR-2, CR-3, CR-4 y 3 más"),
        ],
    )
    def test_many_are_counted(self, permit: Permit, count: int, listed: str) -> None:
        there = replace(permit, others=tuple(due(number) for number in range(2, count + 1)))
        message = render(there, "plan-offer", "firm", "administrative").message
        assert message.subject == f"Un plan de pagos para sus cuentas {listed}"
        assert message.text.count("\n•") == min(count, 5)

    @pytest.mark.parametrize("channel", sorted(CHANNELS - {"call"}))
    def test_no_text_speaks_of_one_account_then(self, permit: Permit, channel: str) -> None:
        for text in everywhere(permit, channel, others=OTHERS):
            assert not re.search(r"\b(su cuenta|your account|sua conta)\b(?! CR-1 \()", text), text
            assert "CR-3" in text

    @pytest.mark.parametrize("channel", sorted(CHANNELS))
    def test_one_account_is_no_several(self, permit: Permit, channel: str) -> None:
        for text in everywhere(permit, channel):
            assert not re.search(r"cuentas|accounts|contas|•", text), text


class TestAReceipt:
    @pytest.mark.parametrize("channel", ["email", "sms", "whatsapp", "letter"])
    @pytest.mark.parametrize("language", LOCALES)
    def test_says_what_was_paid_and_what_is_left_and_asks_for_nothing(
        self, permit: Permit, channel: str, language: str
    ) -> None:
        there = replace(permit, channel=channel, language=language, pay_link=PAY)
        message = render_receipt(there, Decimal("50000"), PAID_ON).message
        assert re.search(r"50[.,]000", message.text)
        assert re.search(r"350[.,]000", message.text)
        assert re.search(
            "9 de febrero de 2026|February 9, 2026|9 de fevereiro de 2026|09/02/2026|Feb 9, 2026", message.text
        )
        assert "CR-1" in message.text
        assert PAY not in message.text + message.html

    def test_is_an_approved_text_of_its_own(self, permit: Permit) -> None:
        message = render_receipt(replace(permit, channel="whatsapp"), Decimal("50000"), PAID_ON).message
        assert message.approved is not None
        assert message.approved.name == "senda_payment_confirmation"
        assert message.approved.values[2:4] == ("9 de febrero de 2026", "$50.000,00")


class TestSizes:
    @pytest.mark.parametrize("channel", sorted(SIZES))
    def test_a_text_beyond_the_channels_size_is_refused(self, permit: Permit, channel: str) -> None:
        there = replace(permit, channel=channel, creditor_name="a" * SIZES[channel])
        with pytest.raises(SendaError) as refused:
            render(there, "overdue", "firm", "administrative")
        assert (refused.value.code, refused.value.field) == ("template.too_long", channel)
        assert str(SIZES[channel]) in refused.value.message
        assert "aaa" not in refused.value.message

    @pytest.mark.parametrize("channel", ["sms", "whatsapp"])
    def test_a_text_of_exactly_that_size_is_sent(self, permit: Permit, channel: str) -> None:
        without = len(words(permit, "overdue", channel, account="9")) - 1
        most = "9" * (SIZES[channel] - without)
        assert len(words(permit, "overdue", channel, account=most)) == SIZES[channel]
        with pytest.raises(SendaError):
            words(permit, "overdue", channel, account=f"{most}9")
