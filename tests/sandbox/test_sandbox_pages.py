"""The pages: all of a person's messages, forms in their place, nothing from elsewhere, and what survives a restart."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest

from senda.sandbox.serve import Ports, running
from tests.sandbox.conftest import ANA, World
from tests.sandbox.product import Product, listening
from tests.sandbox.test_sandbox_calls import MENU, twiml
from tests.sandbox.test_sandbox_whatsapp import BUTTONS, TEMPLATE

ANAS = f"/?person=%2B{ANA[1:]}"


async def test_a_person_sees_all_channels_in_one_conversation(world: World) -> None:
    await world.sms(body="Pague en https://pago.example/x.")
    await world.whatsapp(TEMPLATE)
    await world.call()
    page = (await world.web.get(ANAS)).text
    words = [page.index(text) for text in ("Pague en", "Crédito Amable", "Contestar")]
    assert words == sorted(words)
    assert '<a href="https://pago.example/x" rel="noreferrer noopener">' in page
    assert "plantilla aviso (es)" in page
    assert "3 recibidos" in page


async def test_a_form_answers_and_goes_back_to_the_person(world: World) -> None:
    await world.whatsapp(BUTTONS)
    assert 'name="choice" value="pay"' in (await world.web.get(ANAS)).text
    answer = await world.web.post("/inbox/1/reply", data={"choice": "pay", "back": ANAS})
    assert (answer.status_code, answer.headers["location"]) == (303, ANAS)
    page = (await world.web.get(ANAS)).text
    assert '<li class="in"' in page


async def test_a_call_is_led_by_forms(world: World) -> None:
    world.product.answers["/twilio/answer/8"] = twiml(MENU)
    world.product.answers["/twilio/menu"] = twiml("<Say>Gracias.</Say>")
    sid = (await world.call()).json()["sid"]
    await world.web.post(f"/calls/{sid}/answer", data={"back": ANAS})
    page = (await world.web.get(ANAS)).text
    assert "Para pagar, marque 1." in page
    assert 'name="keys" value="#"' in page
    await world.web.post(f"/calls/{sid}/press", data={"back": ANAS, "keys": "1"})
    page = (await world.web.get(ANAS)).text
    assert "Marcó 1" in page
    assert "Gracias." in page
    assert 'name="keys"' not in page


async def test_what_cannot_be_done_is_said_on_a_page(world: World) -> None:
    await world.sms()
    answer = await world.web.post("/inbox/1/report", data={"status": "read", "back": ANAS})
    assert answer.status_code == 409
    assert "Un SMS no informa que fue leído." in answer.text
    assert f'href="{ANAS}"' in answer.text


@pytest.mark.parametrize("back", ["https://evil.invalid/", "//evil.invalid", "/\\evil.invalid"])
async def test_a_form_leads_nowhere_else(world: World, back: str) -> None:
    await world.sms()
    answer = await world.web.post("/inbox/1/report", data={"status": "sent", "back": back})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("path", ["/inbox/1/report", "/fallas/twilio", "/fallas/twilio/soltar"])
async def test_a_form_of_another_page_is_refused(world: World, path: str) -> None:
    await world.sms()
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await world.web.post(path, data={"status": "sent", "mode": "500"}, headers=headers)
    assert answer.status_code == 403
    assert (await world.web.get("/control")).json()["faults"]["twilio"]["mode"] == "none"


async def test_faults_are_set_by_forms(world: World) -> None:
    form = {"mode": "503", "count": "", "share": "0.5", "seconds": "2"}
    assert (await world.web.post("/fallas/meta", data=form)).status_code == 303
    await world.web.post("/fallas/meta/avisos", data={"mode": "hold", "delay": "0"})
    told = (await world.web.get("/control")).json()
    assert told["faults"]["meta"] == {"mode": "503", "count": None, "share": 0.5, "seconds": 2.0}
    assert told["callbacks"]["meta"] == {"mode": "hold", "delay": 0.0, "held": 0}
    assert "503: fuera de servicio" in (await world.web.get("/fallas")).text


async def test_no_page_loads_or_runs_anything(world: World) -> None:
    await world.sms(body='<script>alert(1)</script><img src="https://x.invalid">')
    for path in ("/", ANAS, "/correo", "/fallas"):
        answer = await world.web.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert not re.search(r"<script|<img|<link[^>]+href=\"(?!data:)", answer.text)


async def test_people_are_found_by_a_part_of_their_address(world: World) -> None:
    await world.sms()
    await world.sms("+573000000102")
    page = (await world.web.get("/?q=0102")).text
    assert "+573000000102" in page
    assert ANA not in page
    assert "Nadie coincide" in (await world.web.get("/?q=x")).text


async def test_the_inbox_has_pages(world: World) -> None:
    for number in range(5):
        await world.sms(body=str(number))
    first = (await world.web.get("/inbox", params={"limit": 3})).json()
    rest = (await world.web.get("/inbox", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [item["text"] for item in [*first["items"], *rest["items"]]] == ["4", "3", "2", "1", "0"]
    assert rest["next_cursor"] is None
    assert (await world.web.get("/inbox", params={"address": "+573000000102"})).json()["items"] == []
    assert len((await world.web.get(f"/inbox?address={ANA}")).json()["items"]) == 5


@asynccontextmanager
async def started(product: Product, folder: Path) -> AsyncIterator[World]:
    """A sandbox over a folder that another one may have left."""
    async with running(folder, product.sandbox_accounts(), "127.0.0.1", Ports(0, 0)) as sandbox:
        url = f"http://127.0.0.1:{sandbox.ports.http}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as web:
            yield World(sandbox, product, web)


async def test_all_survives_a_restart_and_cannot_be_changed(tmp_path: Path) -> None:
    async with listening(Product()) as product:
        product.answers["/twilio/answer/8"] = twiml(MENU)
        product.answers["/twilio/menu"] = twiml("<Say>Gracias.</Say>")
        async with started(product, tmp_path) as before:
            sid = (await before.call()).json()["sid"]
            await before.order(f"/calls/{sid}/answer")
            await before.sms()
            await before.heard("/twilio/status/7", 2)
            await before.settled()
        async with started(product, tmp_path) as after:
            items = [(item["channel"], item["status"]) for item in await after.arrivals()]
            assert items == [("sms", "delivered"), ("call", "in-progress")]
            assert (await after.order(f"/calls/{sid}/press", keys="1"))["said"] == ["Gracias."]
    with closing(sqlite3.connect(tmp_path / "arrivals.db")) as database:
        for statement in ("UPDATE entries SET text = 'x'", "DELETE FROM events", "DELETE FROM entries"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(statement)


async def test_a_call_that_rings_through_a_restart_ends_in_its_time(tmp_path: Path) -> None:
    async with listening(Product()) as product:
        async with started(product, tmp_path) as before:
            await before.call(Timeout="1")
        async with started(product, tmp_path) as after:
            [end] = await after.heard("/twilio/status/8", 1)
            assert end["CallStatus"] == "no-answer"
