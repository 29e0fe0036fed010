"""Links that stop a channel at one click: they hold a contact's number and a seal, and nothing of the person."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from policy.errors import SendaError

SEAL_BYTES = 18


class Links:
    """Makes and reads the installation's own links. `public_url` is where people reach it, `key` seals."""

    def __init__(self, public_url: str, key: str) -> None:
        self._public_url = public_url.rstrip("/")
        self._key = key.encode()

    def stop(self, contact_id: int) -> str:
        """The address that stops the channel of this contact (RFC 8058)."""
        return f"{self._public_url}/v1/stop/{contact_id}.{self._seal(contact_id)}"

    def contact_of(self, token: str) -> int:
        """The contact of a stop link. Raises `link.invalid`."""
        number, _, seal = token.partition(".")
        if not (number.isascii() and number.isdecimal() and len(number) <= 18):
            raise _invalid()
        if not hmac.compare_digest(seal.encode(), self._seal(int(number)).encode()):
            raise _invalid()
        return int(number)

    def _seal(self, contact_id: int) -> str:
        digest = hmac.digest(self._key, f"stop:{contact_id}".encode(), hashlib.sha256)
        return urlsafe_b64encode(digest[:SEAL_BYTES]).decode()


def _invalid() -> SendaError:
    return SendaError("link.invalid", "this link is not one of ours, or it is not whole", "token")
