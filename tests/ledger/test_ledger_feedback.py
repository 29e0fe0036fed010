"""What creditors' systems are told: each fact once and signed, in order, again until it is heard, and nobody waits."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from activities.feedback import Delivering
from activities.targets import Targets
from ledger import feedback
from ledger.database import Ledger
from ledger.feedback import Status
from ledger.sealing import Sealer
from policy.errors import SendaError
from tests.ledger.agreed import Agreed
from tests.ledger.given import START, Given, local, row
from tests.ledger.receiver import Receiver, receiving

KEY = f"k1:{base64.b64encode(b'1' * 32).decode()}"
OTHER_KEY = f"k2:{base64.b64encode(b'2' * 32).decode()}"
PAST_DUE = ("1", "2026-02-01", "100000")
OPENING = ["journey.started", "journey.stage_entered", "credit.blocked"]


@dataclass
class Core:
    """A creditor with the system that hears of it."""

    given: Given
    receiver: Receiver
    sealer: Sealer = field(default_factory=lambda: Sealer([KEY]))
    targets: Targets = field(default_factory=lambda: Targets(private=True))
    secret: str = ""

    async def subscribes(self, *events: str, url: str | None = None) -> "Core":
        """The webhook is put; no events: all."""
        _, secret = await feedback.put_webhook(
            self.given.ledger, self.sealer, self.given.key, url or self.receiver.url, events or None
        )
        self.secret = secret or self.secret
        return self

    async def delivers(self, **changes: Any) -> None:
        """What a worker does; `changes` are fields of `Delivering`."""
        values: dict[str, Any] = {"sealer": self.sealer, "targets": self.targets, **changes}
        worker = Delivering(self.given.ledger, **values)
        await worker.deliver()
        await worker.settled()

    async def waits_no_longer(self) -> None:
        """The time until the next attempt has passed."""
        await self.changes("feedback SET next_at = clock_timestamp()")
        await self.changes("creditor_webhooks SET retry_at = NULL")

    async def changes(self, what: str) -> None:
        """An UPDATE of the creditor's rows."""
        async with self.given.ledger.transaction() as tx:
            await tx.execute(f"UPDATE {what} WHERE creditor = %s".encode(), [self.given.key])

    async def queued(self, status: Status | None = None) -> list[dict[str, Any]]:
        """The deliveries as the API lists them."""
        return (await feedback.list_deliveries(self.given.ledger, self.given.key, status, None, 100)).items

    async def types(self, *families: str) -> list[str]:
        """The types that were queued, of these families."""
        return [each["type"] for each in await self.queued() if each["type"].partition(".")[0] in families]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
async def core(given: Given, receiver: Receiver) -> Core:
    """A creditor that is told everything."""
    return await Core(given, receiver).subscribes()


@pytest.fixture
async def other(ledger: Ledger) -> AsyncIterator[Core]:
    """Another creditor with a system of its own."""
    with receiving() as opened:
        yield await Core(await Given(ledger).set_up(), opened).subscribes()


class TestAnEvent:
    async def test_tells_of_the_account_and_its_debtor_by_the_creditors_own_keys(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE, person="persona-de-a"))
        await core.delivers()
        started, entered, blocked = core.receiver.events
        assert started == {
            "id": core.receiver.ids[0],
            "type": "journey.started",
            "at": "2026-02-02T05:00:00Z",
            "creditor": core.given.key,
            "account": "A",
            "debtor": "persona-de-a",
            "data": {
                "balance": "100000.00",
                "currency": "COP",
                "due_date": "2026-02-01",
                "hash": started["data"]["hash"],
                "journey": core.given.journey("A"),
                "playbook": f"{core.given.key}-book",
            },
        }
        assert entered["data"]["stage"] == "administrative"
        assert blocked["type"] == "credit.blocked"

    async def test_holds_no_name_and_no_address(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.given.pays("A", "100000")
        await core.delivers()
        sent = b"".join(body for _, body in core.receiver.heard)
        assert b"Ana" not in sent
        assert b"@" not in sent

    async def test_is_signed_as_standard_webhooks_says(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers()
        assert [event["type"] for event in core.receiver.verified(core.secret)] == OPENING

    async def test_of_a_transaction_that_was_rolled_back_is_never_told(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        before = len(await core.queued())
        with suppress(RuntimeError):
            async with core.given.ledger.transaction() as tx:
                await tx.execute(
                    """INSERT INTO journey_events (journey_id, key, kind, actor, data, at)
                    VALUES (%s, 'x', 'closed', 'senda', '{"outcome": "paid"}', now())""",
                    [core.given.journey("A")],
                )
                await tx.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits for the commit has been done, too
                raise RuntimeError
        assert len(await core.queued()) == before

    async def test_is_written_for_no_creditor_without_a_webhook(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE))
        await given.pays("A", "100000")
        assert await given.all("SELECT id FROM feedback WHERE creditor = %s", given.key) == []
        assert await given.all("SELECT FROM credit_blocks WHERE creditor = %s", given.key) == []

    async def test_is_queued_only_where_it_was_asked_for(self, given: Given, receiver: Receiver) -> None:
        core = await Core(given, receiver).subscribes("payment.*", "journey.closed")
        await given.imported(row("A", PAST_DUE))
        await given.pays("A", "100000")
        assert await core.types("journey", "payment", "credit") == ["payment.applied", "journey.closed"]

    async def test_of_no_known_type_cannot_be_asked_for(self, given: Given, receiver: Receiver) -> None:
        with pytest.raises(SendaError) as refused:
            await Core(given, receiver).subscribes("journey.ended")
        assert refused.value.code == "webhook.unknown_event"


class TestMoney:
    async def test_that_clears_an_account_is_told_with_the_end_and_the_release(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.given.pays("A", "100000", id=f"{core.given.key}-pago")
        paid = (await core.queued())[3:]
        assert {each["type"] for each in paid} == {"payment.applied", "credit.released", "journey.closed"}
        await core.delivers()
        (applied,) = [event for event in core.receiver.events if event["type"] == "payment.applied"]
        data = applied["data"]
        assert (data["payment"], data["amount"], data["balance"]) == (f"{core.given.key}-pago", "100000.00", "0.00")

    async def test_over_several_dues_is_told_once(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE, ("2", "2026-03-01", "100000")))
        await core.given.pays("A", "250000")
        await core.delivers()
        (applied,) = [event["data"] for event in core.receiver.events if event["type"] == "payment.applied"]
        assert (applied["amount"], applied["balance"]) == ("250000.00", "-50000.00")

    async def test_that_comes_without_an_open_journey_is_told_too(self, core: Core) -> None:
        await core.given.imported(row("A", ("1", "2026-06-01", "100000")))
        await core.given.pays("A", "1000")
        assert await core.types("journey", "payment", "credit") == ["payment.applied"]

    async def test_that_is_taken_back_blocks_again_once_the_journey_is_back(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.given.pays("A", "100000", id=f"{core.given.key}-pago")
        posted = await core.given.reverses("A", f"{core.given.key}-pago", "100000")
        assert posted.opens is not None
        await core.given.opened([posted.opens])
        assert await core.types("payment") == ["payment.applied", "payment.reversed"]
        assert await core.types("credit") == ["credit.blocked", "credit.released", "credit.blocked"]


class TestNoNewCredit:
    async def test_while_nothing_is_past_due_is_not_told(self, core: Core) -> None:
        await core.given.imported(row("A", ("1", "2026-02-04", "100000")))
        assert (await core.given.journeys("A"))[0]["stage"] == "preventive"
        assert await core.types("credit") == []

    async def test_begins_as_the_due_date_passes(self, core: Core) -> None:
        await core.given.imported(row("A", ("1", "2026-02-04", "100000")))
        await core.given.lives(local(date(2026, 2, 5), 12))
        assert await core.types("credit") == ["credit.blocked"]

    async def test_is_told_once_for_a_person_and_ends_with_the_last_account(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE, person="dos"), row("B", PAST_DUE, person="dos"))
        assert await core.types("credit") == ["credit.blocked"]
        await core.given.pays("A", "100000")
        assert await core.types("credit") == ["credit.blocked"]
        await core.given.pays("B", "100000")
        assert await core.types("credit") == ["credit.blocked", "credit.released"]

    async def test_goes_on_after_the_timelines_end_until_the_debt_is_paid(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.given.lives(START + timedelta(days=95))
        assert (await core.given.journeys("A"))[0]["outcome"] == "referred"
        await core.given.pays("A", "40000")
        assert await core.types("credit") == ["credit.blocked"]
        await core.given.pays("A", "60000", id=f"{core.given.key}-resto")
        assert await core.types("credit") == ["credit.blocked", "credit.released"]
        await core.given.reverses("A", f"{core.given.key}-resto", "60000")
        assert await core.types("credit") == ["credit.blocked", "credit.released", "credit.blocked"]


async def test_promises_and_disputes_are_told(core: Core) -> None:
    agreed = Agreed(core.given)
    await core.given.imported(row("A", PAST_DUE), row("B", PAST_DUE))
    await agreed.promises("A", "100000", "2026-02-05")
    await agreed.resolves("B", await agreed.disputes("B"))
    await core.given.pays("A", "100000")
    assert await core.types("promise", "dispute") == [
        "promise.made",
        "dispute.opened",
        "dispute.resolved",
        "promise.kept",
    ]
    await core.delivers()
    (made,) = [event["data"] for event in core.receiver.events if event["type"] == "promise.made"]
    assert made["instalments"] == [{"amount": "100000.00", "due_date": "2026-02-05"}]


class TestADelivery:
    async def test_that_nobody_answers_is_tried_again_with_the_same_id_and_words(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.subscribes(url="http://127.0.0.1:9/")  # the port of "discard": nobody listens
        await core.delivers()
        (first, *_) = await core.queued("pending")
        assert (first["attempts"], first["last_status"], first["last_error"]) == (1, None, "no_answer")
        await core.subscribes()
        await core.waits_no_longer()
        await core.delivers()
        assert core.receiver.ids[0] == first["id"]
        assert core.receiver.types == OPENING

    @pytest.mark.parametrize("status", [500, 404, 302])
    async def test_that_is_not_taken_is_tried_again(self, core: Core, status: int) -> None:
        core.receiver.answers = [status]
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers()
        assert len(core.receiver.heard) == 1  # what comes after it waits, and no redirect is followed
        assert (await core.queued())[0]["last_error"] == f"http_{status}"
        await core.waits_no_longer()
        await core.delivers()
        assert core.receiver.heard[0][1] == core.receiver.heard[1][1]
        assert core.receiver.ids[0] == core.receiver.ids[1]
        assert core.receiver.types == [OPENING[0], *OPENING]

    async def test_that_is_not_answered_in_time_is_tried_again(self, core: Core) -> None:
        core.receiver.answers = [0]
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers(timeout=0.3)
        assert [each["last_error"] for each in await core.queued()] == ["timeout", None, None]
        core.receiver.awake.set()
        await core.waits_no_longer()
        await core.delivers()
        assert core.receiver.types == [OPENING[0], *OPENING]

    async def test_waits_longer_each_time_up_to_an_hour(self, core: Core) -> None:
        core.receiver.answers = [500] * 14
        await core.given.imported(row("A", PAST_DUE))
        pauses: list[int] = []
        for _ in range(14):
            await core.waits_no_longer()
            await core.delivers()
            (head,) = await core.given.all(
                """SELECT extract(epoch FROM next_at - clock_timestamp()) AS pause FROM feedback
                WHERE creditor = %s ORDER BY id LIMIT 1""",
                core.given.key,
            )
            pauses.append(round(head["pause"] / 5))
        assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 720, 720, 720, 720]

    async def test_is_given_up_after_three_days_and_what_follows_goes_on(self, core: Core) -> None:
        core.receiver.answers = [500]
        await core.given.imported(row("A", PAST_DUE))
        await core.changes("feedback SET queued_at = now() - interval '73 hours'")
        await core.delivers()
        assert [each["type"] for each in await core.queued("dead")] == OPENING[:1]
        await core.delivers()
        assert [each["type"] for each in await core.queued("delivered")] == OPENING[1:]

    async def test_to_an_endpoint_that_is_down_lets_it_rest(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE), row("B", PAST_DUE))
        core.receiver.answers = [503, 503]
        await core.delivers()
        assert core.given.key not in await feedback.due_creditors(core.given.ledger)
        await core.changes("feedback SET next_at = clock_timestamp()")
        assert core.given.key not in await feedback.due_creditors(core.given.ledger)

    async def test_that_one_event_hinders_lets_those_of_others_pass(self, core: Core) -> None:
        core.receiver.answers = [422]
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers()
        await core.given.imported(row("B", PAST_DUE))
        await core.delivers()
        assert [event["account"] for event in core.receiver.events] == ["A", "B", "B", "B"]

    async def test_waits_for_no_other_creditors_endpoint(self, core: Core, other: Core) -> None:
        core.receiver.answers = [0]
        await core.given.imported(row("A", PAST_DUE))
        await other.given.imported(row("A", PAST_DUE))
        worker = Delivering(core.given.ledger, core.sealer, core.targets)
        await worker.deliver()
        await other.delivers()
        while await other.queued("pending"):  # the first worker may have taken it
            await asyncio.wait_for(other.delivers(), 10)
        assert other.receiver.types == OPENING
        assert len(core.receiver.heard) <= 1
        core.receiver.awake.set()
        await worker.close()

    async def test_leaves_once_however_many_workers_there_are(self, core: Core) -> None:
        await core.given.imported(*(row(f"A{number}", PAST_DUE) for number in range(12)))
        await asyncio.gather(*(core.delivers() for _ in range(4)))
        assert await core.queued("pending") == []
        assert len(core.receiver.ids) == len(set(core.receiver.ids)) == 36
        for number in range(12):
            own = [event["type"] for event in core.receiver.events if event["account"] == f"A{number}"]
            assert own == OPENING

    async def test_of_a_process_that_died_is_taken_over(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        (taken,) = await feedback.claim(core.given.ledger, core.given.key, 8)
        await core.delivers()
        assert core.receiver.heard == []
        await core.waits_no_longer()
        await core.delivers()
        assert core.receiver.ids[0] == taken.event

    async def test_is_checked_anew_each_time(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers(targets=Targets(private=False))
        assert core.receiver.heard == []
        assert (await core.queued())[0]["last_error"] == "url.refused"


class TestAReplay:
    async def test_sends_what_happened_in_a_time_again_under_the_same_ids(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers()
        await core.given.clock(START + timedelta(days=1))
        await core.given.pays("A", "1000")
        await core.delivers()
        first = core.receiver.ids[:3]
        core.receiver.heard.clear()
        until = START + timedelta(days=1)
        assert await feedback.replay(core.given.ledger, core.given.key, START, until, None) == 3
        await core.delivers()
        assert core.receiver.ids == first

    async def test_of_some_types_sends_only_these(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers()
        core.receiver.heard.clear()
        queued = await feedback.replay(core.given.ledger, core.given.key, START, None, ["credit.*", "journey.started"])
        await core.delivers()
        assert (queued, core.receiver.types) == (2, ["journey.started", "credit.blocked"])

    async def test_brings_back_what_was_given_up(self, core: Core) -> None:
        core.receiver.answers = [500]
        await core.given.imported(row("A", PAST_DUE))
        await core.changes("feedback SET queued_at = now() - interval '73 hours'")
        await core.delivers()
        (dead,) = await core.queued("dead")
        await feedback.replay(core.given.ledger, core.given.key, START, None, ["journey.started"])
        await core.delivers()
        assert core.receiver.ids.count(dead["id"]) == 2
        assert await core.queued("dead") == []


class TestTheSecret:
    async def test_that_was_rotated_signs_beside_the_new_one_for_a_day(self, core: Core) -> None:
        new = await feedback.rotate(core.given.ledger, core.sealer, core.given.key)
        newest = await feedback.rotate(core.given.ledger, core.sealer, core.given.key)
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers()
        for secret in (core.secret, new, newest):
            assert len(core.receiver.verified(secret)) == 3

    async def test_signs_no_longer_once_the_day_is_over(self, core: Core) -> None:
        new = await feedback.rotate(core.given.ledger, core.sealer, core.given.key)
        await core.changes(
            "creditor_webhooks SET secrets = jsonb_set(secrets, '{1,until}', '\"2026-01-01T00:00:00Z\"')"
        )
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers()
        core.receiver.verified(new)
        with pytest.raises(WebhookVerificationError):
            core.receiver.verified(core.secret)

    async def test_is_shown_once_and_stored_sealed(self, core: Core) -> None:
        _, again = await feedback.put_webhook(core.given.ledger, core.sealer, core.given.key, core.receiver.url, None)
        assert again is None
        (kept,) = await core.given.all(
            "SELECT secrets::text FROM creditor_webhooks WHERE creditor = %s", core.given.key
        )
        assert core.secret.removeprefix("whsec_") not in kept["secrets"]

    async def test_survives_a_new_key_as_long_as_the_old_one_is_there(self, core: Core) -> None:
        await core.given.imported(row("A", PAST_DUE))
        await core.delivers(sealer=Sealer([OTHER_KEY]))
        assert (await core.queued())[0]["last_error"] == "secret.unreadable"
        await core.waits_no_longer()
        await core.delivers(sealer=Sealer([OTHER_KEY, KEY]))
        assert core.receiver.types == OPENING

    def test_of_one_creditor_opens_for_no_other(self) -> None:
        sealer = Sealer([KEY])
        with pytest.raises(SendaError, match="another's"):
            sealer.open(sealer.seal("whsec_a", "webhook:uno"), "webhook:otro")

    def test_is_not_stored_without_a_key(self) -> None:
        with pytest.raises(SendaError) as refused:
            Sealer([]).seal("whsec_a", "webhook:uno")
        assert refused.value.code == "secret.no_key"


async def test_a_webhook_that_is_deleted_gives_up_what_waits(core: Core) -> None:
    await core.given.imported(row("A", PAST_DUE))
    await feedback.delete_webhook(core.given.ledger, core.given.key)
    assert [each["last_error"] for each in await core.queued("dead")] == ["webhook_deleted"] * 3
    await core.given.pays("A", "100000")
    assert len(await core.queued()) == 3
    with pytest.raises(SendaError, match="no webhook"):
        await feedback.webhook_of(core.given.ledger, core.given.key)


async def test_what_is_settled_is_forgotten_in_time(core: Core) -> None:
    await core.given.imported(row("A", PAST_DUE))
    await core.delivers()
    await core.given.pays("A", "1000")
    await core.changes("feedback SET queued_at = now() - interval '91 days'")
    await feedback.forget(core.given.ledger, timedelta(days=90))
    assert [each["type"] for each in await core.queued()] == ["payment.applied"]


class TestAnAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "http://93.184.215.14/",
            "https://10.0.0.1/",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://224.0.0.1/",
            "https://[::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://user@93.184.215.14/",
            "https://93.184.215.14/#a",
            "https://93.184.215.14:port/",
            "ftp://93.184.215.14/",
            "https:///path",
            "core",
            "https://93.184.215.14/a b",
        ],
    )
    async def test_that_is_not_public_or_not_https_is_refused(self, url: str) -> None:
        with pytest.raises(SendaError) as refused:
            await Targets(private=False).resolve(url)
        assert refused.value.code in ("url.refused", "url.unresolved")

    @pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://93.184.215.14/"])
    async def test_over_http_is_of_this_machine_only(self, url: str) -> None:
        with pytest.raises(SendaError, match="https"):
            await Targets(private=True).resolve(url)

    async def test_is_bound_to_what_its_name_resolves_to(self) -> None:
        found = await Targets(private=True).resolve("http://localhost:8080/a?b=c")
        assert found.url in ("http://127.0.0.1:8080/a?b=c", "http://[::1]:8080/a?b=c")
        assert (found.host, found.name) == ("localhost:8080", "localhost")

    async def test_that_is_public_passes(self) -> None:
        found = await Targets(private=False).resolve("https://93.184.215.14:8443/a")
        assert found.url == "https://93.184.215.14:8443/a"

    async def test_whose_name_nobody_knows_says_so(self) -> None:
        with pytest.raises(SendaError) as refused:
            await Targets(private=False).resolve("https://nadie.invalid/")
        assert refused.value.code == "url.unresolved"
