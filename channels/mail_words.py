"""What a person wrote in a mail: the words of an HTML mail, and their own words without the mail that they answer."""

import re
from html.parser import HTMLParser

READ = 200_000
"""Characters of a mail that are looked at."""

_LINE_TAGS = frozenset({"br", "div", "h1", "h2", "h3", "hr", "li", "p", "table", "tr", "ul"})
_SILENT_TAGS = frozenset({"blockquote", "script", "style", "title"})
_DIVIDER = re.compile(
    r"-- ?|_{8,}"
    r"|-{2,} ?(?:original|forwarded) message ?-{2,}"
    r"|-{2,} ?(?:mensaje|mensagem) (?:original|reenviado|encaminhada) ?-{2,}",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(r"(?=.*\d)(?:on|el|em)\b.{4,400}\b(?:wrote|escribió|escreveu) ?:", re.IGNORECASE)
_FROM = re.compile(r"\*?(?:de|from)\*? ?:", re.IGNORECASE)
_OTHER_HEADER = re.compile(
    r"\*?(?:enviad[oa](?: em| el)?|fecha|sent|date|data|para|to|asunto|subject|assunto)\*? ?:", re.IGNORECASE
)


def from_html(html: str) -> str:
    """The words of an HTML text, without what it quotes."""
    words = _Words()
    words.feed(_tidy(html[:READ]))
    words.close()
    return "\n".join(" ".join(line.split()) for line in "".join(words.heard).split("\n"))


def own_words(text: str) -> str:
    """A reply without the quoted original.

    What stands above the original; where nothing does, what is not marked as quoted (`>`) below it.
    """
    lines = [line.strip() for line in text[:READ].splitlines()]
    starts = (number for number in range(len(lines)) if _original_begins(lines, number))
    above = "\n".join(lines[: next(starts, len(lines))]).strip()
    if above:
        return above
    quoted = next((number for number, line in enumerate(lines) if line.startswith(">")), len(lines))
    return "\n".join(line for line in lines[quoted:] if not line.startswith(">")).strip()


def _original_begins(lines: list[str], number: int) -> bool:
    line = lines[number]
    if line.startswith(">") or _DIVIDER.fullmatch(line):
        return True
    if any(_ATTRIBUTION.fullmatch(" ".join(lines[number : number + size])) for size in (1, 2, 3)):
        return True
    following = lines[number + 1 : number + 5]
    return bool(_FROM.match(line)) and any(_OTHER_HEADER.match(next_line) for next_line in following)


def _tidy(html: str) -> str:
    """Whole tags and text: comments, declarations and tags that never end cost the parser minutes."""
    first, *rest = html.split("<!--")
    shown = first + "".join(part.partition("-->")[2] for part in rest)
    return re.sub(r"<(?![^<>]*>)", "&lt;", re.sub(r"<[!?][^<>]*>", " ", shown))


class _Words(HTMLParser):
    """Collects the words, a line for each block, and passes over what is silent or quoted."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.heard: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._silent = 0
        elif tag in _SILENT_TAGS:
            self._silent += 1
        elif tag in _LINE_TAGS:
            self.heard.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT_TAGS:
            self._silent = max(0, self._silent - 1)
        elif tag in _LINE_TAGS:
            self.heard.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.heard.append(" ".join(data.splitlines()) if "\n" in data or "\r" in data else data)
