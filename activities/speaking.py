"""The bot on the telephone: what to say next, while the line waits."""

from activities.conversing import carried_out, facts_of, language_of
from activities.engine import Engine
from activities.telling import tell_all
from channels.bot.engine import turn
from channels.bot.talk import Said, Talk, Turn
from channels.bot.words import words_of
from channels.callbacks import CallTurn
from channels.message import Choice
from channels.providers import Providers
from channels.voice import choice_of, twiml
from ledger.calls import Rung, hear_call, keep_call_turn
from ledger.database import Ledger
from ledger.following import Told

MOST_SILENCES = 2

STRANGER = (
    "Gracias por su llamada. No reconocemos este número, así que no podemos darle información por este medio. "
    "Por favor, comuníquese con su entidad."
)


class Speaking:
    """Holds the ledger, the engine and the providers."""

    def __init__(self, ledger: Ledger, engine: Engine, providers: Providers) -> None:
        self._ledger = ledger
        self._engine = engine
        self._providers = providers

    async def speak(self, provider: str, said: CallTurn, action: str) -> str:
        """TwiML that says what comes next and posts the keys to `action`. A stranger is told nothing."""
        told: list[Told] = []
        rung = Rung(provider, said.call, said.number, said.keys, said.reference)
        async with self._ledger.transaction() as tx:
            heard = await hear_call(tx, rung, lambda creditor: self._providers.serves(provider, creditor))
            if heard is None:
                return twiml([STRANGER], [], language="es", action=None, finish=True)
            talk = Talk.model_validate(heard.talk) if heard.talk else Talk.new(language_of(heard.debtor))
            facts = facts_of(heard.debtor)
            made = turn(talk, _said(talk, said), facts, "voice")
            if said.silent and talk.misses >= MOST_SILENCES:
                made = _good_bye(made)
            made = await carried_out(tx, heard, made, facts, told, "voice")
            await keep_call_turn(tx, heard, made.talk.model_dump(mode="json"), "\n\n".join(made.says))
        await tell_all(self._ledger, self._engine, told)
        return _twiml(made, action)


def _said(talk: Talk, said: CallTurn) -> Said:
    """The keys as the choice that they stand for; where none was offered, as they are."""
    if said.keys and talk.offered:
        choice = choice_of(said.keys, [Choice(key, "") for key in talk.offered])
        if choice is not None:
            return Said(choice=choice)
    return Said(keys=said.keys)


def _good_bye(made: Turn) -> Turn:
    """Nobody is there, or a voice mailbox: the call ends, and no person is promised."""
    bye = words_of(made.talk.language).says["bye"]
    return made.model_copy(update={"says": (bye,), "finish": True, "choices": (), "acts": ()})


def _twiml(made: Turn, action: str) -> str:
    return twiml(
        made.says,
        made.choices,
        language=made.talk.language,
        action=None if made.finish else action,
        digits=made.digits,
        finish=made.finish,
    )
