"""Lines of a CSV file into records: a quoted value may go on in the next lines, and a broken line costs no other."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

LONGEST_RECORD = 20
"""Lines; a quotation mark that is not closed by then is a fault of its own line."""

Fault = Literal["row_not_csv", "row_not_utf8"]


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that is no record, with the code of its fault."""

    fault: Fault


class Records:
    """Feed lines (without their ends) and take what they complete; `end` after the last."""

    def __init__(self) -> None:
        self._held: list[str] = []

    def feed(self, line: bytes) -> Iterator[list[str] | Broken]:
        """The records that this line completes."""
        try:
            text = line.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError:
            yield from self.end()
            yield Broken("row_not_utf8")
            return
        if self._held or text.strip():
            yield from self._take(text)

    def end(self) -> Iterator[list[str] | Broken]:
        """What the lines held so far are, now that no more come."""
        while self._held:
            yield from self._give_up_the_first()

    def _take(self, text: str) -> Iterator[list[str] | Broken]:
        self._held.append(text)
        try:
            values = next(csv.reader(["\n".join(self._held)], strict=True))
        except csv.Error as error:
            # "unexpected end of data" is how the reader says that a quotation mark is open.
            if "end of data" not in str(error) or len(self._held) >= LONGEST_RECORD:
                yield from self._give_up_the_first()
            return
        self._held.clear()
        yield values

    def _give_up_the_first(self) -> Iterator[list[str] | Broken]:
        again, self._held = self._held[1:], []
        yield Broken("row_not_csv")
        for text in again:
            yield from self._take(text)
