"""E-mail against a real SMTP server: what left, what was refused, and what nobody can know."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from email import message_from_bytes
from email.policy import default

import pytest

from channels import mail as mail_module
from channels.mail import Mail
from channels.message import Message, Rejected, Uncertain, Unreachable
from tests.channels.conftest import Server
from tests.eventually import assert_eventually

SENDER = "Cobranza <no-responder@senda.invalid>"


def message(to: str = "ana@correo.invalid", **changes: str) -> Message:
    values = {"key": "k-1", "to": to, "subject": "Su cuota", "text": "Hola, Ana", "html": "<p>Hola, Ana</p>"}
    return Message(**{**values, **changes})


@pytest.fixture
async def mail(server: Server) -> AsyncIterator[Mail]:
    opened = Mail(server.url, SENDER)
    yield opened
    await opened.close()


async def send(mail: Mail, what: Message) -> str:
    async with mail.line() as line:
        return await line.send(what)


async def test_a_message_arrives_as_it_was_written(mail: Mail, server: Server) -> None:
    subject = "Su cuota de $ 185.000 está pendiente"
    await send(mail, message(subject=subject, text="Hola, Ñato", html="<p>Hola, Ñato</p>"))
    (raw,) = server.arrived()
    arrived = message_from_bytes(raw, policy=default)
    assert arrived["Subject"] == subject
    assert (arrived["From"], arrived["To"]) == (SENDER, "ana@correo.invalid")
    plain, html = arrived.get_body(("plain",)), arrived.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().strip() == "Hola, Ñato"
    assert html.get_content().strip() == "<p>Hola, Ñato</p>"


async def test_it_is_marked_as_automatic_so_that_nobodys_absence_answers(mail: Mail, server: Server) -> None:
    await send(mail, message())
    assert message_from_bytes(server.arrived()[0])["Auto-Submitted"] == "auto-generated"


async def test_the_reference_follows_from_the_key_and_tells_nothing(mail: Mail) -> None:
    one = await send(mail, message(key="journey:amable:CR-1:1:aviso:2026-02-01"))
    again = await send(mail, message(key="journey:amable:CR-1:1:aviso:2026-02-01"))
    other = await send(mail, message(key="journey:amable:CR-2:1:aviso:2026-02-01"))
    assert one == again != other
    assert re.fullmatch(r"<[0-9a-f]{40}@senda\.invalid>", one)


@pytest.mark.parametrize(
    ("to", "code"),
    [("ana@reject.invalid", "smtp_550"), ("ana@tempfail.invalid", "smtp_451")],
)
async def test_a_refused_recipient_is_a_rejection_with_its_code(mail: Mail, server: Server, to: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        await send(mail, message(to))
    assert refused.value.code == code
    assert str(refused.value) == code  # the provider's own words may hold the address
    assert server.arrived() == []


async def test_a_rejection_does_not_spoil_the_line_for_the_next_message(mail: Mail, server: Server) -> None:
    with pytest.raises(Rejected):
        await send(mail, message("ana@reject.invalid"))
    await send(mail, message())
    assert len(server.arrived()) == 1


async def test_a_line_that_breaks_after_the_message_leaves_it_uncertain(mail: Mail, server: Server) -> None:
    with pytest.raises(Uncertain):
        await send(mail, message("ana@lost.invalid"))
    assert len(server.arrived()) == 1


async def test_a_server_that_never_answers_leaves_it_uncertain(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_module, "TIMEOUT", 0.3)
    hasty = Mail(server.url, SENDER)
    with pytest.raises(Uncertain):
        await send(hasty, message("ana@hang.invalid"))
    await hasty.close()


@pytest.mark.parametrize("to", ["ana@lost.invalid", "ana@reject.invalid"])
async def test_after_a_failure_the_channel_goes_on(mail: Mail, server: Server, to: str) -> None:
    with pytest.raises((Uncertain, Rejected)):
        await send(mail, message(to))
    await asyncio.gather(*(send(mail, message(key=f"k-{number}")) for number in range(5)))
    assert sum(b"To: ana@correo.invalid" in raw for raw in server.arrived()) == 5


async def test_a_server_that_is_down_is_unreachable_before_anything_is_handed_over(unused_port: int) -> None:
    nowhere = Mail(f"smtp://127.0.0.1:{unused_port}", SENDER)
    with pytest.raises(Unreachable):
        async with nowhere.line():
            raise AssertionError("a line was opened")


async def test_a_kept_connection_that_the_server_closed_is_opened_anew(server: Server) -> None:
    mail = Mail(server.url, SENDER, connections=1)
    await send(mail, message())
    ((kept, _),) = mail._idle  # pyright: ignore[reportPrivateUsage]
    assert isinstance(kept.transport, asyncio.Transport)
    kept.transport.abort()

    async def noticed() -> None:
        assert not kept.is_connected

    await assert_eventually(noticed)
    await send(mail, message())
    assert len(server.arrived()) == 2
    await mail.close()


async def test_at_most_so_many_connections_are_open(server: Server) -> None:
    mail = Mail(server.url, SENDER, connections=2)
    await asyncio.gather(*(send(mail, message(key=f"k-{number}")) for number in range(12)))
    assert len(server.arrived()) == 12
    assert len(mail._idle) <= 2  # pyright: ignore[reportPrivateUsage]
    await mail.close()


@pytest.mark.parametrize("to", ["josé@correo.invalid", "ana@peña.invalid", "ana lucía@correo.invalid"])
async def test_an_address_in_foreign_letters_arrives_or_is_a_rejection(mail: Mail, server: Server, to: str) -> None:
    """Never an error of another kind: after a permit that would end as unknown, though nothing has left."""
    with suppress(Rejected):
        await send(mail, message(to))
    assert len(server.arrived()) <= 1


async def test_a_line_break_in_a_subject_adds_no_header(mail: Mail, server: Server) -> None:
    await send(mail, message(subject="Hola\nBcc: otro@correo.invalid"))
    assert message_from_bytes(server.arrived()[0])["Bcc"] is None


async def test_a_line_break_in_an_address_is_a_rejection(mail: Mail, server: Server) -> None:
    with pytest.raises(Rejected):
        await send(mail, message("ana@correo.invalid\nBcc: otro@correo.invalid"))
    assert server.arrived() == []
