"""The API's own description is complete, and its pages load nothing from another host."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.calls import Api


@pytest.fixture
async def description(api: Api) -> dict[str, Any]:
    return (await api.http.get("/openapi.json")).json()


def operations(description: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


async def test_every_operation_says_what_it_does(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        assert operation.get("summary"), name
        assert operation.get("description"), name
        assert operation.get("tags"), name


async def test_every_operation_describes_its_errors(description: dict[str, Any]) -> None:
    for name, operation in operations(description):
        if name != "get /health":
            assert "4XX" in operation["responses"], name
        errors = [code for code in operation["responses"] if code.startswith(("4", "5"))]
        assert errors, name


async def test_every_field_of_a_request_has_an_example_or_is_named_by_its_values(description: dict[str, Any]) -> None:
    schemas = description["components"]["schemas"]
    for name in (
        "CreditorIn", "JourneyIn", "PauseIn", "CloseIn", "ClockIn", "KeyIn", "PreferencesIn", "Evidence", "PermitIn",
        "OutcomeIn", "PromiseIn", "PlanIn", "InstalmentIn", "DisputeIn", "ResolveIn", "ClaimIn", "NoteIn", "DoneIn",
        "BatchIn", "ResultsIn", "PreviewIn",
    ):  # fmt: skip
        for field, schema in schemas[name]["properties"].items():
            assert "examples" in schema or "enum" in schema or "$ref" in schema, f"{name}.{field}"


async def test_no_two_paths_differ_only_in_what_they_call_their_parameters(description: dict[str, Any]) -> None:
    """Clients that are made from the description could not tell them apart."""
    shapes = [re.sub(r"\{[^}]*\}", "{}", path) for path in description["paths"]]
    assert len(set(shapes)) == len(shapes)


async def test_the_requests_that_read_their_body_themselves_describe_it(description: dict[str, Any]) -> None:
    for path, method in (
        ("/v1/imports", "post"),
        ("/v1/playbooks/{key}", "put"),
        ("/v1/packs/{pack}", "put"),
        ("/v1/webhooks/payments/generic", "post"),
    ):
        for content in description["paths"][path][method]["requestBody"]["content"].values():
            reference = content["schema"].get("$ref", "").removeprefix("#/components/schemas/")
            assert not reference or reference in description["components"]["schemas"], path


async def test_every_post_that_creates_takes_an_idempotency_key(description: dict[str, Any]) -> None:
    """All but the one for keys: a key's token is shown once and kept nowhere, so it cannot be answered again."""
    for name, operation in operations(description):
        creates = {"201", "202"} & operation["responses"].keys() and name != "post /v1/keys"
        if name.startswith("post") and creates:
            headers = [parameter["name"].lower() for parameter in operation.get("parameters", [])]
            assert "idempotency-key" in headers, name


async def test_the_description_names_no_other_host(api: Api) -> None:
    """But those under `.example`, which belongs to nobody (RFC 2606)."""
    text = (await api.http.get("/openapi.json")).text
    assert re.findall(r"https?://(?!127\.0\.0\.1|[\w.-]+\.example/)[^\s\"']+", text) == []


class Loads(HTMLParser):
    """Collects every address that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.style = tag == "style"
        named = dict(attrs)
        address = named.get("src") or (named.get("href") if tag == "link" else None)
        if address:
            self.found.append(address)

    def handle_data(self, data: str) -> None:
        if self.style:
            self.found += re.findall(r"(?:url\(|@import\s)['\"]?([^'\")\s]+)", data)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_its_pages_load_nothing_from_another_host(api: Api, page: str) -> None:
    async with httpx.AsyncClient(base_url=api.stack.api) as browser:
        answer = await browser.get(page)
        assert answer.status_code == 200
        parser = Loads()
        parser.feed(answer.text)
        assert any(address.endswith(".js") for address in parser.found)
        for address in parser.found:
            assert urlsplit(address).netloc in ("", urlsplit(api.stack.api).netloc), address
            assert (await browser.get(address)).status_code == 200, address
