"""Where a provider is: its base address, and which network addresses a request may go to.

A base address comes from the user's connection, so it may point anywhere. Names are resolved here once and the
resolved address is the one connected to: a name cannot answer one thing to the check and another to the connection.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from coco.errors import Code, Refused

_PORTS = {"http": 80, "https": 443, "smtp": 587, "smtps": 465, "imap": 143, "imaps": 993}
_SCHEMES = {"http": ("http", "https"), "smtp": ("smtp", "smtps"), "imap": ("imap", "imaps")}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local: cloud metadata services
        "192.0.0.192/32",  # the same on Oracle's cloud
        "100.100.100.200/32",  # and on Alibaba's
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::254/128",  # and on Amazon's by IPv6
        "ff00::/8",
    )
)
"""No provider is there, whatever the policy."""


ADDRESS_SECONDS = 5.0
"""How long one of several addresses may take to accept."""


_RESOLVING = ThreadPoolExecutor(max_workers=128, thread_name_prefix="resolving")
"""Not the loop's own few threads: a name server that a user names may keep each of them waiting."""


class Unreachable(Exception):
    """No connection came about: certainly nothing was sent."""


@dataclass(frozen=True)
class Base:
    """A provider's address, taken apart."""

    scheme: str
    host: str
    port: int
    prefix: str
    """Path that goes before every target, without a slash at its end."""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted from its first byte."""
        return self.scheme in {"https", "smtps", "imaps"}

    def target(self, target: str) -> str:
        """A request's target below this address; `/` alone is the address itself."""
        return self.prefix if target == "/" and self.prefix else self.prefix + target

    @property
    def authority(self) -> str:
        """As it stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_base(base_url: str, protocol: str) -> Base:
    """Raises Refused (CONNECTION_UNUSABLE) where a connection's address is not one for this protocol."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError as error:
        raise Refused("the connection's address is malformed", code=Code.CONNECTION_UNUSABLE) from error
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or not parts.hostname)
    printable = base_url.isascii() and base_url.isprintable() and " " not in base_url
    if parts.scheme not in _SCHEMES[protocol] or not plain or not printable or port == 0:
        raise Refused("the connection's address is not one for this provider", code=Code.CONNECTION_UNUSABLE)
    if parts.path not in {"", "/"} and protocol != "http":
        raise Refused("a mail server's address has no path", code=Code.CONNECTION_UNUSABLE)
    return Base(parts.scheme, str(parts.hostname), port or _PORTS[parts.scheme], parts.path.rstrip("/"))


@dataclass(frozen=True)
class AddressPolicy:
    """Which addresses may be connected to. Link-local and the like never; private ones where `private` says so; those
    of the internet by `http://`, where everybody on the way reads the key, where `clear` says so."""

    private: bool
    clear: bool = False

    def allows(self, address: Address) -> bool:
        address = _inner(address)
        if any(address in network for network in _NEVER if network.version == address.version):
            return False
        return self.private or (address.is_global and not address.is_multicast and not address.is_reserved)

    def in_the_clear(self, address: Address) -> bool:
        """Whether a key may go there unencrypted: within one's own networks, or where the operator has it so."""
        return self.clear or not _inner(address).is_global


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 spelling leads to, where there is one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _address(found: Any) -> Address:
    """Of an entry as getaddrinfo gives them."""
    return ipaddress.ip_address(str(found[4][0]).partition("%")[0])


async def connect(base: Base, policy: AddressPolicy) -> socket.socket:
    """A connected socket to the first address that answers.

    Raises Refused (CONNECTION_UNUSABLE) where the policy allows none of them, Unreachable where none answers.
    """
    loop = asyncio.get_running_loop()
    look_up = partial(socket.getaddrinfo, base.host, base.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    try:
        found = await loop.run_in_executor(_RESOLVING, look_up)
    except (OSError, UnicodeError) as error:
        raise Unreachable("the provider's name cannot be resolved") from error
    allowed = [entry for entry in found if policy.allows(_address(entry))]
    if not allowed:
        raise Refused("the connection's address is one that Coco does not call", code=Code.CONNECTION_UNUSABLE)
    if base.scheme == "http":
        allowed = [entry for entry in allowed if policy.in_the_clear(_address(entry))]
    if not allowed:
        raise Refused("a key is not sent over the internet in the clear; use https://", code=Code.CONNECTION_UNUSABLE)
    for family, kind, protocol, _, address in allowed:
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(ADDRESS_SECONDS):
                await loop.sock_connect(sock, address)
        except OSError:  # a TimeoutError is one: the next address may answer
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
    raise Unreachable("the provider does not accept connections")


def is_loopback(sock: socket.socket) -> bool:
    """Whether the other end is this machine: what is sent in the clear is seen by nobody on the way."""
    return ipaddress.ip_address(str(sock.getpeername()[0]).partition("%")[0]).is_loopback
