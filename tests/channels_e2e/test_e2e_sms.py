"""SMS by Twilio's protocol, out and back: words, receipts, the bot, stops, numbers that are none."""

import asyncio

import pytest

from tests.channels_e2e.driving import LAST4, NAME, STEP_1, STEP_2, Debtor, Person, World, minutes_after
from tests.eventually import assert_eventually

STOPS = ("STOP", "baja", "Parar por favor", "no me escriban más")


async def test_a_step_leaves_with_its_words_and_its_receipt_comes_back(world: World) -> None:
    debtor = await world.debtor("sms")
    message = await debtor.message("sms")
    for part in ("Crédito Amable: hola, Ana", "$125.000", "cuenta A", "01/03/2026", "https://pagos.example/", "BAJA"):
        assert part in message["text"]
    assert message["segments"] == 2
    contact = await debtor.becomes("delivered", step="aviso-1")
    assert (contact["channel"], message["reference"]) == ("sms", str(contact["id"]))
    told = await world.api.rows(
        "SELECT status, provider_ref, actor FROM contact_events WHERE contact_id = %s ORDER BY id", contact["id"]
    )
    assert [(event["status"], event["provider_ref"]) for event in told] == [
        ("sent", message["provider_ref"]),
        ("delivered", message["provider_ref"]),
    ]
    assert [(fact["actor"], fact["data"]["status"]) for fact in await debtor.facts("receipt")] == [
        ("provider:sms", "delivered")
    ]


async def test_a_conversation_tells_the_balance_to_the_person_alone_and_ends_in_a_promise(world: World) -> None:
    debtor = await world.debtor("sms")
    question = await debtor.answers("sms", text="¿Cuánto debo?")
    assert "los últimos cuatro caracteres de su documento" in question["text"]
    wrong = await debtor.answers("sms", text="9999")
    assert "Intentos restantes: 2" in wrong["text"]
    for told in (question, wrong):
        assert not any(secret in told["text"] for secret in ("125", "Ana", "Gómez", "cuenta", "pagos.example"))
    balance = await debtor.answers("sms", text=LAST4)
    assert "Cuenta A: saldo de $125.000 a hoy, 2 de marzo de 2026." in balance["text"]
    assert "1 de marzo de 2026: $125.000" in balance["text"]
    link = await debtor.chooses("sms", "Enlace de pago")
    assert "https://pagos.example/" in link["text"]
    proposal = await debtor.answers("sms", text="me comprometo a pagar 50.000 el 5 de marzo")
    assert "$50.000 el 5 de marzo de 2026" in proposal["text"]
    assert "quedó registrado" in (await debtor.chooses("sms", "Sí, registrar"))["text"]
    assert (await debtor.journey())["status"] == "promise"
    (promise,) = (await debtor.creditor.get("A", "/promises"))["items"]
    assert (promise["status"], promise["amount"], promise["due_date"]) == ("open", "50000.00", "2026-03-05")
    assert (await debtor.contact(step="aviso-1"))["status"] == "answered"
    inbound = await debtor.contacts(direction="inbound")
    assert {(each["channel"], each["status"], each["purpose"]) for each in inbound} == {
        ("sms", "answered", "requested_information")
    }
    assert len(inbound) == len(await debtor.contacts(actor="bot")) == 6


async def test_a_number_in_the_text_is_the_choice_that_stands_beside_it(world: World) -> None:
    asking, leaving = await asyncio.gather(world.debtor("sms"), world.debtor("sms"))
    await asyncio.gather(asking.answers("sms", text="hola"), leaving.answers("sms", text="hola"))
    handed_over, left = await asyncio.gather(
        asking.chooses("sms", "Hablar con alguien"), leaving.chooses("sms", "No soy esa persona")
    )
    assert "Una persona de nuestro equipo le atenderá" in handed_over["text"]
    (task,) = await asking.tasks()
    assert task["reason"] == "asked"
    assert await asking.invalid() == []
    assert "Disculpe la molestia" in left["text"]
    assert [task["reason"] for task in await leaving.tasks()] == ["not_me"]
    assert {code for _, code in await leaving.invalid()} == {"not_me"}


async def test_a_stop_holds_at_once_and_the_next_step_goes_another_way(world: World) -> None:
    creditor, debtors = await world.written_to(["sms", "email"], *(Person() for _ in STOPS))
    for debtor, word in zip(debtors, STOPS, strict=True):
        await debtor.writes("sms", word)
        assert await debtor.authorised() == ["email"], word
        first = (await debtor.said())[-1]
        assert (first["channel"], first["value"], first["origin"]) == ("sms", "revoked", "sms")
        (inbound,) = await world.api.rows("SELECT id, text FROM inbound WHERE address = %s", debtor.person.number)
        assert (first["document"], inbound["text"]) == (f"inbound-{inbound['id']}", word)
    await creditor.advances(STEP_2)
    for debtor in debtors:
        await debtor.answered_all()
        assert (await debtor.contact(step="aviso-9"))["channel"] == "email"
        assert len(await debtor.got("sms")) == 1


async def test_a_number_that_the_provider_refuses_is_not_used_again(world: World) -> None:
    debtor = await world.debtor("sms", "email", person=Person.failing("0404"))
    refused, sent = await debtor.contacts(step="aviso-1")
    assert (refused["channel"], refused["status"], refused["disposition"]) == ("sms", "failed", "twilio_21211")
    assert (sent["channel"], sent["status"], sent["decided_at"]) == ("email", "sent", refused["decided_at"])
    assert await debtor.invalid() == [("sms", "twilio_21211")]
    await debtor.creditor.advances(STEP_2)
    assert [each["channel"] for each in await debtor.contacts(step="aviso-9")] == ["email"]


@pytest.mark.parametrize(
    ("ending", "code", "is_dead"), [("0035", "twilio_30005", True), ("0030", "twilio_30003", False)]
)
async def test_a_number_that_turns_out_dead_is_not_used_again_but_one_out_of_reach_is(
    world: World, ending: str, code: str, is_dead: bool
) -> None:
    debtor = await world.debtor("sms", "email", person=Person.failing(ending))

    async def came_back() -> None:
        assert (await debtor.contacts(step="aviso-1"))[0]["disposition"] == code

    await assert_eventually(came_back)
    await debtor.creditor.advances(minutes_after(STEP_1, 5))
    channels = [each["channel"] for each in await debtor.contacts(step="aviso-1")]
    assert channels == (["sms", "email"] if is_dead else ["sms"])
    assert await debtor.invalid() == ([("sms", code)] if is_dead else [])
    await debtor.creditor.advances(STEP_2)
    assert (await debtor.contacts(step="aviso-9"))[0]["channel"] == ("email" if is_dead else "sms")


async def test_a_stranger_is_told_nothing_but_a_stop_holds_for_all_whose_number_it_is(world: World) -> None:
    """Neither a number that nobody has is told anything, nor one that two people have."""
    stranger, one = Person(), Person()
    other = Person(number=one.number)
    creditor = await world.creditor(["sms"])
    await creditor.imports(one.row("A", ["sms"]), other.row("B", ["sms"]))
    for number in (stranger.number, one.number):
        done = await world.sandbox.does(f"/people/{number}/write", channel="sms", text=f"hola, soy {NAME}")
        assert done["status"] == 200
        assert await world.sandbox.got(number) == []
        (kept,) = await world.api.rows("SELECT contact_id FROM inbound WHERE address = %s", number)
        assert kept["contact_id"] is None
    await world.sandbox.does(f"/people/{one.number}/write", channel="sms", text="stop")
    for account, person in (("A", one), ("B", other)):
        assert await Debtor(world, creditor, account, person).authorised() == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ("You have COP125,000 pending", "STOP", "please send the last four characters", "Balance and details")),
        ("pt", ("constam COP 125.000 pendentes", "SAIR", "escreva os quatro últimos caracteres", "Saldo e detalhes")),
    ],
)
async def test_everything_is_said_in_the_persons_language(world: World, language: str, words: tuple[str, ...]) -> None:
    debtor = await world.debtor("sms", "email", language=language)
    message = await debtor.message("sms")
    question = await debtor.answers("sms", text="ola, hello")
    menu = await debtor.answers("sms", text=LAST4)
    for part, told in zip(words, (message, message, question, menu), strict=True):
        assert part in told["text"]
    await debtor.writes("sms", words[1])
    assert await debtor.authorised() == ["email"]


async def test_an_answer_that_its_provider_refuses_is_a_case_for_people(world: World) -> None:
    person = Person.failing("0610")  # who stopped us at the provider, and now asks
    creditor = await world.creditor(["email"])
    row = person.row("A", ["email"])
    row["debtor"]["addresses"]["sms"] = person.number
    row["debtor"]["authorised_channels"].append("sms")
    await creditor.imports(row)
    await world.sandbox.does(f"/people/{person.number}/write", channel="sms", text="¿Cuánto debo?")
    debtor = Debtor(world, creditor, "A", person)
    assert [task["reason"] for task in await debtor.tasks()] == ["reply_failed"]
    assert (await debtor.contact(actor="bot"))["disposition"] == "twilio_21610"
