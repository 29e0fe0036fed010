"""What a TwiML document says and waits for: the part of the language that a menu by keys needs. Pure.

Source: Twilio, "TwiML for Programmable Voice" (Gather: without a key before its timeout, or with the finishing key
alone, the document goes on behind it).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urljoin
from xml.etree import ElementTree
from xml.etree.ElementTree import Element


class TwimlError(ValueError):
    """A document that is none, or with a verb that the sandbox does not know (Twilio's 12100 and 12200)."""


@dataclass(frozen=True)
class Gather:
    """Waits for keys, then asks `action`. `rest` is the document that goes on in silence, read at `url`."""

    action: str
    num_digits: int | None
    finish_on_key: str
    timeout: int
    on_empty: bool
    rest: str
    url: str

    def read(self, pressed: str) -> str:
        """The digits that this takes of what a person pressed."""
        digits = ""
        for key in pressed:
            if key == self.finish_on_key:
                break
            digits += key
            if len(digits) == self.num_digits:
                break
        return digits


@dataclass(frozen=True)
class Turn:
    """What is said until the call waits for keys, goes on at another address, is `rejected` or (none of these) ends."""

    said: tuple[str, ...]
    gather: Gather | None = None
    redirect: str | None = None
    rejected: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"said": list(self.said), "gather": asdict(self.gather) if self.gather else None}


def perform(document: str, url: str) -> Turn:
    """Go through a document that came from `url`. Raises TwimlError."""
    verbs = list(_response(document))
    said: list[str] = []
    for place, verb in enumerate(verbs):
        match verb.tag:
            case "Say" | "Play" | "Pause":
                said += _heard([verb])
            case "Gather":
                said += _heard(verb)
                return Turn(tuple(said), gather=_gather(verb, verbs[place + 1 :], url))
            case "Redirect":
                return Turn(tuple(said), redirect=urljoin(url, _words(verb)))
            case "Hangup":
                return Turn(tuple(said))
            case "Reject":
                return Turn(tuple(said), rejected="busy" if verb.get("reason") == "busy" else "no-answer")
            case "Dial":
                return Turn((*said, f"[Se transfiere la llamada a {_words(verb)}]"))
            case _:
                raise TwimlError(f"unknown verb {verb.tag}")
    return Turn(tuple(said))


def messages(document: str) -> list[str]:
    """The texts of the answers (`Message`) to an SMS; an empty body has none. Raises TwimlError."""
    if not document.strip():
        return []
    return [_words(verb) for verb in _response(document) if verb.tag == "Message"]


def _response(document: str) -> Element:
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise TwimlError("not XML") from error
    if root.tag != "Response":
        raise TwimlError(f"{root.tag} instead of Response")
    return root


def _heard(verbs: Iterable[Element]) -> list[str]:
    """A Say that repeats (`loop`) is told once; a Pause is silence."""
    return [f"[Suena {_words(verb)}]" if verb.tag == "Play" else _words(verb) for verb in verbs if verb.tag != "Pause"]


def _gather(verb: Element, behind: list[Element], url: str) -> Gather:
    rest = Element("Response")
    rest.extend(behind)
    try:
        digits = verb.get("numDigits")
        return Gather(
            action=urljoin(url, verb.get("action", "")),
            num_digits=int(digits) if digits else None,
            finish_on_key=verb.get("finishOnKey", "#"),
            timeout=int(verb.get("timeout", "5")) if verb.get("timeout") != "auto" else 5,
            on_empty=verb.get("actionOnEmptyResult") == "true",
            rest=ElementTree.tostring(rest, encoding="unicode"),
            url=url,
        )
    except ValueError as error:
        raise TwimlError("numDigits and timeout of Gather are whole numbers") from error


def _words(verb: Element) -> str:
    return " ".join("".join(verb.itertext()).split())
