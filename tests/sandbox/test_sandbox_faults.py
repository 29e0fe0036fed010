"""Failures on command and by address: what the client sees, and what the sandbox keeps."""

import asyncio

import aiosmtplib
import httpx
import pytest

from senda.sandbox.faults import Fault, Faults
from tests.eventually import assert_eventually
from tests.sandbox.conftest import ANA, World
from tests.sandbox.test_sandbox_whatsapp import TEMPLATE

PROVIDERS = ("twilio", "meta", "aggregator")


async def send(world: World, provider: str, to: str = ANA) -> httpx.Response:
    match provider:
        case "twilio":
            return await world.sms(to)
        case "meta":
            return await world.whatsapp(TEMPLATE, to)
        case _:
            return await world.aggregator(to)


async def set_fault(world: World, provider: str, **fault: object) -> None:
    assert (await world.web.put(f"/control/faults/{provider}", json=fault)).status_code == 200


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_provider_in_trouble_keeps_nothing(world: World, provider: str, status: int) -> None:
    await set_fault(world, provider, mode=str(status), count=1)
    assert (await send(world, provider)).status_code == status
    assert await world.arrivals() == []
    assert (await send(world, provider)).status_code < 300


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_line_that_is_cut_leaves_a_kept_message(world: World, provider: str) -> None:
    await set_fault(world, provider, mode="drop")
    with pytest.raises(httpx.RemoteProtocolError):
        await send(world, provider)
    assert len(await world.arrivals()) == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_never_answers_keeps_nothing(world: World, provider: str) -> None:
    await set_fault(world, provider, mode="timeout")
    world.web.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await send(world, provider)
    world.web.timeout = httpx.Timeout(5)
    assert await world.arrivals() == []


async def test_a_slow_provider_keeps_and_answers_late(world: World) -> None:
    await set_fault(world, "aggregator", mode="slow", seconds=30)
    late = asyncio.create_task(send(world, "aggregator"))

    async def kept() -> None:
        assert len(await world.arrivals()) == 1

    await assert_eventually(kept)
    assert not late.done()
    late.cancel()


async def test_a_provider_with_a_port_of_its_own_refuses_connections(world: World) -> None:
    url = f"http://127.0.0.1:{world.running.ports.doors['twilio']}/control"
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 200
        await set_fault(world, "twilio", mode="refuse")
        with pytest.raises(httpx.ConnectError):
            await client.get(url)
        await set_fault(world, "twilio", mode="none")
        assert (await client.get(url)).status_code == 200


async def test_on_the_common_port_a_refused_connection_is_cut(world: World) -> None:
    await set_fault(world, "meta", mode="refuse", count=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await send(world, "meta")
    assert await world.arrivals() == []
    assert (await send(world, "meta")).status_code == 200


@pytest.mark.parametrize(
    ("ending", "status", "kept"), [("0429", 429, 0), ("0500", 500, 0), ("0503", 503, 0), ("0499", None, 1)]
)
async def test_a_number_can_fail_by_itself(world: World, ending: str, status: int | None, kept: int) -> None:
    for provider in PROVIDERS:
        try:
            assert (await send(world, provider, f"+57300000{ending}")).status_code == status
        except httpx.RemoteProtocolError:
            assert status is None
    assert len(await world.arrivals()) == kept * len(PROVIDERS)


async def mail(world: World) -> None:
    await aiosmtplib.send(
        "Subject: x\r\n\r\nx",
        sender="a@senda.invalid",
        recipients=["ana@correo.invalid"],
        hostname="127.0.0.1",
        port=world.running.ports.smtp,
        timeout=1,
    )


@pytest.mark.parametrize(("mode", "code"), [("429", 450), ("503", 421), ("500", 451)])
async def test_a_mail_server_in_trouble_keeps_nothing(world: World, mode: str, code: int) -> None:
    await set_fault(world, "smtp", mode=mode, count=1)
    with pytest.raises(aiosmtplib.SMTPResponseException) as caught:
        await mail(world)
    assert caught.value.code == code
    assert await world.arrivals() == []
    await mail(world)
    assert len(await world.arrivals()) == 1


@pytest.mark.parametrize(
    ("mode", "error", "kept"),
    [
        ("timeout", aiosmtplib.SMTPTimeoutError, 0),
        ("drop", aiosmtplib.SMTPServerDisconnected, 1),
        ("refuse", aiosmtplib.SMTPConnectError, 0),
    ],
)
async def test_a_mail_server_can_fail_without_an_answer(
    world: World, mode: str, error: type[Exception], kept: int
) -> None:
    await set_fault(world, "smtp", mode=mode)
    with pytest.raises(error):
        await mail(world)
    assert len(await world.arrivals()) == kept
    await world.web.post("/control/reset")
    await mail(world)


async def test_a_share_is_struck_evenly() -> None:
    faults = Faults()
    await faults.set("twilio", Fault(mode="500", share=0.25))
    assert [faults.take("twilio").mode for _ in range(8)] == ["500", "none", "none", "none"] * 2


async def test_a_fault_that_is_none_is_refused(world: World) -> None:
    for fault in ({"mode": "explode"}, {"mode": "500", "count": 0}, {"mode": "500", "share": 2}, {"x": 1}):
        assert (await world.web.put("/control/faults/twilio", json=fault)).status_code == 422
    assert (await world.web.put("/control/faults/fax", json={"mode": "500"})).status_code == 422
    assert (await world.web.get("/control")).json()["faults"]["twilio"]["mode"] == "none"
