"""Secrets at rest: AES-256-GCM under the installation's keys, whose id travels along, so that keys rotate."""

import os
from base64 import b64decode, b64encode
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from policy.errors import SendaError


class Sealer:
    """The first key seals, every key opens. A key is `id:base64 of 32 bytes`, as the payload codec takes them."""

    def __init__(self, keys: Iterable[str]) -> None:
        pairs = [key.split(":", 1) for key in keys]
        self._keys = {name: AESGCM(b64decode(secret)) for name, secret in pairs}
        self._current = pairs[0][0] if pairs else None

    def seal(self, text: str, about: str) -> str:
        """`id:base64`; `about` says whose the secret is and is needed to open it. Error: `secret.no_key`."""
        if self._current is None:
            raise SendaError("secret.no_key", "secrets are stored sealed only: set SENDA_PAYLOAD_KEYS")
        nonce = os.urandom(12)
        sealed = self._keys[self._current].encrypt(nonce, text.encode(), about.encode())
        return f"{self._current}:{b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """The secret. Error: `secret.unreadable` where its key is not there any more, or it is another's."""
        name, _, content = sealed.partition(":")
        key = self._keys.get(name)
        if key is None:
            raise SendaError("secret.unreadable", f"sealed with key {name!r}: add it to SENDA_PAYLOAD_KEYS")
        raw = b64decode(content)
        try:
            return key.decrypt(raw[:12], raw[12:], about.encode()).decode()
        except InvalidTag:
            raise SendaError("secret.unreadable", "this sealed secret is another's, or it is damaged") from None
