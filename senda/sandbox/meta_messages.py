"""What a message to the Cloud API says and offers; its limits are the API's. Pure.

Source: Meta, WhatsApp Cloud API, "Text messages", "Interactive messages", "Template messages".
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TEXT_LIMIT = 4096
INTERACTIVE_LIMIT = 1024
BUTTONS, BUTTON_TITLE = 3, 20
ROWS, ROW_TITLE = 10, 24


class MetaError(Exception):
    """An error as the Graph API tells it; a `bare` one comes from in front of WhatsApp and has no code in its words."""

    def __init__(self, code: int, words: str, status: int, details: str = "", *, bare: bool = False) -> None:
        super().__init__(code)
        self.code, self.status, self.details = code, status, details
        self.words = words if bare else f"(#{code}) {words}"

    def as_json(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.words, "type": "OAuthException", "code": self.code}
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        return {"error": {**error, "fbtrace_id": f"A{secrets.token_urlsafe(16)}"}}


@dataclass(frozen=True)
class Content:
    """`template`: name and language. `choices`: key, label and `kind` (`button`, `button_reply`, `list_reply`)."""

    text: str
    template: dict[str, str] | None
    choices: list[dict[str, str]]


def content_of(body: Mapping[str, Any], templates: Mapping[str, Mapping[str, str]]) -> Content:
    """Read a message. Raises MetaError as the API refuses it."""
    kind = body.get("type", "text")
    try:
        if kind == "text":
            return Content(_within(body["text"]["body"], TEXT_LIMIT, "text.body"), None, [])
        if kind == "interactive":
            return _interactive(body["interactive"])
        if kind == "template":
            return _template(body["template"], templates)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise MetaError(131008, "Required parameter is missing", 400, f"{kind}: {error}") from error
    raise MetaError(131051, "Unsupported message type", 400, "The sandbox knows text, interactive and template.")


def _interactive(told: Mapping[str, Any]) -> Content:
    text, action = _within(told["body"]["text"], INTERACTIVE_LIMIT, "body.text"), told["action"]
    if told["type"] == "button":
        buttons = action["buttons"]
        if not 1 <= len(buttons) <= BUTTONS:
            raise _invalid("There are one to three buttons.")
        pairs = [(button["reply"]["id"], button["reply"]["title"]) for button in buttons]
        return Content(text, None, _choices(pairs, "button_reply", BUTTON_TITLE))
    if told["type"] == "list":
        _within(action["button"], BUTTON_TITLE, "action.button")
        rows = [row for section in action["sections"] for row in section["rows"]]
        if not 1 <= len(rows) <= ROWS:
            raise _invalid("There are one to ten rows.")
        return Content(text, None, _choices([(row["id"], row["title"]) for row in rows], "list_reply", ROW_TITLE))
    raise _invalid("The sandbox knows the interactive types button and list.")


def _choices(pairs: list[tuple[str, str]], kind: str, longest: int) -> list[dict[str, str]]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _invalid("The ids of choices differ.")
    return [
        {"key": _within(key, 256, "id"), "label": _within(label, longest, "title"), "kind": kind}
        for key, label in pairs
    ]


def _template(told: Mapping[str, Any], templates: Mapping[str, Mapping[str, str]]) -> Content:
    name, language = told["name"], told["language"]["code"]
    values: list[str] = []
    choices: list[dict[str, str]] = []
    for component in told.get("components") or ():
        if component["type"].lower() == "body":
            values = [_value(parameter["text"]) for parameter in component["parameters"]]
        elif component["type"].lower() == "button" and component.get("sub_type") == "quick_reply":
            payload = component["parameters"][0]["payload"]
            choices.append({"key": payload, "label": payload, "kind": "button"})
    return Content(_filled(name, language, values, templates), {"name": name, "language": language}, choices)


def _filled(name: str, language: str, values: list[str], templates: Mapping[str, Mapping[str, str]]) -> str:
    """The approved text with its values; where no texts were given to the sandbox, the values alone."""
    if not templates:
        return "\n".join(values)
    text = templates.get(name, {}).get(language)
    if text is None:
        words = "Template name does not exist in the translation"
        raise MetaError(132001, words, 404, f"template name ({name}) does not exist in {language}")
    due = {int(number) for number in re.findall(r"\{\{(\d+)\}\}", text)}
    if due != set(range(1, len(values) + 1)):
        words = "Number of parameters does not match the expected number of params"
        raise MetaError(132000, words, 400, f"body: number of localizable_params ({len(values)}), expected {len(due)}")
    return re.sub(r"\{\{(\d+)\}\}", lambda found: values[int(found[1]) - 1], text)


def _value(text: str) -> str:
    if not text or re.search(r"[\n\r\t]| {5}", text):
        words = "There's an issue with the parameters in your template"
        details = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
        raise MetaError(132018, words, 400, details)
    return text


def _within(text: str, limit: int, name: str) -> str:
    if not text.strip():
        raise MetaError(131008, "Required parameter is missing", 400, f"{name} is empty")
    if len(text) > limit:
        raise MetaError(100, "Invalid parameter", 400, f"Param {name} must be at most {limit} characters long.")
    return text


def _invalid(details: str) -> MetaError:
    return MetaError(131009, "Parameter value is not valid", 400, details)
