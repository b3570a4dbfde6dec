"""An open connection to a provider, ready to carry one request, and what came of it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol, runtime_checkable
from urllib.parse import quote

from activities.connectors.base import Connector
from coco.errors import Code, InvalidInput, Refused
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest, ProviderResponse
from sandbox.gateway.delivery.authentication import reserved_headers
from sandbox.gateway.rate_headers import HEADERS as RATE_HEADERS

MAX_RESPONSE_BYTES = 2_000_000
MAX_KEPT_HEADERS = RATE_HEADERS | frozenset(
    {"content-type", "x-request-id", "request-id", "x-correlation-id", "etag", "message-id"}
)
"""Response headers that are kept. Cookies and the like are not."""


@dataclass(frozen=True)
class Delivery:
    """What is certain about a sending.

    done: the provider said so. failed: it certainly did not take effect. unknown: it may have. turned_away: it
    certainly did not, for a reason that is not the request's own, so that it may be sent again.
    """

    state: Literal["done", "failed", "unknown", "turned_away"]
    response: ProviderResponse | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass
class Answer:
    """What came back, as far as it came."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    too_large: bool = False
    wrote: bool = False
    """Whether anything may have left for the provider."""
    problem: str = ""

    @property
    def response(self) -> ProviderResponse | None:
        """None where there is no whole answer."""
        if self.status is None:
            return None
        return ProviderResponse.of(self.status, self.headers, self.body if self.complete else b"")


class CredentialRefused(Refused):
    """The provider turned the credential down at the sign-in that precedes a request."""

    code = Code.CONNECTION_UNUSABLE


class Link(Protocol):
    """Connected and, where the protocol has it, signed in. Carries one request; always `close` it."""

    written: Callable[[], Awaitable[None]] | None
    """Awaited once all of the request has been handed over, by links that can tell."""

    async def send(self, request: PreparedRequest, seconds: float) -> Delivery:
        """Sends it once. Never raises for what the provider or the network does."""

    async def close(self) -> None: ...


@runtime_checkable
class ReadLink(Link, Protocol):
    """A link of a protocol that has reads."""

    async def exchange(self, request: PreparedRequest, seconds: float) -> Answer:
        """Sends it once and reads the answer. Never raises for what the provider or the network does."""


def check_credential(connector: Connector, credential: Credential) -> None:
    """Raises Refused or InvalidInput where the credential is not of the connector's kind, or would not stay in its
    header."""
    if credential.scheme != connector.auth.scheme or not credential.secret:
        raise Refused("no credential of the kind that this provider takes", code=Code.CONNECTION_UNUSABLE)
    text = credential.secret + credential.username
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InvalidInput("the credential has control characters")
    if credential.scheme in {"bearer", "header"} and not (credential.secret.isascii() and " " not in credential.secret):
        raise InvalidInput("the credential has characters that no header carries")


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """The system's certificate authorities; nothing older than TLS 1.2."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def check_headers(connector: Connector, request: PreparedRequest) -> None:
    """Raises Refused (NOT_IN_MANIFEST) for a request that sets a header which is its credential's."""
    if reserved_headers(connector.auth).intersection(name for name, _ in request.headers):
        raise Refused("the request sets a header that is its credential's", code=Code.NOT_IN_MANIFEST)


def without(secret: str, data: bytes) -> bytes:
    """`data` with the credential blotted out, should a provider repeat it: as it is, or as JSON or a URL spells it."""
    if len(secret) < 6:
        return data
    spelled = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")}
    spelled |= {text.replace("/", "\\/") for text in spelled}
    for text in sorted(spelled, key=len, reverse=True):
        data = data.replace(text.encode(), b"***")
    return data
