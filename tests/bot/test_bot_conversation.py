"""What an identified person may do: the balance, the link, a promise, a plan, a dispute, interest."""

from datetime import date
from decimal import Decimal

import pytest

from channels.bot.choosing import written
from channels.bot.engine import failed
from channels.bot.facts import Language, Part, PlanLimits, PromiseLimits
from channels.bot.talk import (
    Act,
    Asked,
    AskPerson,
    MakePlan,
    MakePromise,
    OpenDispute,
    SendLink,
    Stop,
    Talk,
)
from tests.bot.talking import LINK, NAME, TODAY, Conversation, account, facts, keys_of, nothing_owed, text_of

ONE, TWO = account("90001111"), account("90002222", Decimal(600_000), pay_link=None)


def yes_of(talk: Conversation) -> str:
    """The key of the choice that confirms what was shown last."""
    assert talk.last is not None
    return next(choice.key for choice in talk.last.choices if choice.key.startswith("yes"))


# The balance


def test_the_balance_comes_with_its_dates() -> None:
    talk = Conversation().identified()

    answer = talk.say("saldo")

    assert answer.says == (
        "Cuenta 90001111: saldo de $300.100 a hoy, 24 de noviembre de 2026.\n"
        "De ese saldo, $150.050 son de fechas anteriores a hoy.",
        "Detalle por fecha:\n1 de octubre de 2026: $150.050\n1 de diciembre de 2026: $150.050",
    )
    assert answer.acts == (Asked(topic="balance"),)
    assert keys_of(answer) == {"link", "promise", "plan", "menu", "person"}


def test_the_balance_says_what_it_is_made_of() -> None:
    talk = Conversation(facts(account(interest=Decimal(20_100), fees=Decimal(5_000)))).identified()

    assert talk.say("saldo").says[0].splitlines()[-1] == (
        "Se compone así: capital $275.000, intereses $20.100, gastos de cobranza $5.000."
    )


def test_many_dates_are_summed_up() -> None:
    parts = tuple(Part(due_date=date(2026, month, 1), amount=Decimal(10)) for month in range(12, 0, -1))
    talk = Conversation(facts(account(balance=Decimal(120), parts=parts))).identified()

    assert talk.say("saldo").says[1].splitlines()[1:] == [
        "1 de enero de 2026: $10",
        "1 de febrero de 2026: $10",
        "1 de marzo de 2026: $10",
        "1 de abril de 2026: $10",
        "1 de mayo de 2026: $10",
        "Otras 7 fechas: $70",
    ]


def test_several_accounts_are_summed_and_one_is_seen_in_detail() -> None:
    talk = Conversation(facts(ONE, TWO)).identified()

    whole = talk.say("¿cuánto debo?")
    detail = talk.press("account=90002222")

    assert "Su saldo total a hoy, 24 de noviembre de 2026: $900.100." in whole.says
    assert "Cuenta 90001111: $300.100\nCuenta 90002222: $600.000" in whole.says
    assert detail.says[0].startswith("Cuenta 90002222: saldo de $600.000")


def test_an_account_may_be_named_at_once() -> None:
    talk = Conversation(facts(ONE, TWO)).identified()

    assert talk.say("saldo de la 90002222").says[0].startswith("Cuenta 90002222")


def test_an_open_promise_and_a_dispute_are_told_with_the_balance() -> None:
    promised = {"amount": Decimal(50_000), "due_date": date(2026, 12, 1)}
    talk = Conversation(facts(account(promised=promised, disputed=True))).identified()

    said = text_of(talk.say("saldo"))

    assert "Su compromiso registrado: $50.000 el 1 de diciembre de 2026." in said
    assert "Estamos revisando su reclamo" in said


# The link


def test_the_link_is_written() -> None:
    talk = Conversation(facts(ONE, TWO)).identified()

    assert f"cuenta 90001111: {LINK}" in text_of(talk.press("link"))


def test_on_the_telephone_the_link_is_sent() -> None:
    talk = Conversation(medium="voice")
    talk.say("")
    talk.keys("4567")

    offer = talk.press("link")
    sent = talk.keys("1")

    assert LINK not in text_of(offer)
    assert "send_link" in keys_of(offer)
    assert sent.acts == (Asked(topic="send_link"), SendLink(account="90001111"))


def test_without_a_link_a_person_helps() -> None:
    talk = Conversation(facts(TWO)).identified()

    answer = talk.say("quiero pagar")

    assert "no tenemos un enlace" in text_of(answer)
    assert "person" in keys_of(answer)


# A promise


def test_a_promise_is_asked_for_shown_and_made() -> None:
    talk = Conversation().identified()

    day, amount = talk.press("promise"), talk.say("15 de diciembre")
    shown = talk.say("100.000")
    made = talk.press(yes_of(talk))

    assert "entre hoy y el 20 de diciembre de 2026" in text_of(day)
    assert "entre $20.000 y $300.100" in text_of(amount)
    assert "$100.000 el 15 de diciembre de 2026, cuenta 90001111" in text_of(shown)
    assert made.acts == (MakePromise(account="90001111", amount=Decimal(100_000), due_date=date(2026, 12, 15)),)


@pytest.mark.parametrize(
    "text",
    [
        "puedo pagar 100 mil el viernes",
        "el viernes pago $100.000",
        "100.000 el 27/11",
        "quiero pagar 100.000 el viernes",
    ],
)
def test_a_promise_in_one_sentence_is_only_confirmed(text: str) -> None:
    talk = Conversation().identified()

    shown = talk.say(text)

    assert "$100.000 el 27 de noviembre de 2026" in text_of(shown)
    assert talk.acts == []
    assert talk.say("sí").acts == (
        MakePromise(account="90001111", amount=Decimal(100_000), due_date=date(2026, 11, 27)),
    )


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("promise a payment", "next friday", "50,000.00", "yes")),
        ("pt", ("compromisso", "sexta-feira", "50 mil", "sim")),
        ("es", ("promesa", "viernes", "$ 50.000,00", "1")),
    ],
)
def test_a_promise_is_made_in_each_language(language: Language, texts: tuple[str, ...]) -> None:
    talk = Conversation(facts(language=language), language=language).identified()

    talk.say(*texts)

    assert talk.acts == [MakePromise(account="90001111", amount=Decimal(50_000), due_date=date(2026, 11, 27))]


def test_a_day_beyond_the_limits_is_asked_again_with_what_is_possible() -> None:
    talk = Conversation().identified()

    answer = talk.say("promesa", "15 de enero")

    assert "15 de enero de 2027 no está" in text_of(answer)
    assert "20 de diciembre de 2026" in text_of(answer)
    assert talk.talk.step == "promise_date"


def test_after_three_refusals_a_person_is_offered() -> None:
    talk = Conversation().identified()

    answer = talk.say("promesa", "15 de enero", "15 de diciembre", "5", "999.999.999")

    assert "Una persona de nuestro equipo lo puede ver con usted" in text_of(answer)
    assert keys_of(answer) == {"menu", "person"}
    assert talk.acts == []


def test_todo_is_the_balance() -> None:
    talk = Conversation().identified()

    talk.say("promesa", "mañana", "todo", "sí")

    assert talk.acts == [MakePromise(account="90001111", amount=Decimal(300_100), due_date=date(2026, 11, 25))]


def test_what_was_understood_wrongly_is_changed() -> None:
    talk = Conversation().identified()

    talk.say("puedo pagar 100 mil el viernes")
    again = talk.press("change")
    talk.say("el lunes", "60.000", "mejor el martes", "sí")

    assert "¿Qué día elige" in text_of(again)
    assert talk.acts == [MakePromise(account="90001111", amount=Decimal(60_000), due_date=date(2026, 12, 1))]


def test_an_old_yes_confirms_nothing_else() -> None:
    talk = Conversation().identified()
    talk.say("puedo pagar 100 mil el viernes")
    old = yes_of(talk)
    talk.say("no", "el lunes", "60.000")

    answer = talk.press(old)

    assert talk.acts == []
    assert "$60.000 el 30 de noviembre de 2026" in text_of(answer)


def test_a_promise_that_has_become_impossible_is_not_made() -> None:
    talk = Conversation().identified()
    talk.say("puedo pagar 100 mil el viernes")
    talk.facts = facts(account(promise=PromiseLimits(last_day=TODAY, at_least=Decimal(1))))

    talk.say("sí")

    assert talk.acts == []


def test_an_open_promise_is_told_and_no_second_one_made() -> None:
    promised = {"amount": Decimal(50_000), "due_date": date(2026, 12, 1)}
    talk = Conversation(facts(account(promised=promised))).identified()

    answer = talk.say("promesa")

    assert "Ya tenemos registrado su compromiso: $50.000 el 1 de diciembre de 2026" in text_of(answer)
    assert talk.talk.step == "menu"


def test_where_no_promise_is_taken_a_person_is_offered() -> None:
    talk = Conversation(facts(account(promise=None))).identified()

    answer = talk.say("puedo pagar 100 mil el viernes")

    assert "person" in keys_of(answer)
    assert talk.acts == []


def test_a_promise_for_one_of_several_accounts() -> None:
    talk = Conversation(facts(ONE, TWO)).identified()

    asked = talk.say("puedo pagar 100 mil el viernes")
    talk.say("90002222", "sí")

    assert "¿De cuál cuenta hablamos?" in text_of(asked)
    assert talk.acts == [MakePromise(account="90002222", amount=Decimal(100_000), due_date=date(2026, 11, 27))]


def test_a_promise_by_the_keys_of_a_telephone() -> None:
    talk = Conversation(medium="voice")
    talk.say("")
    talk.keys("4567")

    day = talk.press("promise")
    amount = talk.keys("1512")
    shown = talk.keys("50000#")
    talk.keys("1")

    assert (day.digits, amount.digits, shown.digits) == (4, None, 1)
    assert amount.choices == ()
    assert "50.000 pesos colombianos el 15 de diciembre de 2026" in text_of(shown)
    assert talk.acts == [MakePromise(account="90001111", amount=Decimal(50_000), due_date=date(2026, 12, 15))]


def test_zero_leads_to_a_person_even_where_an_amount_is_asked_for() -> None:
    talk = Conversation(medium="voice")
    talk.say("")
    talk.keys("4567")
    talk.press("promise")

    assert talk.keys("1512", "0#").acts == (AskPerson(reason="asked"),)


# A plan


def test_a_plan_is_offered_shown_and_made() -> None:
    talk = Conversation().identified()

    offered = talk.press("plan")
    shown = talk.press("plan=3")
    made = talk.press(yes_of(talk))

    assert "3 cuotas: la primera, $100.033,33" in text_of(offered)
    assert {"plan=2", "plan=3", "plan=12", "menu", "person"} == keys_of(offered)
    assert shown.says[0].splitlines()[1:] == [
        "1. 5 de diciembre de 2026: $100.033,33",
        "2. 4 de enero de 2027: $100.033,33",
        "3. 3 de febrero de 2027: $100.033,34",
    ]
    assert "En total: $300.100" in text_of(shown)
    assert made.acts == (
        MakePlan(
            account="90001111",
            instalments=(
                (date(2026, 12, 5), Decimal("100033.33")),
                (date(2027, 1, 4), Decimal("100033.33")),
                (date(2027, 2, 3), Decimal("100033.34")),
            ),
        ),
    )


def test_in_a_text_a_number_is_the_count_and_on_the_telephone_the_place() -> None:
    written_talk = Conversation().identified()
    spoken_talk = Conversation(medium="voice")
    spoken_talk.say("")
    spoken_talk.keys("4567")

    written_talk.press("plan")
    spoken_talk.press("plan")
    written_talk.say("3")
    spoken_talk.keys("3")

    assert written_talk.talk.count == 3
    assert spoken_talk.talk.count == 12


def test_a_long_plan_is_summed_up_and_whole() -> None:
    talk = Conversation().identified()

    shown = talk.say("plan de 12 cuotas")
    talk.say("sí")

    assert "12 cuotas, una cada 30 días" in text_of(shown)
    made = talk.acts[0]
    assert isinstance(made, MakePlan)
    assert sum(amount for _, amount in made.instalments) == Decimal(300_100)


def test_a_count_that_is_not_allowed_is_refused_three_times_at_most() -> None:
    talk = Conversation().identified()

    answers = [talk.say("plan"), talk.say("5"), talk.say("7"), talk.say("9")]

    assert "No tenemos un plan de 5 cuotas." in text_of(answers[1])
    assert "plan=2" in keys_of(answers[2])
    assert keys_of(answers[3]) == {"menu", "person"}
    assert talk.acts == []


def test_a_plan_that_changed_meanwhile_is_shown_again() -> None:
    talk = Conversation().identified()
    talk.say("plan de 3 cuotas")
    talk.facts = facts(account(balance=Decimal(150_000)))

    again = talk.say("sí")

    assert talk.acts == []
    assert "cambiaron" in text_of(again)
    assert "$150.000" in text_of(again)
    assert isinstance(talk.say("sí").acts[0], MakePlan)


def test_where_no_plan_is_allowed_a_person_is_offered() -> None:
    none_left = PlanLimits(instalments=(3,), first_by=date(2026, 12, 5), last_day=date(2026, 12, 6))
    talk = Conversation(facts(account(plan=none_left))).identified()

    assert "plan" not in keys_of(talk.say("menú"))
    assert "person" in keys_of(talk.say("plan"))


# A dispute


def test_a_dispute_asks_which_and_takes_no_reason() -> None:
    talk = Conversation().identified()

    asked = talk.press("dispute")
    opened = talk.press("dispute=wrong_amount")

    assert "dispute=not_mine" in keys_of(asked)
    assert opened.acts == (OpenDispute(account="90001111", reason="wrong_amount"),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("ya pagué", "already_paid"), ("no es mía", "not_mine"), ("el valor está mal", "wrong_amount")],
)
def test_a_dispute_said_at_once_is_opened(text: str, reason: str) -> None:
    talk = Conversation().identified()

    talk.say(text)

    assert talk.acts == [OpenDispute.model_validate({"account": "90001111", "reason": reason})]


def test_an_account_in_dispute_is_disputed_once() -> None:
    talk = Conversation(facts(account(disputed=True))).identified()

    answer = talk.say("ya pagué")

    assert talk.acts == []
    assert "Ya estamos revisando" in text_of(answer)


# Interest, a person, the end


def test_interest_is_told_in_general_by_a_sentence_or_by_the_creditors_words() -> None:
    said = [
        text_of(Conversation(facts(interest=own)).identified().say("¿cómo calculan el interés?"))
        for own in (None, "no_interest", "Cobramos 1 % mensual.")
    ]

    assert "En general" in said[0]
    assert "no genera intereses" in said[1]
    assert "Cobramos 1 % mensual." in said[2]


def test_the_creditors_words_are_not_told_in_another_language() -> None:
    talk = Conversation(facts(interest="Cobramos 1 % mensual.")).identified()
    talk.say("english")

    assert "In general" in text_of(talk.say("interest"))


def test_thanks_and_good_bye() -> None:
    talk = Conversation().identified()

    assert not talk.say("gracias").finish
    assert talk.say("no, gracias").finish
    assert "menu" not in keys_of(talk.say("hola"))
    assert talk.talk.identified


# What is not understood, what fails


def test_twice_the_question_and_the_menu_then_a_person() -> None:
    talk = Conversation().identified()
    talk.press("promise")

    first, second, third = talk.say("xyz"), talk.say("xyz"), talk.say("xyz")

    assert "¿Qué día elige" in text_of(first)
    assert {"balance", "person"} <= keys_of(second)
    assert third.acts == (AskPerson(reason="not_understood"),)


def test_one_understood_message_begins_the_count_anew() -> None:
    talk = Conversation().identified()

    talk.say("xyz", "xyz", "saldo", "xyz", "xyz")

    assert talk.acts == []


def test_a_stranger_who_is_not_understood_gets_a_person_and_no_facts() -> None:
    talk = Conversation()

    answers = [talk.say("hola"), talk.say("xyz"), talk.say("xyz"), talk.say("xyz")]

    assert answers[-1].acts == (AskPerson(reason="not_understood"),)
    assert all(keys_of(answer) <= {"person", "not_me", "stop"} for answer in answers)


def test_one_case_is_enough() -> None:
    talk = Conversation().identified()

    talk.say(*["xyz"] * 9)

    assert talk.acts == [AskPerson(reason="not_understood")]


def test_silence_on_the_telephone_comes_to_an_end() -> None:
    talk = Conversation(medium="voice")
    talk.say("")

    assert talk.say("", "", "").finish


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (MakePromise(account="90001111", amount=Decimal(1), due_date=TODAY), "compromiso"),
        (MakePlan(account="90001111", instalments=()), "plan"),
        (OpenDispute(account="90001111", reason="other"), "reclamo"),
        (SendLink(account="90001111"), "enlace"),
        (Stop(), "no pudimos"),
    ],
)
def test_a_failure_is_told_in_plain_words_and_a_person_offered(act: Act, word: str) -> None:
    known = Talk.new("es").model_copy(update={"identified": True, "step": "menu"})

    answer = failed(known, facts(), act, "ledger.conflict")
    to_stranger = failed(Talk.new("es"), facts(), act, "ledger.conflict")

    assert word in text_of(answer)
    assert "person" in keys_of(answer) & keys_of(to_stranger)
    assert "ledger" not in text_of(answer)
    assert "90001111" not in text_of(to_stranger)
    assert answer.acts == ()


# Short, and without buttons


@pytest.mark.parametrize(
    "text", ["saldo", "enlace", "promesa", "plan", "plan de 3 cuotas", "reclamo", "interés", "menú", "ya pagué"]
)
def test_an_sms_stays_short(text: str) -> None:
    talk = Conversation(facts(account(), name=NAME))

    assert len(written(talk.say("hola"))) <= 300
    assert len(written(talk.say("4567", text))) <= 330


def test_without_buttons_the_choices_are_numbered() -> None:
    talk = Conversation(facts(ONE, TWO)).identified()

    assert written(talk.press("promise")) == (
        "¿De cuál cuenta hablamos?\n\n1 90001111\n2 90002222\n0 Hablar con alguien\n* Menú"
    )
    assert "cuenta 90002222" in text_of(talk.say("2", "mañana", "50.000"))


def test_many_accounts_are_offered_in_part_and_found_by_number() -> None:
    many = tuple(account(f"9000{number:04}") for number in range(1, 20))
    talk = Conversation(facts(*many)).identified()

    asked = talk.press("dispute")

    assert len(asked.choices) == 9
    assert "Hay 12 cuentas más" in text_of(asked)
    assert "90000019" in text_of(talk.say("es la 90000019"))


def test_a_paid_person_is_told_so_whatever_they_ask() -> None:
    talk = Conversation(nothing_owed()).identified()

    for text in ("saldo", "promesa", "plan", "enlace", "reclamo"):
        assert "no registramos ningún saldo" in text_of(talk.say(text))
