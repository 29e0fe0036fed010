"""What the engine stores is compressed and sealed: AES-256-GCM under a key whose id travels along, so keys rotate."""

import os
import zlib
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

ENCODING = b"binary/senda-sealed"


class SealingCodec(PayloadCodec):
    """The first key seals, every key opens. A key is `id:base64 of 32 bytes`."""

    def __init__(self, keys: Iterable[str]) -> None:
        pairs = [key.split(":", 1) for key in keys]
        if not pairs:
            raise ValueError("SENDA_PAYLOAD_KEYS is empty: it needs at least one id:base64 key of 32 bytes")
        self._keys = {name.encode(): AESGCM(b64decode(secret)) for name, secret in pairs}
        self._current = pairs[0][0].encode()

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal each payload whole, its metadata included."""
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what was sealed; anything else passes as it is."""
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload) -> Payload:
        nonce = os.urandom(12)
        plain = zlib.compress(payload.SerializeToString(), level=1)
        sealed = self._keys[self._current].encrypt(nonce, plain, self._current)
        return Payload(metadata={"encoding": ENCODING, "key": self._current}, data=nonce + sealed)

    def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        name = payload.metadata["key"]
        key = self._keys.get(name)
        if key is None:
            raise ValueError(f"a payload is sealed with key {name.decode()!r}: add it to SENDA_PAYLOAD_KEYS")
        plain = key.decrypt(payload.data[:12], payload.data[12:], name)
        return Payload.FromString(zlib.decompress(plain))


def data_converter(keys: Iterable[str]) -> DataConverter:
    """Pydantic messages, sealed; messages and traces of failures are sealed too."""
    return replace(
        pydantic_data_converter,
        payload_codec=SealingCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
