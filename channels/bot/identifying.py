"""Who is it? Nothing is told to anybody who has not named the end of the identity document.

Not even that a debt exists: all that a stranger is told follows from the creditor's name, the language and the answers
to this question.
"""

import re

from channels.bot.choosing import PERSON
from channels.bot.handing_over import STRANGER, hand_over, not_understood
from channels.bot.scene import Scene
from channels.bot.talk import PersonReason, Turn
from channels.bot.topics import begin, wanted_by
from channels.bot.understanding import first_said, read_code

TRIES = 3
"""Wrong answers; the last one blocks the conversation."""

_DOCUMENT_END = re.compile(r"(?=.*[0-9])[0-9A-Z]{4}")
_SMALL_TALK = ("hello", "menu", "yes", "thanks")


def stranger(scene: Scene) -> Turn:
    """The turn with somebody who is not identified."""
    if scene.talk.blocked:
        return scene.answer(scene.say("blocked"), choices=(PERSON, *STRANGER), finish=scene.medium == "voice")
    document = _document(scene)
    if document is None:
        return _cannot_identify(scene)
    wanted = wanted_by(scene)
    scene = scene.keeping(wanted=wanted or scene.talk.wanted)
    if scene.talk.step == "start":
        return ask_identity(scene)
    code = _code(scene)
    if code is not None and (wanted is None or len(code) == len(document)):
        return _welcome(scene) if code.endswith(document) else _wrong(scene)
    if wanted is not None or first_said(scene.heard.words, _SMALL_TALK) or scene.heard.key is not None:
        return ask_identity(scene)
    return not_understood(scene, ask_identity)


def ask_identity(scene: Scene) -> Turn:
    """Say who writes, and ask for the end of the document."""
    question = "greeting" if scene.talk.step == "start" else "identify"
    return _asking(scene, scene.say(question, creditor=scene.facts.creditor_name))


def reason_for_person(scene: Scene) -> PersonReason:
    """Why a person has to go on, where somebody who is not identified asks for one."""
    if scene.talk.blocked:
        return "identification_failed"
    return "asked" if _document(scene) else "cannot_identify"


def _document(scene: Scene) -> str | None:
    """The end of the document, if it can be asked for here: on the telephone it must be digits."""
    end = scene.facts.document_last4
    if end is None or not _DOCUMENT_END.fullmatch(end) or (scene.medium == "voice" and not end.isdecimal()):
        return None
    return end


def _code(scene: Scene) -> str | None:
    if scene.heard.digits is not None:
        return scene.heard.digits if re.fullmatch("[0-9]{4}", scene.heard.digits) else None
    return read_code(scene.heard.text)


def _asking(scene: Scene, *says: str) -> Turn:
    return scene.answer(*says, choices=(PERSON, *STRANGER), digits=4, keep={"step": "identify"})


def _welcome(scene: Scene) -> Turn:
    wanted = scene.talk.wanted
    scene = scene.unheard().keeping(identified=True, tries=0, wanted=None)
    if wanted is not None:
        return begin(scene, wanted)
    name = next(iter((scene.facts.name or "").split()), None)
    welcome = scene.say("welcome", name=name) if name else scene.say("welcome_nameless")
    if not scene.owing:
        return scene.menu(scene.say("nothing_owed", creditor=scene.facts.creditor_name), welcome)
    return scene.menu(welcome)


def _wrong(scene: Scene) -> Turn:
    tries = scene.talk.tries + 1
    scene = scene.keeping(tries=tries)
    if tries < TRIES:
        return _asking(scene, scene.say("identify_wrong", left=TRIES - tries), scene.say("identify"))
    blocked = scene.keeping(blocked=True, wanted=None)
    return hand_over(blocked, "identification_failed", blocked.say("blocked"))


def _cannot_identify(scene: Scene) -> Turn:
    turn = hand_over(scene, "cannot_identify", scene.say("cannot_identify", creditor=scene.facts.creditor_name))
    return turn.model_copy(update={"acts": ()}) if scene.talk.handed_over else turn
