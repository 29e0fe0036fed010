"""The sandbox: takes every mail, keeps it for good, shows it, and fails on request."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest

from senda.sandbox.content import headers_of, parse
from senda.sandbox.smtp import serve_smtp
from senda.sandbox.store import Filter, Store
from senda.sandbox.web import make_app


@dataclass
class Sandbox:
    store: Store
    port: int
    web: httpx.AsyncClient

    async def send(self, mail: EmailMessage | bytes, *recipients: str, seconds: float = 5) -> None:
        raw = mail if isinstance(mail, bytes) else mail.as_bytes()
        await aiosmtplib.send(
            raw,
            sender="cobranza@senda.invalid",
            recipients=list(recipients),
            hostname="127.0.0.1",
            port=self.port,
            timeout=seconds,
        )


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    with closing(Store(tmp_path)) as store:
        server = await serve_smtp(store, "127.0.0.1", 0)
        transport = httpx.ASGITransport(make_app(store))
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as web:
            yield Sandbox(store, server.sockets[0].getsockname()[1], web)
        server.close()


def mail(subject: str = "Tu cuota venció", text: str = "Hola, señora Pérez") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Cobranza <cobranza@senda.invalid>"
    message["Subject"] = subject
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    return message


async def test_a_mail_is_shown_with_its_envelope_its_bodies_and_its_headers(sandbox: Sandbox) -> None:
    await sandbox.send(mail(), "ana@example.invalid")
    page = (await sandbox.web.get("/messages")).json()
    item = page["items"][0]
    assert page["total"] == 1
    assert item["id"] == "1"
    assert item["to"] == "ana@example.invalid"
    assert item["from"] == "cobranza@senda.invalid"
    assert item["subject"] == "Tu cuota venció"
    assert item["text"].strip() == "Hola, señora Pérez"
    assert item["html"].strip() == "<p>Hola, señora Pérez</p>"
    assert item["headers"]["From"] == "Cobranza <cobranza@senda.invalid>"
    assert item["received_at"].endswith("+00:00")


async def test_pages_go_from_the_newest_to_the_oldest_without_gap_or_overlap(sandbox: Sandbox) -> None:
    for number in range(7):
        sandbox.store.add("a@b.invalid", ["c@d.invalid"], f"Subject: {number}\r\n\r\n".encode())
    subjects: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await sandbox.web.get(f"/messages?limit=3{cursor and f'&cursor={cursor}'}")).json()
        assert page["total"] == 7
        subjects += [item["subject"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert subjects == ["6", "5", "4", "3", "2", "1", "0"]


async def test_messages_are_found_by_each_of_their_recipients(sandbox: Sandbox) -> None:
    await sandbox.send(mail(), "ana@example.invalid", "Luis@Example.invalid")
    await sandbox.send(mail(), "eva@example.invalid")
    for address in ("ana@example.invalid", "luis@example.INVALID"):
        page = (await sandbox.web.get("/messages", params={"to": address})).json()
        assert [item["id"] for item in page["items"]] == ["1"]
        assert page["total"] == 1
    assert (await sandbox.web.get("/messages/count")).json() == {"count": 2}
    assert (await sandbox.web.get("/messages", params={"to": "ana"})).json()["items"] == []


@pytest.mark.parametrize("words", ["cuota vencio", "VENCIÓ", "ana@", "100%", "señal"])
async def test_the_page_searches_recipients_and_subjects(sandbox: Sandbox, words: str) -> None:
    await sandbox.send(mail("La cuota venció: 100% señal"), "ana@example.invalid")
    await sandbox.send(mail("Gracias"), "luis@example.invalid")
    page = (await sandbox.web.get("/correo", params={"q": words})).text
    assert "ana@example.invalid" in page
    assert "luis@example.invalid" not in page


async def test_a_page_says_when_there_is_nothing(sandbox: Sandbox) -> None:
    for path in ("/", "/correo"):
        assert "Todavía no ha llegado ningún mensaje" in (await sandbox.web.get(path)).text
    assert "Ningún mensaje coincide" in (await sandbox.web.get("/correo?q=x")).text
    assert (await sandbox.web.get("/messages/1")).status_code == 404
    assert (await sandbox.web.get("/messages/1/raw")).status_code == 404


async def test_the_page_of_a_message_runs_and_loads_nothing_that_the_mail_brings(sandbox: Sandbox) -> None:
    hostile = mail("<script>alert(1)</script>", '"></iframe><script src="https://x.invalid/"></script>')
    await sandbox.send(hostile, "ana@example.invalid")
    answer = await sandbox.web.get("/messages/1")
    assert "<script" not in answer.text
    assert "<iframe sandbox " in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_no_page_refers_to_another_host(sandbox: Sandbox) -> None:
    await sandbox.send(mail(), "ana@example.invalid")
    for path in ("/", "/correo", "/messages/1"):
        page = (await sandbox.web.get(path)).text
        assert "://" not in page
        assert 'src="/' not in page


@pytest.mark.parametrize(("domain", "code"), [("reject.invalid", 550), ("tempfail.invalid", 451)])
async def test_recipients_can_be_refused_on_request(sandbox: Sandbox, domain: str, code: int) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await sandbox.send(mail(), f"ana@{domain}")
    assert [refused.code for refused in caught.value.recipients] == [code]
    assert sandbox.store.count(Filter()) == 0


async def test_a_server_that_hangs_keeps_nothing(sandbox: Sandbox) -> None:
    with pytest.raises(aiosmtplib.SMTPTimeoutError):
        await sandbox.send(mail(), "ana@hang.invalid", seconds=0.2)
    assert sandbox.store.count(Filter()) == 0


async def test_a_lost_answer_leaves_a_kept_message(sandbox: Sandbox) -> None:
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await sandbox.send(mail(), "ana@lost.invalid")
    assert sandbox.store.count(Filter()) == 1


async def test_a_message_that_is_too_large_is_refused_and_a_long_line_is_not(sandbox: Sandbox) -> None:
    long_line = b"Subject: x\r\n\r\n" + b"x" * 100_000
    await sandbox.send(long_line, "ana@example.invalid")
    with pytest.raises(aiosmtplib.SMTPResponseException) as caught:
        await sandbox.send(b"Subject: x\r\n\r\n" + (b"x" * 100_000 + b"\r\n") * 270, "ana@example.invalid")
    assert caught.value.code == 552
    assert sandbox.store.count(Filter()) == 1


async def test_simultaneous_senders_lose_nothing(sandbox: Sandbox) -> None:
    await asyncio.gather(*(sandbox.send(mail(), f"p{n}@example.invalid") for n in range(50)))
    assert sandbox.store.count(Filter()) == 50


def test_arrivals_survive_and_cannot_be_changed(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        store.add("a@b.invalid", ["c@d.invalid"], b"Subject: kept\r\n\r\n")
    with closing(Store(tmp_path)) as store:
        assert [arrival.subject for arrival in store.page(Filter(), before=None, limit=5)] == ["kept"]
    with closing(sqlite3.connect(tmp_path / "arrivals.db")) as database:
        for statement in ("UPDATE messages SET subject = 'x'", "DELETE FROM contents", "DELETE FROM recipients"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                database.execute(statement)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no header at all",
        b"Content-Type: text/plain; charset=klingon\r\n\r\nhola",
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnever closed",
        b"Subject: =?klingon?q?x?=\r\nContent-Transfer-Encoding: base64\r\n\r\n***",
        b"Subject: \xff\xfe\r\n\r\nx",
    ],
)
def test_a_badly_made_mail_is_shown_somehow(raw: bytes) -> None:
    assert [type(value) for value in headers_of(raw)] == [str, str]
    content = parse(raw)
    assert not content.html


def test_an_attachment_is_listed_and_is_no_body() -> None:
    message = mail()
    message.add_attachment("a;b", filename="año.csv", subtype="csv")
    content = parse(message.as_bytes())
    assert content.attachments == ("año.csv",)
    assert content.text
    assert "Hola" in content.text


def test_a_repeated_header_keeps_every_value() -> None:
    assert parse(b"Received: a\r\nReceived: b\r\n\r\n").headers == {"Received": "a\nb"}
