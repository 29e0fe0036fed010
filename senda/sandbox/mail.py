"""What comes back of mails: answers, bounces, reports of delivery, and the click that stops them."""

import secrets
from typing import Any

from senda.sandbox.accounts import MailAccount
from senda.sandbox.callbacks import Callbacks, Post
from senda.sandbox.content import parse
from senda.sandbox.entries import Draft, Entry
from senda.sandbox.outcomes import Bounce, Impossible, Outcome, Report
from senda.sandbox.returned_mail import reply, report, written
from senda.sandbox.signing import by_standard_webhooks
from senda.sandbox.store import Store

_BOUNCES = {"bounce.invalid": "5.1.1", "full.invalid": "4.2.2"}


class Mails:
    """All mailboxes. What comes back is posted whole (`message/rfc822`), signed as Standard Webhooks do."""

    def __init__(self, account: MailAccount, store: Store, callbacks: Callbacks) -> None:
        self._account, self._store, self._entries = account, store, store.entries
        self._callbacks = callbacks

    def kept(self, message_id: int) -> None:
        """What becomes of a mail by itself."""
        if self._callbacks.manner("smtp").mode == "manual":
            return
        for entry in self._entries.of_message(message_id):
            if status := _BOUNCES.get(entry.address.rpartition("@")[2]):
                self._callbacks.later(self._report(entry, status))

    async def reply(self, entry: Entry, text: str) -> Outcome:
        """The person answers. Raises Impossible where nobody reads it."""
        raw = reply(entry, parse(self._raw(entry)), text)
        return await self._come_in(entry.address, text, raw, {"answers": entry.ref})

    async def write(self, address: str, text: str, subject: str) -> Outcome:
        """A person writes first. Raises Impossible where there is nobody to write to."""
        last = self._entries.last(address, "email", "out")
        to = self._account.address or (self._sender(last) if last else "")
        if not to:
            raise Impossible("Nadie ha escrito a esta dirección y la cuenta no tiene una a la cual escribir.")
        raw = written(address, to, subject or "Consulta", text)
        return await self._come_in(address, text, raw, {"subject": subject or "Consulta"})

    async def bounce(self, entry: Entry, bounce: Bounce) -> Outcome:
        """A mail server says that the mail did not arrive. Raises Impossible where nobody reads it."""
        self._require_reader()
        return Outcome(await self._callbacks.send(self._report(entry, bounce.status)))

    async def report(self, entry: Entry, ordered: Report) -> Outcome:
        """`delivered` and `failed` are reports of a mail server. Raises Impossible for what none tells."""
        self._require_reader()
        if ordered.status not in ("delivered", "failed", "undelivered"):
            raise Impossible("Un servidor de correo no informa que un mensaje fue enviado o leído.")
        status = "2.0.0" if ordered.status == "delivered" else ordered.code or "5.0.0"
        return Outcome(await self._callbacks.send(self._report(entry, status)))

    async def unsubscribe(self, entry: Entry) -> Outcome:
        """One click on "unsubscribe" (RFC 8058). Raises Impossible for a mail that has none."""
        headers = parse(self._raw(entry)).headers
        links = [link.strip().strip("<>") for link in headers.get("List-Unsubscribe", "").split(",")]
        url = next((link for link in links if link.startswith(("https://", "http://"))), None)
        if url is None or headers.get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click":
            raise Impossible("El correo no trae baja con un clic (RFC 8058).")
        form, kind = b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"
        return Outcome(await self._callbacks.send([Post("smtp", "unsubscribe", url, form, kind, dict, entry.id)]))

    def _report(self, entry: Entry, status: str) -> list[Post]:
        self._entries.note(entry.id, "status", status="delivered" if status.startswith("2") else "bounced", code=status)
        raw = report(entry, self._raw(entry), status, self._sender(entry))
        return self._post("delivered" if status.startswith("2") else "bounce", raw, entry)

    async def _come_in(self, address: str, text: str, raw: bytes, data: dict[str, Any]) -> Outcome:
        self._require_reader()
        name = parse(raw).headers["Message-ID"]
        entry = self._entries.add(
            Draft("in", "email", "smtp", address, name, "received", text, {**data, "raw": raw.decode()})
        )
        return Outcome(await self._callbacks.send(self._post("message", raw, entry)), entry.id)

    def _require_reader(self) -> None:
        if self._account.webhook_url is None or self._account.secret is None:
            raise Impossible("Falta decir a dónde se entregan los correos que vuelven (webhook_url, secret).")

    def _post(self, kind: str, raw: bytes, entry: Entry) -> list[Post]:
        url, secret = self._account.webhook_url, self._account.secret
        if url is None or secret is None:
            return []
        sign = by_standard_webhooks(f"msg_{secrets.token_hex(12)}", raw, secret)
        return [Post("smtp", kind, url, raw, "message/rfc822", sign, entry.id)]

    def _raw(self, entry: Entry) -> bytes:
        assert entry.message_id is not None
        return self._store.raw(entry.message_id)

    def _sender(self, entry: Entry) -> str:
        assert entry.message_id is not None
        arrival = self._store.find(entry.message_id)
        return arrival.sender if arrival else ""
