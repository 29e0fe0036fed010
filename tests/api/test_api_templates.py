"""Templates through HTTP: which there are, and what one says to nobody."""

from typing import Any, get_args

import httpx
import pytest

from channels.approved import approved_bodies
from channels.template_language import Language
from channels.templating import load_template, template_names
from journey.playbook import Channel
from tests.api.calls import Api, Role, problem_of

GOOD = "Su cuenta\n\n" + "\n\n".join(
    f"{{{{ {name} }}}}" for name in ("sender", "creditor", "amount", "account", "due_date", "pay_at", "stop")
)


async def preview(api: Api, **body: Any) -> httpx.Response:
    """A template or a source as nobody would read it."""
    return await api.http.post("/v1/templates/preview", json=body)


async def shown(api: Api, **body: Any) -> dict[str, Any]:
    """A preview that was answered."""
    answer = await preview(api, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def codes(answer: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in answer["findings"]}


class TestTheList:
    async def test_has_every_template_with_its_purpose(self, api: Api) -> None:
        listed = (await api.http.get("/v1/templates")).json()
        assert [each["name"] for each in listed] == sorted(template_names())
        assert {each["name"] for each in listed if each["purpose"] == "payment_confirmation"} == {
            "payment-confirmation"
        }

    async def test_says_which_text_in_which_version_serves_a_channel(self, api: Api) -> None:
        listed = (await api.http.get("/v1/templates")).json()
        for each in listed:
            served = {
                (text["language"], channel): (text["template"], text["version"])
                for text in each["texts"]
                for channel in text["channels"]
            }
            for language in get_args(Language):
                for channel in get_args(Channel):
                    used = load_template(each["name"], language, channel)
                    assert served[language, channel] == (used.label, used.version)
            assert set(each["languages"]) == set(get_args(Language))
            assert set(each["channels"]) == set(get_args(Channel))


class TestAPreview:
    async def test_of_a_mail_has_a_subject_and_a_page(self, api: Api) -> None:
        answer = await shown(api, template="overdue", tone="firm", days_past_due=1)
        assert answer["subject"] == "Cuenta MUESTRA-0001: $182.500,00 pendientes desde el 2 de marzo de 2026"
        assert "hace 1 día." in answer["text"]
        assert answer["html"].startswith("<!doctype html>")
        assert (answer["findings"], answer["segments"], answer["approved"]) == ([], None, None)
        assert answer["version"] == load_template("overdue", "es").version

    async def test_of_an_sms_counts_its_segments(self, api: Api) -> None:
        answer = await shown(api, template="overdue", channel="sms", language="pt", accounts=6)
        assert "MUESTRA-0004 COP 182.500 e mais 2)" in answer["text"]
        assert answer["segments"]["encoding"] == "gsm-7"
        assert answer["segments"]["segments"] in (2, 3)
        assert answer["html"] is None

    async def test_of_a_whatsapp_text_shows_what_is_submitted(self, api: Api) -> None:
        answer = await shown(api, template="reminder", channel="whatsapp", language="pt", sender="Cobros Andinos")
        (body,) = [each for each in approved_bodies() if (each.name, each.language) == ("senda_reminder", "pt_BR")]
        assert answer["approved"]["body"] == body.body
        assert answer["approved"]["variables"] == list(body.variables)
        filled = body.body
        for number, value in enumerate(answer["approved"]["values"], 1):
            filled = filled.replace(f"{{{{{number}}}}}", value)
        assert filled == answer["text"]
        assert "Cobros Andinos, em nome de Crédito Muestra" in answer["text"]

    async def test_of_a_call_tells_no_debt(self, api: Api) -> None:
        answer = await shown(api, template="overdue", channel="call")
        assert "MUESTRA" not in answer["text"]
        assert answer["version"] == load_template("overdue", "es", "call").version

    async def test_is_of_the_templates_own_stage(self, api: Api) -> None:
        assert "prejurídica" in (await shown(api, template="prejuridical-notice"))["text"]
        other = await shown(api, template="prejuridical-notice", stage="administrative")
        assert "prejurídica" not in other["text"]

    async def test_of_a_source_says_what_is_wrong_with_it(self, api: Api) -> None:
        answer = await shown(api, source=f"{GOOD}\n\nHabrá embargo.", channel="letter")
        assert codes(answer) == {"threat"}
        assert answer["findings"][0]["line"] == GOOD.count("\n") + 3
        assert answer["findings"][0]["level"] == "error"
        assert "Habrá embargo." in answer["text"]
        assert (await shown(api, source=GOOD))["findings"] == []

    async def test_of_a_source_is_judged_for_its_channel(self, api: Api) -> None:
        assert codes(await shown(api, source=GOOD, channel="call")) >= {"unknown_variable"}
        assert codes(await shown(api, source=f"{GOOD} {'hola ' * 90}", channel="sms")) == {"too_many_segments"}

    @pytest.mark.parametrize(
        ("source", "code"),
        [("Hola\n\n{{ monto }}", "unknown_variable"), ("Hola\n\n{% if name %}", "syntax"), ("A\n{{ name", "syntax")],
    )
    async def test_of_what_cannot_be_filled_has_no_text(self, api: Api, source: str, code: str) -> None:
        answer = await shown(api, source=source)
        assert code in codes(answer)
        assert answer["text"] is None

    async def test_of_a_receipt_is_the_receipt(self, api: Api) -> None:
        answer = await shown(api, template="payment-confirmation", language="en")
        assert "On March 14, 2026 we received your payment" in answer["text"]

    @pytest.mark.parametrize("name", ["cobro", "opening", "mail"])
    async def test_of_an_unknown_template_is_not_found(self, api: Api, name: str) -> None:
        assert problem_of(await preview(api, template=name)) == (404, "template.unknown")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"template": "overdue", "source": "Hola"},
            {"template": "../overdue"},
            {"template": "overdue", "language": "fr"},
            {"template": "overdue", "accounts": 7},
            {"template": "overdue", "accounts": 0},
            {"template": "overdue", "channel": "fax"},
            {"template": "overdue", "debtor": "Ana"},
            {"source": "a" * 6001},
        ],
    )
    async def test_that_cannot_be_understood_is_refused(self, api: Api, body: dict[str, Any]) -> None:
        assert problem_of(await preview(api, **body)) == (422, "request.invalid")


@pytest.mark.parametrize(
    ("role", "status"),
    [("operator", 200), ("supervisor", 200), ("compliance", 200), ("agent", 200), ("processor", 403)],
)
async def test_readers_may_look(api: Api, role: Role, status: int) -> None:
    _, header = await api.key(role)
    assert (await api.http.get("/v1/templates", headers=header)).status_code == status
    body = {"template": "overdue"}
    assert (await api.http.post("/v1/templates/preview", json=body, headers=header)).status_code == status


async def test_a_preview_is_no_command_and_leaves_no_line(api: Api) -> None:
    key, header = await api.key("agent")
    await api.http.post("/v1/templates/preview", json={"template": "overdue"}, headers=header)
    assert await api.audit(key, "POST /v1/templates/preview") == []
