"""E-mail against a real SMTP server: what left, what was refused, and what nobody can know."""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from channels import mail as mail_module
from channels.mail import Mail
from channels.message import BadAddress, Message, NotNow, Rejected, Uncertain, Unreachable
from policy.errors import SendaError
from tests.channels.conftest import Server
from tests.eventually import assert_eventually

SENDER = "Cobranza <no-responder@senda.invalid>"


def message(to: str = "ana@correo.invalid", **changes: Any) -> Message:
    values: dict[str, Any] = {
        "key": "k-1",
        "to": to,
        "subject": "Su cuota",
        "text": "Hola, Ana",
        "html": "<p>Hola, Ana</p>",
    }
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
    ("to", "kind", "code"),
    [("ana@reject.invalid", BadAddress, "smtp_550"), ("ana@tempfail.invalid", NotNow, "smtp_451")],
)
async def test_a_refused_recipient_is_a_rejection_with_its_code(
    mail: Mail, server: Server, to: str, kind: type[Rejected], code: str
) -> None:
    with pytest.raises(Rejected) as refused:
        await send(mail, message(to))
    assert type(refused.value) is kind
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
    ((kept, _),) = mail._idle
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
    assert len(mail._idle) <= 2
    await mail.close()


async def test_an_address_whose_domain_has_foreign_letters_goes_out_in_ascii(mail: Mail, server: Server) -> None:
    await send(mail, message("ana@peña.invalid"))
    assert message_from_bytes(server.arrived()[0])["To"] == "ana@xn--pea-8ma.invalid"


NO_ADDRESSES = [
    "",
    "ana",
    "ana@",
    "@correo.invalid",
    "josé@correo.invalid",
    "ana lucía@correo.invalid",
    "ana@correo.invalid\nBcc: otro@correo.invalid",
    "ana@correo.invalid> SIZE=1 <x@y",
    "Ana <ana@correo.invalid>",
    "ana@correo..invalid",
    f"{'a' * 65}@correo.invalid",
]


@pytest.mark.parametrize("to", NO_ADDRESSES)
async def test_what_is_no_address_is_a_bad_one_before_anything_is_sent(mail: Mail, server: Server, to: str) -> None:
    with pytest.raises(BadAddress, match=r"^address_unusable$"):
        await send(mail, message(to))
    await send(mail, message())  # the line is still good
    assert len(server.arrived()) == 1


async def test_a_line_break_in_a_subject_adds_no_header(mail: Mail, server: Server) -> None:
    await send(mail, message(subject="Hola\nBcc: otro@correo.invalid"))
    assert message_from_bytes(server.arrived()[0])["Bcc"] is None


@given(subject=st.text(), name=st.text(), text=st.text())
def test_no_text_of_ours_adds_a_header(subject: str, name: str, text: str) -> None:
    """Given any subject, name and text, the headers are those that belong there, each once."""
    try:
        raw = mail_module._compose(  # pyright: ignore[reportPrivateUsage]
            message(subject=subject, sender=name, text=text, html=""), "ana@correo.invalid", SENDER, None
        ).as_bytes()
    except ValueError:  # halves of surrogate pairs
        return
    headers = message_from_bytes(raw)
    expected = "Content-Type MIME-Version Content-Transfer-Encoding From To Subject Date Message-ID Auto-Submitted"
    assert headers.keys() == expected.split()
    assert "no-responder@senda.invalid" in headers["From"]
    assert headers["To"] == "ana@correo.invalid"


async def test_the_reference_comes_back_in_the_message_id(mail: Mail) -> None:
    sent = await send(mail, message(reference="4711"))
    assert re.fullmatch(r"<[0-9a-f]{32}\.4711@senda\.invalid>", sent)


async def test_the_creditor_writes_under_its_name_and_answers_go_where_they_are_read(server: Server) -> None:
    mail = Mail(server.url, SENDER, reply_to="respuestas@senda.invalid")
    await send(mail, message(sender='Crédito "Amable",\r\nBcc: x@y.invalid S.A.'))
    arrived = message_from_bytes(server.arrived()[0], policy=default)
    (author,) = arrived["From"].addresses
    assert author.display_name == 'Crédito "Amable", Bcc: x@y.invalid S.A.'
    assert author.addr_spec == "no-responder@senda.invalid"
    assert arrived["Reply-To"] == "respuestas@senda.invalid"
    assert arrived["Bcc"] is None
    await mail.close()


@pytest.mark.parametrize("length", [10, 800])
async def test_one_click_stops_the_channel(mail: Mail, server: Server, length: int) -> None:
    """RFC 8058: both headers, the link whole however long it is."""
    link = f"https://amable.invalid/v1/stop/{'x' * length}?canal=email"
    await send(mail, message(stop_link=link))
    arrived = message_from_bytes(server.arrived()[0])
    assert arrived["List-Unsubscribe"].split() == [f"<{link}>"]
    assert arrived["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_a_mail_without_a_stop_link_has_no_header_for_it(mail: Mail, server: Server) -> None:
    await send(mail, message())
    assert "List-Unsubscribe" not in message_from_bytes(server.arrived()[0])


@pytest.mark.parametrize("link", ["javascript:x", "https://a.invalid/\nBcc: x@y.invalid", "https://a.invalid/>,<x"])
async def test_a_stop_link_that_no_header_can_carry_is_a_rejection(mail: Mail, server: Server, link: str) -> None:
    with pytest.raises(Rejected, match=r"^email_unusable$"):
        await send(mail, message(stop_link=link))
    assert server.arrived() == []


async def test_a_mail_beyond_ten_megabytes_is_refused_before_it_is_sent(mail: Mail, server: Server) -> None:
    with pytest.raises(Rejected, match=r"^email_too_long$"):
        await send(mail, message(text="x" * 8_000_000))  # base64 makes four bytes of three
    assert server.arrived() == []


async def test_a_mail_of_text_alone_is_no_multipart(mail: Mail, server: Server) -> None:
    await send(mail, message(html=""))
    assert message_from_bytes(server.arrived()[0]).get_content_type() == "text/plain"


@pytest.mark.parametrize("url", ["", "mail.invalid:25", "http://mail.invalid", "smtp://mail.invalid:port"])
def test_an_address_of_no_mail_server_is_refused_at_once(url: str) -> None:
    with pytest.raises(SendaError) as refused:
        Mail(url, SENDER)
    assert refused.value.code == "mail.bad_url"


def test_a_sender_without_an_address_is_refused_at_once() -> None:
    with pytest.raises(SendaError) as refused:
        Mail("smtp://127.0.0.1", "Cobranza")
    assert refused.value.code == "mail.bad_sender"


@dataclass
class Script:
    """A mail server that answers as it is told, by the first word of a command, and keeps what it heard.

    `answers`: None cuts the line. `END`: the answer to the message itself.
    """

    answers: dict[str, str | None]
    heard: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 script.invalid\r\n")
        while line := (await reader.readline()).decode().rstrip():
            self.heard.append(line)
            answer = self.answers.get(line.split()[0].upper(), "250 OK")
            if line == "DATA" and answer == "250 OK":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                answer = self.answers.get("END", "250 OK")
            if answer is None:
                break
            writer.write(answer.encode() + b"\r\n")
        writer.close()


@asynccontextmanager
async def scripted(**answers: str | None) -> AsyncIterator[Script]:
    script = Script(answers)
    listening = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = listening.sockets[0].getsockname()[1]
    yield script
    listening.close()


@pytest.mark.parametrize(
    ("command", "answer", "kind", "code"),
    [
        ("MAIL", "451 4.3.2 Not now", NotNow, "smtp_451"),
        ("MAIL", "553 5.1.8 Sender's domain unknown", Rejected, "smtp_553"),
        ("RCPT", "421 4.7.0 Too many", NotNow, "smtp_421"),
        ("RCPT", "550-5.1.1 Nobody\r\n550 5.1.1 here", BadAddress, "smtp_550"),
        ("RCPT", "550 5.2.1 Mailbox disabled", BadAddress, "smtp_550"),
        ("RCPT", "550 User unknown", BadAddress, "smtp_550"),
        ("RCPT", "553 Mailbox name not allowed", BadAddress, "smtp_553"),
        ("RCPT", "550 5.7.1 Refused by policy", Rejected, "smtp_550"),
        ("RCPT", "552 5.2.2 Mailbox full", Rejected, "smtp_552"),
        ("RCPT", "554 No", Rejected, "smtp_554"),
        ("RCPT", None, NotNow, "smtp_line_lost"),
        ("RCPT", "what?", NotNow, "smtp_line_lost"),
        ("DATA", "452 4.3.1 No room", NotNow, "smtp_452"),
        ("END", "451 4.7.1 Greylisted", NotNow, "smtp_451"),
        ("END", "554 5.1.1 Spam", Rejected, "smtp_554"),
    ],
)
async def test_what_a_server_refuses_with_says_what_can_be_done(
    command: str, answer: str | None, kind: type[Rejected], code: str
) -> None:
    async with scripted(**{command: answer}) as script:
        mail = Mail(script.url, SENDER)
        with pytest.raises(Rejected) as refused:
            await send(mail, message())
        await mail.close()
    assert type(refused.value) is kind
    assert refused.value.code == code


@pytest.mark.parametrize("answer", [None, "what?", "250-and then silence"])
async def test_an_answer_to_the_message_that_says_nothing_leaves_it_uncertain(
    answer: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_module, "TIMEOUT", 0.3)
    async with scripted(END=answer) as script:
        mail = Mail(script.url, SENDER)
        with pytest.raises(Uncertain):
            await send(mail, message())
        assert mail._idle == []  # pyright: ignore[reportPrivateUsage]


async def test_a_line_that_was_left_in_the_midst_of_a_message_is_not_used_again(server: Server) -> None:
    """An activity that is cancelled: what the server still answers would be taken for the next message's answer."""
    mail = Mail(server.url, SENDER)
    with suppress(TimeoutError):
        await asyncio.wait_for(send(mail, message("ana@hang.invalid")), 0.3)
    assert mail._idle == []  # pyright: ignore[reportPrivateUsage]
    await send(mail, message())
    await mail.close()


async def test_a_server_that_reports_deliveries_gets_the_id_and_keeps_the_text_to_itself() -> None:
    """RFC 3461: a bounce brings the envelope's id back, and the headers alone."""
    async with scripted(EHLO="250-script.invalid\r\n250 DSN") as script:
        mail = Mail(script.url, SENDER)
        sent = await send(mail, message(reference="4711"))
        await mail.close()
    assert f"MAIL FROM:<no-responder@senda.invalid> RET=HDRS ENVID={sent[1:-1]}" in script.heard


# Encryption and login


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate of 127.0.0.1, for the server, and trust in it, for the client."""

    server: ssl.SSLContext
    trusted: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.invalid")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    file = tmp_path_factory.mktemp("tls") / "mail.pem"
    file.write_bytes(
        made
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return Certificate(server, ssl.create_default_context(cadata=made.decode()))


class Kept:
    """What aiosmtpd calls: keeps each message, with whether its line was encrypted and whose login it had."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, bool, bool]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        transport = server.transport
        assert transport is not None
        encrypted = transport.get_extra_info("sslcontext") is not None
        self.messages.append((envelope.original_content or b"", encrypted, bool(session.authenticated)))
        return "250 OK"


def login(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"senda", b"s3cr:to")
    return AuthResult(success=right, handled=False)  # not handled: aiosmtpd answers a wrong one itself


@asynccontextmanager
async def smtp_server(*, implicit: ssl.SSLContext | None = None, **settings: Any) -> AsyncIterator[tuple[Kept, int]]:
    """A real SMTP server with the settings of aiosmtpd; `implicit`: TLS from the first byte."""
    kept, loop = Kept(), asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(kept, hostname="mail.invalid", loop=loop, **settings)

    listening = await loop.create_server(connection, "127.0.0.1", 0, ssl=implicit)
    yield kept, listening.sockets[0].getsockname()[1]
    listening.close()


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
async def test_a_line_is_encrypted_where_the_server_offers_it(certificate: Certificate, scheme: str) -> None:
    async with smtp_server(tls_context=certificate.server) as (kept, port):
        mail = Mail(f"{scheme}://127.0.0.1:{port}", SENDER, tls_context=certificate.trusted)
        await send(mail, message())
        await mail.close()
    assert [encrypted for _, encrypted, _ in kept.messages] == [True]


async def test_a_server_that_must_encrypt_and_does_not_is_unreachable(server: Server) -> None:
    mail = Mail(server.url.replace("smtp:", "smtp+starttls:"), SENDER)
    with pytest.raises(Unreachable, match="STARTTLS"):
        await send(mail, message())
    assert server.arrived() == []


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls"])
async def test_a_server_whose_certificate_nobody_vouches_for_is_unreachable(
    certificate: Certificate, scheme: str
) -> None:
    async with smtp_server(tls_context=certificate.server) as (kept, port):
        with pytest.raises(Unreachable, match="certificate"):
            await send(Mail(f"{scheme}://127.0.0.1:{port}", SENDER), message())
    assert kept.messages == []


async def test_tls_from_the_first_byte(certificate: Certificate) -> None:
    async with smtp_server(implicit=certificate.server) as (kept, port):
        mail = Mail(f"smtps://127.0.0.1:{port}", SENDER, tls_context=certificate.trusted)
        await send(mail, message())
        await mail.close()
        with pytest.raises(Unreachable, match="certificate"):
            await send(Mail(f"smtps://127.0.0.1:{port}", SENDER), message())
    assert len(kept.messages) == 1


async def test_a_certificate_of_another_host_is_unreachable(certificate: Certificate) -> None:
    async with smtp_server(tls_context=certificate.server) as (kept, port):
        with pytest.raises(Unreachable, match="certificate"):
            await send(Mail(f"smtp://localhost:{port}", SENDER, tls_context=certificate.trusted), message())
    assert kept.messages == []


async def test_a_server_that_wants_a_login_gets_it_over_an_encrypted_line(certificate: Certificate) -> None:
    async with smtp_server(tls_context=certificate.server, auth_required=True, auth_callback=None) as (_, port):
        with pytest.raises(Rejected):  # without a login it takes nothing
            await send(Mail(f"smtp://127.0.0.1:{port}", SENDER, tls_context=certificate.trusted), message())
    async with smtp_server(tls_context=certificate.server, auth_required=True, authenticator=login) as (kept, port):
        url = f"smtp+starttls://senda:s3cr%3Ato@127.0.0.1:{port}"
        mail = Mail(url, SENDER, tls_context=certificate.trusted)
        await send(mail, message())
        await mail.close()
    assert [(encrypted, known) for _, encrypted, known in kept.messages] == [(True, True)]


async def test_a_wrong_password_is_unreachable_and_says_so_without_it(certificate: Certificate) -> None:
    async with smtp_server(tls_context=certificate.server, auth_required=True, authenticator=login) as (kept, port):
        wrong = Mail(f"smtp://senda:wr0ng@127.0.0.1:{port}", SENDER, tls_context=certificate.trusted)
        with pytest.raises(Unreachable, match="login") as refused:
            await send(wrong, message())
    assert "wr0ng" not in str(refused.value)
    assert kept.messages == []


LOGIN_OFFERED = "250-script.invalid\r\n250 AUTH PLAIN"


async def test_a_password_goes_over_a_clear_line_to_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(EHLO=LOGIN_OFFERED, AUTH="235 welcome") as script:

        async def resolve(*_: object, **__: object) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", script.port))]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        far = Mail(f"smtp://senda:s3creto@mail.invalid:{script.port}", SENDER)
        with pytest.raises(Unreachable, match="clear line"):
            await send(far, message())
        assert [command.split()[0] for command in script.heard] == ["EHLO"]
        near = Mail(f"smtp://senda:s3creto@127.0.0.1:{script.port}", SENDER)
        await send(near, message())
        await near.close()
    assert any(command.startswith("AUTH PLAIN") for command in script.heard)
