"""The channel `letter`: PDFs in a folder for a print shop, a manifest for each day, and the print shop's report."""

import asyncio
import csv
import fcntl
import hashlib
import io
import os
import unicodedata
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from babel import Locale
from babel.core import get_global
from pydantic import AwareDatetime, BaseModel, StringConstraints, TypeAdapter, ValidationError
from standardwebhooks.webhooks import Webhook

from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, Heard, Receipt
from channels.letter_pdf import Letter, more_countries, typeset
from channels.message import BadAddress, Line, Message, NotNow, Unreachable
from channels.signing import require_standard_webhook
from channels.values import LOCALES
from policy.calendar import local_date

COLUMNS = ("file", "reference", "pages", "sheets", "language", "postage", "country", "sha256", "created_at")
"""Of `manifest.csv`. `sheets`: printed on both sides. `postage`: `national` or `international`. `country`: ISO 3166,
where the letter goes. `sha256`: of the PDF."""

MANIFEST = "manifest.csv"


class Letters:
    """Writes letters to `folder/{day}/`, each as a PDF and a line of that day's manifest; names and addresses are in
    the PDFs only. What is in a manifest is to be printed; the same key is there once.

    `country` (ISO 3166) is where the letters are posted: other countries are international, and it decides the paper.
    `sender_address`: lines of the letterhead. `place` stands before the date (none: the date alone), which is that of
    `zone`. `secret` signs the print shop's reports.
    """

    channel = "letter"

    def __init__(
        self,
        key: str,
        *,
        folder: Path,
        country: str,
        sender_address: Sequence[str] = (),
        place: str = "",
        zone: str = "UTC",
        secret: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.key = key
        self._folder = folder
        self._country = country.upper()
        self._sender_address = tuple(sender_address)
        self._place = place
        self._zone = zone
        self._webhook = None if secret is None else Webhook(secret)
        self._clock = clock

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """A folder that can be written to."""
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise Unreachable(f"the folder of letters of {self.key} cannot be made") from error
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise Unreachable(f"the folder of letters of {self.key} cannot be written to")
        yield self

    async def send(self, message: Message) -> str:
        """Write the letter; the reference is the beginning of its PDF's sha256. `message.to`: the address, its lines
        apart by line breaks or `;`. Raises `BadAddress("letter_address")`, `Rejected("letter_too_long")`, and
        `NotNow("letter_folder")` where the folder takes nothing."""
        try:
            return await asyncio.to_thread(self._put, message)
        except OSError:
            raise NotNow("letter_folder") from None

    def read(self, callback: Callback) -> Heard:
        """The print shop's report: `POST {callback address}/status`, signed as Standard Webhooks says, with a JSON
        list of `{"reference", "status": "printed" | "posted" | "returned", "at"}`. A letter that was returned has a
        bad address. Raises `CallbackRefused`, `CallbackUnreadable`."""
        if self._webhook is None:
            raise CallbackRefused("callback.signature_missing", "no secret is set for the print shop's reports")
        require_standard_webhook(callback, self._webhook)
        if callback.path != "status" or callback.method != "POST":
            raise CallbackUnreadable("callback.unreadable", "POST the report to …/status")
        try:
            told = _REPORT.validate_json(callback.body)
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the body"
            raise CallbackUnreadable("callback.unreadable", f"the report cannot be read at {place}") from None
        return Heard(events=tuple(receipt for status in told if (receipt := _receipt(status))))

    async def close(self) -> None:
        """Nothing is kept open."""

    def _put(self, message: Message) -> str:
        address = _lines(message.to)
        now = self._clock()
        day = local_date(now, self._zone)
        country = country_of(address) or self._country
        abroad = country != self._country
        if abroad:  # the post reads the last line, in capitals (Universal Postal Union, S42)
            address[-1] = _territories(LOCALES[message.language]).get(country, country).upper()
        named = [message.recipient] if message.recipient else []
        pdf, pages = typeset(
            Letter(
                sender=message.sender or "",
                sender_address=self._sender_address,
                address=[*named, *address],
                place=self._place,
                day=day,
                country=self._country,
                language=message.language,
                reference=message.reference,
                subject=message.subject,
                text=message.text,
            )
        )
        name = "-".join(filter(None, (message.reference, hashlib.sha256(message.key.encode()).hexdigest()[:16])))
        row = {
            "file": f"{name}.pdf",
            "reference": message.reference,
            "pages": str(pages),
            "sheets": str((pages + 1) // 2),
            "language": message.language,
            "postage": "international" if abroad else "national",
            "country": country,
            "sha256": hashlib.sha256(pdf).hexdigest(),
            "created_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        }
        return self._keep(pdf, row, day)

    def _keep(self, pdf: bytes, row: dict[str, str], day: date) -> str:
        """Write PDF and line, unless a manifest has the file already; a PDF alone is what a crash left behind."""
        with self._alone():
            for left in self._folder.glob(f"*/{row['file']}"):
                if there := _row(left.parent / MANIFEST, row["file"]):
                    return there["sha256"][:16]
                left.unlink()
            folder = self._folder / day.isoformat()
            folder.mkdir(exist_ok=True)
            _write(folder / row["file"], pdf)
            _append(folder / MANIFEST, row)
        return row["sha256"][:16]

    @contextmanager
    def _alone(self) -> Generator[None]:
        """One process at a time."""
        with (self._folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def country_of(address: Sequence[str]) -> str | None:
    """The ISO 3166 code of the country in an address's last line: a code, or a name in Spanish, English, Portuguese.

    None where it names none. Two lines must stand above it: the last one of two is a town, whatever its name.
    """
    return _countries().get(_plain(address[-1])) if len(address) > 2 else None


class _Status(BaseModel):
    reference: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
    status: Literal["printed", "posted", "returned"]
    at: AwareDatetime


_REPORT = TypeAdapter(list[_Status])


def _receipt(told: _Status) -> Receipt | None:
    match told.status:
        case "posted":
            return Receipt("sent", told.reference, at=told.at)
        case "returned":
            return Receipt("failed", told.reference, at=told.at, code="letter_returned", bad_address=True)
        case "printed":
            return None


def _lines(address: str) -> list[str]:
    parts = address.replace(";", "\n").splitlines()
    if len(parts) == 1:  # files often have street and town in one line
        parts = address.split(",")
    lines = [line for part in parts if (line := " ".join(part.split()))]
    if len(lines) < 2:
        raise BadAddress("letter_address")
    return lines


def _territories(locale: str) -> dict[str, str]:
    """Names by code, as the CLDR has them: continents and unknown ones too."""
    return dict(cast("Mapping[str, str]", Locale.parse(locale).territories))


@cache
def _countries() -> dict[str, str]:
    """Codes by name and code, as `_plain` writes them."""
    found: dict[str, str] = {}
    for other, codes in get_global("territory_aliases").items():
        if len(other) == 3 and other.isalpha() and len(codes) == 1:
            found[_plain(other)] = codes[0]
    for locale in LOCALES.values():
        for code, name in _territories(locale).items():
            if len(code) == 2 and code not in ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"):
                found |= {_plain(code): code, _plain(name): code}
    return found | {_plain(name): code for name, code in more_countries().items()}


def _plain(text: str) -> str:
    """Letters alone, small, without accents."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", text).casefold() if letter.isalpha())


def _row(manifest: Path, file: str) -> dict[str, str] | None:
    try:
        with manifest.open(encoding="utf-8", newline="") as lines:
            return next((row for row in csv.DictReader(lines) if row["file"] == file), None)
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _append(manifest: Path, row: dict[str, str]) -> None:
    """A line at the end; where the disk does not take all of it, none of it stays."""
    with manifest.open("ab") as file:
        end = file.tell()
        lines = io.StringIO()
        writer: csv.DictWriter[Any] = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        if end == 0:
            writer.writeheader()
        writer.writerow(row)
        try:
            file.write(lines.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise
