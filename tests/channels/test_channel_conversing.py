"""The bot at work: answers leave at most once, in order, by the policy's leave, and hold what was agreed."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from structlog.testing import capture_logs

from activities import conversing
from channels.message import BadAddress, NotNow, Rejected, Uncertain, Unreachable
from ledger import conversations
from ledger.database import Ledger
from ledger.errors import Conflict
from tests.channels.talking import LAST4, Somebody
from tests.ledger.given import Given


@pytest.fixture
async def ana(ledger: Ledger) -> Somebody:
    return await Somebody.owing(Given(ledger))


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversing, "PAUSES", (0.0, 0.0))


async def test_an_answer_is_a_contact_of_its_own_that_was_permitted(ana: Somebody) -> None:
    assert "confirmemos primero su identidad" in (await ana.says("hola") or "")
    (message,) = ana.provider.sent
    contact = await ana.given.one(
        "SELECT id, purpose, channel, provider FROM contacts WHERE creditor = %s AND actor = 'bot'", ana.given.key
    )
    assert contact == {
        "id": int(message.reference),
        "purpose": "requested_information",
        "channel": "sms",
        "provider": ana.provider.key,
    }
    assert message.to == ana.number
    assert await ana.replies() == [("permitted", "sent", None)]


# At most once


async def test_a_process_that_dies_before_it_sends_leaves_an_answer_of_which_nobody_knows(
    ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana.provider.open.clear()
    await ana.bot.answer(await ana.writes("hola"))
    await asyncio.sleep(0)
    for sending in tuple(ana.bot._sending):
        sending.cancel()
    await asyncio.gather(*ana.bot._sending, return_exceptions=True)
    ana.provider.open.set()
    assert await ana.replies() == [("permitted", None, None)]

    other = ana.worker()
    await other.answer_waiting()
    assert await ana.replies() == [("permitted", None, None)]
    monkeypatch.setattr(conversing, "FORGOTTEN", timedelta(0))
    for _ in range(2):
        await other.answer_waiting()
    await other.sent()
    assert ana.provider.sent == []
    assert await ana.replies() == [("permitted", "unknown", "process_died")]


async def test_a_process_that_dies_before_the_commit_leaves_the_message_waiting(
    ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise OSError("the line to the database")

    inbound_id = await ana.writes("hola")
    with monkeypatch.context() as broken:
        broken.setattr(conversations, "keep_turn", dies)
        with pytest.raises(OSError, match="the line"):
            await ana.bot.answer(inbound_id)
    assert await ana.replies() == []
    for _ in range(2):
        await ana.worker().answer(inbound_id)
        await ana.bot.answer(inbound_id)
    await ana.bot.sent()
    assert await ana.replies() in ([("permitted", "sent", None)], [("permitted", None, None)])
    assert await ana.tasks() == []


async def test_an_engine_that_cannot_be_told_holds_back_no_answer(
    ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> int:
        raise OSError("the database went away")

    monkeypatch.setattr(conversing, "tell_all", fails)
    with pytest.raises(OSError, match="went away"):
        await ana.bot.answer(await ana.writes("hola"))
    await ana.bot.sent()
    assert len(ana.provider.sent) == 1
    assert await ana.replies() == [("permitted", "sent", None)]


@pytest.mark.parametrize("error", [NotNow("twilio_20429"), Unreachable("nobody there")])
async def test_a_provider_that_does_not_take_it_at_once_is_tried_again(ana: Somebody, error: Exception) -> None:
    ana.provider.failing = [error, error]
    await ana.says("hola")
    assert (ana.provider.tries, len(ana.provider.sent)) == (3, 1)
    assert await ana.replies() == [("permitted", "sent", None)]


@pytest.mark.parametrize(
    ("error", "tries", "status", "detail"),
    [
        (NotNow("twilio_20429"), 3, "failed", "twilio_20429"),
        (Unreachable("nobody there"), 3, "failed", "unreachable"),
        (Rejected("twilio_21610"), 1, "failed", "twilio_21610"),
        (BadAddress("twilio_21211"), 1, "failed", "twilio_21211"),
        (Uncertain("no answer"), 1, "unknown", "line_broke"),
        (ValueError("a mistake of ours"), 1, "unknown", "sending_failed"),
    ],
)
async def test_the_record_says_what_came_of_an_answer(
    ana: Somebody, error: Exception, tries: int, status: str, detail: str
) -> None:
    ana.provider.failing = [error] * 4
    await ana.says("hola")
    assert (ana.provider.tries, ana.provider.sent) == (tries, [])
    assert await ana.replies() == [("permitted", status, detail)]


async def test_two_workers_at_once_answer_each_message_once_and_in_order(ana: Somebody) -> None:
    for text in ("hola", LAST4):
        await ana.writes(text)
    workers = [ana.worker(), ana.worker()]
    for _ in range(3):
        await asyncio.gather(*(worker.answer_waiting() for worker in workers))
        await asyncio.gather(*(worker.sent() for worker in workers))
    first, second = ana.provider.texts
    assert "confirmemos primero su identidad" in first
    assert "Gracias, Ana" in second


async def test_an_answer_waits_until_the_one_before_it_has_left(ana: Somebody) -> None:
    ana.provider.open.clear()
    await ana.bot.answer(await ana.writes("hola"))
    second = await ana.writes(LAST4)
    other = ana.worker()
    for bot in (ana.bot, other):
        await bot.answer(second)
        await bot.answer_waiting()
    ana.provider.open.set()
    await ana.bot.sent()
    await other.sent()
    assert len(ana.provider.sent) == 1
    await other.answer_waiting()
    await other.sent()
    assert ["Ana" in text for text in ana.provider.texts] == [False, True]


# What goes wrong for one stops nobody else


async def test_a_message_that_cannot_be_answered_stops_nobody_else(
    ledger: Ledger, ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    bea = await Somebody.owing(Given(ledger))
    bea.provider = ana.provider
    refused = await ana.writes("hola")
    monkeypatch.setattr(conversing, "BATCH", 3)
    for _ in range(3):
        await ana.writes("¿hola?")
    await bea.writes("hola")
    answer = conversations.hear

    async def poisoned(tx: Any, inbound_id: int) -> Any:
        if inbound_id == refused:
            raise ZeroDivisionError
        return await answer(tx, inbound_id)

    monkeypatch.setattr(conversations, "hear", poisoned)
    with capture_logs() as logs:
        for _ in range(2):
            await ana.bot.answer_waiting()
        await ana.bot.sent()
    assert [message.to for message in ana.provider.sent] == [bea.number]
    assert [line["error"] for line in logs if line.get("inbound") == refused] == ["ZeroDivisionError"]


async def test_a_message_that_can_never_be_answered_becomes_a_case(
    ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def poisoned(*_: object) -> None:
        raise ZeroDivisionError

    await ana.writes("hola")
    monkeypatch.setattr(conversations, "hear", poisoned)
    monkeypatch.setattr(conversations, "LONGEST_PAUSE", timedelta(0))
    for tried in range(conversations.MOST_TRIES):
        assert await ana.tasks() == [], tried
        await ana.bot.answer_waiting()
    assert await ana.tasks() == ["bot_failed"]
    monkeypatch.undo()
    await ana.writes("¿hola?")
    await ana.bot.answer_waiting()
    await ana.bot.sent()
    assert len(ana.provider.sent) == 1


async def test_a_stranger_is_told_nothing(ana: Somebody) -> None:
    secret = "me llamo Perico de los Palotes"
    with capture_logs() as logs:
        inbound_id = await ana.writes(secret, number="+573009999999")
        await ana.bot.answer(inbound_id)
        await ana.bot.answer_waiting()
        await ana.bot.sent()
    assert ana.provider.sent == []
    assert await ana.tasks() == []
    assert "Palotes" not in str(logs)
    assert "9999999" not in str(logs)


# By the policy's leave


async def test_an_answer_that_the_policy_refuses_is_a_case_for_a_person(ana: Somebody) -> None:
    await ana.given.says(ana.person, {("channel", "sms"): "revoked"})
    assert await ana.says("hola") is None
    assert await ana.replies() == [("refused", None, None)]
    assert await ana.tasks() == ["reply_refused"]


async def test_a_stop_in_a_conversation_revokes_the_channel_and_says_nothing_more(ana: Somebody) -> None:
    await ana.says("hola")
    assert await ana.says("", choice="stop") is None
    said = await ana.given.all(
        "SELECT p.subject, p.value, p.actor FROM preferences p JOIN people q ON q.id = p.person_id"
        " WHERE q.key = %s AND p.origin = 'sms'",
        ana.person,
    )
    assert [(each["value"], each["actor"]) for each in said] == [("revoked", "bot")]
    assert await ana.tasks() == []


async def test_whoever_is_not_the_person_is_not_written_to_again(ana: Somebody) -> None:
    assert "Disculpe la molestia" in (await ana.says("no soy esa persona") or "")
    assert await ana.tasks() == ["not_me"]
    rows = await ana.given.all(
        "SELECT i.channel, i.code FROM invalid_addresses i JOIN debtors d ON d.id = i.debtor_id WHERE d.creditor = %s",
        ana.given.key,
    )
    assert {(each["channel"], each["code"]) for each in rows} == {(c, "not_me") for c in ("sms", "whatsapp", "call")}
    contact = await ana.given.due_contact(ana.given.journey("A"))
    answer = await ana.given.asks(ana.given.journey("A"), contact, {"sms"})
    assert type(answer).__name__ == "Refusal"
    assert [each["reason"] for each in await ana.given.decisions("A")][-1] == "no_channel"


# How long a conversation holds


async def test_after_half_an_hour_of_silence_the_person_must_say_again_who_they_are(
    ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ana.identified()
    assert "100.000" in (await ana.says("saldo") or "")
    monkeypatch.setattr(conversations, "IDLE", timedelta(0))
    answer = await ana.says("saldo") or ""
    assert "confirmemos primero su identidad" in answer
    assert "100.000" not in answer


async def test_three_wrong_answers_block_for_a_day_whatever_the_silence(
    ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ana.says("hola")
    for code in ("1111", "2222", "3333"):
        await ana.says(code)
    assert await ana.tasks() == ["identification_failed"]
    monkeypatch.setattr(conversations, "IDLE", timedelta(0))
    assert "Ana" not in (await ana.says(LAST4) or "")
    monkeypatch.setattr(conversations, "BLOCKED", timedelta(0))
    await ana.says("hola")
    monkeypatch.undo()
    assert "Ana" in (await ana.says(LAST4) or "")


# What was agreed


async def promising(ana: Somebody) -> str:
    """Up to the question whether it is to be recorded so."""
    await ana.identified()
    await ana.says("quiero hacer un compromiso de pago")
    await ana.says("en 2 días")
    return await ana.says("100000") or ""


async def agreements(ana: Somebody) -> list[Decimal]:
    rows = await ana.given.all(
        """SELECT i.amount FROM agreements g JOIN agreement_instalments i ON i.agreement_id = g.id
        JOIN accounts a ON a.id = g.account_id WHERE a.creditor = %s""",
        ana.given.key,
    )
    return [each["amount"] for each in rows]


async def test_a_promise_is_made_and_said(ana: Somebody) -> None:
    assert "¿Lo registramos así?" in await promising(ana)
    assert "quedó registrado" in (await ana.says("sí") or "")
    assert await agreements(ana) == [Decimal(100000)]
    assert [told.journey_id for told in ana.engine.told] == [ana.given.journey("A")]


async def test_an_agreement_that_fails_between_is_said_to_have_failed(
    ana: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(tx: Any, record: Any, *_: object) -> None:
        await tx.execute("UPDATE accounts SET enters_at = clock_timestamp() WHERE id = %s", [record.account_id])
        raise Conflict("agreement.exists", "another one stands")

    await promising(ana)
    monkeypatch.setattr(conversing, "make_promise", refused)
    answer = await ana.says("sí") or ""
    assert "quedó registrado" not in answer
    assert "compromiso" in answer
    assert await agreements(ana) == []
    row = await ana.given.one("SELECT enters_at FROM accounts WHERE creditor = %s", ana.given.key)
    assert row["enters_at"] is None  # what the act had begun is undone
    monkeypatch.undo()
    assert "100.000" in (await ana.says("saldo") or "")


async def test_who_paid_meanwhile_makes_no_promise(ana: Somebody) -> None:
    await promising(ana)
    await ana.given.pays("A", 100000)
    answer = await ana.says("sí") or ""
    assert "quedó registrado" not in answer
    assert await agreements(ana) == []
