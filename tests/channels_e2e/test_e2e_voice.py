"""Calls by Twilio's protocol: the bot on the telephone, keys, silence, wrong documents, people who call us."""

import asyncio

from tests.channels_e2e.driving import LAST4, STEP_1, STEP_2, Person, World, calling_us, minutes_after
from tests.eventually import assert_eventually


async def test_by_keys_the_person_hears_the_balance_and_promises(world: World) -> None:
    debtor = await world.debtor("call")
    call = await debtor.rings()
    opening = await call.answers()
    assert "Le llama Crédito Amable, para hablar con Ana" in opening
    assert "últimos cuatro dígitos de su documento" in opening
    assert not any(secret in opening for secret in ("125", "Gómez", "cuenta"))
    await call.presses(LAST4)
    balance = await call.chooses("conocer su saldo")
    assert "saldo de 125.000 pesos colombianos a hoy, 2 de marzo de 2026" in balance
    assert "1 de marzo de 2026: 125.000 pesos colombianos" in balance
    await call.chooses("registrar un compromiso de pago")
    await call.presses("0503")
    proposal = await call.presses("50000#")
    assert "50.000 pesos colombianos el 5 de marzo de 2026" in proposal
    assert "quedó registrado" in await call.chooses("registrarlo así")
    await call.hangs_up()
    assert (await debtor.journey())["status"] == "promise"
    contact = await debtor.becomes("answered", step="aviso-1")
    assert contact["channel"] == "call"
    assert await debtor.contacts(direction="inbound") == []


async def test_three_wrong_documents_end_the_call_and_people_go_on(world: World) -> None:
    debtor = await world.debtor("call")
    call = await debtor.rings()
    await call.answers()
    for wrong in ("1111", "2222", "3333"):
        said = await call.presses(wrong)
    assert "No pudimos confirmar su identidad" in said
    assert await call.is_over()
    assert [task["reason"] for task in await debtor.tasks()] == ["identification_failed"]


async def test_silence_ends_the_call_and_promises_nothing(world: World) -> None:
    debtor = await world.debtor("call")
    call = await debtor.rings()
    await call.answers()
    for _ in range(2):
        assert "marque los últimos cuatro dígitos" in await call.presses("")
    assert "Una persona" not in await call.presses("")
    assert await call.is_over()
    await debtor.becomes("delivered", step="aviso-1")
    assert await debtor.tasks(0) == []


async def test_the_key_that_stops_and_the_one_for_somebody_else_hold_at_once(world: World) -> None:
    creditor, (leaving, stranger) = await world.written_to(["call", "email"], Person(), Person())
    calls = [await each.rings() for each in (leaving, stranger)]
    for call in calls:
        await call.answers()
    assert "no le llamaremos más" in await calls[0].chooses("no recibir más llamadas")
    assert "Disculpe la molestia" in await calls[1].chooses("decirnos que usted no es esa persona")
    assert await calls[0].is_over()
    (entry,) = await leaving.said()
    assert (entry["channel"], entry["value"], entry["origin"], entry["document"][:8]) == (
        "call", "revoked", "call", "inbound-",
    )  # fmt: skip
    assert await leaving.authorised() == ["email"]
    assert ("call", "not_me") in await stranger.invalid()
    await creditor.advances(STEP_2)
    for debtor in (leaving, stranger):
        assert (await debtor.contact(step="aviso-9"))["channel"] == "email"


async def test_whoever_calls_us_is_heard_and_a_stranger_is_told_nothing(world: World) -> None:
    debtor = await world.debtor("call")
    call = await debtor.calls()
    assert "le habla el asistente virtual de Crédito Amable" in call.said
    await call.presses(LAST4)
    assert "125.000 pesos" in await call.chooses("conocer su saldo")
    assert "Una persona de nuestro equipo le atenderá" in await call.presses("0")
    assert await call.is_over()
    assert [task["reason"] for task in await debtor.tasks()] == ["asked"]
    inbound = await debtor.contact(direction="inbound")
    assert (inbound["channel"], inbound["status"], inbound["purpose"]) == ("call", "answered", "requested_information")
    unknown = await calling_us(world.sandbox, Person().number)
    assert "No reconocemos este número" in unknown.said
    assert "Amable" not in unknown.said
    assert await unknown.is_over()


async def test_a_call_that_nobody_takes_failed_and_a_dead_number_is_not_called_again(world: World) -> None:
    busy, silent, dead, refused = await asyncio.gather(
        *(world.debtor("call", "email", person=Person.failing(ending)) for ending in ("0486", "0487", "0035", "0404"))
    )
    for debtor, code in ((busy, "voice_busy"), (silent, "voice_no_answer"), (dead, "voice_sip_404")):

        async def is_known() -> None:
            assert (await debtor.contacts(step="aviso-1"))[0]["disposition"] == code  # noqa: B023

        await assert_eventually(is_known)
        await debtor.creditor.advances(minutes_after(STEP_1, 5))
    assert await busy.invalid() == await silent.invalid() == []
    assert [each["channel"] for each in await busy.contacts(step="aviso-1")] == ["call"]
    for debtor, code in ((dead, "voice_sip_404"), (refused, "twilio_21217")):
        assert await debtor.invalid() == [("call", code)]
        assert [each["channel"] for each in await debtor.contacts(step="aviso-1")] == ["call", "email"]
