"""The API's contract in memory, for clients' tests: imports, a clock that opens journeys, signed payments."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from senda.client import Remote

SECRET = "whsec_c2VjcmV0LW9mLXRoZS1wcm9jZXNzb3I="
REMOTE = Remote(api="http://senda.test", api_key="key", processor_secret=SECRET)
PAGE = 2
"""Pages are tiny, so that every list needs several."""


@dataclass
class Journey:
    account: str
    due_date: date
    opening: Decimal
    outcome: str | None = None
    closed_days: int | None = None


@dataclass
class FakeApi:
    """Answers as the contract says. `down` requests are refused first, as while a server restarts."""

    down: int = 0
    journeys: list[Journey] = field(default_factory=list)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    open: dict[str, list[tuple[date, Decimal]]] = field(default_factory=dict)
    creditor: dict[str, Any] = field(default_factory=dict)
    playbook: dict[str, Any] = field(default_factory=dict)
    payments: dict[str, dict[str, Any]] = field(default_factory=dict)
    bad_lines: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    refuse_line: dict[int, tuple[str, str]] = field(default_factory=dict)
    lines: int = 0
    clocks: list[datetime] = field(default_factory=list)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    @property
    def today(self) -> date:
        return self.clocks[-1].astimezone(ZoneInfo(self.creditor["time_zone"])).date()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if self.down:
            self.down -= 1
            raise httpx.ConnectError("refused", request=request)
        webhook = request.url.path.startswith("/v1/webhooks")
        if not webhook and request.headers.get("authorization") != "Bearer key":
            problem = {
                "type": "about:blank",
                "title": "Unauthorized",
                "status": 401,
                "code": "auth.unknown_key",
            }
            return httpx.Response(401, json={**problem, "detail": "no such API key"})
        match (request.method, *request.url.path.split("/")[2:]):
            case ("PUT", "playbooks", key):
                self.playbook = json.loads(request.content)
                return httpx.Response(200, json={"key": key, "hash": "0" * 64})
            case ("PUT", "creditors", key):
                self.creditor = json.loads(request.content)
                self.clocks = [datetime.fromisoformat(self.creditor["test_clock"])]
                return httpx.Response(200, json={"creditor": key, **self.creditor})
            case ("POST", "imports"):
                return self._import(request)
            case ("GET", "imports", _):
                return httpx.Response(200, json=self._import_status("done"))
            case ("GET", "imports", _, "errors"):
                return httpx.Response(200, text="".join(json.dumps(bad) + "\n" for bad in self.bad_lines))
            case ("POST", "creditors", _, "clock"):
                return self._advance(datetime.fromisoformat(json.loads(request.content)["advance_to"]))
            case ("POST", "webhooks", "payments", "generic"):
                return self._pay(request)
            case ("GET", "creditors", _, "summary"):
                return httpx.Response(200, json=self._summary())
            case ("GET", "journeys"):
                return self._page(request, [self._view(journey) for journey in self.journeys])
            case ("GET", "journeys", _, account, "events"):
                return self._page(request, self.events.get(account, []))
            case other:
                raise AssertionError(f"no such call: {other}")

    def _import(self, request: httpx.Request) -> httpx.Response:
        for line in request.content.splitlines():
            self.lines += 1
            if self.lines in self.refuse_line:
                code, name = self.refuse_line[self.lines]
                self.bad_lines.append({"row": self.lines, "field": name, "code": code, "text": "no"})
                continue
            account = json.loads(line)
            self.accounts[account["account"]] = account
            self.open[account["account"]] = [
                (date.fromisoformat(due["due_date"]), Decimal(due["amount"])) for due in account["dues"]
            ]
        return httpx.Response(202, json={"import_id": "imp-1"})

    def _import_status(self, status: str) -> dict[str, Any]:
        accepted, rejected = len(self.accounts), len(self.bad_lines)
        counts = {"rows": self.lines, "accepted": accepted, "rejected": rejected, "started": 0}
        return {"import_id": "imp-1", "status": status, **counts}

    def _advance(self, to: datetime) -> httpx.Response:
        assert to >= self.clocks[-1], "a clock never goes back"
        self.clocks.append(to)
        first = self.playbook["stages"][0]["from_day"]
        running = {journey.account for journey in self.journeys if journey.outcome is None}
        for account, dues in self.open.items():
            if dues and account not in running and dues[0][0] + timedelta(days=first) <= self.today:
                self.journeys.append(Journey(account, dues[0][0], sum((owed for _, owed in dues), Decimal(0))))
        self._close(journey for journey in self.journeys if journey.outcome is None)
        return httpx.Response(200, json={"now": to.isoformat(), "woken": 0})

    def _pay(self, request: httpx.Request) -> httpx.Response:
        try:
            Webhook(SECRET).verify(request.content, dict(request.headers))
        except WebhookVerificationError:
            return httpx.Response(401, json={"code": "webhook.bad_signature", "detail": "no"})
        body = json.loads(request.content)
        if body["id"] in self.payments:
            return httpx.Response(200, json={"applied": False, "status": "duplicate", "code": None})
        self.payments[body["id"]] = body
        if body["account"] not in self.accounts:
            unapplied = {"applied": False, "status": "unapplied", "code": "payment.unknown_account"}
            return httpx.Response(200, json=unapplied)
        if body["type"] == "payment":
            left = Decimal(body["amount"])
            dues = self.open[body["account"]]
            while dues and left > 0:
                day, owed = dues.pop(0)
                if owed > left:
                    dues.insert(0, (day, owed - left))
                left -= min(owed, left)
            self._close(one for one in self.journeys if one.account == body["account"] and one.outcome is None)
        return httpx.Response(200, json={"applied": True, "status": "applied", "code": None})

    def _close(self, journeys: Iterable[Journey]) -> None:
        ends = self.playbook["ends"]["day"]
        for journey in journeys:
            dues = self.open[journey.account]
            late = (self.today - journey.due_date).days
            if not dues:
                journey.outcome, journey.closed_days = "paid", late
            elif late >= ends:
                journey.outcome, journey.closed_days = "referred", ends

    def _view(self, journey: Journey) -> dict[str, Any]:
        currency = self.creditor["currency"]
        owed = sum((amount for _, amount in self.open[journey.account]), Decimal(0))
        return {
            "creditor": "c",
            "account": journey.account,
            "episode": 1,
            "status": "closed" if journey.outcome else "active",
            "stage": "administrative",
            "outcome": journey.outcome,
            "days_past_due": (self.today - journey.due_date).days,
            "balance": {"amount": str(owed), "currency": currency},
            "due_date": journey.due_date.isoformat(),
            "opening_balance": {"amount": str(journey.opening), "currency": currency},
            "closed_days_past_due": journey.closed_days,
        }

    def _summary(self) -> dict[str, Any]:
        closed = sum(journey.outcome is not None for journey in self.journeys)
        owed = sum((amount for dues in self.open.values() for _, amount in dues), Decimal(0))
        currency = self.creditor["currency"]
        return {
            "now": self.clocks[-1].isoformat(),
            "accounts": len(self.accounts),
            "balance": {"amount": str(owed), "currency": currency},
            "journeys": {"total": len(self.journeys), "by_status": {"closed": closed}, "by_stage": {}},
            "contacts": {"sent": 7 * len(self.journeys), "after_clearing_payment": 0},
            "payments": {"count": len(self.payments), "reversals": 0, "unapplied": 0},
        }

    def _page(self, request: httpx.Request, items: list[dict[str, Any]]) -> httpx.Response:
        start = int(request.url.params.get("cursor", "0"))
        after = start + PAGE
        cursor = str(after) if after < len(items) else None
        return httpx.Response(200, json={"items": items[start:after], "next_cursor": cursor})
