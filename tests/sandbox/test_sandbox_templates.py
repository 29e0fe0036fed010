"""What a message to the Cloud API says, where the sandbox knows the approved texts."""

import pytest

from senda.sandbox.meta_messages import MetaError, content_of

APPROVED = {"aviso": {"es": "Hola, {{1}}: su cuota de {{2}} venció."}}


def template(name: str, language: str, *values: str) -> dict[str, object]:
    body = {"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}
    return {"type": "template", "template": {"name": name, "language": {"code": language}, "components": [body]}}


def test_an_approved_text_is_filled() -> None:
    content = content_of(template("aviso", "es", "Ana", "$ 100"), APPROVED)
    assert content.text == "Hola, Ana: su cuota de $ 100 venció."


@pytest.mark.parametrize(
    ("message", "code", "status"),
    [
        (template("aviso", "en", "Ana", "$ 100"), 132001, 404),
        (template("otro", "es"), 132001, 404),
        (template("aviso", "es", "Ana"), 132000, 400),
        (template("aviso", "es", "a", "b", "c"), 132000, 400),
    ],
)
def test_what_was_not_approved_is_refused(message: dict[str, object], code: int, status: int) -> None:
    with pytest.raises(MetaError) as caught:
        content_of(message, APPROVED)
    assert (caught.value.code, caught.value.status) == (code, status)
