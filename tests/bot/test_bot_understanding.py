"""What a text says: STOP, the end of a document, topics in three languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.bot.understanding import first_said, fold, is_stop, read_code, says

KEYWORDS = ["STOP", "BAJA", "PARAR", "PARE", "SAIR", "SALIR", "CANCELAR", "UNSUBSCRIBE", "cancel", "alto"]


@pytest.mark.parametrize(
    "text",
    [
        *KEYWORDS,
        " s.t.o.p ",
        "B A J A",
        "¡Baja!",
        "bája",
        "ｓｔｏｐ",
        "s\u200btop",
        "Stop stop STOP",
        "STOP 🛑",
        "Sair, por favor",
        "hola, quiero darme de baja, gracias",
        "please stop",
        "no me escriban más",
        "NO ME ESCRIBAN MAS!!!",
        "Hola. No me escriban más. Gracias",
        "ya les dije, no me llamen más",
        "No quiero recibir más mensajes",
        "don't text me again",
        "Do not contact me",
        "não me mandem mais mensagens",
        "Parem de me ligar!",
    ],
)
def test_whoever_wants_no_more_messages_is_heard(text: str) -> None:
    assert is_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "🙂",
        "por favor",
        "baja la cuota",
        "¿me baja el interés?",
        "la cuota no baja",
        "quiero cancelar mi deuda",
        "para mañana",
        "no pare",
        "no me escriban más tarde de las 8",
        "no me llamen al trabajo después de las 5",
        "stop asking, I already paid",
        "can I cancel my plan",
        "vou parar de trabalhar",
        "sair da dívida",
        "no",
    ],
)
def test_the_same_words_in_another_sense_stop_nothing(text: str) -> None:
    assert not is_stop(text)


@given(
    st.sampled_from(KEYWORDS),
    st.lists(st.sampled_from([" ", ".", "-", "*", "!", "\u200b", "\n", ""]), min_size=14, max_size=14),
    st.booleans(),
)
def test_case_spaces_and_punctuation_do_not_matter_to_a_keyword(word: str, marks: list[str], lower: bool) -> None:
    text = "".join(mark + letter for mark, letter in zip(marks, word, strict=False)) + marks[-1]

    assert is_stop(text.lower() if lower else text)


@given(st.text())
def test_any_text_is_folded_to_the_same_words_again(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert isinstance(is_stop(text), bool)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("4567", "4567"),
        ("mis últimos cuatro son 4567.", "4567"),
        ("1.020.304.567", "1020304567"),
        ("1 020 304 567", "1020304567"),
        ("12.345.678-k", "12345678K"),
        ("４５６７", "4567"),
        ("4 5 6 7", "4567"),
        ("ab12", "AB12"),
    ],
)
def test_the_end_of_a_document_is_read_however_it_is_written(text: str, code: str) -> None:
    assert read_code(text) == code


@pytest.mark.parametrize("text", ["hola", "no sé", "", "123", "uno dos tres cuatro", "a b c d e f g h i 4567"])
def test_what_is_no_document_is_no_try(text: str) -> None:
    assert read_code(text) is None


def test_a_list_of_numbers_is_one_try() -> None:
    assert read_code("1234 4567 8901") == "123445678901"


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("¿Cuánto debo?", "balance"),
        ("quiero saber mi saldo", "balance"),
        ("how much is it", "balance"),
        ("quanto devo", "balance"),
        ("¿dónde puedo pagar?", "link"),
        ("send me the payment link", "link"),
        ("me passa o boleto", "link"),
        ("puedo pagar 100.000 el viernes", "promise"),
        ("vou pagar na sexta", "promise"),
        ("I can pay next friday", "promise"),
        ("quiero pagar en 3 cuotas", "plan"),
        ("no puedo pagar todo", "plan"),
        ("quero parcelar", "plan"),
        ("cómo se calcula el interés", "interest"),
        ("how is my interest computed", "interest"),
        ("como são os juros", "interest"),
        ("Ya pagué ayer", "already_paid"),
        ("I have already paid", "already_paid"),
        ("já paguei", "already_paid"),
        ("esa deuda no es mía", "not_mine"),
        ("the amount is wrong", "wrong_amount"),
        ("tengo un reclamo", "dispute"),
        ("número equivocado", "not_me"),
        ("I'm not that person", "not_me"),
        ("não sou essa pessoa", "not_me"),
        ("quiero hablar con un asesor", "person"),
        ("Persona", "person"),
        ("talk to somebody please", "person"),
        ("falar com atendente", "person"),
    ],
)
def test_topics_are_heard_in_three_languages(text: str, topic: str) -> None:
    narrow = ("not_me", "person", "already_paid", "not_mine", "wrong_amount", "dispute")
    among = (*narrow, "interest", "plan", "link", "promise", "balance")

    assert first_said(fold(text), among) == topic


@pytest.mark.parametrize("text", ["sí", "Si", "OK!", "claro que sí", "Sí, por favor", "yes", "sim, obrigado"])
def test_yes_is_a_whole_message(text: str) -> None:
    assert says(fold(text), "yes")
    assert not says(fold(f"{text} pero el lunes"), "yes")
