"""The example of a file of channels that the documents show: complete, and fit to be used."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import get_args

import pytest

from channels.provider_kinds import Kind
from channels.providers import Providers, is_by_people, read_channels
from policy.errors import SendaError

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "channels.yaml"
PUBLIC_URL = "https://senda.example"

SECRETS = frozenset(re.findall(r"env:([A-Z][A-Z0-9_]+)", EXAMPLE.read_text("utf-8")))
"""The variables that the example names."""


def environment() -> dict[str, str]:
    """Invented values."""
    signing = "whsec_c2VuZGEtZXhhbXBsZS1zZWNyZXQtMDAwMQ=="
    invented = {name: signing if name.endswith("SIGNING") else f"invented-{name.lower()}" for name in SECRETS}
    return {**invented, "SMTP_URL": "smtp+starttls://cobranza:invented@mail.example:587"}


@pytest.fixture
async def providers() -> AsyncGenerator[Providers]:
    made = read_channels(EXAMPLE, environment(), PUBLIC_URL)
    yield made
    await made.close()


def kinds() -> list[str]:
    union, _ = get_args(Kind)
    return [get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(union)]


@pytest.mark.parametrize("kind", kinds())
def test_the_example_shows_every_kind_of_provider(kind: str) -> None:
    assert re.search(rf"\bkind: {kind}\b", EXAMPLE.read_text("utf-8"))


async def test_the_example_serves_every_channel_that_a_provider_can_have(providers: Providers) -> None:
    of_everybody = {channel: provider.key for channel, provider in providers.of("amable").items()}
    of_a_bank = {channel: provider.key for channel, provider in providers.of("banco-local").items()}

    assert of_everybody == {
        "email": "correo",
        "sms": "sms",
        "whatsapp": "whatsapp",
        "call": "llamadas",
        "letter": "cartas",
    }
    assert of_a_bank == {**of_everybody, "call": "agentes", "visit": "visitas", "sms": "sms-local"}
    assert is_by_people(providers.of("banco-otro")["call"])
    assert providers.of("banco-otro")["sms"].key == "sms-otro"


async def test_the_example_bounds_what_channels_take(providers: Providers) -> None:
    assert (providers.lane("sms").rate, providers.lane("whatsapp").at_once) == (10, 32)
    assert providers.approved == {"overdue": "cobro_mora_2026"}
    assert providers.mailboxes == {"correo": Path("/var/mail/senda/Maildir")}


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_each_secret_of_the_example_comes_from_the_environment(missing: str) -> None:
    given = environment()
    del given[missing]

    with pytest.raises(SendaError, match=missing) as refused:
        read_channels(EXAMPLE, given, PUBLIC_URL)

    assert refused.value.code == "channels.no_secret"
