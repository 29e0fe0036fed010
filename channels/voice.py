"""The channel `call`: calls by Twilio, and what a caller hears, in TwiML."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# (Twilio's library has no types.)

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx
from twilio.twiml.voice_response import Gather, VoiceResponse

from channels.callbacks import Callback, CallbackUnreadable, CallTurn, Heard, Receipt, ReceiptStatus
from channels.message import BadAddress, Choice, Line, Message, NotNow, Rejected, Uncertain
from channels.signing import post, require_twilio_signature

RING = 25
"""Seconds for which we let it ring: most voice mailboxes answer later."""
PATIENCE = 6
"""Seconds of silence after which a key is no longer waited for."""

NO_SUCH_NUMBER = frozenset({21211, 21217})
"""Twilio's errors for a number that is none. (21214, 13224: out of reach, which may pass.)"""
NO_SUCH_NUMBER_SIP = frozenset({"404", "410", "484", "604"})
"""RFC 3261, 21.4 and 21.6: not found, gone, address incomplete, does not exist anywhere."""

ENDED: dict[str, str] = {"busy": "voice_busy", "no-answer": "voice_no_answer", "canceled": "voice_canceled"}
UNDER_WAY = frozenset({"queued", "initiated", "ringing", "in-progress"})
WITHHELD = frozenset({"266696687", "7378742833", "17378742833", "2562533", "8656696", "86282452253", "7748283"})
"""What Twilio gives as a withheld number: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE, PRIVATE on a keypad."""


class Voice:
    """One telephone number at Twilio. What is said is asked for when somebody answers: see `read` and `twiml`.

    `callback_url` is the provider's public address, without a slash at the end: Twilio calls `answer/{reference}` and
    `status/{reference}` below it, and the number's own webhook must be `incoming`.
    """

    channel = "call"

    def __init__(
        self,
        key: str,
        *,
        account_sid: str,
        auth_token: str,
        sender: str,
        callback_url: str,
        base_url: str = "https://api.twilio.com",
        timeout: float = 8.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.key = key
        self._auth_token = auth_token
        self._sender = sender
        self._callback_url = callback_url
        self._url = f"{base_url}/2010-04-01/Accounts/{account_sid}/Calls.json"
        self._client = httpx.AsyncClient(timeout=timeout, transport=transport, auth=(account_sid, auth_token))

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """Nothing is opened beforehand: the connections are kept by the client."""
        yield self

    async def send(self, message: Message) -> str:
        """Have the person called; returns the call's SID. The message's words are said first, then the bot goes on.

        Raises `twilio_<Twilio's code>`, `twilio_http_<status>` or `twilio_unreachable`.
        """
        answer = await post(
            self._client,
            self._url,
            prefix="twilio",
            data={
                "To": message.to,
                "From": self._sender,
                "Twiml": _opening(message, f"{self._callback_url}/answer/{message.reference}"),
                "StatusCallback": f"{self._callback_url}/status/{message.reference}",
                "StatusCallbackMethod": "POST",
                "StatusCallbackEvent": ["initiated", "completed"],
                "Timeout": str(RING),
            },
        )
        if answer.is_success:
            return _sid_of(answer)
        raise _failure(answer)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    def read(self, callback: Callback) -> Heard:
        """A moment of a call at which Twilio asks what to say (`answer/{reference}`, `incoming`), or what came of it
        (`status/{reference}`). `number` of a turn is empty where the caller withholds it.

        The answer to a turn is what `twiml` makes, as `text/xml`: it is not in what is returned.
        """
        form = require_twilio_signature(callback, self._auth_token)
        call = form.get("CallSid", "")
        path = re.fullmatch(r"(answer|status)/([0-9]*)|incoming", callback.path.strip("/"))
        if path is None or not re.fullmatch(r"\w{1,64}", call, re.ASCII):
            raise CallbackUnreadable("callback.unreadable", "no call of ours: the path or CallSid is unknown")
        reference = path[2] or None
        if path[1] == "status":
            return Heard((_receipt(form, call, reference),))
        keys = _keys(form.get("Digits", ""))
        silent = keys is None and callback.query.get("silent") == "1"
        number = _number(form.get("From" if path[1] is None else "To", ""))
        return Heard((CallTurn(call, number, keys=keys, reference=reference, silent=silent),))


def _opening(message: Message, action: str) -> str:
    """Says the message, then asks `action` what comes next."""
    response = VoiceResponse()
    for line in _spoken(message.text, message.language):
        response.say(line, language=VOICES[message.language])
    response.redirect(action, method="POST")
    return str(response)


def _sid_of(answer: httpx.Response) -> str:
    try:
        sid = answer.json()["sid"]
    except (ValueError, LookupError, TypeError, RecursionError):
        sid = None
    if not isinstance(sid, str) or not sid:
        raise Uncertain(f"twilio: answer {answer.status_code} without a SID")
    return sid


def _failure(answer: httpx.Response) -> Exception:
    """What an error means. Source: Twilio, "Error and warning dictionary"."""
    status = answer.status_code
    try:
        code = answer.json()["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        code = None
    name = f"twilio_{code}" if type(code) is int else f"twilio_http_{status}"
    if status in (429, 503) or code == 20429:
        return NotNow(name)
    if status >= 500:
        return Uncertain(f"twilio: answer {status}")
    return BadAddress(name) if code in NO_SUCH_NUMBER else Rejected(name)


# What Twilio tells. Source: Twilio, "Call resource", "TwiML Voice: requests to your application".


def _receipt(form: dict[str, str], call: str, reference: str | None) -> Receipt:
    state = form.get("CallStatus", "")
    status, code, bad_address = _outcome(state, form)
    return Receipt(
        status,
        reference=reference,
        provider_ref=call,
        at=_instant(form.get("Timestamp", "")),
        code=code,
        bad_address=bad_address,
    )


def _outcome(state: str, form: dict[str, str]) -> tuple[ReceiptStatus, str | None, bool]:
    if state in UNDER_WAY:
        return "sent", None, False
    if state == "completed":
        return "delivered", None, False
    if state in ENDED:
        return "failed", ENDED[state], False
    if state != "failed":
        raise CallbackUnreadable("callback.unreadable", "CallStatus is unknown")
    sip, error = _digits(form.get("SipResponseCode", "")), _digits(form.get("ErrorCode", ""))
    code = f"voice_sip_{sip}" if sip else f"twilio_{error}" if error else "voice_failed"
    return "failed", code, sip in NO_SUCH_NUMBER_SIP or int(error or 0) in NO_SUCH_NUMBER


def _digits(value: str) -> str | None:
    return value if re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) else None


def _keys(value: str) -> str | None:
    """Pressed keys; None: nothing, or the closing # alone."""
    if not re.fullmatch(r"[0-9*#A-D]{0,64}", value):
        raise CallbackUnreadable("callback.unreadable", "Digits holds something else than keys")
    return value or None


def _number(value: str) -> str:
    """A number in the form +573000000000; empty where it is withheld, or is none."""
    return value if re.fullmatch(r"\+[1-9][0-9]{6,14}", value) and value[1:] not in WITHHELD else ""


def _instant(value: str) -> datetime | None:
    """RFC 2822, as Twilio writes it."""
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo is not None else None


# What is said

VOICES = {"es": "es-MX", "en": "en-US", "pt": "pt-BR"}
MENU = {"es": "Para {label}, marque {key}.", "en": "Press {key}: {label}.", "pt": "Para {label}, digite {key}."}
PERSON_KEY = {
    "es": "Para hablar con una persona, marque 0.",
    "en": "To speak with a person, press 0.",
    "pt": "Para falar com uma pessoa, digite 0.",
}
LINK_SAID = {"es": "el enlace que le enviamos", "en": "the link that we sent you", "pt": "o link que lhe enviamos"}

LINK = re.compile(r"(?:https?://|www\.)\S*", re.IGNORECASE)
AFTER_LINK = ".,;:!?)]}»”\"'"
UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not have (its section 2.2)."""


def twiml(
    say: Sequence[str],
    choices: Sequence[Choice],
    *,
    language: str,
    action: str | None,
    digits: int | None = None,
    finish: bool = False,
) -> str:
    """What Twilio is to say and do next, as XML. `language`: es, en or pt.

    It says the texts and the menu of `choices`, waits for keys and posts them to `action`; after silence it posts to
    `action` with `silent=1`. One key is waited for where there are choices, `digits` keys where that is given,
    otherwise keys up to #. With `finish`, or without an `action`, it says the texts and hangs up.
    """
    response = VoiceResponse()
    spoken = [line for text in say for line in _spoken(text, language)]
    if finish or action is None:
        for line in spoken:
            response.say(line, language=VOICES[language])
        response.hangup()
        return str(response)
    count = digits or (1 if choices else None)
    ends = {"num_digits": count} if count else {"finish_on_key": "#"}
    gather = Gather(input="dtmf", action=action, method="POST", timeout=PATIENCE, **ends)
    for line in [*spoken, *_spoken(menu_sentence(choices, language), language)]:
        gather.say(line, language=VOICES[language])
    response.append(gather)
    response.redirect(str(httpx.URL(action).copy_merge_params({"silent": "1"})), method="POST")
    return str(response)


def menu_sentence(choices: Sequence[Choice], language: str) -> str:
    """Which key chooses what; empty without choices. `language`: es, en or pt."""
    keys = _menu(choices)
    sentences = [
        MENU[language].format(key=key, label=_inside(choice.label)) for key, choice in keys.items() if key != "0"
    ]
    return " ".join([*sentences, PERSON_KEY[language]] if "0" in keys else sentences)


def choice_of(keys: str, choices: Sequence[Choice]) -> str | None:
    """The key of the choice that was pressed; None where the menu has no such key."""
    choice = _menu(choices).get(keys.removesuffix("#"))
    return choice.key if choice else None


def _menu(choices: Sequence[Choice]) -> dict[str, Choice]:
    """0 is a person, where that may be chosen; the first nine others have 1 to 9."""
    others = [choice for choice in choices if choice.key != "person"]
    menu = {str(number): choice for number, choice in enumerate(others[:9], 1)}
    person = next((choice for choice in choices if choice.key == "person"), None)
    return {**menu, "0": person} if person else menu


def _inside(label: str) -> str:
    """A label as part of a sentence: "Ver mi saldo" begins small, "PSE" does not."""
    label = label.strip().rstrip(".")
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _spoken(text: str, language: str) -> list[str]:
    """The lines of a text as they are read aloud: without lines that are but a link, and no link spelled out."""
    lines = [" ".join(line.split()) for line in UNSPEAKABLE.sub("", text).splitlines()]
    return [_without_links(line, language) for line in lines if LINK.sub("", line).strip(AFTER_LINK + " ")]


def _without_links(line: str, language: str) -> str:
    def words(link: re.Match[str]) -> str:
        address = link[0].rstrip(AFTER_LINK)
        return LINK_SAID[language] + link[0][len(address) :]

    return LINK.sub(words, line)
