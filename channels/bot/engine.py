"""The conversation: from what was kept, what was said and what is known, what to say and what to do. Pure and total.

The same values give the same turn; no text, however strange, raises. What holds in any state: STOP, "I am not that
person", the wish for a person, another language. Before the person is identified nothing else is answered.
"""

from channels.bot.facts import Facts
from channels.bot.handing_over import STRANGER, hand_over, not_understood
from channels.bot.identifying import ask_identity, reason_for_person, stranger
from channels.bot.planning import hear_plan, offer, show
from channels.bot.promising import go_on, hear_promise
from channels.bot.scene import NOTHING, Scene, open_scene
from channels.bot.talk import (
    Act,
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
from channels.bot.topics import ask_account, begin, dispute, hear_account, hear_dispute, wanted_by
from channels.bot.understanding import first_said, is_stop, says
from channels.bot.words import LANGUAGES

__all__ = ["failed", "turn"]

_OTHER_TOPICS = ("already_paid", "not_mine", "wrong_amount", "dispute", "interest", "plan")
"""What leads away from a promise, even in a text with a number or a day."""


def turn(talk: Talk, said: Said, facts: Facts, medium: Medium) -> Turn:
    """The bot's turn. `medium`: `text` is read, `voice` is heard and answered by keys.

    The acts are to be carried out before `says` is said; where one fails, say what `failed` gives instead.
    """
    scene = open_scene(talk, said, facts, medium)
    at_any_time = _stopped(scene, said) or _not_me(scene) or _person(scene) or _language(scene)
    if at_any_time is not None:
        return at_any_time
    return _known(scene) if scene.talk.known else stranger(scene)


def failed(talk: Talk, facts: Facts, act: Act, code: str, medium: Medium = "text") -> Turn:
    """What to say where an act of the last turn failed. `code` is for the record: people are told in plain words."""
    scene = open_scene(talk, Said(), facts, medium)
    if not scene.talk.known:
        return scene.answer(scene.say("failed_other"), choices=("person", *STRANGER))
    match act:
        case MakePromise():
            return scene.back(scene.say("failed_promise"))
        case MakePlan():
            return scene.back(scene.say("failed_plan"))
        case OpenDispute():
            return scene.back(scene.say("failed_dispute"))
        case SendLink():
            return scene.back(scene.say("failed_link"))
        case _:
            return scene.back(scene.say("failed_other"))


def _stopped(scene: Scene, said: Said) -> Turn | None:
    if scene.heard.key != "stop" and not (scene.heard.key is None and is_stop(said.text)):
        return None
    kept = {**NOTHING, "step": "ended"}
    return scene.answer(scene.say("stop"), acts=(Stop(),), finish=True, keep=kept)


def _not_me(scene: Scene) -> Turn | None:
    if scene.heard.key != "not_me" and not says(scene.heard.words, "not_me"):
        return None
    kept = {**NOTHING, "step": "ended", "identified": False}
    return scene.answer(scene.say("not_me"), acts=(NotMe(),), finish=True, keep=kept)


def _person(scene: Scene) -> Turn | None:
    if scene.heard.key != "person" and not says(scene.heard.words, "person"):
        return None
    reason = "asked" if scene.talk.known else reason_for_person(scene)
    return hand_over(scene, reason, scene.say("person"))


def _language(scene: Scene) -> Turn | None:
    spoken = next((language for language in LANGUAGES if says(scene.heard.words, f"language_{language}")), None)
    if spoken is None:
        return None
    other = scene.keeping(language=spoken).unheard()
    return _again(other) if other.talk.known else stranger(other)


def _known(scene: Scene) -> Turn:
    """The turn with the person."""
    return _answer(scene) or _new_topic(scene) or _small_talk(scene) or not_understood(scene, _again)


def _answer(scene: Scene) -> Turn | None:
    """The answer to the last question, if what was said is one."""
    match scene.talk.step:
        case "account":
            return hear_account(scene)
        case "promise_date" | "promise_amount" | "promise_confirm":
            return None if first_said(scene.heard.words, _OTHER_TOPICS) else hear_promise(scene)
        case "plan_count" | "plan_confirm":
            return hear_plan(scene)
        case "dispute_kind":
            return hear_dispute(scene)
        case _:
            return None


def _new_topic(scene: Scene) -> Turn | None:
    wanted = wanted_by(scene)
    return begin(scene, wanted) if wanted is not None else None


def _small_talk(scene: Scene) -> Turn | None:
    words = scene.heard.words
    if scene.heard.key == "menu" or first_said(words, ("menu", "hello")):
        return scene.menu(scene.say("menu"))
    if says(words, "thanks"):
        return scene.back(scene.say("thanks"))
    if says(words, "bye") or (scene.talk.step == "menu" and says(words, "no")):
        return scene.answer(scene.say("bye"), finish=True, keep={**NOTHING, "step": "ended"})
    return scene.menu(scene.say("menu")) if scene.talk.step == "menu" and says(words, "yes") else None


def _again(scene: Scene) -> Turn:
    """The last question once more."""
    match scene.talk.step:
        case "account":
            return ask_account(scene)
        case "promise_date" | "promise_amount" | "promise_confirm":
            return go_on(scene)
        case "plan_count":
            return offer(scene)
        case "plan_confirm":
            return show(scene)
        case "dispute_kind":
            return dispute(scene)
        case "start" | "identify":
            return ask_identity(scene)
        case _:
            return scene.menu(scene.say("menu"))
