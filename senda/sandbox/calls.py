"""Twilio's Calls API, and calls themselves: they ring, are answered, say what the product tells them, take keys, end.

A call lives in the store: what it waits for is the last `turn` among its events.

Sources: Twilio, "Call resource", "TwiML for Programmable Voice", "Track call progress".
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from senda.sandbox.accounts import TwilioAccount
from senda.sandbox.callbacks import Callbacks, Delivery, Post
from senda.sandbox.entries import Draft, Entries, Entry, canonical
from senda.sandbox.faults import Faults, after, instead
from senda.sandbox.outcomes import HangUp, Impossible, Outcome
from senda.sandbox.twilio import (
    API,
    Credentials,
    TwilioError,
    form_of,
    new_sid,
    overload,
    reference_of,
    refusal,
    require_account,
    require_number,
    twilio_date,
    twilio_post,
)
from senda.sandbox.twiml import Gather, Turn, TwimlError, perform

ENDED = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
STEPS = {"initiated": 0, "ringing": 1, "answered": 2, "completed": 3}
"""Twilio's events of a call, and their numbers in its callbacks."""

_AUTOMATIC = {"0486": "busy", "0487": "no-answer", "0030": "failed", "0035": "failed"}
_TURNS = 20
"""Redirects one after the other; then the call is given up."""

_BROKEN = "[Twilio: se produjo un error en la aplicación. Adiós.]"


class Calls:
    """The Calls resource of one account, and the telephones of all people."""

    def __init__(self, account: TwilioAccount | None, entries: Entries, callbacks: Callbacks, faults: Faults) -> None:
        self._account, self._entries = account, entries
        self._callbacks, self._faults = callbacks, faults
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._rings: dict[int, asyncio.TimerHandle] = {}

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route(f"/twilio/{API}/Accounts/{{sid}}/Calls.json", self._create, methods=["POST"])
        return router

    def resume(self) -> None:
        """After a restart: what rang goes on ringing until its time is up."""
        for entry in self._entries.ringing():
            self._ring(entry)

    def close(self) -> None:
        for timer in self._rings.values():
            timer.cancel()

    async def _create(self, sid: str, request: Request, credentials: Credentials) -> Response:
        try:
            account = require_account(self._account, sid, credentials)
            form = _checked(await form_of(request), account)
        except TwilioError as error:
            return refusal(error.code, error.status)
        fault = self._faults.take("twilio", form["To"])
        if answer := instead(fault, overload):
            return answer
        data = {"direction": "outbound-api", "reference": reference_of(form), "raw": form}
        entry = self._entries.add(Draft("out", "call", "twilio", form["To"], new_sid("CA"), "ringing", "", data))
        self._dial(entry)
        return await after(fault, JSONResponse(_resource(entry, account), 201))

    def _dial(self, entry: Entry) -> None:
        """Twilio tells the beginning by itself; then the telephone rings, or ends as its number says."""
        self._ring(entry)
        if self._callbacks.manner("twilio").mode == "manual":
            return
        self._callbacks.later([*self._step(entry, "initiated"), *self._step(entry, "ringing")])
        if outcome := _AUTOMATIC.get(entry.address[-4:]):
            self._callbacks.background(self._end_by_itself(entry, outcome))

    def _ring(self, entry: Entry) -> None:
        timeout = entry.data["raw"].get("Timeout", "60")
        left = timedelta(seconds=int(timeout) if timeout.isdecimal() else 60) - (datetime.now(UTC) - entry.at)
        self._rings[entry.id] = asyncio.get_running_loop().call_later(
            max(left.total_seconds(), 0),
            lambda: self._callbacks.background(self._end_by_itself(entry, "no-answer")),
        )

    async def _end_by_itself(self, entry: Entry, status: str) -> None:
        await asyncio.sleep(self._callbacks.manner("twilio").delay)
        async with self._locks[entry.id]:
            if self._status(entry) == "ringing":
                await self._end(entry, status)

    async def answer(self, entry: Entry) -> Outcome:
        """The person takes the call. Raises Impossible for one that does not ring."""
        async with self._locks[entry.id]:
            if self._status(entry) != "ringing" or entry.direction == "in":
                raise Impossible("La llamada no está sonando.")
            self._stop_ringing(entry)
            self._entries.note(entry.id, "status", status="in-progress")
            told = await self._callbacks.send(self._step(entry, "answered"))
            raw: Mapping[str, str] = entry.data["raw"]
            if "Twiml" in raw:
                return await self._go_on(entry, raw["Twiml"], raw.get("StatusCallback", ""), told)
            return await self._ask(entry, raw["Url"], {}, told)

    async def press(self, entry: Entry, keys: str) -> Outcome:
        """The person presses keys, or keeps silent (""). Raises Impossible where the call waits for nothing."""
        async with self._locks[entry.id]:
            gather = self.waits_for(entry)
            if gather is None:
                raise Impossible("La llamada no espera ninguna tecla.")
            self._entries.note(entry.id, "pressed", keys=keys)
            digits = gather.read(keys)
            if digits or gather.on_empty:
                return await self._ask(entry, gather.action, {"Digits": digits, "msg": "Gather End"}, [])
            return await self._go_on(entry, gather.rest, gather.url, [])

    async def hang_up(self, entry: Entry, how: HangUp) -> Outcome:
        """The person ends the call, or does not take it. Raises Impossible for one that has ended."""
        async with self._locks[entry.id]:
            status = self._status(entry)
            if status in ENDED:
                raise Impossible("La llamada ya terminó.")
            talking = status == "in-progress"
            outcome = how.outcome or ("completed" if talking else "busy")
            if talking and outcome not in ("completed", "failed"):
                raise Impossible("Una llamada contestada termina como completed o failed.")
            if not talking and outcome == "completed":
                raise Impossible("Una llamada que nadie contestó no termina como completed.")
            return Outcome(await self._end(entry, outcome), call=self.as_json(entry))

    async def ring_from(self, address: str) -> Outcome:
        """A person calls; the product answers at once. Raises Impossible where nobody takes calls."""
        account = self._account
        if account is None or account.voice_url is None:
            raise Impossible("Falta decir a dónde pregunta Twilio qué decir a quien llama (voice_url).")
        form = {"From": address, "To": account.number}
        if account.voice_status_url:
            form["StatusCallback"] = account.voice_status_url
        data = {"direction": "inbound", "raw": form}
        entry = self._entries.add(Draft("in", "call", "twilio", address, new_sid("CA"), "in-progress", "", data))
        async with self._locks[entry.id]:
            return await self._ask(entry, account.voice_url, {"CallStatus": "ringing"}, [])

    def waits_for(self, entry: Entry) -> Gather | None:
        """The keys that the call waits for now."""
        if self._status(entry) != "in-progress":
            return None
        turns = [event.data for event in self._entries.events([entry])[entry.id] if event.kind == "turn"]
        gather = turns[-1]["gather"] if turns else None
        return Gather(**gather) if gather else None

    def as_json(self, entry: Entry) -> dict[str, Any]:
        """The call now: `said` in its last turn, `gather` the keys that it waits for."""
        events = self._entries.events([entry])[entry.id]
        turns = [event.data for event in events if event.kind == "turn"]
        gather = self.waits_for(entry)
        waits = ("num_digits", "finish_on_key", "timeout", "action")
        return {
            "id": str(entry.id),
            "sid": entry.ref,
            "address": entry.address,
            "direction": entry.data["direction"],
            "status": self._status(entry),
            "said": turns[-1]["said"] if turns else [],
            "gather": {name: getattr(gather, name) for name in waits} if gather else None,
        }

    async def _ask(self, entry: Entry, url: str, more: Mapping[str, str], told: list[Delivery]) -> Outcome:
        account = self._account
        if account is None:
            raise Impossible("Ya no hay cuenta de Twilio.")
        form = {**self._form(entry, account, "in-progress"), **more}
        answer = await self._callbacks.ask(twilio_post(account, "voice", url, form, entry))
        return await self._go_on(entry, answer.body if answer.outcome == "delivered" else "", url, [*told, answer])

    async def _go_on(self, entry: Entry, document: str, url: str, told: list[Delivery]) -> Outcome:
        """Perform documents until the call waits or ends."""
        said: list[str] = []
        for _ in range(_TURNS):
            turn = _performed(document, url)
            said += turn.said
            if turn.redirect is None:
                break
            answer = await self._callbacks.ask(self._redirected(entry, turn.redirect))
            told.append(answer)
            document, url = answer.body if answer.outcome == "delivered" else "", turn.redirect
        else:
            turn = Turn(())
            said.append(_BROKEN)
        self._entries.note(entry.id, "turn", **Turn(tuple(said), turn.gather).as_json())
        if turn.gather is None:
            told += await self._end(entry, turn.rejected or "completed")
        return Outcome(told, said=said, call=self.as_json(entry))

    def _redirected(self, entry: Entry, url: str) -> Post:
        assert self._account is not None
        return twilio_post(self._account, "voice", url, self._form(entry, self._account, "in-progress"), entry)

    async def _end(self, entry: Entry, status: str) -> list[Delivery]:
        """`failed` at a number where nobody is comes with the answer of SIP."""
        self._stop_ringing(entry)
        answered = self._answered_at(entry)
        self._entries.note(entry.id, "status", status=status)
        seconds = int(time.time() - answered.timestamp()) if answered else 0
        more = {"SipResponseCode": "404"} if status == "failed" and entry.address.endswith("0035") else {}
        posts = self._step(entry, "completed", CallStatus=status, CallDuration=str(seconds), Duration="1", **more)
        return await self._callbacks.send(posts)

    def _step(
        self, entry: Entry, event: Literal["initiated", "ringing", "answered", "completed"], **more: str
    ) -> list[Post]:
        """The callback of an event, if the call asked for it; without a list, only the end is told."""
        raw: Mapping[str, str] = entry.data["raw"]
        account, url = self._account, raw.get("StatusCallback")
        if account is None or not url or event not in raw.get("StatusCallbackEvent", "completed").split():
            return []
        form = {
            **self._form(entry, account, "in-progress" if event == "answered" else event),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(STEPS[event]),
            "Timestamp": twilio_date(datetime.now(UTC)),
            **more,
        }
        return [twilio_post(account, form["CallStatus"], url, form, entry)]

    def _form(self, entry: Entry, account: TwilioAccount, status: str) -> dict[str, str]:
        raw: Mapping[str, str] = entry.data["raw"]
        return {
            "CallSid": entry.ref,
            "AccountSid": account.account_sid,
            "ApiVersion": API,
            "CallStatus": status,
            "From": raw["From"],
            "To": raw["To"],
            "Caller": raw["From"],
            "Called": raw["To"],
            "Direction": entry.data["direction"],
        }

    def _status(self, entry: Entry) -> str:
        return self._entries.status(entry)[0]

    def _answered_at(self, entry: Entry) -> datetime | None:
        if entry.direction == "in":
            return entry.at
        events = self._entries.events([entry])[entry.id]
        return next((event.at for event in events if event.data.get("status") == "in-progress"), None)

    def _stop_ringing(self, entry: Entry) -> None:
        if timer := self._rings.pop(entry.id, None):
            timer.cancel()


def _performed(document: str, url: str) -> Turn:
    """What a document says; a broken one ends the call as Twilio does."""
    try:
        return perform(document, url)
    except TwimlError:
        return Turn((_BROKEN,))


def _checked(form: dict[str, str], account: TwilioAccount) -> dict[str, str]:
    if not form.get("To"):
        raise TwilioError(21604)
    require_number(form["To"], 21217)
    if canonical(form.get("From", "")) != canonical(account.number):
        raise TwilioError(21210 if form.get("From") else 21603)
    if not form.get("Twiml") and not form.get("Url", "").startswith(("http://", "https://")):
        raise TwilioError(21205)
    return form


def _resource(entry: Entry, account: TwilioAccount) -> dict[str, Any]:
    path = f"/{API}/Accounts/{account.account_sid}/Calls/{entry.ref}"
    parts = ("notifications", "recordings", "payments", "events", "siprec", "streams", "transcriptions")
    empty = (
        *("annotation", "answered_by", "caller_name", "date_created", "date_updated", "duration", "end_time"),
        *("forwarded_from", "group_sid", "parent_call_sid", "price", "start_time", "trunk_sid"),
    )
    return {
        **dict.fromkeys(empty),
        "account_sid": account.account_sid,
        "api_version": API,
        "direction": "outbound-api",
        "from": account.number,
        "from_formatted": account.number,
        "phone_number_sid": f"PN{account.account_sid[2:]}",
        "price_unit": "USD",
        "queue_time": "0",
        "sid": entry.ref,
        "status": "queued",
        "subresource_uris": {part: f"{path}/{part.title()}.json" for part in parts},
        "to": entry.address,
        "to_formatted": entry.address,
        "uri": f"{path}.json",
    }
