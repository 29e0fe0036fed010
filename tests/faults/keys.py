"""The keys with which a stack seals what it gives the engine."""

from pathlib import Path

from senda.stack import Endpoints
from senda.stack.folder import read_json


def payload_keys(stack: Endpoints) -> list[str]:
    """As `activities.engine.connect` takes them."""
    secrets = read_json(Path(stack.data) / "secrets.json") or {}
    return [str(secrets["payload_keys"])]
