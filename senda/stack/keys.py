"""The secrets of one data folder: made once, kept in a file of mode 0600."""

import base64
import secrets
from dataclasses import asdict, dataclass, fields

from senda.stack.errors import StackError
from senda.stack.folder import DataFolder, read_json, write_json


@dataclass(frozen=True)
class Secrets:
    """Passwords and keys, each in the form that its reader expects."""

    postgres_superuser: str
    postgres: str
    payload_keys: str
    processor_secret: str
    admin_key: str
    signing_key: str


def secrets_of(folder: DataFolder) -> Secrets:
    """Those of the folder, made now where it is new."""
    if not folder.secrets.exists():
        if (folder.path / "postgres").exists():
            raise _unusable(folder, "is missing")
        made = _make()
        write_json(folder.secrets, asdict(made))
        return made
    content = read_json(folder.secrets) or {}
    values = {field.name: content.get(field.name) for field in fields(Secrets)}
    if "signing_key" not in content:
        values["signing_key"] = _signing_key()  # the folder is of a version that signed nothing
    if not all(isinstance(value, str) and value for value in values.values()):
        raise _unusable(folder, "is damaged")
    if "signing_key" not in content:
        write_json(folder.secrets, values)
    return Secrets(**{name: str(value) for name, value in values.items()})


def _make() -> Secrets:
    return Secrets(
        postgres_superuser=secrets.token_hex(24),
        postgres=secrets.token_hex(24),
        payload_keys=f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        processor_secret=f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}",
        admin_key=f"senda_{secrets.token_urlsafe(32)}",
        signing_key=_signing_key(),
    )


def _signing_key() -> str:
    return f"s{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _unusable(folder: DataFolder, state: str) -> StackError:
    return StackError(
        "stack.secrets",
        f"{folder.secrets} {state}, and without it the data beside it cannot be read: "
        "restore that file, or use another data folder.",
    )
