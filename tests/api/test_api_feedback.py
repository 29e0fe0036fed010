"""A creditor's own system hears of its accounts: put, told by the worker, replayed, rotated, ended."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.calls import Api, Creditor, problem_of
from tests.eventually import assert_eventually
from tests.ledger.given import START, row
from tests.ledger.receiver import Receiver, receiving

PAST_DUE = ("1", "2026-02-01", "100000")
OPENING = ["journey.started", "journey.stage_entered", "credit.blocked"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


def path(creditor: Creditor, rest: str = "") -> str:
    return f"/v1/creditors/{creditor.key}/webhook{rest}"


async def puts(creditor: Creditor, url: str, **body: Any) -> httpx.Response:
    return await creditor.api.http.put(path(creditor), json={"url": url, **body})


async def heard(receiver: Receiver, count: int) -> list[str]:
    """The types that came, once there are so many."""

    async def enough() -> list[str]:
        assert len(receiver.heard) >= count
        return receiver.types

    return await assert_eventually(enough, 20)


async def test_the_worker_tells_what_happens_signed_with_the_secret_of_the_answer(
    creditor: Creditor, receiver: Receiver
) -> None:
    made = await puts(creditor, receiver.url)
    assert made.status_code == 201
    await creditor.imports(row("A", PAST_DUE))
    assert await heard(receiver, 3) == OPENING
    await creditor.pays("A", "100000")
    await heard(receiver, 6)
    told = receiver.verified(made.json()["secret"])
    assert {event["type"] for event in told[3:]} == {"payment.applied", "credit.released", "journey.closed"}
    deliveries = (await creditor.api.http.get(path(creditor, "/deliveries"), params={"status": "delivered"})).json()
    assert [each["id"] for each in deliveries["items"]] == [event["id"] for event in told]


async def test_a_webhook_is_shown_without_its_secret_and_changed_without_a_new_one(
    creditor: Creditor, receiver: Receiver
) -> None:
    assert (await puts(creditor, receiver.url)).json()["secret"].startswith("whsec_")
    changed = await puts(creditor, receiver.url + "&b=2", events=["journey.closed", "promise.*"])
    assert (changed.status_code, changed.json()["secret"]) == (200, None)
    shown = (await creditor.api.http.get(path(creditor))).json()
    assert shown["url"] == receiver.url + "&b=2"
    assert shown["events"] == ["journey.closed", "promise.*"]
    assert not any("secret" in name for name in shown)


async def test_a_replay_sends_again_under_the_same_ids(creditor: Creditor, receiver: Receiver) -> None:
    await puts(creditor, receiver.url)
    await creditor.imports(row("A", PAST_DUE))
    await heard(receiver, 3)

    async def replays(**body: Any) -> httpx.Response:
        return await creditor.api.http.post(path(creditor, "/replay"), json=body)

    again = await replays(**{"from": START.isoformat(), "types": ["credit.blocked"]})
    assert (again.status_code, again.json()) == (202, {"queued": 1})
    await heard(receiver, 4)
    assert receiver.ids[3] == receiver.ids[2]
    later = await replays(**{"from": (START + timedelta(days=1)).isoformat()})
    assert later.json() == {"queued": 0}
    backwards = await replays(**{"from": START.isoformat(), "until": START.isoformat()})
    assert problem_of(backwards) == (422, "replay.backwards")


async def test_a_rotated_secret_signs_beside_the_new_one(creditor: Creditor, receiver: Receiver) -> None:
    first = (await puts(creditor, receiver.url)).json()["secret"]
    second = (await creditor.api.http.post(path(creditor, "/rotate"))).json()["secret"]
    assert first != second
    await creditor.imports(row("A", PAST_DUE))
    await heard(receiver, 3)
    assert len(receiver.verified(first)) == len(receiver.verified(second)) == 3


async def test_a_webhook_that_was_ended_hears_nothing_more(creditor: Creditor, receiver: Receiver) -> None:
    await puts(creditor, receiver.url)
    assert (await creditor.api.http.delete(path(creditor))).status_code == 204
    await creditor.imports(row("A", PAST_DUE))
    assert (await creditor.api.http.get(path(creditor, "/deliveries"))).json()["items"] == []
    assert problem_of(await creditor.api.http.get(path(creditor))) == (404, "webhook.unknown")
    assert problem_of(await creditor.api.http.delete(path(creditor))) == (404, "webhook.unknown")


async def test_what_is_not_taken_shows_when_it_is_tried_again(creditor: Creditor, receiver: Receiver) -> None:
    receiver.answers = [503]
    await puts(creditor, receiver.url)
    await creditor.imports(row("A", PAST_DUE))

    async def refused() -> dict[str, Any]:
        (first, *_) = (await creditor.api.http.get(path(creditor, "/deliveries"))).json()["items"]
        assert first["last_status"] == 503
        return first

    first = await assert_eventually(refused, 20)
    assert (first["status"], first["attempts"], first["type"]) == ("pending", 1, "journey.started")
    assert first["next_at"] is not None
    assert await heard(receiver, 4) == [OPENING[0], *OPENING]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://93.184.215.14/"}, "url.refused"),
        ({"url": "ftp://core.example/"}, "url.refused"),
        ({"url": "https://a@93.184.215.14/"}, "url.refused"),
        ({"url": "https://nadie.invalid/"}, "url.unresolved"),
        ({"url": "https://93.184.215.14/", "events": ["journey.ended"]}, "webhook.unknown_event"),
        ({"url": "https://93.184.215.14/", "events": []}, "request.invalid"),
        ({"url": "https://93.184.215.14/", "secret": "whsec_own"}, "request.invalid"),
    ],
)
async def test_an_unusable_webhook_is_refused(creditor: Creditor, body: dict[str, Any], code: str) -> None:
    assert problem_of(await creditor.api.http.put(path(creditor), json=body)) == (422, code)


async def test_an_unknown_creditor_has_none(api: Api) -> None:
    nobody = Creditor(api, "nadie")
    assert problem_of(await puts(nobody, "http://127.0.0.1:9/")) == (404, "creditor.unknown")
    assert problem_of(await api.http.get(path(nobody, "/deliveries"))) == (404, "creditor.unknown")
