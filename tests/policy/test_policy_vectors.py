"""Every worked example of the contact rules holds, line by line."""

import json
from pathlib import Path
from typing import Any

import pytest

from policy import check_lines

LINES = Path(__file__).with_name("contact-vectors.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("line", LINES, ids=range(1, len(LINES) + 1))
def test_a_worked_example_gets_its_verdict(line: str) -> None:
    vector: dict[str, Any] = json.loads(line)

    verdict = next(check_lines([json.dumps(vector["case"])]))

    assert json.loads(verdict) == vector["expect"]


def test_the_examples_are_all_there() -> None:
    assert len(LINES) == 32
