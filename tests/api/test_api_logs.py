"""What the logs say of an error: its type and its place, never its words."""

import json
import logging

import pytest

from api.logs import configure

WORDS = "Failing row contains (Ana Lucía Gómez, ana@correo.invalid)"


def fail() -> None:
    raise ValueError(WORDS)


def test_an_error_in_the_logs_has_its_type_and_place_and_not_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        configure("info")
        try:
            fail()
        except ValueError:
            logging.getLogger("some.library").exception("it failed")
    finally:
        root.handlers, root.level = handlers, level
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert (line["event"], line["error"]) == ("it failed", "ValueError")
    assert "in fail" in line["where"][-1]
    assert "Ana" not in json.dumps(line, ensure_ascii=False)
