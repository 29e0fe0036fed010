"""A letter on paper: letterhead, address in the envelope's window, place and date, subject, text. As PDF."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from channels.message import BadAddress, Rejected
from channels.values import LOCALES, long_date

MAX_PAGES = 6
"""What goes into a window envelope, printed on both sides."""

MAX_TEXT = 50_000
"""Characters; more never fit on the pages, and are not even tried."""

US_LETTER = frozenset(["BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE"])
"""Countries that print on US Letter; the others on A4. Source: CLDR, measurementData, paperSize."""

_MARGIN = 25.0
_FONT = "Helvetica"
_LINE = 0.45
"""Millimetres of line height for each point of the font's size."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is printed. `address`: the lines for the envelope; `country` (ISO 3166): where it is printed, which decides
    the paper; `place`: where it is written, empty where only the date is to stand there."""

    sender: str
    sender_address: Sequence[str]
    address: Sequence[str]
    place: str
    day: date
    country: str
    language: str
    reference: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class _Paper:
    """A sheet with the window of its usual envelope: left, top, width, height in millimetres, with a margin.

    A4: DIN 5008 form B for DL. US Letter: a no. 10 window envelope, folded in three.
    """

    format: str
    window: tuple[float, float, float, float]
    body: float


_PAPERS = {
    "a4": _Paper("a4", (25.0, 56.0, 80.0, 33.0), 98.0),
    "letter": _Paper("letter", (25.0, 54.0, 85.0, 26.0), 90.0),
}


def typeset(letter: Letter) -> tuple[bytes, int]:
    """The PDF and its number of pages; the same bytes for the same letter.

    Raises `Rejected("letter_too_long")`, and `BadAddress("letter_address")` where the address does not fit its window.
    """
    if len(letter.text) > MAX_TEXT:
        raise Rejected("letter_too_long")
    paper = _PAPERS["letter" if letter.country in US_LETTER else "a4"]
    sheet = _Sheet(letter, paper)
    sheet.add_page()
    _address(sheet, letter, paper)
    _text(sheet, letter, paper)
    pages = sheet.page_no()
    return bytes(sheet.output()), pages


def printable(text: str) -> str:
    """The text in the letters that the PDF's fonts have (Windows-1252); others by the nearest one, or `?`."""
    return "".join(_nearest(letter) for letter in unicodedata.normalize("NFC", text))


def _nearest(letter: str) -> str:
    kind = unicodedata.category(letter)
    if letter == "\n" or (kind not in ("Cc", "Cf") and _has(letter)):
        return letter
    if kind in ("Cc", "Cf", "Mn", "Me"):
        return " " if letter.isspace() else ""
    if kind in ("Zs", "Zl", "Zp"):
        return "\N{NO-BREAK SPACE}" if letter == "\N{NARROW NO-BREAK SPACE}" else " "
    if kind == "Pd" or letter == "\N{MINUS SIGN}":
        return "-"
    parts = "".join(part for part in unicodedata.normalize("NFKD", letter) if _has(part))
    if parts:
        return parts
    base = re.match(r"LATIN (SMALL|CAPITAL) LETTER ([A-Z])\b", unicodedata.name(letter, ""))
    if base is None:
        return "?"
    return base[2] if base[1] == "CAPITAL" else base[2].lower()


def _has(letter: str) -> bool:
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return unicodedata.category(letter) not in ("Cc", "Cf")


class _Sheet(FPDF):
    """The pages: the letterhead on the first, a number on the others. Past `MAX_PAGES` it gives up."""

    def __init__(self, letter: Letter, paper: _Paper) -> None:
        super().__init__(format=paper.format)
        self._letter = letter
        self.core_fonts_encoding = "cp1252"
        self.str_alias_nb_pages: Any = None  # a text may hold what would be the place of the number of pages
        self.set_creation_date(datetime.combine(letter.day, time(12), UTC))
        self.set_title(_line(letter.subject))
        self.set_author(_line(letter.sender))
        self.set_lang(LOCALES[letter.language].replace("_", "-"))
        self.set_margins(_MARGIN, 20, _MARGIN)
        self.set_auto_page_break(True, margin=25)

    def header(self) -> None:
        if self.page_no() > MAX_PAGES:
            raise Rejected("letter_too_long")
        if self.page_no() > 1:
            return
        self.set_y(14)
        self.write_block(_line(self._letter.sender), size=13, style="B")
        self.write_block("\n".join(_line(line) for line in self._letter.sender_address), size=8.5)

    def footer(self) -> None:
        if self.page_no() > 1:
            self.set_y(-17)
            self.write_block(f"{_words(self._letter.language)['page']} {self.page_no()}", size=9, align="R")

    def write_block(self, text: str, *, size: float, style: str = "", align: str = "L", width: float = 0) -> None:
        """Lines of text from the present height on; the next block begins below, at the same left edge."""
        self.set_font(_FONT, style, size)  # pyright: ignore[reportArgumentType]
        self.multi_cell(width, size * _LINE, text, align=align, new_x=XPos.LEFT, new_y=YPos.NEXT)

    def lines_of(self, text: str, *, size: float, width: float) -> int:
        """How many lines a text takes."""
        self.set_font(_FONT, "", size)
        lines: Any = self.multi_cell(width, text=text, dry_run=True, output=MethodReturnValue.LINES)
        return len(lines)


def _address(sheet: _Sheet, letter: Letter, paper: _Paper) -> None:
    """A line of the sender above the recipient, both within the window."""
    left, top, width, height = paper.window
    sheet.set_xy(left, top)
    back = [line for part in (letter.sender, *letter.sender_address) if (line := _line(part))]
    while sheet.lines_of(" · ".join(back), size=5.5, width=width) > 1:
        back.pop()
    size = 6.5 if sheet.lines_of(" · ".join(back), size=6.5, width=width) == 1 else 5.5
    sheet.write_block(" · ".join(back), size=size, width=width)
    text = "\n".join(_line(line) for line in letter.address)
    for size in (10.5, 9.5, 8.5, 7.5):
        if sheet.lines_of(text, size=size, width=width) * size * _LINE <= height - 4:
            sheet.set_xy(left, top + 4)
            sheet.write_block(text, size=size, width=width)
            return
    raise BadAddress("letter_address")


def _text(sheet: _Sheet, letter: Letter, paper: _Paper) -> None:
    words = _words(letter.language)
    sheet.set_xy(_MARGIN, paper.body)
    written = (letter.place, long_date(letter.day, letter.language))
    sheet.write_block(_line(", ".join(part for part in written if part)), size=11)
    if letter.reference:
        sheet.write_block(_line(f"{words['reference']}: {letter.reference}"), size=9)
    sheet.ln(5)
    sheet.write_block(_line(f"{words['subject']}: {letter.subject}"), size=11, style="B")
    for paragraph in re.split(r"\n\s*\n", printable(letter.text).strip("\n")):
        sheet.ln(3.5)
        sheet.write_block(paragraph, size=11)


def _line(text: str) -> str:
    return re.sub(r"[ \n]+", " ", printable(text)).strip(" ")


def _words(language: str) -> dict[str, str]:
    return _file()["words"][language]


@cache
def _file() -> dict[str, Any]:
    return yaml.safe_load((Path(__file__).parent / "letter_words.yaml").read_text(encoding="utf-8"))


def more_countries() -> dict[str, str]:
    """Codes (ISO 3166) of countries by names that the CLDR does not list."""
    return _file()["countries"]
