"""The sandbox's real ports, real adapters, a real ledger and the product's own webhooks, all in one process."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from temporalio.testing import ActivityEnvironment

from activities.contacting import Contacting
from api import providers as webhooks
from api.context import Parts
from api.problems import install
from channels.aggregator import Aggregator
from channels.aggregator_config import AggregatorConfig
from channels.callbacks import Provider
from channels.mail import Mail
from channels.message import Unreachable
from channels.meta import WhatsApp
from channels.providers import Providers
from channels.twilio_sms import TwilioSms
from channels.voice import Voice
from ledger.creditors import put_creditor, put_playbook
from ledger.database import Ledger
from ledger.payments import Told
from ledger.views import list_contacts
from senda.sandbox.accounts import Accounts
from senda.sandbox.faults import Fault
from senda.sandbox.serve import Ports, Running, running
from tests.eventually import assert_eventually
from tests.ledger.given import Given, playbook, row
from workflows.contract import ATTEMPTS, ContactAnswer, ContactOrder

PATIENT = 8.0
"""Seconds that an adapter waits, where its provider is to answer: longer than any pause of a busy machine."""


@dataclass(frozen=True)
class Way:
    """One way to reach people: the product's channel and provider, and the sandbox's name for who carries it."""

    name: str
    channel: str
    provider: str
    carrier: Any

    def __str__(self) -> str:
        return self.name


SMS = Way("twilio", "sms", "sms", "twilio")
LOCAL_SMS = Way("aggregator", "sms", "sms-local", "aggregator")
WHATSAPP = Way("meta", "whatsapp", "whatsapp", "meta")
VOICE = Way("voice", "call", "llamadas", "twilio")
EMAIL = Way("smtp", "email", "correo", "smtp")

OVER_HTTP = (SMS, LOCAL_SMS, WHATSAPP, VOICE)
WAYS = (*OVER_HTTP, EMAIL)


@dataclass
class Told_(list[Told]):
    """The engine's double: it takes whatever it is told."""


class Engine:
    """The engine's double: takes what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    async def tell(self, told: Told) -> bool:
        self.told.append(told)
        return True
