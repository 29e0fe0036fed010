"""Who is it? Nothing is told before, three tries, and what may be said at any time."""

import pytest

from channels.bot.facts import Language
from channels.bot.talk import AskPerson, Medium, NotMe, Stop, Turn
from tests.bot.talking import CREDITOR, DOCUMENT, LINK, Conversation, facts, keys_of, nothing_owed, text_of

TOLD = ("Ana", "9000", "300", "150", LINK, "1111", "cuenta", "deuda", "saldo", "octubre")


def tells_nothing(answer: Turn) -> bool:
    said = " ".join((text_of(answer), *(choice.label for choice in answer.choices)))
    return not any(fact.lower() in said.lower() for fact in TOLD)


def test_the_greeting_says_who_writes_and_nothing_else() -> None:
    answer = Conversation().say("hola")

    assert CREDITOR in text_of(answer)
    assert "últimos cuatro" in text_of(answer)
    assert tells_nothing(answer)
    assert keys_of(answer) == {"person", "not_me", "stop"}


def test_the_first_message_is_never_a_try() -> None:
    talk = Conversation()

    talk.say(DOCUMENT)

    assert not talk.talk.identified
    assert talk.talk.tries == 0


@pytest.mark.parametrize("text", [DOCUMENT, "son 4567", "1.020.304.567", " 45 67 "])
def test_the_end_of_the_document_identifies(text: str) -> None:
    talk = Conversation()

    answer = talk.say("hola", text)

    assert talk.talk.identified
    assert text_of(answer).startswith("Gracias, Ana.")
    assert {"balance", "link", "promise", "plan", "dispute", "interest", "person", "stop"} == keys_of(answer)


def test_letters_of_a_document_may_be_small() -> None:
    assert Conversation(facts(document_last4="67AK")).say("hola", "67ak").talk.identified


def test_three_wrong_tries_block_and_hand_over() -> None:
    talk = Conversation()

    answers = [talk.say("hola"), talk.say("1111"), talk.say("2222"), talk.say("3333")]

    assert ["2" in text_of(answers[1]), "1" in text_of(answers[2])] == [True, True]
    assert all(tells_nothing(answer) for answer in answers)
    assert talk.acts == [AskPerson(reason="identification_failed")]
    assert talk.talk.blocked


@pytest.mark.parametrize("text", [DOCUMENT, "saldo", "hola", "", "menú", "sí"])
def test_after_that_nothing_is_told_to_anybody(text: str) -> None:
    talk = Conversation()
    talk.say("hola", "1111", "2222", "3333")

    answer = talk.say(text)

    assert tells_nothing(answer)
    assert not talk.talk.identified
    assert answer.acts == ()


def test_a_wrong_number_between_gives_no_further_tries() -> None:
    talk = Conversation()

    talk.say("hola", "1111", "2222", "número equivocado", "hola", "3333")

    assert talk.talk.blocked


def test_other_messages_are_no_tries() -> None:
    talk = Conversation()

    talk.say("hola", "¿quién es?", "quiero saber mi saldo", "pago 100.000 el viernes", "hola")

    assert talk.talk.tries == 0


def test_what_was_asked_before_is_answered_after() -> None:
    talk = Conversation()

    answer = talk.say("¿cuánto debo?", DOCUMENT)

    assert "saldo de $300.100" in text_of(answer)


@pytest.mark.parametrize("document", [None, "", "ABCD", "12", "12345", "12 4", "abcd"])
def test_without_the_end_of_a_document_a_person_takes_over_at_once(document: str | None) -> None:
    talk = Conversation(facts(document_last4=document))

    answers = [talk.say("hola"), talk.say("ABCD"), talk.say("12")]

    assert talk.acts == [AskPerson(reason="cannot_identify")]
    assert all(tells_nothing(answer) for answer in answers)
    assert not talk.talk.identified


def test_on_the_telephone_four_keys_identify() -> None:
    talk = Conversation(medium="voice")

    answer = talk.say("")
    talk.keys(DOCUMENT)

    assert answer.digits == 4
    assert talk.talk.identified


def test_on_the_telephone_a_document_with_letters_cannot_be_asked_for() -> None:
    talk = Conversation(facts(document_last4="67AK"), medium="voice")

    answer = talk.say("")

    assert answer.acts == (AskPerson(reason="cannot_identify"),)
    assert answer.finish
    assert tells_nothing(answer)


@pytest.mark.parametrize("medium", ["text", "voice"])
@pytest.mark.parametrize(
    "before", [(), ("hola",), ("hola", "1111"), ("hola", "1", "2", "3"), ("hola", DOCUMENT, "promesa")]
)
@pytest.mark.parametrize("text", ["STOP", "no me escriban más", "sair"])
def test_stop_works_at_any_time(medium: Medium, before: tuple[str, ...], text: str) -> None:
    talk = Conversation(medium=medium)
    if before:
        talk.say(*before)

    answer = talk.say(text)

    assert answer.acts == (Stop(),)
    assert answer.finish
    assert len(answer.says) == 1
    assert answer.choices == ()


@pytest.mark.parametrize("before", [(), ("hola",), ("hola", DOCUMENT), ("hola", DOCUMENT, "plan")])
@pytest.mark.parametrize("text", ["no soy esa persona", "Número equivocado", "wrong number", "não sou eu"])
def test_whoever_is_not_the_person_is_let_go(before: tuple[str, ...], text: str) -> None:
    talk = Conversation()
    if before:
        talk.say(*before)

    answer = talk.say(text)

    assert answer.acts == (NotMe(),)
    assert answer.finish
    assert tells_nothing(answer)
    assert "Disculpe" in text_of(answer)
    assert not talk.talk.identified


@pytest.mark.parametrize(("before", "reason"), [((), "asked"), (("hola",), "asked"), (("hola", DOCUMENT), "asked")])
def test_a_person_may_be_asked_for_at_any_time(before: tuple[str, ...], reason: str) -> None:
    talk = Conversation()
    if before:
        talk.say(*before)

    assert talk.say("quiero hablar con una persona").acts == (AskPerson(reason=reason),)


def test_somebody_who_failed_and_asks_for_a_person_says_why() -> None:
    talk = Conversation()
    talk.say("hola", "1111", "2222", "3333")

    assert talk.press("person").acts == (AskPerson(reason="identification_failed"),)


@pytest.mark.parametrize(
    ("text", "language", "word"), [("english", "en", "Hello"), ("Português", "pt", "Olá"), ("en español", "es", "Hola")]
)
def test_the_language_may_be_changed_before_and_after(text: str, language: Language, word: str) -> None:
    stranger, known = Conversation(), Conversation().identified()

    assert word in text_of(stranger.say(text))
    known.say(text)

    assert stranger.talk.language == known.talk.language == language
    assert known.talk.identified


def test_nothing_owed_is_said_kindly() -> None:
    talk = Conversation(nothing_owed())

    answer = talk.say("hola", DOCUMENT)

    assert "Buenas noticias" in text_of(answer)
    assert keys_of(answer) == {"interest", "person", "stop"}
    assert "Buenas noticias" in text_of(talk.say("saldo"))


def test_a_choice_of_the_stranger_is_its_number_in_a_text() -> None:
    assert Conversation().say("hola", "1").acts == (NotMe(),)
    assert Conversation().say("hola", "2").acts == (Stop(),)
    assert Conversation().say("hola", "0").acts == (AskPerson(reason="asked"),)
