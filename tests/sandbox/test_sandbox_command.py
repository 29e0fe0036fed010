"""The sandbox as a process: by itself with invented accounts, or with those of a file."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from policy.errors import SendaError
from senda.sandbox.accounts import Accounts

COMMAND = [sys.executable, "-c", "from senda.sandbox.command import app; app()"]


def test_the_command_tells_its_addresses_and_accounts_and_ends_when_told(tmp_path: Path) -> None:
    options = ["--data", str(tmp_path), "--http-port", "0", "--smtp-port", "0"]
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told: dict[str, str] = {}
        for line in process.stdout:
            name, _, value = line.strip().rpartition("  ")
            told[name.strip()] = value.strip()
            if "Mail webhook secret" in line:
                break
        credentials = told["account SID"], told["auth token"]
        url = f"{told['Twilio']}/2010-04-01/Accounts/{told['account SID']}/Messages.json"
        form = {"To": "+573000000101", "From": told["number"], "Body": "Hola"}
        assert httpx.post(url, data=form, auth=credentials, trust_env=False).status_code == 201
        assert httpx.get(told["Inbox"], trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_accounts_are_read_from_a_file(tmp_path: Path) -> None:
    invented = Accounts.invented()
    path = tmp_path / "accounts.json"
    path.write_text(invented.model_dump_json(), encoding="utf-8")
    assert Accounts.read(path) == invented
    path.write_text(json.dumps({"meta": None}), encoding="utf-8")
    assert Accounts.read(path) == Accounts()


@pytest.mark.parametrize("text", ["", "[]", '{"twilio": {"number": "+57"}}', '{"fax": {}}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SendaError) as caught:
        Accounts.read(path)
    assert caught.value.code == "sandbox.accounts"
