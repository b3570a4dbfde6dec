"""Putting a connection's credential on an HTTP request, by the scheme of the connector's manifest."""

from __future__ import annotations

import hashlib
import hmac

from activities.connectors.manifest import Auth
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest

TIMESTAMP = "coco-timestamp"
DELIVERY = "coco-delivery"
"""The sender's own id of a signed delivery; part of the request, so that it is part of what was approved."""


def credential_headers(auth: Auth, credential: Credential, request: PreparedRequest, now: int) -> list[tuple[str, str]]:
    """The headers that prove who is asking. `now` is in seconds since 1970, and counts for signatures alone."""
    if credential.scheme == "none":
        return []
    if auth.scheme == "header":
        return [(auth.header, credential.secret)]
    if auth.scheme == "signature":
        return [(TIMESTAMP, str(now)), (auth.header, signature(credential.secret, now, request))]
    return [("authorization", f"Bearer {credential.secret}")]


def signature(secret: str, now: int, request: PreparedRequest) -> str:
    """`sha256=` and the hex HMAC-SHA256 of `timestamp.delivery.body`: the form in which Coco's own webhooks take it."""
    delivery = next(iter(request.header_values(DELIVERY)), "")
    signed = f"{now}.{delivery}.".encode() + request.body_bytes()
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def reserved_headers(auth: Auth) -> frozenset[str]:
    """Headers that only the gateway sets, besides those that no request may set at all."""
    if auth.scheme == "signature":
        return frozenset({TIMESTAMP, auth.header})
    return frozenset({auth.header} if auth.header else ())
