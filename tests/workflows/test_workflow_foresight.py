"""Engine and record agree on what was put off: the real workflow and activities on a real ledger, two channels."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, example, settings
from hypothesis import given as whatever
from hypothesis import strategies as st
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.clock import advance
from activities.contacting import Contacting
from activities.engine import Engine
from activities.recording import Recording
from channels.message import Message, Rejected, Uncertain
from journey.playbook import Channel
from journey.state import Deferral, JourneyState
from ledger.database import Ledger
from ledger.errors import Conflict
from ledger.receipts import Receipt, record_receipt
from ledger.views import journey
from policy import decide, parse_case
from tests.ledger.given import Given, local, playbook, row
from tests.workflows.world import CONVERTER, SERVER, channel_workers, world
from worker import runner
from workflows import contract
from workflows.journey import Journey

DUE = date(2026, 2, 4)
"""A Wednesday; day 1 is Thursday 5 February."""
END = local(date(2026, 4, 15), 0)

Fate = Literal["sent", "failed", "unknown", "moved"]
"""`moved`: refused at first, taken by the step's next channel."""


@dataclass
class Provider:
    """Text messages or e-mail: it sends all it is given, but what a test wants to fail."""

    channel: Channel
    fates: dict[str, Fate] = field(default_factory=dict[str, Fate])
    sent: list[str] = field(default_factory=list[str])

    @property
    def key(self) -> str:
        """The channel's own name."""
        return self.channel

    @asynccontextmanager
    async def line(self) -> AsyncGenerator["Provider"]:
        """An open line."""
        yield self

    async def send(self, message: Message) -> str:
        """Take a message, by the step that its key names."""
        _, _, _, _, step, *attempt = message.key.split(":")
        match self.fates.get(step):
            case "failed":
                raise Rejected("no_such_number")
            case "moved" if len(attempt) == 1:
                raise Rejected("no_such_number")
            case "unknown":
                raise Uncertain
            case _:
                self.sent.append(message.key)
                return f"ref-{len(self.sent)}"


@dataclass
class Works:
    """An engine with a worker whose channels are text messages and e-mail, on the tests' ledger."""

    ledger: Ledger
    engine: Engine
    fates: dict[str, Fate]
    """Steps whose message fails, by whichever channel, or of which nobody knows."""
    sent: list[str]

    async def creditor(self, *steps: dict[str, Any], prejuridical: int = 20) -> Given:
        """A creditor whose playbook has these steps, in two stages of which the second begins on a day past due."""
        given = Given(self.ledger)
        stages = [
            {"stage": "administrative", "from_day": 1, "steps": [s for s in steps if s["day"] < prejuridical]},
            {
                "stage": "prejuridical",
                "from_day": prejuridical,
                "steps": [s for s in steps if s["day"] >= prejuridical],
            },
        ]
        await given.set_up(playbook(f"{given.key}-book", stages=stages, ends={"day": 40}))
        return given

    async def advances(self, given: Given, to: datetime) -> None:
        """The test clock, and all that falls due on the way."""
        await advance(self.ledger, self.engine, given.key, to)

    async def state(self, given: Given, account: str = "A") -> JourneyState:
        """What the workflow knows."""
        handle = self.engine.client.get_workflow_handle(given.journey(account))
        return await handle.query(contract.STATE, result_type=JourneyState)


@asynccontextmanager
async def working(ledger: Ledger) -> AsyncGenerator[Works]:
    async with AsyncExitStack() as opened:
        environment = await opened.enter_async_context(
            await WorkflowEnvironment.start_time_skipping(
                data_converter=CONVERTER, identity="tests", test_server_existing_path=str(SERVER)
            )
        )
        works = Works(ledger, Engine(environment.client), {}, [])
        providers = {
            "sms": Provider("sms", works.fates, works.sent),
            "email": Provider("email", works.fates, works.sent),
        }
        contact = Contacting(ledger, lambda _: providers).contact
        await opened.enter_async_context(
            Worker(
                environment.client,
                task_queue=contract.QUEUE,
                workflows=[Journey],
                activities=[Recording(ledger).report],
                workflow_runner=runner(),
                max_cached_workflows=100,
            )
        )
        for worker in channel_workers(environment.client, ("sms", "email", "call"), contact):
            await opened.enter_async_context(worker)
        yield works


@pytest.fixture
async def works(ledger: Ledger) -> AsyncIterator[Works]:
    async with working(ledger) as opened:
        yield opened


def step(day: int, *channels: str, at: str = "10:00") -> dict[str, Any]:
    """A notice on a day past due; its key says which."""
    key = f"d{day}-{at.replace(':', '')}"
    return {"key": key, "day": day, "channels": list(channels), "template": "overdue", "at": at}


def debt(*dues: tuple[str, str, str], account: str = "A", person: str | None = None) -> dict[str, Any]:
    """An account whose debtor can be reached by text message and e-mail."""
    addresses = {"sms": "+573991234567", "email": "a@correo.invalid"}
    due = dues or (("1", DUE.isoformat(), "100000"),)
    return row(account, *due, person=person, addresses=addresses, authorised_channels=["sms", "email"])


async def test_a_step_that_is_put_off_wakes_the_engine_at_its_new_time_alone(works: Works) -> None:
    given = await works.creditor(step(1, "sms"), step(5, "email"))
    await given.imported(debt())
    await works.advances(given, local(date(2026, 2, 6), 0))
    until = local(date(2026, 2, 12), 10)
    shown = await journey(works.ledger, given.key, "A")
    assert shown is not None
    assert shown["next_step"] == {"key": "d5-1000", "due_at": until}
    state = await works.state(given)
    assert state.deferral is not None
    assert (state.deferral.occurrence, state.deferral.until) == (f"d5-1000@{DUE}", until)
    await works.advances(given, END)
    made = [(each["step"], each["decision"], each["decided_at"]) for each in await given.decisions("A")]
    assert made == [
        ("d1-1000", "permitted", local(date(2026, 2, 5), 10)),
        ("d5-1000", "permitted", until),
    ]


@pytest.mark.parametrize("is_lost", [False, True], ids=["answered", "the first answer is lost"])
async def test_on_the_real_clock_the_engine_asks_at_the_new_time_and_not_before(is_lost: bool) -> None:
    async with world() as here:
        first, second, until = f"aviso-1@{here.due}", f"aviso-2@{here.due}", here.on(8, "10:30")
        here.record.foreseen[first] = Deferral(occurrence=second, until=until)
        here.record.lost |= {first} if is_lost else set()
        await here.outcome()
        assert [at for at, name in here.record.sent if name == second] == [until]
        assert [name for _, name in here.record.asked].count(second) == 1


async def test_a_step_is_not_put_off_by_a_contact_that_failed(works: Works) -> None:
    works.fates["d1-1000"] = "failed"
    given = await works.creditor(step(1, "sms"), step(5, "email"))
    await given.imported(debt())
    await works.advances(given, local(date(2026, 2, 6), 0))
    assert (await works.state(given)).deferral is None
    await works.advances(given, END)
    assert [each["decided_at"] for each in await given.decisions("A")] == [
        local(date(2026, 2, 5), 10),
        local(date(2026, 2, 9), 10),
    ]


async def test_a_journey_that_is_put_off_from_the_start_is_given_so_to_the_engine(works: Works) -> None:
    given = await works.creditor(step(1, "sms"), step(12, "email"))
    await given.imported(debt(person=f"{given.key}-p"))
    await works.advances(given, local(date(2026, 2, 4), 12))
    assert (await given.dials("A", "email")).allowed
    await works.advances(given, local(date(2026, 2, 6), 0))
    assert (await works.state(given)).deferral is not None
    await works.advances(given, END)
    steps = [(each["step"], each["decision"], each["decided_at"]) for each in await given.decisions("A")][1:]
    assert steps == [
        ("d1-1000", "permitted", local(date(2026, 2, 11), 10)),
        ("d12-1000", "permitted", local(date(2026, 2, 18), 10)),
    ]


STEPS = st.lists(
    st.tuples(
        st.integers(1, 26),
        st.sampled_from(("09:00", "10:30", "16:00")),
        st.sampled_from((("sms",), ("email",), ("email", "sms"), ("sms", "email"), ("call",))),
        st.sampled_from(("sent", "sent", "failed", "unknown", "moved")),
    ),
    min_size=2,
    max_size=10,
    unique_by=lambda each: each[:2],
)
FACTS = st.lists(
    st.tuples(st.integers(0, 35), st.sampled_from(("pay", "reverse", "pause", "resume", "message", *["bounce"] * 3))),
    min_size=2,
    max_size=6,
)
"""What comes from outside, on days past due."""
PLAYED = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Played = list[tuple[int, str, tuple[str, ...], Fate]]

FAILS_FOR_TWO: Played = [
    (5, "09:00", ("sms",), "sent"),
    (7, "09:00", ("email",), "sent"),
    (8, "16:00", ("sms",), "sent"),
    (10, "16:00", ("email",), "sent"),
    (12, "16:00", ("sms",), "moved"),
    (18, "09:00", ("email", "sms"), "sent"),
]
"""The message of day 12 stands for both accounts and fails, when the other's engine has heard that its step is done."""
PUTS_OFF_FOR_ANOTHER: Played = [
    (1, "10:30", ("sms", "email"), "sent"),
    (7, "10:30", ("sms", "email"), "failed"),
    (8, "16:00", ("sms",), "sent"),
    (26, "09:00", ("sms", "email"), "unknown"),
    (26, "10:30", ("email", "sms"), "moved"),
]
"""One account's late message stands for a step of the other, whose next one it puts off."""


async def played(works: Works, steps: Played, prejuridical: int) -> Given:
    """A creditor with these steps, whose messages meet these fates."""
    notices = {(day, at): step(day, *channels, at=at) for day, at, channels, _ in sorted(steps)}
    works.fates.clear()
    works.fates.update({notices[day, at]["key"]: fate for day, at, _, fate in steps})
    return await works.creditor(*notices.values(), prejuridical=prejuridical)


async def is_kept(works: Works, given: Given, *accounts: str) -> None:
    """Each journey ended in both places alike, and every contact was lawful by what had gone before."""
    for kept in [each for account in accounts for each in await given.journeys(account)]:
        assert kept["outcome"] is not None
        handle = works.engine.client.get_workflow_handle_for(Journey.run, kept["id"])
        assert await handle.result() == kept["outcome"]
    rows = await given.all(
        "SELECT * FROM contacts WHERE creditor = %s AND decision = 'permitted' ORDER BY id", given.key
    )
    log: list[dict[str, Any]] = []
    for contact in rows:
        verdict = contact["basis"]["verdicts"][contact["channel"]]
        packs, query = parse_case(contact["basis"]["case"])
        assert decide(packs, query).as_record() == verdict
        assert [(each.at, each.channel) for each in query.contacts] == [
            (each["decided_at"], each["channel"])
            for each in log
            if each["decided_at"] > contact["decided_at"] - timedelta(days=10)
            and not any(at < contact["recorded_at"] for at in each["failed"])
        ]
        failed = "SELECT recorded_at FROM contact_events WHERE contact_id = %s AND status = 'failed'"
        contact["failed"] = [event["recorded_at"] for event in await given.all(failed, contact["id"])]
        log.append(contact)
    assert len(works.sent) == len(set(works.sent))


@whatever(steps=STEPS)
@example(steps=[(24, "10:30", ("email",), "sent"), (26, "09:00", ("email", "sms"), "failed")])
@PLAYED
async def test_a_journey_alone_is_never_refused_within_a_stage(works: Works, steps: Played) -> None:
    """Whatever the playbook and the fate of its messages: what follows from itself, it foresees. Not that a message
    fails, so that its step must look for another channel."""
    given = await played(works, steps, prejuridical=39)
    await given.imported(debt())
    await works.advances(given, END)
    rows = await given.all("SELECT * FROM contacts WHERE creditor = %s ORDER BY id", given.key)
    failed = {each["occurrence"] for each in rows if works.fates[each["step"]] in ("failed", "moved")}
    assert {each["occurrence"] for each in rows if each["decision"] == "refused"} <= failed
    assert {each["reason"] for each in rows} <= {None, "overtaken", "no_channel"}
    assert {each["step"] for each in rows} == set(works.fates), "no step is forgotten"
    await is_kept(works, given, "A")


async def comes_back(given: Given) -> None:
    """The last message that left comes back: nobody is there."""
    rows = await given.all(
        """SELECT c.id, c.provider FROM contacts c JOIN contact_events e ON e.contact_id = c.id AND e.status = 'sent'
        WHERE c.creditor = %s ORDER BY c.id DESC LIMIT 1""",
        given.key,
    )
    for sent in rows:
        await record_receipt(
            given.ledger, Receipt(sent["provider"], "failed", str(sent["id"]), None, None, "gone", bad_address=True)
        )


@whatever(steps=STEPS, facts=FACTS)
@example(steps=FAILS_FOR_TWO, facts=[(12, "reverse"), (13, "pause")])
@example(steps=PUTS_OFF_FOR_ANOTHER, facts=[(0, "pay"), (7, "resume")])
@PLAYED
async def test_whatever_comes_between_engine_and_record_go_on_together(
    works: Works, steps: Played, facts: list[tuple[int, str]]
) -> None:
    """Payments that move the oldest due date, pauses, the other account, messages of agents, or that come back."""
    given = await played(works, steps, prejuridical=12)
    dues = (("1", DUE.isoformat(), "100000"), ("2", "2026-02-10", "100000"))
    await given.imported(debt(*dues, person=f"{given.key}-p"), debt(account="B", person=f"{given.key}-p"))
    for number, (day, fact) in enumerate(sorted(facts)):
        await works.advances(given, local(DUE + timedelta(days=day), 12, number))
        with suppress(Conflict):  # no journey is open any more, or a pause holds already
            match fact:
                case "pay":
                    await given.pays("A", "100000", id=f"{given.key}:p")
                case "reverse":
                    await given.reverses("A", f"{given.key}:p", "100000", id=f"{given.key}:r")
                case "pause":
                    await given.pauses("A")
                case "resume":
                    await given.resumes("A")
                case "bounce":
                    await comes_back(given)
                case _:
                    await given.dials("A", "sms")
    with suppress(Conflict):
        await given.resumes("A")
    await works.advances(given, END)
    await is_kept(works, given, "A", "B")
