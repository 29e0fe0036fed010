"""What the bot cannot do becomes a case for a person: asked for, or after messages that nobody could read."""

from collections.abc import Callable

from channels.bot.choosing import MENU
from channels.bot.scene import NOTHING, Scene
from channels.bot.talk import AskPerson, PersonReason, Turn

MISSES = 3
"""Messages in a row that are not understood; at the last a person takes over."""

STRANGER = ("not_me", "stop")
"""What somebody may choose who is not identified, beside a person."""


def hand_over(scene: Scene, reason: PersonReason, says: str) -> Turn:
    """A person goes on. On the telephone the bot's part is over."""
    known = scene.talk.known
    return scene.answer(
        says,
        choices=(MENU,) if known else STRANGER,
        acts=(AskPerson(reason=reason),),
        finish=scene.medium == "voice",
        keep={**(NOTHING if known else {}), "handed_over": True},
    )


def not_understood(scene: Scene, again: Callable[[Scene], Turn]) -> Turn:
    """First the question again, then the menu and a person, then the person without being asked for.

    One case is enough: whoever was handed over before is told so again, and that is all.
    """
    misses = scene.talk.misses + 1
    scene = scene.unheard()
    if misses < MISSES:
        first = misses == 1 or not scene.talk.known
        turn = again(scene) if first else scene.menu()
        says = scene.say("not_understood" if misses == 1 else "not_understood_twice")
        return turn.model_copy(
            update={"says": (says, *turn.says), "talk": turn.talk.model_copy(update={"misses": misses})}
        )
    turn = hand_over(scene, "not_understood", scene.say("not_understood_thrice"))
    return turn.model_copy(update={"acts": ()}) if scene.talk.handed_over else turn
