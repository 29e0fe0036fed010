"""The sandbox as Meta's Cloud API: templates, the 24 hours, buttons and lists, webhooks."""

from typing import Any

import pytest

from tests.sandbox.conftest import ANA, World

TEMPLATE = {
    "type": "template",
    "template": {
        "name": "aviso",
        "language": {"code": "es"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Crédito Amable"}]}],
    },
}
TEXT = {"type": "text", "text": {"body": "Hola"}}
BUTTONS = {
    "type": "interactive",
    "interactive": {
        "type": "button",
        "body": {"text": "¿Qué desea?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "pay", "title": "Pagar"}},
                {"type": "reply", "reply": {"id": "person", "title": "Hablar con alguien"}},
            ]
        },
    },
}
LIST = {
    "type": "interactive",
    "interactive": {
        "type": "list",
        "body": {"text": "¿Qué desea?"},
        "action": {"button": "Ver opciones", "sections": [{"rows": [{"id": "plan", "title": "Acuerdo de pago"}]}]},
    },
}


def statuses(bodies: list[Any]) -> list[dict[str, Any]]:
    values = [body["entry"][0]["changes"][0]["value"] for body in bodies]
    return [status for value in values for status in value.get("statuses", ())]


def messages(bodies: list[Any]) -> list[dict[str, Any]]:
    values = [body["entry"][0]["changes"][0]["value"] for body in bodies]
    return [message for value in values for message in value.get("messages", ())]


async def test_a_template_is_taken_and_its_statuses_bring_our_reference_back(world: World) -> None:
    answer = await world.whatsapp(TEMPLATE)
    told = answer.json()
    assert answer.status_code == 200
    assert told["contacts"] == [{"input": ANA[1:], "wa_id": ANA[1:]}]
    wamid = told["messages"][0]["id"]
    assert wamid.startswith("wamid.")
    came = statuses(await world.heard("/meta", 2))
    assert [status["status"] for status in came] == ["sent", "delivered"]
    assert {(status["id"], status["biz_opaque_callback_data"]) for status in came} == {(wamid, "9")}
    [item] = await world.arrivals(channel="whatsapp")
    assert item["template"] == {"name": "aviso", "language": "es"}
    assert (item["text"], item["reference"], item["provider_ref"]) == ("Crédito Amable", "9", wamid)


async def test_free_text_outside_the_24_hours_is_accepted_and_then_fails(world: World) -> None:
    assert (await world.whatsapp(TEXT)).status_code == 200
    [status] = statuses(await world.heard("/meta", 1))
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131047)
    [item] = await world.arrivals()
    assert (item["status"], item["code"]) == ("failed", "131047")


async def test_free_text_arrives_after_the_person_wrote(world: World) -> None:
    await world.order(f"/people/{ANA}/write", channel="whatsapp", text="Buenas")
    await world.whatsapp(TEXT)
    [message] = messages(bodies := await world.heard("/meta", 3))
    assert (message["from"], message["type"], message["text"]["body"]) == (ANA[1:], "text", "Buenas")
    assert [status["status"] for status in statuses(bodies)] == ["sent", "delivered"]


async def test_another_persons_words_open_nothing(world: World) -> None:
    await world.order("/people/+573000000102/write", channel="whatsapp", text="Buenas")
    await world.whatsapp(TEXT)
    assert [status["status"] for status in statuses(await world.heard("/meta", 2))] == ["failed"]


@pytest.mark.parametrize(
    ("content", "key", "kind", "title"),
    [(BUTTONS, "pay", "button_reply", "Pagar"), (LIST, "plan", "list_reply", "Acuerdo de pago")],
)
async def test_a_choice_comes_back_with_its_message(
    world: World, content: dict[str, Any], key: str, kind: str, title: str
) -> None:
    await world.web.put("/control/callbacks/meta", json={"mode": "manual"})
    wamid = (await world.whatsapp(content)).json()["messages"][0]["id"]
    await world.order("/inbox/1/reply", choice=key)
    [message] = messages(world.product.at("/meta"))
    assert message["interactive"] == {"type": kind, kind: {"id": key, "title": title}}
    assert message["context"]["id"] == wamid
    assert (await world.web.post("/inbox/1/reply", json={"choice": "none"})).status_code == 409


async def test_a_templates_button_comes_back_with_its_payload(world: World) -> None:
    await world.web.put("/control/callbacks/meta", json={"mode": "manual"})
    button = {
        "type": "button",
        "sub_type": "quick_reply",
        "index": "0",
        "parameters": [{"type": "payload", "payload": "stop"}],
    }
    template = {**TEMPLATE["template"], "components": [button]}
    await world.whatsapp({"type": "template", "template": template})
    await world.order("/inbox/1/reply", choice="stop")
    [message] = messages(world.product.at("/meta"))
    assert (message["type"], message["button"]["payload"]) == ("button", "stop")


async def test_a_message_can_be_reported_read(world: World) -> None:
    await world.whatsapp(TEMPLATE)
    await world.heard("/meta", 2)
    await world.order("/inbox/1/report", status="read")
    assert statuses(world.product.at("/meta"))[-1]["status"] == "read"


def interactive(**changes: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {**BUTTONS["interactive"], **changes}}


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        ({"type": "text", "text": {}}, 400, 131008),
        ({"type": "text", "text": {"body": "x" * 4097}}, 400, 100),
        ({"type": "sticker"}, 400, 131051),
        ({"type": "text", "text": {"body": "x"}, "messaging_product": "sms"}, 400, 100),
        ({"type": "text", "text": {"body": "x"}, "to": "12"}, 400, 131009),
        (interactive(body={"text": "x" * 1025}), 400, 100),
        (interactive(action={"buttons": BUTTONS["interactive"]["action"]["buttons"] * 2}), 400, 131009),
        (interactive(action={"buttons": [{"reply": {"id": "a", "title": "x" * 21}}]}), 400, 100),
        (
            {
                "type": "template",
                "template": {
                    "name": "a",
                    "language": {"code": "es"},
                    "components": [{"type": "body", "parameters": [{"type": "text", "text": "a\nb"}]}],
                },
            },
            400,
            132018,
        ),
    ],
)
async def test_a_bad_message_is_refused_with_metas_code(
    world: World, content: dict[str, Any], status: int, code: int
) -> None:
    answer = await world.whatsapp(content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert await world.arrivals() == []


async def test_a_stranger_and_another_number_are_refused(world: World) -> None:
    number = world.product.accounts.meta.phone_number_id
    answer = await world.web.post(f"/meta/v23.0/{number}/messages", json=TEXT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 190)
    token = {"Authorization": f"Bearer {world.product.accounts.meta.token}"}
    answer = await world.web.post("/meta/v23.0/1/messages", json=TEXT, headers=token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


async def test_a_number_without_whatsapp_fails_later(world: World) -> None:
    assert (await world.whatsapp(TEMPLATE, "+573000000404")).status_code == 200
    [status] = statuses(await world.heard("/meta", 1))
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131026)
