"""Mails that come back: answers, bounces, reports, one-click unsubscribe."""

from email import message_from_bytes
from email.message import EmailMessage, Message

import aiosmtplib

from tests.sandbox.conftest import World

ANA = "ana@correo.invalid"


async def send(world: World, to: str = ANA, **headers: str) -> None:
    mail = EmailMessage()
    mail["From"] = "Crédito Amable <cobranza@senda.invalid>"
    mail["To"] = to
    mail["Subject"] = "Su cuota venció"
    mail["Message-ID"] = "<abc.7@senda.invalid>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Buenos días, señora:\nsu cuota venció.")
    await aiosmtplib.send(
        mail, sender="rebotes@senda.invalid", recipients=[to], hostname="127.0.0.1", port=world.running.ports.smtp
    )


async def came(world: World, count: int = 1) -> list[Message]:
    return [message_from_bytes(raw) for raw in await world.heard("/mail/messages", count)]


def words(mail: Message) -> str:
    part = mail.get_payload(decode=True)
    assert isinstance(part, bytes)
    return part.decode()


async def test_a_mail_is_in_the_inbox_of_its_recipient(world: World) -> None:
    await send(world)
    [item] = await world.arrivals(address="ANA@correo.invalid")
    assert (item["channel"], item["provider"], item["subject"]) == ("email", "smtp", "Su cuota venció")
    assert (item["provider_ref"], item["status"]) == ("<abc.7@senda.invalid>", "accepted")
    assert item["raw"]["headers"]["From"] == "Crédito Amable <cobranza@senda.invalid>"


async def test_an_answer_names_the_mail_and_quotes_it(world: World) -> None:
    await send(world, Reply_To="respuestas@senda.invalid")
    await world.order("/inbox/1/reply", text="No puedo pagar mañana.")
    [mail] = await came(world)
    assert (mail["In-Reply-To"], mail["References"]) == ("<abc.7@senda.invalid>", "<abc.7@senda.invalid>")
    assert (mail["From"], mail["To"]) == (ANA, "respuestas@senda.invalid")
    assert mail["Subject"] == "Re: Su cuota =?utf-8?q?venci=C3=B3?="
    assert words(mail).startswith("No puedo pagar mañana.")
    assert "> su cuota venció." in words(mail)


async def test_a_bounce_is_a_delivery_report_that_gives_the_headers_back(world: World) -> None:
    await send(world)
    await world.order("/inbox/1/bounce")
    [mail] = await came(world)
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    assert mail["To"] == "rebotes@senda.invalid"
    _, status, original = mail.get_payload()
    _, of_recipient = status.get_payload()
    assert of_recipient["Final-Recipient"] == f"rfc822;{ANA}"
    assert (of_recipient["Action"], of_recipient["Status"]) == ("failed", "5.1.1")
    assert "Message-ID: <abc.7@senda.invalid>" in words(original)
    [item] = await world.arrivals()
    assert (item["status"], item["code"]) == ("bounced", "5.1.1")


async def test_mailboxes_made_for_it_bounce_by_themselves(world: World) -> None:
    await send(world, "ana@bounce.invalid")
    await send(world, "ana@full.invalid")
    found = {status["Status"] for mail in await came(world, 2) for status in mail.get_payload()[1].get_payload()}
    assert found == {None, "5.1.1", "4.2.2"}


async def test_a_delivery_can_be_reported_and_a_reading_cannot(world: World) -> None:
    await send(world)
    await world.order("/inbox/1/report", status="delivered")
    [mail] = await came(world)
    assert mail.get_payload()[1].get_payload()[1]["Action"] == "delivered"
    assert (await world.web.post("/inbox/1/report", json={"status": "read"})).status_code == 409


async def test_one_click_stops_the_mails(world: World) -> None:
    link = f"<{world.product.url}/stop/abc>"
    await send(world, List_Unsubscribe=link, List_Unsubscribe_Post="List-Unsubscribe=One-Click")
    outcome = await world.order("/inbox/1/unsubscribe")
    assert outcome["status"] == 200
    assert world.product.at("/stop/abc") == [b"List-Unsubscribe=One-Click"]
    await send(world)
    assert (await world.web.post("/inbox/2/unsubscribe")).status_code == 409


async def test_a_person_writes_to_whoever_wrote_to_them(world: World) -> None:
    assert (await world.web.post(f"/people/{ANA}/write", json={"channel": "email", "text": "Hola"})).status_code == 409
    await send(world)
    await world.order(f"/people/{ANA}/write", channel="email", text="¿Cuánto debo?")
    [mail] = await came(world)
    assert (mail["To"], words(mail).strip()) == ("rebotes@senda.invalid", "¿Cuánto debo?")
    assert "In-Reply-To" not in mail
