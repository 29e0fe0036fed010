"""Mails that come back: bounces find their contact, people are heard, machines are not, and no bytes break it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, Receipt, Reply
from channels.mail import Mail
from channels.mail_back import nobody_there, read_mail, read_mailbox, read_posted
from channels.message import Message
from policy.errors import SendaError
from tests.channels.conftest import Server

NOW = datetime(2026, 2, 6, 15, 0, tzinfo=UTC)
WRITTEN = datetime(2026, 2, 6, 14, 0, tzinfo=UTC)
OURS = f"<{'a1' * 16}.4711@senda.invalid>"
SECRET = "whsec_" + "c2VuZGEtY29ycmVvLXBydWViYXM="


def report(
    recipients: str,
    returned: str = f"Message-ID: {OURS}\nTo: ana@correo.invalid\n",
    *,
    returned_type: str = "text/rfc822-headers",
    envelope: str = "",
) -> bytes:
    """A delivery report as mail servers write it; `recipients`: its blocks about recipients."""
    return f"""Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@correo.invalid>
To: no-responder@senda.invalid
Date: Fri, 06 Feb 2026 09:00:00 -0500
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b
Content-Type: text/plain

Your message could not be delivered.

--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; correo.invalid
{envelope}
{recipients}
--=_b
Content-Type: {returned_type}

{returned}
--=_b--
""".encode()


def block(action: str, status: str, diagnostic: str = "") -> str:
    more = f"Diagnostic-Code: {diagnostic}\n" if diagnostic else ""
    return f"Final-Recipient: rfc822; ana@correo.invalid\nAction: {action}\nStatus: {status}\n{more}\n"


def answer(text: str, *headers: str, kind: str = "text/plain") -> bytes:
    """A mail of a person; `headers` beside the usual ones."""
    mail = MIMEText(text, kind.partition("/")[2], "utf-8")
    mail["From"] = "=?utf-8?q?Ana_Luc=C3=ADa?= <ana@correo.invalid>"
    mail["Subject"] = "Re: Su cuota"
    mail["Date"] = "Fri, 06 Feb 2026 09:00:00 -0500"
    mail["Message-ID"] = "<CA+1@correo.invalid>"
    for header in headers:
        name, _, value = header.partition(": ")
        del mail[name]
        mail[name] = value
    return mail.as_bytes()


def only(raw: bytes) -> Receipt | Reply:
    (event,) = read_mail(raw, NOW)
    return event


def reply(raw: bytes) -> Reply:
    event = only(raw)
    assert isinstance(event, Reply)
    return event


# Delivery reports


@pytest.mark.parametrize(
    ("returned_type", "returned"),
    [
        ("text/rfc822-headers", f"Message-ID: {OURS}\n"),
        ("message/rfc822-headers", f"Message-ID: {OURS}\n"),
        ("message/rfc822", f"Subject: Su cuota\nMessage-Id:\n {OURS}\n\nHola\n"),
    ],
)
def test_a_bounce_finds_its_contact(returned_type: str, returned: str) -> None:
    bounce = report(block("failed", "5.1.1"), returned, returned_type=returned_type)
    assert only(bounce) == Receipt("failed", "4711", OURS, WRITTEN, "smtp_5.1.1", bad_address=True)


async def test_a_mail_that_left_and_bounces_finds_its_contact(server: Server) -> None:
    mail = Mail(server.url, "Cobranza <no-responder@senda.invalid>")
    async with mail.line() as line:
        sent = await line.send(Message("k-1", "ana@correo.invalid", "Su cuota", "Hola", reference="99"))
    await mail.close()
    (left,) = server.arrived()
    event = only(report(block("failed", "5.1.1"), left.decode(), returned_type="message/rfc822"))
    assert isinstance(event, Receipt)
    assert (event.reference, event.provider_ref, event.bad_address) == ("99", sent, True)


def test_a_bounce_that_gives_nothing_back_finds_its_contact_by_the_envelopes_id() -> None:
    bounce = report(block("failed", "5.1.1"), "", envelope=f"Original-Envelope-Id: {OURS[1:-1]}\n")
    assert only(bounce) == Receipt("failed", "4711", OURS, WRITTEN, "smtp_5.1.1", bad_address=True)


def test_a_bounce_of_an_older_mail_has_the_message_id_alone() -> None:
    older = f"<{'b' * 40}@senda.invalid>"
    event = only(report(block("failed", "5.1.1"), f"Message-ID: {older}\n"))
    assert isinstance(event, Receipt)
    assert (event.reference, event.provider_ref) == (None, older)


def test_a_bounce_that_names_no_mail_says_nothing() -> None:
    assert read_mail(report(block("failed", "5.1.1"), "To: ana@correo.invalid\n"), NOW) == ()


@pytest.mark.parametrize(
    ("status", "bad"),
    [
        ("5.1.1", True),
        ("5.1.2", True),
        ("5.1.10", True),
        ("5.2.1", True),
        ("5.1.8", False),  # our domain
        ("5.2.2", False),  # full
        ("5.7.1", False),  # policy
        ("4.4.7", False),  # given up after days of trying
        ("4.1.1", False),
    ],
)
def test_only_a_lasting_fault_of_the_address_makes_it_bad(status: str, bad: bool) -> None:
    event = only(report(block("failed", status)))
    assert isinstance(event, Receipt)
    assert (event.status, event.code, event.bad_address) == ("failed", f"smtp_{status}", bad)


@pytest.mark.parametrize(
    ("status", "diagnostic", "code", "bad"),
    [
        ("5.0.0", "smtp; 550 5.1.1 <ana@correo.invalid>: nobody", "smtp_5.1.1", True),
        ("5.0.0", "smtp; 550-5.7.1 Blocked", "smtp_5.7.1", False),
        ("5.0.0", "x-unix; user unknown", "smtp_5.0.0", False),
        ("5.7.1", "smtp; 550 5.1.1 nobody", "smtp_5.7.1", False),  # a status that says something counts
        ("5.1.1 (bad mailbox)", "", "smtp_5.1.1", True),
        ("unknown", "", "smtp_bounced", False),
    ],
)
def test_a_status_that_says_nothing_is_read_from_the_diagnostic(
    status: str, diagnostic: str, code: str, bad: bool
) -> None:
    event = only(report(block("failed", status, diagnostic)))
    assert isinstance(event, Receipt)
    assert (event.code, event.bad_address) == (code, bad)


@pytest.mark.parametrize("action", ["delivered", "relayed", "Delivered"])
def test_what_was_delivered_is_a_receipt(action: str) -> None:
    assert only(report(block(action, "2.0.0"))) == Receipt("delivered", "4711", OURS, WRITTEN)


@pytest.mark.parametrize("action", ["delayed", "expanded", "nonsense"])
def test_what_is_still_under_way_is_none(action: str) -> None:
    assert read_mail(report(block(action, "4.4.1")), NOW) == ()


def test_each_recipient_of_a_report_has_a_receipt() -> None:
    events = read_mail(report(block("failed", "5.1.1") + block("delivered", "2.0.0")), NOW)
    assert [event.status for event in events if isinstance(event, Receipt)] == ["failed", "delivered"]


def test_reports_of_other_kinds_are_no_replies() -> None:
    """A complaint's report (RFC 5965), a receipt of reading (RFC 8098): nobody wrote them."""
    raw = report(block("failed", "5.1.1")).replace(b"message/delivery-status", b"message/feedback-report")
    assert read_mail(raw, NOW) == ()


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Fri, 06 Feb 2099 09:00:00 -0500", "Thu, 01 Jan 1970 00:00:00 +0000"]
)
def test_a_clock_that_goes_wrong_is_not_believed(date: str) -> None:
    raw = report(block("failed", "5.1.1")).replace(b"Fri, 06 Feb 2026 09:00:00 -0500", date.encode())
    assert only(raw).at == NOW


def test_no_status_of_the_sender_makes_a_recipient_bad() -> None:
    assert not any(nobody_there(status) for status in ("5.1.7", "5.1.8", "5.1.9", "5.1.5", "5.1.11", "2.1.1"))


# People


def test_an_answer_is_a_reply_to_our_mail() -> None:
    raw = answer("Ya pagué ayer, señor.", f"In-Reply-To: {OURS}")
    assert only(raw) == Reply(
        "<CA+1@correo.invalid>", "ana@correo.invalid", "Ya pagué ayer, señor.", answers=OURS, at=WRITTEN
    )


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ((f"References: <old@x.invalid> {OURS}",), OURS),
        ((f"References: <{'0' * 32}.1@senda.invalid> {OURS} <other@x.invalid>",), OURS),
        ((f"In-Reply-To: <other@x.invalid>\n {OURS}",), OURS),
        (("In-Reply-To: <other@x.invalid>", f"References: {OURS}"), OURS),
        (("In-Reply-To: <other@x.invalid>",), "<other@x.invalid>"),
        (("References: <other@x.invalid>",), None),
        ((), None),
    ],
)
def test_an_answer_names_the_mail_that_it_answers(headers: tuple[str, ...], named: str | None) -> None:
    assert reply(answer("Hola", *headers)).answers == named


ORIGINAL = "Hola, Ana. Para no recibir más correos responda BAJA."
QUOTED = f"> {ORIGINAL}\n>\n> Gracias"


@pytest.mark.parametrize(
    "original",
    [
        QUOTED,
        f"El vie, 6 feb 2026 a las 9:00, Crédito Amable (<no-responder@senda.invalid>) escribió:\n\n{QUOTED}",
        f"El vie, 6 feb 2026 a la(s) 9:00 a. m., Crédito Amable (\n<no-responder@senda.invalid>) escribió:\n{ORIGINAL}",
        f"On Fri, Feb 6, 2026 at 9:00 AM Crédito Amable <no-responder@senda.invalid> wrote:\n{ORIGINAL}",
        f"Em sex., 6 de fev. de 2026 às 09:00, Crédito Amable <x@senda.invalid>\nescreveu:\n\n{ORIGINAL}",
        f"De: Crédito Amable <x@senda.invalid>\nEnviado: viernes, 6 de febrero de 2026\nPara: Ana\n\n{ORIGINAL}",
        f"From: Crédito Amable\nSent: Friday\nTo: Ana\nSubject: Su cuota\n\n{ORIGINAL}",
        f"________________________________\nDe: Crédito Amable\nFecha: hoy\n\n{ORIGINAL}",
        f"-----Mensaje original-----\n{ORIGINAL}",
        f"----- Mensagem original -----\n{ORIGINAL}",
        f"-----Original Message-----\n{ORIGINAL}",
        f"-- \nAna\n{ORIGINAL}",
    ],
)
def test_the_original_below_is_not_what_the_person_said(original: str) -> None:
    assert reply(answer(f"Pago el viernes.\nGracias\n\n{original}")).text == "Pago el viernes.\nGracias"


def test_what_stands_below_the_quote_is_heard() -> None:
    """People answer below: a BAJA there must not be lost, nor the quoted one be taken for theirs."""
    below = answer(f"El vie, 6 feb 2026 a las 9:00, Crédito escribió:\n{QUOTED}\n\nNo más correos")
    assert reply(below).text == "No más correos"


def test_an_answer_without_words_does_not_say_what_the_original_says() -> None:
    assert reply(answer(f"\n\nDe: Crédito\nEnviado: hoy\n\n{ORIGINAL}")).text == ""
    assert reply(answer(QUOTED)).text == ""


@pytest.mark.parametrize(
    "text",
    [
        "El señor del banco me escribió:\nque debo 3 cuotas",
        "De: mi cuenta ya pagué",
        "On it, I wrote: yes\nand that is all",
        "Pago el 5 > de lo que puedo",
    ],
)
def test_a_persons_own_words_are_not_taken_for_the_original(text: str) -> None:
    assert reply(answer(text)).text == text


def test_a_subject_alone_is_what_the_person_said() -> None:
    assert reply(answer("", "Subject: =?utf-8?q?BAJA_por_favor=2C_se=C3=B1or?=")).text == "BAJA por favor, señor"
    assert reply(answer("", "Subject: RE: Su cuota")).text == ""


def test_a_mail_of_html_alone_is_read_without_what_it_quotes() -> None:
    html = f"""<html><head><title>Re</title><style>p {{ color: red }}</style></head><body>
    <div>Ya&nbsp;pagu&eacute; <b>ayer</b>.</div><p>Gracias</p>
    <div class="gmail_quote"><div>El vie, 6 feb 2026, Crédito escribió:<br></div>
    <blockquote><p>{ORIGINAL}</p></blockquote></div></body></html>"""
    assert reply(answer(html, kind="text/html")).text == "Ya pagué ayer.\n\nGracias"


def test_what_an_html_mail_does_not_show_is_not_read() -> None:
    html = "<!--[if mso]><p>BAJA</p><![endif]--><!doctype html><p>Hola 2 < 3</p><script>x</script><!-- BAJA <p>"
    assert reply(answer(html, kind="text/html")).text == "Hola 2 < 3"


def test_a_broken_head_does_not_silence_the_mail() -> None:
    assert reply(answer("<head><style></style><blockquote></head><body>Hola</body>", kind="text/html")).text == "Hola"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["<a ", "<!--", "<a b='", "</", "<![", "<style>"])
def test_html_that_is_made_to_keep_the_reader_busy_does_not(piece: str) -> None:
    """The library's parser needs minutes for some of these."""
    assert isinstance(reply(answer(f"<p>Hola</p>{piece * 60_000}", kind="text/html")), Reply)


def test_the_plain_text_is_preferred_and_attachments_are_not_read() -> None:
    mail = MIMEMultipart()
    attached = MIMEText("BAJA", "plain", "utf-8")
    attached["Content-Disposition"] = "attachment; filename=nota.txt"
    mail.attach(attached)
    both = MIMEMultipart("alternative")
    both.attach(MIMEText("Hola", "plain", "utf-8"))
    both.attach(MIMEText("<p>Otra cosa</p>", "html", "utf-8"))
    mail.attach(both)
    mail["From"] = "ana@correo.invalid"
    assert reply(mail.as_bytes()).text == "Hola"


def test_a_mail_that_was_forwarded_within_is_not_the_persons_words() -> None:
    raw = b"From: ana@correo.invalid\nContent-Type: message/rfc822\n\nFrom: x@y.invalid\n\nBAJA\n"
    assert reply(raw).text == ""


def test_letters_of_an_old_character_set_are_read() -> None:
    raw = b"From: ana@correo.invalid\nContent-Type: text/plain; charset=iso-8859-1\n\nSe\xf1or, pagu\xe9\n"
    assert reply(raw).text == "Señor, pagué"


@pytest.mark.parametrize(
    "author",
    [
        "ana@correo.invalid",
        '"Ana <otra@correo.invalid>" <ana@correo.invalid>',
        "=?utf-8?q?otra=40correo=2Einvalid?= <ana@correo.invalid>",
        "=?utf-8?q?Ana_Luc=C3=ADa_=3Cana=40correo=2Einvalid=3E?=",  # against the rules, and common
    ],
)
def test_the_sender_is_the_address_and_not_what_a_name_says(author: str) -> None:
    assert reply(f"From: {author}\n\nHola\n".encode()).sender == "ana@correo.invalid"


def test_a_mail_without_an_id_is_named_by_its_content() -> None:
    raw = answer("Hola", "Message-ID: ")
    first = reply(raw).provider_ref
    assert first.startswith("sha256:")
    assert reply(raw).provider_ref == first != reply(answer("Adiós", "Message-ID: ")).provider_ref


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; owner-email=x",
        "X-Autoreply: yes",
        "Precedence: bulk",
        "Precedence: auto_reply",
        "Return-Path: <>",
        "From: Mail Delivery Subsystem <MAILER-DAEMON@correo.invalid>",
    ],
)
def test_machines_are_not_heard(header: str) -> None:
    assert read_mail(answer("Estoy de vacaciones", header), NOW) == ()


def test_who_says_that_they_are_no_machine_is_heard() -> None:
    assert reply(answer("Hola", "Auto-Submitted: no", "Return-Path: <ana@correo.invalid>")).text == "Hola"


def test_a_mail_of_nobody_says_nothing() -> None:
    assert read_mail(b"Subject: Hola\n\nHola\n", NOW) == ()


# Whatever comes

PIECES = st.sampled_from(
    [
        b"From: ana@correo.invalid\n",
        b"Content-Type: multipart/report; boundary=b\n",
        b"Content-Type: multipart/mixed; boundary*0=b; boundary*1*=utf-8'x'%ff\n",
        b"Content-Type: text/html; charset=unicode_escape\n",
        b"Content-Type: text/plain; charset=\xff\n",
        b"Content-Type: message/delivery-status\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Subject: =?utf-8?b?/w?= =?x?q?=\n",
        b"Date: Fri, 99 Feb 2026 99:00:00 +9999\n",
        f"Message-ID: {OURS}\nAction: failed\nStatus: 5.1.1\n".encode(),
        b"\n",
        b"--b\n",
        b"--b--\n",
        b"<blockquote><![x[\\ud800\\x00",
        b"> \n",
    ]
)


@settings(deadline=None)
@given(raw=st.binary() | st.lists(PIECES | st.binary(max_size=8)).map(b"".join))
@example(b"")
@example(b"From: a@b.invalid\nContent-Type: text/plain; charset=unicode_escape\n\n\\ud800 \\x00 hola")
@example(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\nContent-Type: message/rfc822\n\n" * 3000)
def test_no_bytes_break_it(raw: bytes) -> None:
    try:
        events = read_mail(raw, NOW)
    except CallbackUnreadable:
        return
    for event in events:
        if isinstance(event, Reply):
            event.text.encode()  # a database takes it
            assert "\0" not in event.text + event.sender + event.provider_ref
            assert len(event.text) <= 10_000


def test_parts_within_parts_without_end_are_unreadable() -> None:
    """The library's parser compares each line with the boundary of each part around it."""
    raw = b"From: a@b.invalid\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(100)
    )
    with pytest.raises(CallbackUnreadable):
        read_mail(raw, NOW)


# The webhook


def posted(body: bytes, *, at: datetime = NOW, path: str = "messages", **headers: str) -> Callback:
    """A signed callback; the library signs text, so `body` must be UTF-8 here."""
    signed = {
        "webhook-id": "m-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("m-1", at, body.decode()),
        "content-type": "message/rfc822",
    }
    url = f"https://senda.invalid/v1/webhooks/providers/email/{path}"
    return Callback("POST", url, path, {}, {**signed, **headers}, body)


def test_a_signed_mail_is_heard() -> None:
    (event,) = read_posted(posted(answer("Hola")), SECRET, NOW).events
    assert isinstance(event, Reply)
    assert event.text == "Hola"


def test_the_adapter_reads_by_its_own_secret() -> None:
    now = datetime.now(UTC)
    assert Mail("smtp://127.0.0.1", "x@senda.invalid", secret=SECRET).read(posted(answer("Hola"), at=now)).events
    with pytest.raises(CallbackRefused):
        Mail("smtp://127.0.0.1", "x@senda.invalid").read(posted(answer("Hola"), at=now))


def test_a_mail_that_is_no_utf8_is_heard() -> None:
    """Raw mails hold bytes of any character set: the signature covers them as they are."""
    raw = b"From: ana@correo.invalid\nContent-Type: text/plain; charset=iso-8859-1\n\nSe\xf1or\n"
    signature = "v1,9gCSpUaexPtDLqk6Yab7kcb4rdX4Ts3Uulgxh3nu+Tk="
    callback = posted(b"", **{"webhook-signature": f"v1a,x {signature}"})
    (event,) = read_posted(Callback(**{**_fields(callback), "body": raw}), SECRET, NOW).events
    assert isinstance(event, Reply)
    assert event.text == "Señor"


def _fields(callback: Callback) -> dict[str, object]:
    return {name: getattr(callback, name) for name in Callback.__slots__}


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_an_unsigned_mail_is_refused(name: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        read_posted(posted(answer("Hola"), **{name: ""}), SECRET, NOW)
    assert refused.value.code == "callback.signature_missing"


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "ñ"},
        {"webhook-id": "m-2"},
        {"webhook-timestamp": "1770390001"},
        {"webhook-timestamp": "now"},
    ],
)
def test_a_mail_whose_signature_does_not_fit_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(CallbackRefused) as refused:
        read_posted(posted(answer("Hola"), **headers), SECRET, NOW)
    assert refused.value.code == "callback.signature_invalid"


@pytest.mark.parametrize("away", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_a_mail_that_was_signed_at_another_time_is_refused(away: timedelta) -> None:
    with pytest.raises(CallbackRefused) as refused:
        read_posted(posted(answer("Hola"), at=NOW + away), SECRET, NOW)
    assert refused.value.code == "callback.too_old"


@pytest.mark.parametrize("change", [{"path": "other"}, {"content-type": "application/json"}])
def test_what_is_no_mail_is_unreadable(change: dict[str, str]) -> None:
    with pytest.raises(CallbackUnreadable):
        read_posted(posted(answer("Hola"), **change), SECRET, NOW)


# The mailbox


@pytest.fixture
def maildir(tmp_path: Path) -> Iterator[Path]:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    return tmp_path


async def texts(folder: Path) -> list[str]:
    heard = [event async for events in read_mailbox(folder, lambda: NOW) for event in events]
    return [event.text for event in heard if isinstance(event, Reply)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_new_mails_are_heard_once_the_oldest_first(maildir: Path) -> None:
    (maildir / "new" / "2.host").write_bytes(answer("Dos"))
    (maildir / "new" / "1.host").write_bytes(answer("Uno"))
    assert await texts(maildir) == ["Uno", "Dos"]
    assert await texts(maildir) == []
    assert (names(maildir / "new"), names(maildir / "cur")) == ([], ["1.host:2,S", "2.host:2,S"])


async def test_a_mail_whose_reader_died_is_read_again(maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(answer("Uno"))
    reading = read_mailbox(maildir, lambda: NOW)
    await anext(reading)
    del reading  # it died before it asked for the next one
    assert await texts(maildir) == ["Uno"]


async def test_mails_that_say_nothing_or_cannot_be_read_do_not_stand_in_the_way(maildir: Path) -> None:
    (maildir / "new" / "1.host").write_bytes(b"")
    (maildir / "new" / "2.host").write_bytes(answer("Ausente", "Auto-Submitted: auto-replied"))
    (maildir / "new" / "3.host").write_bytes(answer("Tres"))
    assert await texts(maildir) == ["Tres"]
    assert names(maildir / "cur") == ["1.host:2,FS", "2.host:2,S", "3.host:2,S"]


async def test_a_folder_that_is_no_mailbox_says_so(tmp_path: Path) -> None:
    with pytest.raises(SendaError) as refused:
        await texts(tmp_path)
    assert refused.value.code == "mailbox.missing"
