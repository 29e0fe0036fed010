"""A person with several due accounts of one creditor gets one message about all of them."""

from tests.channels_e2e.driving import LAST4, STEP_1, STEP_2, Debtor, Person, World, minutes_after
from tests.eventually import assert_eventually

AMOUNTS = {"A": "11000.00", "B": "22000.00", "C": "33000.00"}


async def one_with_three(world: World, *channels: str, person: Person | None = None) -> list[Debtor]:
    """Somebody who got the first step of three accounts."""
    person = person or Person()
    creditor = await world.creditor(list(channels))
    await creditor.imports(*(person.row(account, list(channels), amount) for account, amount in AMOUNTS.items()))
    await creditor.advances(STEP_1)
    return [Debtor(world, creditor, account, person) for account in AMOUNTS]


async def test_three_accounts_are_one_message_and_one_contact(world: World) -> None:
    accounts = await one_with_three(world, "email")
    mail = await accounts[0].message("email")
    for part in ("$11.000", "$22.000", "$33.000", "$66.000"):
        assert part in mail["text"], part
    await world.sandbox.does(f"/inbox/{mail['id']}/report", status="delivered")
    contacts = [await each.contact(step="aviso-1") for each in accounts]
    (leading,) = [each for each in contacts if each["covered_by"] is None]
    assert mail["reference"] is None or mail["reference"] == str(leading["id"])
    assert [each["covered_by"] for each in contacts if each is not leading] == [leading["id"]] * 2
    assert [each["status"] for each in contacts] == ["delivered"] * 3
    assert {each["reason"] for each in contacts} == {None, "consolidated"}
    for each in accounts:
        assert (await each.journey())["next_step"]["key"] == "aviso-9"
    (counted,) = await world.api.rows(
        "SELECT count(*) AS n FROM contacts WHERE creditor = %s AND decision = 'permitted'", accounts[0].creditor.key
    )
    assert counted["n"] == 1
    await accounts[0].creditor.pays("B", "22000.00", paid_at=STEP_1)
    await accounts[0].creditor.advances(STEP_2)
    _, second = await accounts[0].got("email")
    assert ("$22.000" in second["text"], "$44.000" in second["text"]) == (False, True)


async def test_one_message_that_comes_back_is_one_by_the_next_channel(world: World) -> None:
    dead = Person(mail=f"{Person().key}@bounce.invalid")
    accounts = await one_with_three(world, "email", "sms", person=dead)

    async def came_back() -> None:
        assert await accounts[0].invalid() == [("email", "smtp_5.1.1")]

    await assert_eventually(came_back)
    await accounts[0].creditor.advances(minutes_after(STEP_1, 5))
    message = await accounts[0].message("sms")
    assert "$66.000" in message["text"]
    for each in accounts:
        first = (await each.contacts(step="aviso-1"))[0]
        assert (first["channel"], first["status"]) == ("email", "failed")


async def test_an_answer_speaks_of_all_accounts(world: World) -> None:
    debtor = (await one_with_three(world, "whatsapp"))[0]
    (message,) = await debtor.got("whatsapp")
    assert "A ($11.000, 01/03/2026), B ($22.000, 01/03/2026) y C ($33.000, 01/03/2026)" in message["text"]
    await debtor.answers("whatsapp", text="saldo")
    overview = await debtor.answers("whatsapp", text=LAST4)
    assert "Su saldo total a hoy, 2 de marzo de 2026: $66.000." in overview["text"]
    for line in ("Cuenta A: $11.000", "Cuenta B: $22.000", "Cuenta C: $33.000"):
        assert line in overview["text"]
    assert "1 de marzo de 2026: $22.000" in (await debtor.chooses("whatsapp", "B"))["text"]
