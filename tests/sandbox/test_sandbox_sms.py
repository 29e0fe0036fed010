"""The sandbox as Twilio and as an aggregator: what they answer, what they post, what people write."""

import pytest
from fastapi.responses import Response

from tests.sandbox.conftest import ANA, AT, World


async def test_a_message_is_taken_as_twilio_takes_it_and_its_receipts_follow(world: World) -> None:
    answer = await world.sms()
    told = answer.json()
    assert answer.status_code == 201
    assert told["sid"].startswith("SM")
    assert len(told["sid"]) == 34
    assert (told["status"], told["to"], told["num_segments"]) == ("queued", ANA, "1")
    receipts = await world.heard("/twilio/status/7", 2)
    assert [receipt["MessageStatus"] for receipt in receipts] == ["sent", "delivered"]
    assert {receipt["MessageSid"] for receipt in receipts} == {told["sid"]}
    [item] = await world.arrivals(address=ANA)
    assert (item["channel"], item["provider"], item["reference"]) == ("sms", "twilio", "7")
    assert (item["text"], item["status"]) == ("Su cuota vence mañana.", "delivered")


async def test_a_stranger_is_refused_as_twilio_does(world: World) -> None:
    sid = world.product.accounts.twilio.account_sid
    answer = await world.web.post(f"/twilio{AT}/{sid}/Messages.json", data={"To": ANA}, auth=(sid, "x"))
    assert answer.status_code == 401
    assert answer.json()["code"] == 20003
    assert await world.arrivals() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": "3001234567"}, 21211),
        ({"To": "+573000000404"}, 21211),
        ({"To": ""}, 21604),
        ({"From": "+15005550006"}, 21606),
        ({"From": ""}, 21603),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"To": "+573000000610"}, 21610),
    ],
)
async def test_a_bad_message_is_refused_with_twilios_code(world: World, change: dict[str, str], code: int) -> None:
    answer = await world.sms(**change)
    assert answer.status_code == 400
    assert answer.json() == {
        "code": code,
        "message": answer.json()["message"],
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": 400,
    }
    assert await world.arrivals() == []


async def test_a_number_made_for_it_is_undelivered_later(world: World) -> None:
    assert (await world.sms("+573000000030")).status_code == 201
    receipts = await world.heard("/twilio/status/7", 2)
    assert [receipt["MessageStatus"] for receipt in receipts] == ["sent", "undelivered"]
    assert receipts[1]["ErrorCode"] == "30003"


async def test_a_person_answers_and_the_products_own_answer_is_a_message(world: World) -> None:
    await world.sms()
    [item] = await world.arrivals()
    xml = "<Response><Message>Gracias, señora.</Message></Response>"
    world.product.answers["/twilio/messages"] = lambda _: Response(xml, media_type="text/xml")
    outcome = await world.order(f"/inbox/{item['id']}/reply", text="BAJA")
    assert (outcome["status"], outcome["said"]) == (200, ["Gracias, señora."])
    [reply] = world.product.at("/twilio/messages")
    assert (reply["From"], reply["Body"]) == (ANA, "BAJA")
    assert (await world.arrivals())[0]["text"] == "Gracias, señora."


async def test_a_receipt_can_be_ordered(world: World) -> None:
    await world.web.put("/control/callbacks/twilio", json={"mode": "manual"})
    await world.sms()
    [item] = await world.arrivals()
    outcome = await world.order(f"/inbox/{item['id']}/report", status="failed", code="30005")
    assert outcome["callbacks"][0]["outcome"] == "delivered"
    [receipt] = world.product.at("/twilio/status/7")
    assert (receipt["MessageStatus"], receipt["ErrorCode"]) == ("failed", "30005")
    [item] = await world.arrivals()
    assert (item["status"], item["code"]) == ("failed", "30005")


async def test_an_sms_cannot_be_read(world: World) -> None:
    await world.sms()
    answer = await world.web.post("/inbox/1/report", json={"status": "read"})
    assert answer.status_code == 409
    assert (await world.web.post("/inbox/1/report", json={"status": "eaten"})).status_code == 422
    assert (await world.web.post("/inbox/2/report", json={"status": "sent"})).status_code == 404


async def test_the_aggregator_takes_a_message_and_reports_it_signed(world: World) -> None:
    answer = await world.aggregator()
    assert answer.status_code == 202
    assert answer.json() == {"id": answer.json()["id"], "status": "accepted"}
    receipts = await world.heard("/aggregator/status", 2)
    assert [receipt["status"] for receipt in receipts] == ["sent", "delivered"]
    assert {(receipt["id"], receipt["reference"]) for receipt in receipts} == {(answer.json()["id"], "10")}
    await world.order(f"/people/{ANA}/write", channel="sms", text="¿Quién es?")
    [message] = world.product.at("/aggregator/messages")
    assert (message["from"], message["text"]) == (ANA, "¿Quién es?")


@pytest.mark.parametrize(
    ("to", "text", "code"),
    [("300", "Hola", "invalid_number"), ("+573000000404", "Hola", "invalid_number"), (ANA, "", "empty")],
)
async def test_the_aggregator_refuses_a_bad_message(world: World, to: str, text: str, code: str) -> None:
    answer = await world.aggregator(to, text)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_the_aggregator_refuses_a_stranger(world: World) -> None:
    answer = await world.web.post("/aggregator/messages", json={"to": ANA, "text": "Hola"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
