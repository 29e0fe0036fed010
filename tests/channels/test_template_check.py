"""Which templates are fit to be sent, and what is said about the others."""

import re
import unicodedata
from itertools import product
from typing import get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.listed_words import Listed, find_listed, word_list
from channels.template_check import KINDS, Finding, check_template
from channels.template_language import FILTERS, VARIABLES, Language, Variant
from channels.templating import LONGEST, purpose_of, read_template, shipped, source_of, template_names
from channels.values import stop_sentence
from journey.playbook import STAGES, Tone
from policy.vocabulary import CHANNELS

LANGUAGES = get_args(Language)
SAID = {
    "no_sender": "Escribe {{ sender }}.",
    "no_creditor": "Escribimos por {{ creditor }}.",
    "no_amount": "Son {{ amount }}.",
    "no_account": "Es la cuenta {{ account }}.",
    "no_due_date": "La fecha es {{ due_date }}.",
    "no_pay_link": "{% if pay_link %}Aquí se paga: {{ pay_link }}{% else %}Por los medios de siempre.{% endif %}",
    "no_stop": "{{ stop }}",
}
"""A sentence for each thing that a collection message says; without it, the finding of that code."""

WHOLE = "\n\n".join(["Su cuenta", *SAID.values()])
RECEIPT = "{# purpose: payment_confirmation #}\n" + "\n\n".join(
    ["Su pago", *(SAID[code] for code in ("no_sender", "no_creditor", "no_amount", "no_account", "no_stop"))]
)
PIECES = st.one_of(
    st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", "if", "elif", "else", "endif", "for", "in", "set", "raw"]),
    st.sampled_from(["and", "or", "not", "is", "==", "<", "~", "|", "(", ")", "[", "]", ".", ",", "-", "'", '"']),
    st.sampled_from(sorted(VARIABLES["collection"] | FILTERS)),
    st.sampled_from(["__class__", "self", "range", "0", "7", "1e9", "none", "true", "embargo", "\n", "\\u200b"]),
    st.text(max_size=3),
)
"""Of which templates are made, right and wrong."""

CONDITIONS = st.recursive(
    st.one_of(
        st.builds("days_past_due {} {}".format, st.sampled_from(["<", "==", ">=", "!="]), st.integers(-4, 40)),
        st.builds("tone == '{}'".format, st.sampled_from(get_args(Tone))),
        st.builds("stage in ('{}', '{}')".format, st.sampled_from(STAGES), st.sampled_from(STAGES)),
        st.sampled_from(["name", "pay_link", "accounts", "days_past_due", "sender == creditor", "amount != balance"]),
    ),
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
    ),
    max_leaves=6,
)
EVERY_CASE = [
    {
        "days_past_due": day,
        "tone": tone,
        "stage": stage,
        "name": name,
        "pay_link": link,
        "sender": sender,
        "amount": amount,
        "accounts": accounts,
    }
    for day, tone, stage in product(range(-6, 43), get_args(Tone), STAGES)
    for name, link, sender, amount, accounts in product(
        ("Ana", None), ("https://a.example", None), ("A", "B"), ("1", "2"), ("1 y 2", None)
    )
]

TAGS = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")


def check(source: str, language: str = "es", channel: Variant | None = None) -> list[Finding]:
    return check_template("prueba", language, source, channel)


def codes(source: str, language: str = "es", channel: Variant | None = None) -> set[str]:
    return {finding.code for finding in check(source, language, channel)}


def with_line(line: str) -> str:
    return f"{WHOLE}\n\n{line}"


def spoken(phrase: str, filler: tuple[str, ...] = (), ending: str = "") -> str:
    """A listed phrase as somebody would write it."""
    parts = [" ".join(filler) if part == "…" else part.replace("*", ending) for part in phrase.split()]
    return " ".join(part for part in parts if part)


def without_accents(text: str) -> str:
    return "".join(part for part in unicodedata.normalize("NFD", text) if not unicodedata.combining(part))


@pytest.mark.parametrize(("name", "language", "channel"), shipped())
def test_every_shipped_template_is_fit_to_be_sent(name: str, language: str, channel: Variant | None) -> None:
    assert check_template(name, language, source_of(name, language, channel), channel) == []


@pytest.mark.parametrize("name", sorted(template_names()))
def test_a_template_has_one_purpose_in_all_languages_and_forms(name: str) -> None:
    assert len({purpose_of(source_of(*each)) for each in shipped() if each[0] == name}) == 1


class TestWhatAMessageMustSay:
    @given(st.lists(st.sampled_from(sorted(SAID)), unique=True))
    @example(sorted(SAID))
    @settings(deadline=None, max_examples=60)
    def test_exactly_what_is_left_out_is_found(self, said: list[str]) -> None:
        source = "\n\n".join(["Su cuenta", "Buen día.", *(SAID[code] for code in said)])
        assert codes(source) == set(SAID) - set(said)

    def test_the_sender_alone_does_not_say_for_whom(self) -> None:
        (finding,) = check(WHOLE.replace(SAID["no_creditor"], ""))
        assert finding.code == "no_creditor"
        assert "sender Cobranzas Muestra" in finding.message

    def test_the_subject_alone_says_nothing(self) -> None:
        assert codes(WHOLE.replace("Su cuenta", "Su cuota de {{ amount }}").replace(SAID["no_amount"], "")) == {
            "no_amount"
        }

    def test_the_balance_is_an_amount(self) -> None:
        assert check(WHOLE.replace("{{ amount }}", "{{ balance }}")) == []

    @pytest.mark.parametrize(
        "condition",
        [
            'tone == "formal"',
            'stage in ("preventive", "prejuridical")',
            "days_past_due > 45",
            "days_past_due == -7",
            "30 < days_past_due < 32",
            "not name",
            "not name and days_past_due == 61 and tone == 'firm'",
            "not pay_link",
            "accounts",
            "not accounts and amount == balance",
            "amount == balance",
            "sender != creditor",
        ],
    )
    def test_a_gap_in_one_case_alone_is_found(self, condition: str) -> None:
        gap = f"{{% if {condition} %}}Hasta pronto.{{% else %}}{SAID['no_stop']}{{% endif %}}"
        assert codes(WHOLE.replace(SAID["no_stop"], gap)) == {"no_stop"}

    @given(CONDITIONS)
    @settings(deadline=None, max_examples=40)
    def test_a_gap_is_found_exactly_where_some_case_has_it(self, condition: str) -> None:
        gap = read_template("prueba.es", f"Asunto\n{{% if {condition} %}}sí{{% endif %}}")
        somewhere = any(gap.fill({**case, "creditor": "A", "balance": "2"})[1] for case in EVERY_CASE)

        found = codes(WHOLE.replace(SAID["no_stop"], f"{{% if not ({condition}) %}}{SAID['no_stop']}{{% endif %}}"))

        assert found == ({"no_stop"} if somewhere else set())

    def test_a_value_in_other_letters_is_still_said(self) -> None:
        assert check(WHOLE.replace("{{ due_date }}", "{{ due_date | title }}")) == []

    def test_a_text_without_a_body_or_a_subject_is_refused(self) -> None:
        assert {"no_subject", "no_text", "no_stop"} <= codes("")
        assert {"no_text", "no_stop"} <= codes("Su cuenta")


class TestWordsThatNobodyReads:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_listed_phrase_is_found(self, language: Language) -> None:
        for entry in word_list(language).listed:
            for phrase in entry.phrases:
                for filler, ending in (((), ""), (("uno", "dos", "tres", "cuatro"), "xyz")):
                    text = f"Buenos días, {spoken(phrase, filler, ending)}, gracias."
                    found = {match.phrase for match in find_listed(text, language, frozenset({entry.kind}))}
                    assert phrase in found, (phrase, text)

    @given(data=st.data())
    @settings(deadline=None, max_examples=60)
    def test_a_listed_phrase_anywhere_is_found_with_its_line(self, data: st.DataObject) -> None:
        language: Language = data.draw(st.sampled_from(LANGUAGES))
        name = data.draw(st.sampled_from(["reminder", "plan-offer", "payment-confirmation"]))
        source = source_of(name, language)
        purpose = purpose_of(source)
        assert purpose is not None
        entries = [entry for entry in word_list(language).listed if entry.kind in KINDS[purpose]]
        entry: Listed = data.draw(st.sampled_from(entries))
        phrase = data.draw(st.sampled_from(entry.phrases))
        filler = data.draw(st.sampled_from([(), ("uno",), ("uno", "dos")]))
        words = spoken(phrase, filler, data.draw(st.sampled_from(["", "s"])))
        words = data.draw(st.sampled_from([words, words.upper(), words.title(), without_accents(words)]))
        tags = [range(*tag.span()) for tag in TAGS.finditer(source)]
        spaces = [place.start() for place in re.finditer(r"\s", source)]
        at = data.draw(st.sampled_from([place for place in spaces if not any(place in tag for tag in tags)]))

        found = check_template(name, language, f"{source[:at]} {words} {source[at:]}")

        line = source.count("\n", 0, at) + 1
        assert (line, entry.kind, entry.level) in {
            (finding.line, finding.code, finding.level) for finding in found if f"«{phrase}»" in finding.message
        }

    @pytest.mark.parametrize(
        ("language", "code", "words"),
        [
            ("es", "asks_reason", "¿Por qué no ha pagado?"),
            ("es", "asks_reason", "Cuéntenos el motivo del no pago."),
            ("es", "asks_reason", "¿A qué se debe su atraso?"),
            ("es", "threat", "Se verá afectado su historial crediticio."),
            ("es", "threat", "Procederemos al embargo de su salario."),
            ("es", "threat", "Es su ÚLTIMA oportunidad."),
            ("es", "threat", "Llamaremos a su familia."),
            ("es", "threat", "Presentaremos denuncia penal."),
            ("es", "threat", "Puede ir a la cárcel."),
            ("es", "threat", "Será reportado."),
            ("es", "court", "Juzgado 12 civil: notificación judicial."),
            ("es", "court", "Presentaremos una demanda."),
            ("es", "court", "Le escribe el abogado externo."),
            ("es", "court", "Segunda citación."),
            ("es", "insult", "Usted figura como moroso."),
            ("en", "asks_reason", "Why have you not paid?"),
            ("en", "asks_reason", "Tell us the reason for non-payment."),
            ("en", "asks_reason", "Why haven’t you paid yet?"),
            ("en", "threat", "We will call your employer."),
            ("en", "threat", "This is your last chance."),
            ("en", "court", "You will be sued."),
            ("en", "court", "From our attorney."),
            ("pt", "asks_reason", "Por que não pagou?"),
            ("pt", "asks_reason", "Qual foi o motivo do atraso?"),
            ("pt", "threat", "Seu nome será negativado no Serasa."),
            ("pt", "threat", "Última chance."),
            ("pt", "court", "Intimação judicial."),
            ("pt", "court", "Nosso advogado."),
        ],
    )
    def test_what_the_law_and_decency_forbid_is_refused(self, language: str, code: str, words: str) -> None:
        errors = {finding.code for finding in check(with_line(words), language) if finding.level == "error"}
        assert code in errors

    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("es", "Si tiene dificultades, podemos acordar un plan o una fecha que le sirva."),
            ("es", "¿Por qué le escribimos? Puede pagar cuando quiera."),
            ("es", "La cuenta está en gestión prejurídica y es un cobro extrajudicial."),
            ("es", "Si no está de acuerdo con el saldo, díganoslo y lo revisamos."),
            ("es", "Vigilado por la Superintendencia Financiera de Colombia."),
            ("en", "If it is hard to pay now, we can agree on a plan or another date."),
            ("pt", "Se for difícil pagar agora, podemos combinar um plano ou outra data."),
        ],
    )
    def test_help_and_plain_facts_are_allowed(self, language: str, words: str) -> None:
        assert check(with_line(words), language) == []

    def test_words_in_pieces_are_found_when_they_are_put_together(self) -> None:
        assert "threat" in codes(with_line("{{ 'Habrá emb' ~ 'argo' }}"))
        assert "threat" in codes(with_line("Habrá em{% if name %}bargo{% else %}peño{% endif %}."))
        assert "threat" in codes(with_line("Habrá em{# nada #}bargo."))
        assert "asks_reason" in codes(with_line("¿Por qué{% if name %}, {{ name }},{% endif %} no ha pagado?"))
        assert "asks_reason" in codes(with_line("¿Por qué\nno ha\npagado?"))

    def test_words_are_found_where_no_case_leads(self) -> None:
        (finding,) = check(with_line("{% if false %}Habrá embargo.{% endif %}"))
        assert (finding.code, finding.line) == ("threat", with_line("").count("\n") + 1)

    @pytest.mark.parametrize("hidden", ["em\u00adbargo", "em\u200bbargo", "emb\u0430rgo", "{{ 'emb\\u0430rgo' }}"])
    def test_characters_that_hide_a_word_are_refused(self, hidden: str) -> None:
        assert "odd_character" in codes(with_line(f"Habrá {hidden}."))

    def test_pressing_words_are_a_warning(self) -> None:
        (finding,) = check(with_line("Es urgente."))
        assert (finding.code, finding.level) == ("threat", "warning")

    def test_values_are_not_judged(self) -> None:
        assert codes(with_line("{{ creditor | upper }}")) == {"shouting"}
        assert check(with_line("{{ creditor }} {{ creditor }}")) == []

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_no_sentence_on_how_to_stop_has_a_listed_word(self, language: Language) -> None:
        for channel in CHANNELS:
            assert find_listed(stop_sentence(language, channel), language, KINDS["payment_confirmation"]) == []


class TestSentencesThatAreAllowed:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_each_is_allowed_as_it_stands_in_its_stages(self, language: Language) -> None:
        for entry in word_list(language).allowed:
            line = f"{entry.sentence}."
            for stage in entry.stages:
                line = f'{{% if stage == "{stage}" %}}{line}{{% endif %}}'
            assert check(with_line(line), language) == []

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_each_would_be_refused_if_it_were_not_listed(self, language: Language) -> None:
        for entry in word_list(language).allowed:
            first, _, rest = entry.sentence.partition(" ")
            assert codes(with_line(f"{first} pues {rest}."), language) & {"threat", "court"}

    def test_legal_steps_are_not_spoken_of_before_the_prejuridical_stage(self) -> None:
        sentence = "Al terminar esta etapa, el acreedor puede decidir si acude a las vías legales."
        assert codes(with_line(sentence)) == {"threat"}
        assert codes(with_line(f'{{% if stage != "preventive" %}}{sentence}{{% endif %}}')) == {"threat"}


class TestReceipts:
    def test_a_receipt_needs_no_due_date_and_no_link(self) -> None:
        assert check(RECEIPT) == []

    @pytest.mark.parametrize(
        "demand",
        ["Pague su próxima cuota.", "Su cuota vence mañana.", "Tiene $ 100 pendientes.", "Debe ponerse al día."],
    )
    def test_a_receipt_that_demands_payment_is_refused(self, demand: str) -> None:
        assert codes(f"{RECEIPT}\n\n{demand}") == {"demand"}
        assert check(with_line(demand)) == []

    def test_a_receipt_has_no_link_to_pay(self) -> None:
        assert codes(f"{RECEIPT}\n\n{{{{ pay_link }}}}") == {"unknown_variable"}

    def test_an_unknown_purpose_is_refused(self) -> None:
        assert codes("{# purpose: greeting #}\nHola\n\nHola") == {"unknown_purpose"}


class TestManners:
    @pytest.mark.parametrize("shout", ["PAGUE", "IMPORTANTE:", "¡AHORA-MISMO!", "¡Hola! ¡Gracias!"])
    def test_shouting_is_refused(self, shout: str) -> None:
        assert codes(with_line(shout)) == {"shouting"}

    @pytest.mark.parametrize("calm", ["PSE", "COVID-19", "Código CRED-10024.", "¡Gracias!", "La DIAN y el ICBF."])
    def test_codes_initials_and_one_exclamation_are_not_shouting(self, calm: str) -> None:
        assert check(with_line(calm)) == []


class TestReading:
    def test_an_unknown_variable_is_found_with_its_line(self) -> None:
        (finding,) = check(WHOLE.replace("{{ amount }}", "{{ monto }}"))
        assert (finding.code, finding.line, finding.level) == ("unknown_variable", 7, "error")
        assert "'monto'" in finding.message
        assert all(name in finding.message for name in VARIABLES["collection"])

    def test_every_fault_is_found_at_once_in_the_order_of_the_lines(self) -> None:
        found = check("Hola {{ uno }}\n\n{{ name | reverse }}\n{% if tone == 'rude' %}{{ dos }}{% endif %}")
        assert [(finding.line, finding.code) for finding in found] == [
            (1, "unknown_variable"),
            (3, "unknown_filter"),
            (4, "bad_condition"),
            (4, "unknown_variable"),
        ]

    def test_a_template_that_cannot_be_parsed_says_where(self) -> None:
        (finding,) = check("Hola\n\n{% if name %}Ana")
        assert (finding.code, finding.line) == ("syntax", 3)

    @pytest.mark.parametrize("variable", ["name", "pay_link"])
    def test_printing_what_may_be_missing_is_refused(self, variable: str) -> None:
        found = check(with_line(f"{{{{ 'a' ~ {variable} }}}}"))
        assert {finding.code for finding in found} == {"missing_value"}
        assert f"no {variable}" in found[0].message

    @pytest.mark.parametrize(
        "condition",
        [
            'name == "Ana"',
            'account != "1"',
            "days_past_due == 1.5",
            "days_past_due in 5",
            'tone | upper == "FIRM"',
            'tone ~ stage == "a"',
            "amount < balance",
            "name == creditor",
            "1 < 2",
            "days_past_due == account",
            "(days_past_due > 1) == true",
            "pay_link is none",
        ],
    )
    def test_conditions_that_samples_cannot_tell_apart_are_refused(self, condition: str) -> None:
        found = check(with_line(f"{{% if {condition} %}}a{{% endif %}}"))
        assert {finding.code for finding in found} <= {"bad_condition", "not_allowed"}
        assert found

    def test_too_many_numbers_are_refused(self) -> None:
        many = "".join(f"{{% if days_past_due == {number} %}}a{{% endif %}}" for number in range(50))
        assert codes(with_line(many)) == {"too_many_numbers"}

    def test_an_unknown_language_is_refused(self) -> None:
        assert codes(WHOLE, "fr") == {"unknown_language"}

    @pytest.mark.parametrize(
        "attack",
        [
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ name.__init__.__globals__ }}",
            "{{ name['__class__'] }}",
            "{{ self._TemplateReference__context }}",
            "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
            "{{ lipsum.__globals__ }}",
            "{{ config }}",
            "{{ '{0.__class__}'.format(name) }}",
            "{{ name | attr('__class__') }}",
            "{{ name | map(attribute='__class__') }}",
            "{% include '/etc/passwd' %}",
            "{% import 'os' as os %}",
            "{% extends 'mail.html.j2' %}",
            "{% macro m() %}{% endmacro %}",
            "{% set name = 'x' %}",
            "{% for i in range(1000000000) %}a{% endfor %}",
            "{{ 'a' * 1000000000 }}",
            "{{ 10 ** 100000000 }}",
            "{{ 'a' | center(1000000000) }}",
            "{{ 'a' | upper('x') }}",
            "{{ " + "9" * 5000 + " }}",
            "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
            "{{ " + "not " * 300 + "name }}",
            "{% if days_past_due == " + "-" * 600 + "1 %}a{% endif %}",
            "{% if name %}" * 60 + "{% endif %}" * 60,
            "a" * (LONGEST + 1),
            "\ud800",
            "\0",
        ],
    )
    def test_nothing_but_text_and_few_conditions_is_executed(self, attack: str) -> None:
        refusals = {"not_allowed", "unknown_variable", "unknown_filter", "bad_condition", "syntax", "too_long"}
        assert codes(with_line(attack)) & (refusals | {"odd_character"})

    @given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map(" ".join)), st.sampled_from(LANGUAGES))
    @settings(deadline=None, max_examples=300)
    def test_any_source_has_findings_and_never_an_error(self, source: str, language: str) -> None:
        found = check(source, language)
        assert all(isinstance(finding, Finding) and finding.message for finding in found)
        assert found, "nothing so short says all that a message must say"


SMS = (
    "{{ sender }} por {{ creditor }}: {{ amount }} de la cuenta {{ account }}, {{ due_date }}. Pagos: {{ pay_at }} "
    "{{ stop }}"
)
WHATSAPP = (
    "Hola, {{ reader }}:\n\nLe escribe {{ writer }}. Hay {{ amount }} en {{ your_accounts }} desde el {{ due_date }}."
    "\n\nPara pagar: {{ pay_at }}\n\n{{ stop }}"
)
CALL = "Buen día. Le llama {{ sender }} por {{ creditor }}.\n\n{{ stop }}"


class TestSms:
    def test_needs_all_that_a_long_text_needs_and_no_subject(self) -> None:
        assert check(SMS, channel="sms") == []
        assert codes("Hola, le escribimos.", channel="sms") == set(SAID)

    def test_more_than_three_segments_are_refused_where_values_are_long(self) -> None:
        filler = " Con gusto le ayudamos." * 9
        (finding,) = check(SMS + filler, channel="sms")
        assert (finding.code, finding.level, finding.channel) == ("too_many_segments", "error", "sms")
        assert "takes 4 segments (gsm-7)" in finding.message
        assert check(SMS + filler[: len(filler) // 2], channel="sms") == []

    def test_a_character_out_of_its_alphabet_is_told_with_its_line(self) -> None:
        (finding, dearer) = check(f"{SMS}\nSi ya pagó, gracias.", channel="sms")
        assert (finding.code, finding.level, finding.line) == ("not_gsm", "warning", 2)
        assert finding.message.startswith("ó: ")
        assert dearer.code == "too_many_segments"

    def test_the_whole_text_has_a_size(self) -> None:
        assert {"too_long", "too_many_segments"} <= codes(SMS + " hola" * 400, channel="sms")

    def test_length_is_no_matter_elsewhere(self) -> None:
        assert check(with_line("Con gusto le ayudamos. " * 40)) == []


class TestWhatsApp:
    def test_is_fixed_text_with_variables(self) -> None:
        assert check(WHATSAPP, channel="whatsapp") == []

    @pytest.mark.parametrize(
        "part",
        [
            '{% if tone == "firm" %}Hola.{% endif %}',
            '{{ "a" if sender != creditor else "b" }}',
            "{{ creditor | upper }}",
            '{{ "a" ~ creditor }}',
            "{% raw %}{{1}}{% endraw %}",
        ],
    )
    def test_conditions_filters_and_marks_are_refused(self, part: str) -> None:
        assert "not_fixed" in codes(f"{WHATSAPP} {part} hola.", channel="whatsapp")

    @pytest.mark.parametrize("variable", ["name", "pay_link", "accounts"])
    def test_what_may_be_missing_is_no_variable_of_it(self, variable: str) -> None:
        (finding,) = check(f"{WHATSAPP} Es {{{{ {variable} }}}} aquí.", channel="whatsapp")
        assert (finding.code, "reader" in finding.message) == ("unknown_variable", True)

    @pytest.mark.parametrize(
        "source",
        [
            f"{{{{ writer }}}}: {WHATSAPP}",
            f"{WHATSAPP} {{{{ writer }}}}.",
            f"{WHATSAPP} y {{{{ writer }}}} {{{{ amount }}}} y",
        ],
    )
    def test_a_variable_at_an_edge_or_beside_another_is_refused(self, source: str) -> None:
        assert codes(source, channel="whatsapp") == {"variable_at_edge"}

    def test_the_whole_text_has_a_size(self) -> None:
        assert codes(WHATSAPP + " Con gusto le ayudamos." * 40, channel="whatsapp") == {"too_long"}

    def test_the_sender_alone_does_not_say_for_whom(self) -> None:
        assert codes(WHATSAPP.replace("writer", "sender"), channel="whatsapp") == {"no_creditor"}


class TestCalls:
    def test_say_who_calls_for_whom_and_how_to_stop(self) -> None:
        assert check(CALL, channel="call") == []
        assert codes("Buen día.", channel="call") == {"no_sender", "no_creditor", "no_stop"}

    @pytest.mark.parametrize(
        "variable",
        [
            "amount",
            "balance",
            "account",
            "accounts",
            "your_accounts",
            "due_date",
            "days_past_due",
            "pay_link",
            "pay_at",
        ],
    )
    def test_cannot_name_the_debt(self, variable: str) -> None:
        assert codes(f"{CALL} {{{{ {variable} }}}}", channel="call") == {"unknown_variable"}

    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("es", "Es sobre su deuda."),
            ("es", "Tiene un pago atrasado."),
            ("en", "It is about your overdue loan."),
            ("pt", "É sobre a sua dívida."),
        ],
    )
    def test_do_not_speak_of_it_in_other_words(self, language: str, words: str) -> None:
        assert codes(f"{CALL}\n\n{words}", language, "call") == {"debt"}
        assert "debt" not in codes(with_line(words), language)

    def test_do_not_speak_of_it_in_pieces_or_where_no_case_leads(self) -> None:
        assert codes(f"{CALL} Es su {{{{ 'deu' ~ 'da' }}}}.", channel="call") == {"debt"}
        (finding,) = check(f"{CALL}\n{{% if false %}}Es su deuda.{{% endif %}}", channel="call")
        assert (finding.code, finding.line) == ("debt", CALL.count("\n") + 2)


class TestSeveralAccounts:
    def test_a_list_of_several_lines_does_not_fit_into_the_subject(self) -> None:
        source = WHOLE.replace("Su cuenta", "Su cuenta {{ accounts if accounts }}")
        (finding,) = [finding for finding in check(source) if finding.code == "split_subject"]
        assert "accounts 3" in finding.message

    def test_each_account_is_said_by_its_key(self) -> None:
        assert check(WHOLE.replace("{{ account }}", "{{ your_accounts }}")) == []
        assert check(WHOLE.replace("{{ account }}", "{{ accounts if accounts else account }}")) == []
        assert codes(WHOLE.replace("{{ account }}", "{{ accounts if accounts }}")) == {"no_account"}
