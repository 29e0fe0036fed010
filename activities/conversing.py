"""The bot at work: what people wrote is answered, and what they agreed on is carried out, in one transaction each."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import cast, get_args

import structlog

from activities.engine import Engine
from activities.telling import tell_all
from channels.bot.choosing import written
from channels.bot.engine import failed, turn
from channels.bot.facts import AccountFacts, Facts, Language, Part, PlanLimits, Promised, PromiseLimits
from channels.bot.talk import (
    Act,
    AskPerson,
    MakePlan,
    MakePromise,
    Medium,
    NotMe,
    OpenDispute,
    Said,
    SendLink,
    Stop,
    Talk,
    Turn,
)
from channels.message import Choice, Message, NotNow, Rejected, Uncertain, Unreachable
from channels.providers import Providers
from journey.limits import Instalment
from ledger import conversations
from ledger.agreements import Made, Word, make_plan, make_promise
from ledger.conversations import BOT, AccountKnown, DebtorKnown, Heard, Reply
from ledger.database import Connection, Ledger
from ledger.disputes import open_dispute
from ledger.errors import Conflict
from ledger.following import Told
from ledger.inbound import ORIGINS, not_this_person
from ledger.preferences import Statement, write_statement
from ledger.record import open_record
from ledger.tasks import NewTask, add_task
from policy.errors import SendaError

BATCH = 50
PAUSES = (1.0, 3.0)
"""Seconds between the tries of an answer that its provider does not take at once."""

FORGOTTEN = timedelta(minutes=2)

log = structlog.get_logger()


class Conversing:
    """Holds the ledger, the engine and the providers."""

    def __init__(self, ledger: Ledger, engine: Engine, providers: Providers) -> None:
        self._ledger = ledger
        self._engine = engine
        self._providers = providers
        self._sending: set[asyncio.Task[None]] = set()

    async def answer_waiting(self) -> None:
        """Answer what waits. What cannot be answered by a mistake of ours waits longer, and stops nothing else.

        A slow provider holds up nobody: the answers are sent beside this.
        """
        for inbound_id in await conversations.waiting(self._ledger, BATCH):
            try:
                await self.answer(inbound_id)
            except Exception as error:  # whatever it is: the others' answers go on
                log.warning("answer_failed", inbound=inbound_id, error=type(error).__name__)
                await conversations.try_later(self._ledger, inbound_id)
        await conversations.give_up_replies(self._ledger, FORGOTTEN)

    async def answer(self, inbound_id: int) -> None:
        """Answer one message: what follows from it and the permit in one transaction, then the sending."""
        told: list[Told] = []
        async with self._ledger.transaction() as tx:
            heard = await conversations.hear(tx, inbound_id)
            if heard is None:
                return
            made = await converse(tx, heard, "text", told)
            if not heard.text.strip() and heard.choice is None:  # a picture, a recording: people look at it
                await _task(tx, heard, "unreadable_message")
            text = _text(made, heard.channel)
            reply = await conversations.keep_turn(tx, heard, made.talk.model_dump(mode="json"), text)
            if reply is None and text and not any(isinstance(act, Stop) for act in made.acts):
                await _task(tx, heard, "reply_refused")
        if reply is not None:
            sending = asyncio.create_task(self._send(heard, reply, made.choices))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        await tell_all(self._ledger, self._engine, told)

    async def sent(self) -> None:
        """Wait for the answers that are under way."""
        await asyncio.gather(*self._sending)

    async def _send(self, heard: Heard, reply: Reply, choices: Sequence[Choice]) -> None:
        digest = hashlib.sha256(reply.text.encode()).hexdigest()
        provider = self._providers.get(reply.provider)
        status, ref, detail = "failed", None, "no_provider"
        for pause in (*PAUSES, None):
            if provider is None:
                break
            try:
                async with provider.line() as line:
                    ref = await line.send(_message(reply, choices))
                status, detail = "sent", None
                break
            except (NotNow, Unreachable) as error:
                detail = error.code if isinstance(error, NotNow) else "unreachable"
                if pause is not None:
                    await asyncio.sleep(pause)
            except Rejected as error:
                detail = error.code
                break
            except Uncertain:
                status, detail = "unknown", "line_broke"
                break
            except Exception as error:  # a mistake of ours: nobody can tell how far it got
                log.warning("sending_failed", contact=reply.contact_id, error=type(error).__name__)
                status, detail = "unknown", "sending_failed"
                break
        await conversations.record_reply(self._ledger, reply.contact_id, status, sha256=digest, ref=ref, detail=detail)
        if status == "failed":  # whoever asked waits for an answer
            async with self._ledger.transaction() as tx:
                await _task(tx, heard, "reply_failed")


async def converse(tx: Connection, heard: Heard, medium: Medium, told: list[Told]) -> Turn:
    """What the bot makes of a message, with its acts carried out; where one is refused, it says so instead."""
    talk = Talk.model_validate(heard.talk) if heard.talk else Talk.new(language_of(heard.debtor))
    facts = facts_of(heard.debtor)
    said = Said(text=heard.text, choice=heard.choice)
    return await carried_out(tx, heard, turn(talk, said, facts, medium), facts, told, medium)


async def carried_out(tx: Connection, heard: Heard, made: Turn, facts: Facts, told: list[Told], medium: Medium) -> Turn:
    """Carry out a turn's acts; the turn itself, or what is to be said where one was refused."""
    for number, act in enumerate(made.acts):
        try:
            async with tx.transaction():
                done = await _carry_out(tx, heard, act, f"bot:{heard.inbound_id}:{number}")
        except SendaError as error:
            refused = failed(made.talk, facts, act, error.code, medium)
            for each in refused.acts:
                await _carry_out(tx, heard, each, f"bot:{heard.inbound_id}:refused")
            return refused
        if done is not None and done.told is not None:
            told.append(done.told)
    return made


async def _carry_out(tx: Connection, heard: Heard, act: Act, key: str) -> Made | None:
    match act:
        case Stop():
            await _stop(tx, heard)
        case NotMe():
            await not_this_person(tx, heard.debtor.debtor_id, heard.channel, heard.address)
            await _task(tx, heard, "not_me")
        case AskPerson(reason=reason):
            await _task(tx, heard, reason)
        case SendLink():
            await _task(tx, heard, "send_link")
        case MakePromise() | MakePlan() | OpenDispute():
            return await _agree(tx, heard, act, Word(key, BOT, ORIGINS[heard.channel]))
        case _:
            pass
    return None


async def _agree(tx: Connection, heard: Heard, act: MakePromise | MakePlan | OpenDispute, word: Word) -> Made:
    account = await (
        await tx.execute(
            "SELECT id FROM accounts WHERE creditor = %s AND key = %s", [heard.debtor.creditor, act.account]
        )
    ).fetchone()
    record = await open_record(tx, account_id=account["id"]) if account else None
    if record is None:
        raise Conflict("journey.not_open", "the account has no open journey")
    match act:
        case MakePromise(amount=amount, due_date=due_date):
            return await make_promise(tx, record, amount, due_date, word)
        case MakePlan(instalments=instalments):
            return await make_plan(tx, record, [Instalment(*each) for each in instalments], word)
        case OpenDispute(reason=reason):
            made = await open_dispute(tx, record, reason, word)
            await _task(tx, heard, f"dispute_{reason}")
            return made


async def _stop(tx: Connection, heard: Heard) -> None:
    person = await (await tx.execute("SELECT key FROM people WHERE id = %s", [heard.debtor.person_id])).fetchone()
    assert person is not None
    said = Statement(
        person=person["key"],
        creditor=heard.debtor.creditor,
        changes={("channel", heard.channel): "revoked"},
        origin=ORIGINS[heard.channel],
        document=f"inbound-{heard.inbound_id}",
        stated_at=None,
        actor=BOT,
    )
    await write_statement(tx, said)


async def _task(tx: Connection, heard: Heard, reason: str) -> None:
    row = await (
        await tx.execute(
            "SELECT id FROM accounts WHERE creditor = %s AND key = %s", [heard.debtor.creditor, heard.debtor.account]
        )
    ).fetchone()
    task = NewTask(
        key=f"inbound:{heard.inbound_id}:{reason}",
        kind="case",
        reason=reason,
        creditor=heard.debtor.creditor,
        account_id=row["id"] if row else None,
        person_id=heard.debtor.person_id,
        conversation_id=heard.conversation_id,
    )
    await add_task(tx, task)


def facts_of(debtor: DebtorKnown) -> Facts:
    """What the bot may know of a debtor."""
    return Facts(
        creditor_name=debtor.creditor_name,
        language=language_of(debtor),
        today=debtor.today,
        currency=debtor.currency,
        name=debtor.name,
        document_last4=debtor.document_last4,
        accounts=tuple(map(_account, debtor.accounts)),
    )


def _account(known: AccountKnown) -> AccountFacts:
    promise, plan = known.promise, known.plan
    return AccountFacts(
        account=known.account,
        balance=known.balance,
        past_due=known.past_due,
        due_date=known.due_date,
        days_past_due=known.days_past_due,
        parts=tuple(Part(due_date=due.due_date, amount=due.amount) for due in known.dues),
        interest=known.interest,
        fees=known.fees,
        pay_link=known.pay_link,
        promise=PromiseLimits(last_day=promise.last_day, at_least=promise.at_least) if promise else None,
        plan=PlanLimits(
            instalments=plan.instalments,
            every_days=plan.every_days,
            first_share=plan.first_share,
            first_by=plan.first_by,
            last_day=plan.last_day,
        )
        if plan
        else None,
        promised=Promised(amount=known.promised.amount, due_date=known.promised.due_date) if known.promised else None,
        disputed=known.disputed,
    )


def language_of(debtor: DebtorKnown) -> Language:
    """The language to speak in."""
    return cast("Language", debtor.language if debtor.language in get_args(Language) else "es")


def _text(made: Turn, channel: str) -> str:
    """The answer as one text; where a channel has no buttons, with what to reply for each choice."""
    return "\n\n".join(made.says) if channel == "whatsapp" else written(made)


def _message(reply: Reply, choices: Sequence[Choice]) -> Message:
    return Message(
        key=f"reply:{reply.contact_id}",
        to=reply.address,
        subject="",
        text=reply.text,
        language=reply.language,
        reference=str(reply.contact_id),
        sender=reply.creditor_name,
        choices=tuple(choices),
    )
