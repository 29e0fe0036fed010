"""E-mail by SMTP: headers, one-click unsubscribe, bounces, replies and their stops."""

import asyncio
import re

import httpx

from tests.api.calls import plain
from tests.channels_e2e.driving import STEP_1, STEP_2, Person, World, minutes_after
from tests.channels_e2e.posting import Providers
from tests.eventually import assert_eventually


async def test_a_step_is_a_mail_that_says_all_of_it_and_its_report_comes_back(world: World) -> None:
    debtor = await world.debtor("email")
    mail = await debtor.message("email")
    for part in ("Hola, Ana", "Crédito Amable", "$125.000", "1 de marzo de 2026", "https://pagos.example/", "BAJA"):
        assert part in mail["text"], part
        assert part in mail["html"], part
    contact = await debtor.contact(step="aviso-1")
    assert contact["status"] == "sent"
    headers = mail["raw"]["headers"]
    assert re.fullmatch(rf"<[0-9a-f]{{32}}\.{contact['id']}@senda\.invalid>", headers["Message-ID"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(rf"<{re.escape(world.api.stack.api)}/v1/stop/\S+>", headers["List-Unsubscribe"])
    assert debtor.person.mail not in headers["List-Unsubscribe"]
    done = await world.sandbox.does(f"/inbox/{mail['id']}/report", status="delivered")
    assert done["status"] == 200
    await debtor.becomes("delivered", step="aviso-1")


async def test_a_reply_is_a_case_for_people_with_what_was_written(world: World) -> None:
    debtor = await world.debtor("email")
    await debtor.writes("email", "¿Me pueden mandar el detalle?")
    (task,) = await debtor.tasks()
    assert task["reason"] == "email_reply"
    shown = (await world.api.http.get(f"/v1/tasks/{task['id']}")).json()
    assert [(line["said_by"], line["text"]) for line in shown["lines"]] == [("person", "¿Me pueden mandar el detalle?")]
    assert (await debtor.contact(step="aviso-1"))["status"] == "answered"
    assert [each["channel"] for each in await debtor.contacts(direction="inbound")] == ["email"]
    assert len(await debtor.got("email")) == 1


async def test_the_link_changes_nothing_before_it_is_pressed_and_one_click_stops(world: World) -> None:
    debtor = await world.debtor("email", "sms")
    mail = await debtor.message("email")
    link = mail["raw"]["headers"]["List-Unsubscribe"].strip("<>")
    async with httpx.AsyncClient(transport=plain()) as browser:
        for _ in range(2):
            page = await browser.get(link)
            assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert re.search(r'<form method="post">\s*<button type="submit">', page.text)
            assert "Crédito Amable" in page.text
            assert not any(secret in page.text for secret in ("Gómez", debtor.person.mail, "125.000"))
        assert await debtor.said() == []
        forged = await browser.post(link[:-1] + ("A" if link[-1] != "A" else "B"))
        assert (forged.status_code, "Este enlace no es válido" in forged.text) == (404, True)
        assert await debtor.said() == []
        done = await world.sandbox.does(f"/inbox/{mail['id']}/unsubscribe")
        assert done["status"] == 200
        contact = await debtor.contact(step="aviso-1")
        (entry,) = await debtor.said()
        assert (entry["channel"], entry["value"], entry["origin"], entry["document"], entry["actor"]) == (
            "email", "revoked", "email", f"stop-link-{contact['id']}", "debtor",
        )  # fmt: skip
        assert await debtor.authorised() == ["sms"]
        again = await browser.post(link)
        assert (again.status_code, "no le enviará más correos" in again.text) == (200, True)
    assert len(await debtor.said()) == 1
    await debtor.creditor.advances(STEP_2)
    assert (await debtor.contact(step="aviso-9"))["channel"] == "sms"


async def test_a_stop_in_a_reply_holds_at_once_from_whatever_mailbox_it_comes(world: World) -> None:
    """Addresses are written in capitals or not; and people have several mailboxes: a reply names what it answers."""
    shouted = Person(mail=Person().mail.replace("ana", "Ana").replace("correo", "Correo"))
    creditor, debtors = await world.written_to(["email", "sms"], Person(), shouted, Person())
    for debtor in debtors[:2]:
        await debtor.writes("email", "BAJA")
    ours = (await debtors[2].message("email"))["raw"]["headers"]["Message-ID"]
    reply = Providers(world.api).mail(Person().mail, "Baja, por favor.", {"In-Reply-To": ours})
    assert (await reply.to(world.api)).status_code == 200
    for debtor in debtors:
        assert await debtor.authorised() == ["sms"]
        (entry,) = await debtor.said()
        assert (entry["origin"], entry["document"][:8]) == ("email", "inbound-")
        assert (await debtor.contact(step="aviso-1"))["status"] == "answered"
    assert (await world.api.http.get("/v1/tasks", params={"creditor": creditor.key})).json()["items"] == []
    await creditor.advances(STEP_2)
    for debtor in debtors:
        assert (await debtor.contact(step="aviso-9"))["channel"] == "sms"


async def test_a_dead_mailbox_is_not_used_again_and_a_full_one_is(world: World) -> None:
    refused, bounced, full, later = await asyncio.gather(
        *(
            world.debtor("email", "sms", person=Person(mail=f"{Person().key}@{domain}.invalid"))
            for domain in ("reject", "bounce", "full", "correo")
        )
    )
    mail = await later.message("email")
    assert (await world.sandbox.does(f"/inbox/{mail['id']}/bounce"))["status"] == 200
    for debtor, code in ((refused, "smtp_550"), (bounced, "smtp_5.1.1"), (later, "smtp_5.1.1")):

        async def is_known() -> None:
            assert await debtor.invalid() == [("email", code)]  # noqa: B023

        await assert_eventually(is_known)
        await debtor.creditor.advances(minutes_after(STEP_1, 5))
        contacts = await debtor.contacts(step="aviso-1")
        assert [(each["channel"], each["disposition"]) for each in contacts] == [("email", code), ("sms", None)]
        await debtor.creditor.advances(STEP_2)
        assert [each["channel"] for each in await debtor.contacts(step="aviso-9")] == ["sms"]
    await full.becomes("failed", step="aviso-1", disposition="smtp_4.2.2")
    await full.creditor.advances(STEP_2)
    assert await full.invalid() == []
    assert (await full.contacts(step="aviso-9"))[0]["channel"] == "email"
