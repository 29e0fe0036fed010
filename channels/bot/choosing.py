"""Choices without buttons: what a person writes or presses for each, and a turn as plain text."""

from channels.bot.talk import Medium, Turn

PERSON, MENU, PLAN = "person", "menu", "plan="


def tokens(keys: tuple[str, ...], medium: Medium) -> dict[str, str]:
    """What stands for each choice: 0 for a person, `*` for the menu, for the others their place, from 1.

    On a telephone the menu has its place too, as `channels.voice` reads it out. In a text a plan is chosen by its
    number of instalments, so that "3" cannot mean the third of the plans.
    """
    by_count = medium == "text" and any(key.startswith(PLAN) for key in keys)
    aside = (PERSON, MENU) if medium == "text" else (PERSON,)
    if by_count:
        numbered = {key.removeprefix(PLAN): key for key in keys if key.startswith(PLAN)}
    else:
        numbered = {str(place): key for place, key in enumerate((key for key in keys if key not in aside), 1)}
    fixed = {"0": PERSON, "*": MENU}
    return {**numbered, **{token: key for token, key in fixed.items() if key in keys}}


def written(turn: Turn) -> str:
    """A turn as one text for a channel without buttons (SMS): the choices with what to reply for each.

    Plans stand in the text already, each with the number that chooses it.
    """
    labels = {choice.key: choice.label for choice in turn.choices}
    replies = ((token, key) for token, key in tokens(tuple(labels), "text").items() if not key.startswith(PLAN))
    lines = "\n".join(f"{token} {labels[key]}" for token, key in replies)
    return "\n\n".join(part for part in (*turn.says, lines) if part)
