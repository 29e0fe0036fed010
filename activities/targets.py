"""Where the product may send to on its own: public addresses over https, so that nobody reaches inside through it."""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from policy.errors import SendaError

_NAT64 = IPv6Network("64:ff9b::/96")
LONGEST_URL = 500


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be sent to. `url` has the checked IP address in the host's place, so that a name which
    resolves to something else a moment later leads nowhere; `host` goes into the Host header, `name` into TLS."""

    url: str
    host: str
    name: str


class Targets:
    """`private`: also addresses of this network, and http to this machine."""

    def __init__(self, *, private: bool) -> None:
        self._private = private

    async def resolve(self, url: str) -> Target:
        """Check an address and what its name resolves to now. Error: `url.refused`, `url.unresolved`."""
        try:
            parts = urlsplit(url)
            name, port = parts.hostname, parts.port
        except ValueError:
            raise _refused("this is no address") from None
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise _refused("this is no address, or it is too long")
        if parts.scheme not in ("http", "https") or not name:
            raise _refused("use an https address")
        if "@" in parts.netloc or parts.fragment:
            raise _refused("an address here has no user, no password and no fragment")
        found = await self._addresses(name, port or (443 if parts.scheme == "https" else 80))
        if parts.scheme == "http" and not (self._private and all(address.is_loopback for address in found)):
            raise _refused("use an https address")
        if not self._private and not all(_is_public(address) for address in found):
            raise _refused("this address is none of the public internet")
        first = found[0]
        host = f"[{first}]" if isinstance(first, IPv6Address) else str(first)
        pinned = parts._replace(netloc=host if port is None else f"{host}:{port}").geturl()
        return Target(pinned, parts.netloc, name)

    async def _addresses(self, name: str, port: int) -> list[IPv4Address | IPv6Address]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SendaError("url.unresolved", "the host's name does not resolve", "url") from None
        return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(address.packed[-4:])
        if inner is not None:
            return _is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def _refused(why: str) -> SendaError:
    return SendaError("url.refused", why, "url")
