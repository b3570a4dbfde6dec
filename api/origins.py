"""Which host names this server answers to, and which origins' forms it takes."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from coco.errors import InvalidInput

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Origins:
    """The origins of one server, as browsers spell them: `scheme://host[:port]`, in lower case."""

    def __init__(self, url: str | None, port: int, extra: Iterable[str] = ()) -> None:
        """With `url`, exactly its origin; without, the loopback names at `port`. Raises InvalidInput."""
        self.allowed = frozenset(
            [origin_of(url)] if url else [f"http://{host}:{port}" for host in LOOPBACK]
        ) | frozenset(extra)
        self.hosts = frozenset(origin.partition("://")[2] for origin in self.allowed)
        self.secure = all(origin.startswith("https://") for origin in self.allowed)

    def is_own_host(self, host: str) -> bool:
        return host.lower() in self.hosts

    def is_own(self, origin: str | None) -> bool:
        return origin is not None and origin.lower() in self.allowed


def origin_of(url: str) -> str:
    """The origin of a URL, default ports left out as browsers do. Raises InvalidInput."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInput(f"{url!r} is not the address of a web server; it looks like https://coco.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
