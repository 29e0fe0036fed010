"""WhatsApp by Meta's Cloud API: approved texts, statuses up to read, buttons and lists, stops, numbers without it."""

import asyncio

from tests.channels_e2e.driving import LAST4, STEP_1, STEP_2, Person, World, minutes_after
from tests.eventually import assert_eventually


async def test_a_step_is_an_approved_text_and_is_delivered_read_and_answered(world: World) -> None:
    debtor = await world.debtor("whatsapp")
    message = await debtor.message("whatsapp")
    assert message["template"] == {"name": "senda_overdue", "language": "es"}
    for part in ("Hola, Ana:", "Crédito Amable", "$125.000", "1 de marzo de 2026", "cuenta A", "pagos.example", "BAJA"):
        assert part in message["text"]
    contact = await debtor.becomes("delivered", step="aviso-1")
    assert message["reference"] == str(contact["id"])
    done = await world.sandbox.does(f"/inbox/{message['id']}/report", status="read")
    assert done["status"] == 200
    assert (await debtor.contact(step="aviso-1"))["status"] == "read"
    question = await debtor.answers("whatsapp", text="hola")
    assert [choice["label"] for choice in question["choices"]] == [
        "Hablar con alguien",
        "No soy esa persona",
        "No más mensajes",
    ]
    assert question["template"] is None
    assert (await debtor.contact(step="aviso-1"))["status"] == "answered"
    assert [fact["data"]["status"] for fact in await debtor.facts("receipt")][:2] == ["delivered", "read"]


async def test_by_buttons_people_agree_on_a_plan_and_dispute_it_and_no_step_follows(world: World) -> None:
    debtor = await world.debtor("whatsapp", "sms")
    await debtor.answers("whatsapp", text="hola")
    assert "Gracias, Ana" in (await debtor.answers("whatsapp", text=LAST4))["text"]
    offer = await debtor.chooses("whatsapp", "Plan de pagos")
    assert "3 cuotas: la primera, $41.666,66" in offer["text"]
    assert "En total: $125.000" in (await debtor.chooses("whatsapp", "3 cuotas"))["text"]
    assert "Su plan de 3 cuotas quedó registrado" in (await debtor.chooses("whatsapp", "Sí, registrar"))["text"]
    assert (await debtor.journey())["status"] == "plan"
    (plan,) = (await debtor.creditor.get("A", "/plans"))["items"]
    assert [each["amount"] for each in plan["instalments"]] == ["41666.66", "41666.67", "41666.67"]
    await debtor.chooses("whatsapp", "Menú")
    await debtor.chooses("whatsapp", "Hacer un reclamo")
    assert "Registramos su reclamo" in (await debtor.chooses("whatsapp", "El valor no es"))["text"]
    (dispute,) = (await debtor.creditor.get("A", "/disputes"))["items"]
    assert (dispute["reason"], dispute["status"]) == ("wrong_amount", "open")
    assert (await debtor.journey())["status"] == "paused"
    assert [task["reason"] for task in await debtor.tasks()] == ["dispute_wrong_amount"]
    await debtor.creditor.advances(STEP_2)
    assert await debtor.contacts(step="aviso-9", status="sent") == []


async def test_the_button_that_stops_holds_at_once(world: World) -> None:
    debtor = await world.debtor("whatsapp", "sms")
    question = await debtor.answers("whatsapp", text="hola")
    done = await world.sandbox.does(f"/inbox/{question['id']}/reply", choice="stop")
    assert done["status"] == 200
    assert await debtor.authorised() == ["sms"]
    said = await debtor.said()
    assert {(each["channel"], each["value"], each["origin"]) for each in said} == {("whatsapp", "revoked", "whatsapp")}
    inbound = await world.api.rows(
        "SELECT id FROM inbound WHERE address = %s AND choice = 'stop'", debtor.person.number
    )
    assert said[-1]["document"] == f"inbound-{inbound[0]['id']}"
    await debtor.creditor.advances(STEP_2)
    assert (await debtor.contact(step="aviso-9"))["channel"] == "sms"
    assert len(await debtor.got("whatsapp")) == 2


async def test_a_number_without_whatsapp_is_not_used_again_and_the_step_goes_on_the_same_day(world: World) -> None:
    refused, dead = await asyncio.gather(
        *(world.debtor("whatsapp", "email", person=Person.failing(ending)) for ending in ("0404", "0035"))
    )
    for debtor in (refused, dead):

        async def is_known() -> None:
            assert await debtor.invalid() == [("whatsapp", "meta_131026")]  # noqa: B023

        await assert_eventually(is_known)
        await debtor.creditor.advances(minutes_after(STEP_1, 5))
        assert [(each["channel"], each["status"]) for each in await debtor.contacts(step="aviso-1")] == [
            ("whatsapp", "failed"),
            ("email", "sent"),
        ]
        await debtor.creditor.advances(STEP_2)
        assert (await debtor.contact(step="aviso-9"))["channel"] == "email"


async def test_whoever_is_not_the_person_is_not_written_to_again_by_this_number(world: World) -> None:
    debtor = await world.debtor("whatsapp", "sms", "email")
    await debtor.answers("whatsapp", text="buenas")
    assert "Disculpe la molestia" in (await debtor.chooses("whatsapp", "No soy esa persona"))["text"]
    assert [task["reason"] for task in await debtor.tasks()] == ["not_me"]
    await debtor.creditor.advances(STEP_2)
    assert (await debtor.contact(step="aviso-9"))["channel"] == "email"


async def test_after_three_wrong_answers_nobody_is_identified_any_more(world: World) -> None:
    debtor = await world.debtor("whatsapp")
    await debtor.answers("whatsapp", text="saldo")
    for wrong in ("1111", "2222", "3333"):
        last = await debtor.answers("whatsapp", text=wrong)
    assert "No pudimos confirmar su identidad" in last["text"]
    assert "No pudimos confirmar su identidad" in (await debtor.answers("whatsapp", text=LAST4))["text"]
    assert [task["reason"] for task in await debtor.tasks()] == ["identification_failed"]
