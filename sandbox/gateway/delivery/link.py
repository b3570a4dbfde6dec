"""An open connection to a provider, ready to carry one request, and what came of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol

from activities.connectors.base import Connector
from coco.errors import Code, InvalidInput, Refused
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest, ProviderResponse

MAX_KEPT_HEADERS = frozenset(
    {"content-type", "retry-after", "x-request-id", "request-id", "x-correlation-id", "etag", "message-id"}
)
"""Response headers that are kept. Cookies and the like are not."""


@dataclass(frozen=True)
class Delivery:
    """What is certain about a sending.

    done: the provider said so. failed: it certainly did not take effect. unknown: it may have.
    """

    state: Literal["done", "failed", "unknown"]
    response: ProviderResponse | None = None
    detail: dict[str, Any] = field(default_factory=dict)


class Link(Protocol):
    """Connected and, where the protocol has it, signed in. Carries one request; always `close` it."""

    async def send(self, request: PreparedRequest, seconds: float) -> Delivery:
        """Sends it once. Never raises for what the provider or the network does."""

    async def close(self) -> None: ...


def check_credential(connector: Connector, credential: Credential) -> None:
    """Raises Refused or InvalidInput where the credential is not of the connector's kind, or would not stay in its
    header."""
    if credential.scheme != connector.auth.scheme or not credential.secret:
        raise Refused("no credential of the kind that this provider takes", code=Code.CONNECTION_UNUSABLE)
    text = credential.secret + credential.username
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InvalidInput("the credential has control characters")
    if credential.scheme == "bearer" and not (credential.secret.isascii() and " " not in credential.secret):
        raise InvalidInput("the credential has characters that no header carries")


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """The system's certificate authorities; nothing older than TLS 1.2."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def without(secret: str, data: bytes) -> bytes:
    """`data` with the credential blotted out, should a provider repeat it."""
    return data.replace(secret.encode(), b"***") if len(secret) >= 6 else data
