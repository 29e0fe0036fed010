"""How many SMS a text becomes. Pure.

Source: 3GPP TS 23.038 (alphabets) and TS 23.040, 9.2.3.24.1 (the header of a part of a long message takes six octets:
seven septets, or three code units).
"""

from dataclasses import dataclass
from typing import Literal

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM 7-bit default alphabet. It lacks á, í, ó, ú and ç."""

EXTENSION = frozenset("\f^{}\\[~]|€")
"""The extension table: an escape and a character, two septets."""


@dataclass(frozen=True, slots=True)
class Segments:
    """`units` are septets (gsm-7) or UTF-16 code units (ucs-2); `segments` is what is charged, 0 for no text."""

    encoding: Literal["gsm-7", "ucs-2"]
    units: int
    segments: int


def segments_of(text: str) -> Segments:
    """Count: one SMS holds 160 septets or 70 code units, a part of a longer text 153 or 67.

    Neither an escaped character nor a surrogate pair is split over two parts.
    """
    if all(character in BASIC or character in EXTENSION for character in text):
        widths = [2 if character in EXTENSION else 1 for character in text]
        return Segments("gsm-7", sum(widths), _parts(widths, alone=160, part=153))
    widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
    return Segments("ucs-2", sum(widths), _parts(widths, alone=70, part=67))


def _parts(widths: list[int], *, alone: int, part: int) -> int:
    if sum(widths) <= alone:
        return 1 if widths else 0
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
