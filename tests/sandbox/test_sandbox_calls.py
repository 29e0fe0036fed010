"""Calls: ringing, answered, a menu by keys, silence, the end; both ways."""

import asyncio

from fastapi.responses import Response

from senda.sandbox.entries import canonical
from tests.sandbox.conftest import ANA, World
from tests.sandbox.product import Heard


def twiml(body: str):
    return lambda _: Response(f"<Response>{body}</Response>", media_type="text/xml")


MENU = (
    '<Gather numDigits="1" action="/twilio/menu?step=2"><Say language="es-MX">Para pagar,\n marque 1.</Say></Gather>'
    "<Redirect>/twilio/silence?silent=1</Redirect>"
)


async def ringing(world: World, **more: object) -> str:
    answer = await world.call(**more)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "queued"
    return answer.json()["sid"]


async def test_a_call_is_answered_and_a_key_goes_to_the_menu(world: World) -> None:
    world.product.answers["/twilio/answer/8"] = twiml(MENU)
    world.product.answers["/twilio/menu"] = twiml("<Say>Gracias.</Say><Hangup/>")
    sid = await ringing(world)
    outcome = await world.order(f"/calls/{sid}/answer")
    assert outcome["said"] == ["Para pagar, marque 1."]
    assert outcome["call"]["status"] == "in-progress"
    assert outcome["call"]["gather"] == {
        "num_digits": 1,
        "finish_on_key": "#",
        "timeout": 5,
        "action": f"{world.product.url}/twilio/menu?step=2",
    }
    outcome = await world.order(f"/calls/{sid}/press", keys="1")
    assert outcome["said"] == ["Gracias."]
    assert (outcome["call"]["status"], outcome["call"]["gather"]) == ("completed", None)
    [asked] = world.product.at("/twilio/answer/8")
    assert (asked["CallSid"], asked["To"], asked["CallStatus"], asked["Direction"]) == (
        sid,
        ANA,
        "in-progress",
        "outbound-api",
    )
    [pressed] = world.product.at("/twilio/menu")
    assert pressed["Digits"] == "1"
    [end] = world.product.at("/twilio/status/8")
    assert (end["CallStatus"], end["CallSid"], end["CallbackSource"]) == ("completed", sid, "call-progress-events")
    [item] = await world.arrivals(channel="call")
    assert (item["text"], item["status"], item["reference"]) == ("Para pagar, marque 1. Gracias.", "completed", "8")


async def test_silence_goes_on_behind_the_menu(world: World) -> None:
    world.product.answers["/twilio/answer/8"] = twiml(MENU)
    world.product.answers["/twilio/silence"] = twiml("<Say>No le oímos.</Say>")
    sid = await ringing(world)
    await world.order(f"/calls/{sid}/answer")
    outcome = await world.order(f"/calls/{sid}/press", keys="")
    assert outcome["said"] == ["No le oímos."]
    assert outcome["call"]["status"] == "completed"
    assert "Digits" not in world.product.at("/twilio/silence")[0]


async def test_keys_up_to_the_finishing_one_are_digits(world: World) -> None:
    world.product.answers["/twilio/answer/8"] = twiml('<Gather action="/twilio/menu"><Say>Documento</Say></Gather>')
    world.product.answers["/twilio/menu"] = twiml('<Gather numDigits="2" action="/twilio/two"/>')
    world.product.answers["/twilio/two"] = twiml("")
    sid = await ringing(world)
    await world.order(f"/calls/{sid}/answer")
    await world.order(f"/calls/{sid}/press", keys="1234#9")
    await world.order(f"/calls/{sid}/press", keys="567")
    assert world.product.at("/twilio/menu")[0]["Digits"] == "1234"
    assert world.product.at("/twilio/two")[0]["Digits"] == "56"


async def test_the_progress_is_told_where_it_was_asked_for(world: World) -> None:
    world.product.answers["/twilio/answer/8"] = twiml("<Gather><Say>Hola</Say></Gather>")
    sid = await ringing(world, StatusCallbackEvent=["initiated", "ringing", "answered", "completed"])
    await world.heard("/twilio/status/8", 2)
    await world.order(f"/calls/{sid}/answer")
    await world.order(f"/calls/{sid}/hangup")
    told = world.product.at("/twilio/status/8")
    assert [(event["CallStatus"], event["SequenceNumber"]) for event in told] == [
        ("initiated", "0"),
        ("ringing", "1"),
        ("in-progress", "2"),
        ("completed", "3"),
    ]


async def test_a_call_that_is_refused_is_busy(world: World) -> None:
    sid = await ringing(world)
    await world.order(f"/calls/{sid}/hangup")
    assert [end["CallStatus"] for end in world.product.at("/twilio/status/8")] == ["busy"]
    assert (await world.web.post(f"/calls/{sid}/answer")).status_code == 409
    assert (await world.web.post(f"/calls/{sid}/hangup")).status_code == 409
    assert (await world.web.post(f"/calls/{sid}/press", json={"keys": "1"})).status_code == 409


async def test_nobody_answers_within_the_products_patience(world: World) -> None:
    await ringing(world, Timeout="0")
    [end] = await world.heard("/twilio/status/8", 1)
    assert end["CallStatus"] == "no-answer"


async def test_a_number_can_be_busy_by_itself(world: World) -> None:
    await ringing(world, to="+573000000486")
    [end] = await world.heard("/twilio/status/8", 1)
    assert end["CallStatus"] == "busy"


async def test_an_answer_that_is_no_twiml_ends_the_call(world: World) -> None:
    world.product.answers["/twilio/answer/8"] = lambda _: Response("no")
    sid = await ringing(world)
    outcome = await world.order(f"/calls/{sid}/answer")
    assert "error en la aplicación" in outcome["said"][0]
    assert outcome["call"]["status"] == "completed"


async def test_an_endless_redirect_ends_the_call(world: World) -> None:
    world.product.answers["/twilio/answer/8"] = twiml("<Redirect>/twilio/answer/8</Redirect>")
    sid = await ringing(world)
    outcome = await world.order(f"/calls/{sid}/answer")
    assert outcome["call"]["status"] == "completed"


async def test_a_person_calls_and_is_asked_for_keys(world: World) -> None:
    world.product.answers["/twilio/incoming"] = twiml(MENU)
    outcome = await world.order(f"/people/{ANA}/call")
    assert outcome["said"] == ["Para pagar, marque 1."]
    sid = outcome["call"]["sid"]
    [asked] = world.product.at("/twilio/incoming")
    number = canonical(world.product.accounts.twilio.number)
    assert (asked["From"], asked["To"], asked["Direction"], asked["CallStatus"]) == (ANA, number, "inbound", "ringing")
    await world.order(f"/calls/{sid}/hangup")
    assert [end["CallStatus"] for end in world.product.at("/twilio/status/incoming")] == ["completed"]
    assert await world.arrivals() == []


async def test_a_bad_call_is_refused_with_twilios_code(world: World) -> None:
    for change, code in (({"to": "+573000000404"}, 21217), ({"Url": "no"}, 21205), ({"From": "+15005550006"}, 21210)):
        answer = await world.call(**change)
        assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_each_press_is_a_turn_of_its_own(world: World) -> None:
    def again(heard: Heard) -> Response:
        return Response(f"<Response><Say>{heard.body.get('Digits', '')}</Say><Gather numDigits='1'/></Response>")

    world.product.answers["/twilio/answer/8"] = again
    sid = await ringing(world)
    await world.order(f"/calls/{sid}/answer")
    turns = await asyncio.gather(*(world.order(f"/calls/{sid}/press", keys=keys) for keys in "123"))
    assert [turn["said"] for turn in turns] == [["1"], ["2"], ["3"]]
    assert (await world.web.get(f"/calls/{sid}")).json()["gather"]["num_digits"] == 1
