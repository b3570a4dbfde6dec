"""The token endpoint (RFC 6749, sections 4.1.3, 5 and 6; RFC 7636): codes and refresh tokens become access tokens.

The gateway alone holds the deployment's client secret. What comes back goes to the user's sandbox, sealed, and is kept
nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from pydantic import Field, ValidationError

from activities.connectors.base import Connector
from coco.canonical import parse_json
from coco.errors import CocoError, InvalidInput
from coco.gateway_protocol import AuthorizationCode, Credential, RefreshToken, Tokens
from coco.operator_credentials import OAuthClient
from coco.requests import Frozen, PreparedRequest
from sandbox.gateway.delivery.addresses import AddressPolicy, Unreachable, parse_base
from sandbox.gateway.delivery.http_link import HttpLink
from sandbox.gateway.delivery.link import check_credential
from sandbox.gateway.rate_headers import pause_asked
from store.tables import utc_now

log = logging.getLogger(__name__)

_LONGEST_LIFE = 400 * 24 * 3600


class Granted(Frozen):
    """A successful answer: the tokens, and the scopes where the provider names them."""

    tokens: Tokens = Field(repr=False)
    scopes: tuple[str, ...] | None = None


class Denied(Frozen):
    """`invalid`: the code or token is no good (any more). `away`: another try may work. `setup`: the operator's part is
    missing or wrong."""

    kind: Literal["invalid", "away", "setup"]
    pause: float | None = None
    """Seconds after which the provider wants to be asked again, where it said that it was asked too often."""


def away(status: int | None, headers: Sequence[tuple[str, str]]) -> Denied:
    """No answer, a fault, or a limit."""
    pause = None if status is None else pause_asked(status, headers, utc_now())
    return Denied(kind="away", pause=pause)


async def exchange_code(
    client: OAuthClient, known: Connector, code: AuthorizationCode, policy: AddressPolicy, seconds: float
) -> Granted | Denied:
    """Tokens for a code, good for one try."""
    form = {
        "grant_type": "authorization_code",
        "code": code.code,
        "redirect_uri": code.redirect_uri,
        "code_verifier": code.verifier,
    }
    return await _ask(client, known, form, None, policy, seconds)


async def refresh_tokens(
    client: OAuthClient, known: Connector, refresh: RefreshToken, policy: AddressPolicy, seconds: float
) -> Granted | Denied:
    """New tokens; the refresh token stays where the provider sends no other."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh.refresh_token}
    return await _ask(client, known, form, refresh, policy, seconds)


async def _ask(
    client: OAuthClient,
    known: Connector,
    form: dict[str, str],
    refresh: RefreshToken | None,
    policy: AddressPolicy,
    seconds: float,
) -> Granted | Denied:
    form["client_id"] = client.client_id
    if client.client_secret:
        form["client_secret"] = client.client_secret
    parts = urlsplit(client.token_url)
    try:
        request = PreparedRequest(
            protocol="http",
            method="POST",
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            headers=(("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")),
            body=urlencode(form),
        )
        base = parse_base(f"{parts.scheme}://{parts.netloc}", "http")
        link = await HttpLink.open(base, Credential(scheme="none"), policy)
    except Unreachable:
        return Denied(kind="away")
    except (CocoError, ValueError):
        log.error("the token address of %s cannot be called: see COCO_OAUTH_..._TOKEN_URL", known.name)
        return Denied(kind="setup")
    try:
        answer = await link.exchange(request, seconds)
    finally:
        await link.close()
    if answer.status is None or not answer.complete or answer.status == 429 or answer.status >= 500:
        return away(answer.status, answer.headers)
    try:
        body = parse_json(answer.body)
    except InvalidInput:
        body = None
    if answer.status == 200 and isinstance(body, dict):
        return _granted(known, body, refresh)
    if not isinstance(body, dict) and answer.status not in {400, 401, 403}:
        # A page, a redirect or nothing at all: not what a token address says of a token, so none is given up for it.
        log.error("the token address of %s answers %d and nothing that is RFC 6749's", known.name, answer.status)
        return Denied(kind="setup")
    error = body.get("error") if isinstance(body, dict) else None
    if error in {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request"}:
        # RFC 6749, section 5.2. Only a word of this list is repeated: the rest is the provider's to say.
        log.error("the token address of %s refuses this deployment's client: %s", known.name, error)
        return Denied(kind="setup")
    return Denied(kind="invalid")


_BEARER_TYPES = frozenset({"bearer", "bot"})
"""RFC 6750's, and the name that Slack's oauth.v2.access gives the bearer token of an app."""


def _granted(known: Connector, body: dict[str, Any], refresh: RefreshToken | None) -> Granted | Denied:
    try:
        if str(body.get("token_type", "bearer")).lower() not in _BEARER_TYPES:
            raise InvalidInput("another kind of token")
        token = body["access_token"]
        if not isinstance(token, str) or not token:
            raise InvalidInput("no access token")
        credential = Credential(scheme=known.auth.scheme, secret=token)
        check_credential(known, credential)
        following = body.get("refresh_token")
        tokens = Tokens(
            credential=credential,
            refresh=RefreshToken(refresh_token=following) if following else refresh,
            expires_at=_end(body.get("expires_in")),
        )
    except (KeyError, TypeError, ValueError, ValidationError, CocoError):
        # Without the cause: it would quote a token.
        log.error("the token address of %s answers in a form that is not RFC 6749's", known.name)
        return Denied(kind="invalid")
    scopes = body.get("scope")
    if not isinstance(scopes, str) or not scopes.strip():
        return Granted(tokens=tokens)
    # RFC 6749, section 3.3, separates by spaces; some providers by commas.
    return Granted(tokens=tokens, scopes=tuple(scopes.replace(",", " ").split()))


def _end(seconds: Any) -> datetime | None:
    if isinstance(seconds, str) and seconds.isascii() and seconds.isdigit():
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return utc_now() + timedelta(seconds=float(min(seconds, _LONGEST_LIFE)))
