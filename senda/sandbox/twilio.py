"""Twilio's Messages API and what it posts: status callbacks, and what people write.

Sources: Twilio, "Messages resource", "Track outbound message status", "Error and warning dictionary".
"""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from channels.segments import segments_of
from senda.sandbox.accounts import TwilioAccount
from senda.sandbox.callbacks import Callbacks, Delivery, Post
from senda.sandbox.entries import Draft, Entries, Entry, canonical
from senda.sandbox.faults import Faults, after, instead
from senda.sandbox.outcomes import Impossible, Outcome, Report
from senda.sandbox.signing import by_twilio
from senda.sandbox.twiml import TwimlError, messages

API = "2010-04-01"
E164 = re.compile(r"\+[1-9][0-9]{6,14}")

_WORDS = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    20503: "Service Unavailable",
    21205: "Url is not a valid URL",
    21210: "'From' phone number not verified",
    21211: "Invalid 'To' Phone Number",
    21217: "Phone number does not appear to be valid",
    21602: "Message body is required",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number provided is not a valid message-capable Twilio phone number",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit",
}
_LATER = {"0030": "30003", "0035": "30005"}

Credentials = Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]


class TwilioError(Exception):
    """An error as Twilio tells it."""

    def __init__(self, code: int, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


def refusal(code: int, status: int) -> Response:
    """The body of an error."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": _WORDS[code], "more_info": more, "status": status}, status)


def overload(status: int) -> Response:
    """The answer of a provider in trouble."""
    return refusal(20000 + status, status)


def require_account(account: TwilioAccount | None, sid: str, credentials: HTTPBasicCredentials | None) -> TwilioAccount:
    """The account, if these are its credentials. Raises TwilioError 20003, or 20404 for another account."""
    if account is None or credentials is None:
        raise TwilioError(20003, 401)
    given = f"{credentials.username}:{credentials.password}".encode()
    if not secrets.compare_digest(given, f"{account.account_sid}:{account.auth_token}".encode()):
        raise TwilioError(20003, 401)
    if sid != account.account_sid:
        raise TwilioError(20404, 404)
    return account


def require_number(to: str, code: int) -> str:
    """A number in E.164 that is not made to be refused. Raises TwilioError with the code."""
    if not E164.fullmatch(to) or to.endswith("0404"):
        raise TwilioError(code)
    return to


def new_sid(kind: str) -> str:
    return kind + secrets.token_hex(16)


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; of a repeated one all values, with a space between."""
    form: dict[str, str] = {}
    for name, value in (await request.form()).multi_items():
        if isinstance(value, str):
            form[name] = f"{form[name]} {value}" if name in form else value
    return form


class Messages:
    """The Messages resource of one account."""

    def __init__(self, account: TwilioAccount | None, entries: Entries, callbacks: Callbacks, faults: Faults) -> None:
        self._account, self._entries = account, entries
        self._callbacks, self._faults = callbacks, faults

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route(f"/twilio/{API}/Accounts/{{sid}}/Messages.json", self._create, methods=["POST"])
        return router

    async def _create(self, sid: str, request: Request, credentials: Credentials) -> Response:
        try:
            account = require_account(self._account, sid, credentials)
            form = _checked(await form_of(request), account)
        except TwilioError as error:
            return refusal(error.code, error.status)
        fault = self._faults.take("twilio", form["To"])
        if answer := instead(fault, overload):
            return answer
        entry = self._entries.add(_draft(form))
        self._receipts(entry)
        return await after(fault, JSONResponse(_resource(entry, account), 201))

    def _receipts(self, entry: Entry) -> None:
        """What becomes of a message by itself."""
        if self._callbacks.manner("twilio").mode == "manual":
            return
        code = _LATER.get(entry.address[-4:])
        statuses = [("sent", None), ("undelivered", code) if code else ("delivered", None)]
        self._callbacks.later([post for status in statuses for post in self._status(entry, *status)])

    async def report(self, entry: Entry, report: Report) -> Outcome:
        """Tell the product what became of a message: sent, delivered, undelivered, failed."""
        if report.status == "read":
            raise Impossible("Un SMS no informa que fue leído.")
        code = report.code or ("30003" if report.status in ("failed", "undelivered") else None)
        return Outcome(await self._callbacks.send(self._status(entry, report.status, code)))

    async def write(self, address: str, text: str, answers: str | None = None) -> Outcome:
        """A person writes an SMS. Raises Impossible where nobody reads them."""
        account = self._account
        if account is None or account.messages_url is None:
            raise Impossible("Falta decir a dónde avisa Twilio lo que la gente escribe (messages_url).")
        sid = new_sid("SM")
        form = {
            "ToCountry": "CO",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "SmsSid": sid,
            "SmsStatus": "received",
            "Body": text,
            "To": account.number,
            "NumSegments": str(segments_of(text).segments or 1),
            "MessageSid": sid,
            "AccountSid": account.account_sid,
            "From": address,
            "ApiVersion": API,
        }
        entry = self._entries.add(
            Draft("in", "sms", "twilio", address, sid, "received", text, {"answers": answers, "raw": form})
        )
        deliveries = await self._callbacks.send([twilio_post(account, "message", account.messages_url, form, entry)])
        return Outcome(deliveries, entry.id, self._answered(address, deliveries))

    def _answered(self, address: str, deliveries: list[Delivery]) -> list[str]:
        """What the product says in its answer (TwiML) is a message of its own."""
        said: list[str] = []
        for delivery in deliveries:
            try:
                said += messages(delivery.body) if delivery.outcome == "delivered" else []
            except TwimlError:
                continue
        for text in said:
            sid = new_sid("SM")
            data = {"segments": segments_of(text).segments}
            self._entries.add(Draft("out", "sms", "twilio", address, sid, "delivered", text, data))
        return said

    def _status(self, entry: Entry, status: str, code: str | None) -> list[Post]:
        """Keep a status, and the callback that tells it, if the message asked for one."""
        self._entries.note(entry.id, "status", status=status, code=code)
        raw: Mapping[str, str] = entry.data.get("raw", {})
        account, url = self._account, raw.get("StatusCallback")
        if account is None or not url:
            return []
        form = {
            "SmsSid": entry.ref,
            "SmsStatus": status,
            "MessageStatus": status,
            "To": entry.address,
            "MessageSid": entry.ref,
            "AccountSid": account.account_sid,
            "ApiVersion": API,
            **({"ErrorCode": code} if code else {}),
            **{name: raw[name] for name in ("From", "MessagingServiceSid") if name in raw},
        }
        return [twilio_post(account, status, url, form, entry)]


def reference_of(form: Mapping[str, str]) -> str | None:
    """The product's own number, where its address for callbacks ends in one: Twilio knows no references."""
    last = urlsplit(form.get("StatusCallback", "")).path.rpartition("/")[2]
    return last if last.isdecimal() else None


def twilio_post(account: TwilioAccount, kind: str, url: str, form: Mapping[str, str], entry: Entry) -> Post:
    body, sign = by_twilio(url, form, account.auth_token)
    return Post("twilio", kind, url, body, "application/x-www-form-urlencoded", sign, entry.id)


def _checked(form: dict[str, str], account: TwilioAccount) -> dict[str, str]:
    if not form.get("To"):
        raise TwilioError(21604)
    require_number(form["To"], 21211)
    service = form.get("MessagingServiceSid", "")
    if not form.get("From") and not service.startswith("MG"):
        raise TwilioError(21603)
    if form.get("From") and canonical(form["From"]) != canonical(account.number):
        raise TwilioError(21606)
    if not form.get("Body"):
        raise TwilioError(21602)
    if len(form["Body"]) > 1600:
        raise TwilioError(21617)
    if form["To"].endswith("0610"):
        raise TwilioError(21610)
    return form


def _draft(form: dict[str, str]) -> Draft:
    data = {"segments": segments_of(form["Body"]).segments, "reference": reference_of(form), "raw": form}
    return Draft("out", "sms", "twilio", form["To"], new_sid("SM"), "queued", form["Body"], data)


def _resource(entry: Entry, account: TwilioAccount) -> dict[str, Any]:
    form: Mapping[str, str] = entry.data["raw"]
    path = f"/{API}/Accounts/{account.account_sid}/Messages/{entry.ref}"
    service = form.get("MessagingServiceSid")
    return {
        "account_sid": account.account_sid,
        "api_version": API,
        "body": entry.text,
        "date_created": twilio_date(entry.at),
        "date_sent": None,
        "date_updated": twilio_date(entry.at),
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": form.get("From"),
        "messaging_service_sid": service,
        "num_media": "0",
        "num_segments": str(entry.data["segments"]),
        "price": None,
        "price_unit": "USD",
        "sid": entry.ref,
        "status": "accepted" if service else "queued",
        "subresource_uris": {"media": f"{path}/Media.json"},
        "to": entry.address,
        "uri": f"{path}.json",
    }


def twilio_date(at: datetime) -> str:
    """RFC 2822, as Twilio writes instants."""
    return format_datetime(at.astimezone(UTC))
