"""How the product is told: in order, twice, in disorder, not before it is said, again where it was not there."""

import time

from fastapi.responses import Response

from tests.sandbox.conftest import World
from tests.sandbox.test_sandbox_whatsapp import TEMPLATE, statuses


async def set_manner(world: World, provider: str, **manner: object) -> None:
    assert (await world.web.put(f"/control/callbacks/{provider}", json=manner)).status_code == 200


async def told(world: World) -> list[str]:
    return [receipt["MessageStatus"] for receipt in world.product.at("/twilio/status/7")]


async def test_each_callback_can_come_twice(world: World) -> None:
    await set_manner(world, "twilio", mode="repeat", delay=0)
    await world.sms()
    await world.heard("/twilio/status/7", 4)
    assert await told(world) == ["sent", "sent", "delivered", "delivered"]


async def test_callbacks_can_overtake_each_other(world: World) -> None:
    await set_manner(world, "meta", mode="reorder")
    await world.whatsapp(TEMPLATE)
    came = statuses(await world.heard("/meta", 2))
    assert [status["status"] for status in came] == ["delivered", "sent"]
    [item] = await world.arrivals()
    assert item["status"] == "delivered"


async def test_callbacks_can_be_held_and_released(world: World) -> None:
    await set_manner(world, "twilio", mode="hold", delay=0)
    await world.sms()
    await world.settled()
    assert await told(world) == []
    assert (await world.web.get("/control")).json()["callbacks"]["twilio"]["held"] == 2
    released = await world.order("/control/callbacks/twilio/release")
    assert [item["outcome"] for item in released["items"]] == ["delivered", "delivered"]
    assert await told(world) == ["sent", "delivered"]


async def test_what_is_held_goes_out_with_another_manner(world: World) -> None:
    await set_manner(world, "twilio", mode="hold", delay=0)
    await world.sms()
    await world.settled()
    await set_manner(world, "twilio", mode="auto")
    assert await told(world) == ["sent", "delivered"]


async def test_a_held_callback_is_signed_when_it_goes_out(world: World) -> None:
    await set_manner(world, "aggregator", mode="hold", delay=0)
    await world.aggregator()
    await world.settled()
    before = int(time.time())
    await world.order("/control/callbacks/aggregator/release")
    stamps = [int(heard.headers["webhook-timestamp"]) for heard in world.product.heard]
    assert len(stamps) == 2
    assert all(stamp >= before for stamp in stamps)


async def test_by_hand_nothing_comes_by_itself(world: World) -> None:
    await set_manner(world, "twilio", mode="manual", delay=0)
    await world.sms()
    assert await world.settled() == []
    [item] = await world.arrivals()
    assert item["status"] == "queued"


async def test_a_product_that_stumbles_is_told_again(world: World) -> None:
    codes = iter([500, 429])
    world.product.answers["/twilio/status/7"] = lambda _: Response(status_code=next(codes, 204))
    await set_manner(world, "twilio", mode="manual")
    await world.sms()
    outcome = await world.order("/inbox/1/report", status="delivered")
    [callback] = outcome["callbacks"]
    assert [tried["status"] for tried in callback["tries"]] == [500, 429, 204]
    assert callback["outcome"] == "delivered"


async def test_a_refusal_is_final_and_listed(world: World) -> None:
    world.product.answers["/twilio/status/7"] = lambda _: Response("no", status_code=404)
    await set_manner(world, "twilio", mode="manual")
    await world.sms()
    outcome = await world.order("/inbox/1/report", status="delivered")
    assert (outcome["status"], outcome["body"]) == (404, "no")
    [listed] = (await world.web.get("/control/callbacks", params={"provider": "twilio"})).json()["items"]
    assert (listed["kind"], listed["outcome"], len(listed["tries"])) == ("delivered", "failed", 1)
    assert "no recibió el aviso" in (await world.web.get("/?person=573000000101")).text


async def test_a_product_that_is_away_is_tried_three_times(world: World) -> None:
    await set_manner(world, "twilio", mode="manual")
    await world.sms(StatusCallback="http://127.0.0.1:9/")
    outcome = await world.order("/inbox/1/report", status="delivered")
    [callback] = outcome["callbacks"]
    assert [tried["error"] for tried in callback["tries"]] == ["ConnectError"] * 3
    assert callback["outcome"] == "failed"
