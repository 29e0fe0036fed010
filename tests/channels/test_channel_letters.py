"""Letters: what is printed, what the print shop is told, and what it reports back."""

import asyncio
import csv
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from standardwebhooks.webhooks import Webhook

from channels import letters as letters_module
from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, Heard, Receipt
from channels.letter_pdf import Letter, printable, typeset
from channels.letters import COLUMNS, Letters, country_of
from channels.message import BadAddress, Message, NotNow, Rejected, Unreachable

NOW = datetime(2026, 2, 6, 15, 0, tzinfo=UTC)
SECRET = "whsec_" + "c2VuZGEtY2FydGFzLXBydWViYXM="
HOME = "Calle 45 # 13-20, apto 302; Bogotá D.C."


def shop(folder: Path, now: datetime = NOW, **changes: Any) -> Letters:
    values: dict[str, Any] = {
        "country": "CO",
        "sender_address": ["Carrera 7 # 12-34", "Bogotá D.C."],
        "place": "Bogotá D.C.",
        "zone": "America/Bogota",
        "secret": SECRET,
        "clock": lambda: now,
    }
    return Letters("letter", folder=folder, **{**values, **changes})


def message(**changes: Any) -> Message:
    values = {
        "key": "journey:amable:CR-1:1:carta:2026-02-01",
        "to": HOME,
        "subject": "Su cuenta CR-1",
        "text": "Hola, Ana:\n\nLe escribe Crédito Amable.",
        "reference": "4711",
        "sender": "Crédito Amable",
        "recipient": "Ana Lucía Gómez",
    }
    return Message(**{**values, **changes})


async def send(letters: Letters, what: Message) -> str:
    async with letters.line() as line:
        return await line.send(what)


def manifest(folder: Path, day: str = "2026-02-06") -> list[dict[str, str]]:
    with (folder / day / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.name != ".lock")


def only_pdf(folder: Path) -> PdfReader:
    (path,) = folder.rglob("*.pdf")
    return PdfReader(path)


def words(reader: PdfReader) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in reader.pages]


# On paper


async def test_a_letter_says_who_writes_to_whom_when_and_what(tmp_path: Path) -> None:
    await send(shop(tmp_path), message(text="Hola, Ñato:\n\nSu saldo es de €\u00a0185 — “pendiente”…"))
    reader = only_pdf(tmp_path)
    (page,) = words(reader)
    assert page.startswith("Crédito Amable Carrera 7 # 12-34 Bogotá D.C. ")
    assert "Ana Lucía Gómez Calle 45 # 13-20, apto 302 Bogotá D.C. " in page
    assert "Bogotá D.C., 6 de febrero de 2026 Referencia: 4711 Asunto: Su cuenta CR-1 Hola, Ñato: Su saldo" in page
    assert page.endswith("Su saldo es de € 185 — “pendiente”…")
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Su cuenta CR-1", "Crédito Amable")
    assert reader.metadata.creation_date == datetime(2026, 2, 6, 12, tzinfo=UTC)  # its bytes follow from its day
    assert reader.trailer["/Root"]["/Lang"] == "es-CO"


@pytest.mark.parametrize(
    ("language", "expected", "tag"),
    [
        ("en", "Bogotá D.C., February 6, 2026 Reference: 4711 Subject: Su cuenta", "en-US"),
        ("pt", "Bogotá D.C., 6 de fevereiro de 2026 Referência: 4711 Assunto: Su cuenta", "pt-BR"),
    ],
)
async def test_a_letter_is_in_the_persons_language(tmp_path: Path, language: str, expected: str, tag: str) -> None:
    await send(shop(tmp_path), message(language=language))
    reader = only_pdf(tmp_path)
    assert expected in words(reader)[0]
    assert reader.trailer["/Root"]["/Lang"] == tag


async def test_the_day_is_the_creditors(tmp_path: Path) -> None:
    """At three in the morning in UTC it is still the evening before in Bogotá."""
    await send(shop(tmp_path, datetime(2026, 2, 6, 3, 0, tzinfo=UTC)), message())
    assert "5 de febrero de 2026" in words(only_pdf(tmp_path))[0]
    assert len(manifest(tmp_path, "2026-02-05")) == 1


@pytest.mark.parametrize(("country", "size"), [("CO", (612, 792)), ("BR", (595, 842))])
async def test_the_paper_is_that_of_the_country(tmp_path: Path, country: str, size: tuple[int, int]) -> None:
    await send(shop(tmp_path, country=country), message())
    box = only_pdf(tmp_path).pages[0].mediabox
    assert (round(box.width), round(box.height)) == size


@pytest.mark.parametrize(
    ("country", "top", "bottom"),
    [("CO", 54, 80), ("BR", 56, 90)],  # millimetres: a no. 10 envelope's window; DIN 5008 form B
)
async def test_the_address_stands_in_the_envelopes_window(
    tmp_path: Path, country: str, top: float, bottom: float
) -> None:
    await send(shop(tmp_path, country=country), message(to="Primera; Segunda; Tercera; Cuarta"))
    page = only_pdf(tmp_path).pages[0]
    places: dict[str, tuple[float, float]] = {}

    def visit(text: str, _cm: object, matrix: list[float], *_: object) -> None:
        if text.strip():
            places[text.strip()] = (matrix[4] / 72 * 25.4, (float(page.mediabox.height) - matrix[5]) / 72 * 25.4)

    page.extract_text(visitor_text=visit)
    for line in ("Ana Lucía Gómez", "Primera", "Segunda", "Tercera", "Cuarta"):
        left, height = places[line]
        assert 20 <= left <= 30
        assert top <= height <= bottom
    below = places["Bogotá D.C., 6 de febrero de 2026"][1]
    assert below > bottom


async def test_pages_are_numbered_from_the_second_on(tmp_path: Path) -> None:
    await send(shop(tmp_path), message(text="Una línea.\n\n" * 60))
    first, second, *_ = words(only_pdf(tmp_path))
    assert "Página" not in first
    assert second.endswith("Página 2")


async def test_what_looks_like_a_place_for_a_number_is_text(tmp_path: Path) -> None:
    await send(shop(tmp_path), message(text="Su código es {nb} y **no** otro"))
    assert "{nb} y **no** otro" in words(only_pdf(tmp_path))[0]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Ñandú — “sí” €", "Ñandú — “sí” €"),
        ("Jose\u0301", "José"),
        ("Wałęsa Đorđe Ștefan", "Walesa Dorde Stefan"),
        ("ﬁn Ⅳ ½ １", "fin IV ½ 1"),
        ("a\u2212b\u2011c", "a-b-c"),
        ("1\u202f000 $\u00a05", "1\u00a0000 $\u00a05"),
        ("王 🙂", "? ?"),
        ("a\x00\x07\u200b\u00adb\tc", "ab c"),
        ("\ud800", "?"),
    ],
)
def test_letters_that_the_font_lacks_are_replaced_by_the_nearest(text: str, printed: str) -> None:
    assert printable(text) == printed


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=400), name=st.text(max_size=60), to=st.text(max_size=120))
@example(text="x" * 3000, name="W" * 300, to="a;b")
@example(text="\n" * 49_000, name="", to="a;b")
@example(text="\n\n \n\n", name="{nb}", to="\u200b;\u200b;\u200b")
@example(text="", name="", to=f"{'W' * 500};b")
def test_any_text_is_a_letter_or_a_clear_refusal(tmp_path_factory: Any, text: str, name: str, to: str) -> None:
    folder: Path = tmp_path_factory.mktemp("cartas")
    refused = None
    try:
        asyncio.run(send(shop(folder), message(text=text, sender=name, recipient=name, subject=name, to=to)))
    except Rejected as rejected:
        refused = rejected.code
    assert refused in (None, "letter_address", "letter_too_long")
    if refused:
        assert files(folder) == []
    else:
        assert 1 <= len(only_pdf(folder).pages) <= 6


def test_the_same_letter_has_the_same_bytes() -> None:
    letter = Letter("Amable", ["Calle 1"], ["Ana", "Calle 2"], "Bogotá", date(2026, 2, 6), "CO", "es", "1", "S", "T")
    assert typeset(letter) == typeset(letter)
    tomorrow = Letter("Amable", ["Calle 1"], ["Ana", "Calle 2"], "Bogotá", date(2026, 2, 7), "CO", "es", "1", "S", "T")
    assert typeset(letter) != typeset(tomorrow)


# What is refused


@pytest.mark.parametrize("to", ["", "Calle 45 # 13-20", " ; \n;Bogotá", "línea;" * 14])
async def test_what_is_no_postal_address_is_a_bad_one(tmp_path: Path, to: str) -> None:
    with pytest.raises(BadAddress, match=r"^letter_address$"):
        await send(shop(tmp_path), message(to=to))
    assert files(tmp_path) == []


@pytest.mark.parametrize("text", ["Una línea.\n\n" * 250, "x" * 60_000])
async def test_a_letter_of_more_than_six_pages_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Rejected, match=r"^letter_too_long$"):
        await send(shop(tmp_path), message(text=text))
    assert files(tmp_path) == []


async def test_a_folder_that_cannot_be_made_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable):
        await send(shop(tmp_path / "file" / "letters"), message())


# The manifest


async def test_the_manifest_tells_the_print_shop_all_but_who_it_is(tmp_path: Path) -> None:
    ref = await send(shop(tmp_path), message(text="Una línea.\n\n" * 60))
    (row,) = manifest(tmp_path)
    assert tuple(row) == COLUMNS
    pdf = (tmp_path / "2026-02-06" / row["file"]).read_bytes()
    assert row["sha256"] == hashlib.sha256(pdf).hexdigest()
    assert ref == row["sha256"][:16]
    expected = {"reference": "4711", "pages": "3", "sheets": "2", "language": "es", "postage": "national"}
    assert {name: row[name] for name in expected} == expected
    assert (row["country"], row["created_at"]) == ("CO", "2026-02-06T15:00:00+00:00")
    told = (tmp_path / "2026-02-06" / "manifest.csv").read_text(encoding="utf-8") + " ".join(files(tmp_path))
    assert not [word for word in ("Ana", "Gómez", "Calle", "Bogotá", "Amable", "CR-1") if word in told]


@pytest.mark.parametrize(
    ("to", "postage", "country"),
    [
        (HOME, "national", "CO"),
        ("Calle 1; Bogotá; Colombia", "national", "CO"),
        ("Calle 1; Bogotá; CO", "national", "CO"),
        ("742 Evergreen Terrace\nSpringfield\nEE. UU.", "international", "US"),
        ("Rua 1; São Paulo; BRASIL", "international", "BR"),
        ("Rua 1; São Paulo; Brazil.", "international", "BR"),
        ("1 High Street; Leeds; united kingdom", "international", "GB"),
        ("1 High Street; Leeds; GBR", "international", "GB"),
        ("Carrera 5; Granada", "national", "CO"),  # a town; Grenada is a country of this name in Spanish
        ("Carrera 5; Barrio Europa; Granada, Meta", "national", "CO"),
    ],
)
async def test_the_postage_follows_from_the_country(tmp_path: Path, to: str, postage: str, country: str) -> None:
    await send(shop(tmp_path), message(to=to))
    (row,) = manifest(tmp_path)
    assert (row["postage"], row["country"]) == (postage, country)


async def test_a_country_abroad_is_named_for_the_post(tmp_path: Path) -> None:
    await send(shop(tmp_path), message(to="742 Evergreen Terrace; Springfield; us"))
    assert "Springfield ESTADOS UNIDOS " in words(only_pdf(tmp_path))[0]


@pytest.mark.parametrize("line", ["Bogotá D.C.", "110111", "", "Europa", "Mundo"])
def test_what_names_no_country_is_none(line: str) -> None:
    assert country_of(["Calle 1", "Barrio", line]) is None


# Once


async def test_the_same_key_gives_the_same_letter_once(tmp_path: Path) -> None:
    """Given a retry, even on another day, the first letter stays the only one."""
    first = await send(shop(tmp_path), message())
    again = await send(shop(tmp_path, NOW + timedelta(days=1)), message(text="Otra cosa"))
    assert again == first
    assert len(files(tmp_path)) == 2
    assert len(manifest(tmp_path)) == 1


async def test_other_keys_are_other_letters(tmp_path: Path) -> None:
    await send(shop(tmp_path), message(key="k-1"))
    await send(shop(tmp_path), message(key="k-2", reference="4712"))
    assert [row["reference"] for row in manifest(tmp_path)] == ["4711", "4712"]


async def test_a_letter_that_a_crash_left_unannounced_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PDF of which no manifest knows was never printed; the retry's day may be another one."""

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(letters_module, "_append", full)
        with pytest.raises(NotNow, match=r"^letter_folder$"):
            await send(shop(tmp_path), message())
    assert len(files(tmp_path)) == 1
    await send(shop(tmp_path, NOW + timedelta(days=1)), message())
    (row,) = manifest(tmp_path, "2026-02-07")
    assert files(tmp_path) == [f"2026-02-07/{row['file']}", "2026-02-07/manifest.csv"]


async def test_a_line_that_the_disk_did_not_take_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(shop(tmp_path), message(key="k-1"))
    before = (tmp_path / "2026-02-06" / "manifest.csv").read_bytes()
    synced = os.fsync
    calls: list[int] = []

    def second_fails(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # the PDF's is the first
            raise OSError("no space left")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", second_fails)
    with pytest.raises(NotNow):
        await send(shop(tmp_path), message(key="k-2"))
    assert (tmp_path / "2026-02-06" / "manifest.csv").read_bytes() == before


def test_workers_that_write_at_once_spoil_nothing(tmp_path: Path) -> None:
    """Given four workers of which two send the same ten letters each, each letter is there once, and whole.

    Threads stand for processes: the lock holds for each opened file, whoever opened it.
    """

    def work(number: int) -> None:
        for count in range(10):
            asyncio.run(send(shop(tmp_path), message(key=f"k-{count}-{number % 2}", reference=str(count))))

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))
    rows = manifest(tmp_path)
    assert len({row["file"] for row in rows}) == len(rows) == 20
    for row in rows:
        pdf = (tmp_path / "2026-02-06" / row["file"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(pdf).hexdigest()


# The print shop's report


def reported(*told: object, at: datetime | None = None, body: bytes | None = None, path: str = "status") -> Callback:
    body = json.dumps(told).encode() if body is None else body
    at = at or datetime.now(UTC)
    headers = {
        "webhook-id": "m-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m-1", at, body.decode()),
    }
    return Callback("POST", f"https://senda.invalid/v1/webhooks/providers/letter/{path}", path, {}, headers, body)


def status(what: str, **changes: object) -> dict[str, object]:
    return {"reference": "4711", "status": what, "at": "2026-02-07T10:00:00-05:00", **changes}


def read(callback: Callback) -> Heard:
    return shop(Path("nowhere")).read(callback)


AT = datetime(2026, 2, 7, 15, 0, tzinfo=UTC)


def test_what_was_posted_is_sent_and_what_came_back_has_a_bad_address() -> None:
    heard = read(reported(status("printed"), status("posted"), status("returned", reference="4712")))
    assert heard.events == (
        Receipt("sent", "4711", at=AT),
        Receipt("failed", "4712", at=AT, code="letter_returned", bad_address=True),
    )


@pytest.mark.parametrize(
    "told",
    [status("lost"), status("posted", reference="../x"), status("posted", at="2026-02-07T10:00:00"), {}, "x"],
)
def test_a_report_of_another_form_is_unreadable(told: object) -> None:
    with pytest.raises(CallbackUnreadable) as refused:
        read(reported(status("posted"), told))
    assert "x" not in refused.value.message.split("at ")[1].split(".")


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"null"])
def test_a_body_that_is_no_list_is_unreadable(body: bytes) -> None:
    with pytest.raises(CallbackUnreadable):
        read(reported(body=body))


def test_a_report_to_another_path_is_unreadable() -> None:
    with pytest.raises(CallbackUnreadable):
        read(reported(status("posted"), path="other"))


def _forged(callback: Callback) -> Callback:
    return Callback(
        callback.method, callback.url, callback.path, callback.query, callback.headers, callback.body + b" "
    )


def _unsigned(callback: Callback) -> Callback:
    return Callback(callback.method, callback.url, callback.path, callback.query, {}, callback.body)


@pytest.mark.parametrize(
    ("change", "code"), [(_forged, "callback.signature_invalid"), (_unsigned, "callback.signature_missing")]
)
def test_a_report_that_the_print_shop_did_not_sign_is_refused(
    change: Callable[[Callback], Callback], code: str
) -> None:
    with pytest.raises(CallbackRefused) as refused:
        read(change(reported(status("posted"))))
    assert refused.value.code == code


def test_an_old_report_is_refused() -> None:
    with pytest.raises(CallbackRefused) as refused:
        read(reported(status("posted"), at=datetime.now(UTC) - timedelta(minutes=10)))
    assert refused.value.code == "callback.too_old"


def test_without_a_secret_no_report_is_believed() -> None:
    with pytest.raises(CallbackRefused):
        shop(Path("nowhere"), secret=None).read(reported(status("posted")))
