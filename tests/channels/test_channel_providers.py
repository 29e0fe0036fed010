"""The file of channels: who sends what for whom, secrets in the environment, faults with their place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from channels.breaker import Guarded
from channels.providers import Lane, Providers, is_by_people, mail_only, read_channels
from policy.errors import SendaError

ENVIRONMENT = {"SMTP_URL": "smtp://user:hush-hush@127.0.0.1:25", "TWILIO": "hush-twilio"}
SMTP: dict[str, Any] = {"kind": "smtp", "url": "env:SMTP_URL", "sender": "cobranza@correo.invalid"}
TWILIO: dict[str, Any] = {
    "kind": "twilio-sms",
    "account_sid": "AC0",
    "auth_token": "env:TWILIO",
    "sender": "+573000000009",
}
PEOPLE: dict[str, Any] = {"kind": "people"}
ALL: dict[str, Any] = {"mail": SMTP, "sms": TWILIO, "people": PEOPLE}


def written(folder: Path, content: Any) -> Path:
    """A file of channels."""
    path = folder / "channels.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def read(folder: Path, content: Any, **environment: str) -> Providers:
    """The providers of a file."""
    return read_channels(written(folder, content), {**ENVIRONMENT, **environment}, "https://senda.example/")


def refused(folder: Path, content: Any, **environment: str) -> SendaError:
    """Why a file is not taken."""
    with pytest.raises(SendaError) as error:
        read(folder, content, **environment)
    return error.value


def keys(providers: Providers, creditor: str) -> dict[str, str]:
    """The keys of a creditor's providers by channel."""
    return {channel: provider.key for channel, provider in providers.of(creditor).items()}


class TestRoutes:
    def test_give_each_creditor_its_providers(self, tmp_path: Path) -> None:
        providers = read(
            tmp_path, {"providers": ALL, "routes": {"*": {"email": "mail", "sms": "sms", "call": "people"}}}
        )
        assert keys(providers, "banco") == {"email": "mail", "sms": "sms", "call": "people"}

    def test_of_a_narrower_pattern_hold_for_its_channels_alone(self, tmp_path: Path) -> None:
        other = {**ALL, "mail-2": SMTP, "mail-3": SMTP}
        routes = {
            "banco-norte": {"email": "mail-3"},
            "*": {"email": "mail", "sms": "sms"},
            "banco-*": {"email": "mail-2"},
        }
        providers = read(tmp_path, {"providers": other, "routes": routes})
        assert keys(providers, "tienda") == {"email": "mail", "sms": "sms"}
        assert keys(providers, "banco-sur") == {"email": "mail-2", "sms": "sms"}
        assert keys(providers, "banco-norte") == {"email": "mail-3", "sms": "sms"}

    @pytest.mark.parametrize("creditor", ["banco", "b"])
    def test_of_the_creditors_own_key_hold_before_any_pattern(self, tmp_path: Path, creditor: str) -> None:
        """A pattern may be longer than the key that it fits, or as long."""
        routes = {creditor: {"email": "own"}, f"{creditor}*": {"email": "mail"}, "*": {"email": "mail"}}
        providers = read(tmp_path, {"providers": {**ALL, "own": SMTP}, "routes": routes})
        assert keys(providers, creditor) == {"email": "own"}

    def test_tell_whose_messages_a_provider_sends(self, tmp_path: Path) -> None:
        providers = read(tmp_path, {"providers": ALL, "routes": {"banco": {"email": "mail"}}})
        assert providers.serves("mail", "banco")
        assert not providers.serves("mail", "tienda")
        assert not providers.serves("sms", "banco")
        assert providers.of("tienda") == {}

    @pytest.mark.parametrize(
        ("routes", "place"),
        [
            ({"*": {"email": "nobody"}}, "routes.*.email"),
            ({"banco": {"sms": "mail"}}, "routes.banco.sms"),
            ({"*": {"fax": "mail"}}, "routes.*.fax.[key]"),
            ({"*": "mail"}, "routes.*"),
        ],
        ids=["an unknown provider", "a provider of another channel", "an unknown channel", "no channel"],
    )
    def test_with_a_fault_are_refused_with_their_place(self, tmp_path: Path, routes: Any, place: str) -> None:
        error = refused(tmp_path, {"providers": ALL, "routes": routes})
        assert (error.code, error.field) == ("channels.bad_config", place)
        assert place in str(error)


class TestASecret:
    def test_comes_from_the_environment(self, tmp_path: Path) -> None:
        providers = read(tmp_path, {"providers": {"sms": TWILIO}, "routes": {"*": {"sms": "sms"}}})
        assert providers.get("sms") is not None

    @pytest.mark.parametrize("value", ["", None])
    def test_that_is_not_there_is_named_and_not_guessed(self, tmp_path: Path, value: str | None) -> None:
        environment = {} if value is None else {"TWILIO": value}
        path = written(tmp_path, {"providers": {"sms": TWILIO}})
        with pytest.raises(SendaError, match="TWILIO") as error:
            read_channels(path, environment, "https://senda.example")
        assert (error.value.code, error.value.field) == ("channels.no_secret", "sms")

    @pytest.mark.parametrize(
        "provider",
        [
            {**TWILIO, "auth_token": "hush-literal"},
            {**SMTP, "url": "smtp://user:hush-literal@mail.invalid"},
            {**SMTP, "secret": "hush-literal"},
            {**TWILIO, "auth_token": "env:lower"},
        ],
    )
    def test_may_not_stand_in_the_file(self, tmp_path: Path, provider: dict[str, Any]) -> None:
        error = refused(tmp_path, {"providers": {"it": provider}})
        assert error.code == "channels.bad_config"
        assert error.field is not None
        assert error.field.startswith("providers.it.")
        assert "hush" not in str(error)


class TestAFile:
    @pytest.mark.parametrize(
        ("content", "place"),
        [
            ({"providers": {"x": {"kind": "pigeon"}}}, "providers.x"),
            ({"providers": {"x": {**SMTP, "colour": "red"}}}, "providers.x.smtp.colour"),
            ({"providers": {"x": {"kind": "smtp", "sender": "a@b.invalid"}}}, "providers.x.smtp.url"),
            ({"providers": {"Capital": SMTP}}, "providers.Capital.[key]"),
            ({"providers": {"with space": SMTP}}, "providers.with space.[key]"),
            ({"providers": ALL, "channels": {"sms": {"rate": 0}}}, "channels.sms.rate"),
            ({"providers": ALL, "channels": {"sms": {"at_once": 0}}}, "channels.sms.at_once"),
            ({"providers": ALL, "channels": {"fax": {}}}, "channels.fax.[key]"),
            ({"providers": {"x": {"kind": "people", "channel": "sms"}}}, "providers.x.people.channel"),
            (
                {"providers": {"x": {"kind": "letter", "folder": "/tmp/x", "country": "co"}}},
                "providers.x.letter.country",
            ),
            ({"supplier": ALL}, "providers"),
            ({}, "providers"),
            ([], ""),
            ("", ""),
            ("just words", ""),
        ],
    )
    def test_with_a_fault_is_refused_with_its_place(self, tmp_path: Path, content: Any, place: str) -> None:
        error = refused(tmp_path, content)
        assert (error.code, error.field or "") == ("channels.bad_config", place)

    @pytest.mark.parametrize("content", ["a: [", "\t", "a: &x *x"])
    def test_that_is_no_yaml_is_refused(self, tmp_path: Path, content: str) -> None:
        assert refused(tmp_path, content).code == "channels.bad_config"

    def test_of_bytes_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "channels.yaml"
        path.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(SendaError) as error:
            read_channels(path, ENVIRONMENT, "https://senda.example")
        assert (error.value.code, error.value.field) == ("channels.bad_config", "SENDA_CHANNELS_FILE")

    @pytest.mark.parametrize("name", ["missing.yaml", "."])
    def test_that_cannot_be_read_is_named_by_its_setting(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(SendaError) as error:
            read_channels(tmp_path / name, ENVIRONMENT, "https://senda.example")
        assert (error.value.code, error.value.field) == ("channels.no_file", "SENDA_CHANNELS_FILE")


class TestAProvider:
    def test_stands_behind_a_breaker_of_its_own(self, tmp_path: Path) -> None:
        providers = read(tmp_path, {"providers": {**ALL, "mail-2": SMTP}})
        first, second = providers.get("mail"), providers.get("mail-2")
        assert isinstance(first, Guarded)
        assert isinstance(second, Guarded)
        assert first is not second

    def test_that_is_people_is_known_as_such(self, tmp_path: Path) -> None:
        providers = read(tmp_path, {"providers": {**ALL, "visitors": {"kind": "people", "channel": "visit"}}})
        found = {key: providers.get(key) for key in (*ALL, "visitors")}
        by_people = {key: provider.channel for key, provider in found.items() if provider and is_by_people(provider)}
        assert by_people == {"people": "call", "visitors": "visit"}

    def test_that_nobody_named_is_none(self, tmp_path: Path) -> None:
        assert read(tmp_path, {"providers": ALL}).get("nobody") is None


def test_a_channel_without_a_lane_has_the_usual_one(tmp_path: Path) -> None:
    lanes = {"sms": {"rate": 2.5, "at_once": 3}}
    providers = read(tmp_path, {"providers": ALL, "channels": lanes})
    assert providers.lane("sms") == Lane(rate=2.5, at_once=3)
    assert providers.lane("email") == Lane() == Lane(rate=None, at_once=16)


async def test_without_a_file_everybody_has_mail() -> None:
    providers = mail_only("smtp://127.0.0.1:25", "cobranza@correo.invalid")
    assert keys(providers, "whoever") == {"email": "email"}
    await providers.close()
