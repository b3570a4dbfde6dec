"""Access tokens for a user name and password, at providers whose tokens nothing else renews (manifest.Exchange).

The password goes to the connection's own address and to no other. It is kept as what renews the tokens: sealed to the
user's sandbox, and told from any other by its fingerprint, as a refresh token is.
"""

from __future__ import annotations

import base64
import logging
from datetime import datetime, timedelta

from pydantic import ValidationError

from activities.connectors.base import Connector
from activities.connectors.http import http_request
from activities.connectors.manifest import Exchange
from coco.canonical import parse_json
from coco.errors import CocoError, InvalidInput
from coco.gateway_protocol import Credential, RefreshToken, Tokens
from sandbox.gateway.delivery.addresses import AddressPolicy, Unreachable, parse_base
from sandbox.gateway.delivery.http_link import HttpLink
from sandbox.gateway.delivery.link import Answer, check_credential
from sandbox.gateway.egress_oauth import Denied, Granted, away
from sandbox.gateway.egress_probe import Found
from store.tables import utc_now

log = logging.getLogger(__name__)

_BETWEEN = "\n"
"""No user name has a line end."""


def is_exchanged(known: Connector, credential: Credential) -> bool:
    """Whether a credential is one that tokens are got with."""
    return known.auth.exchange is not None and credential.scheme == "password"


async def first_sign_in(
    known: Connector, base_url: str, given: Credential, policy: AddressPolicy, seconds: float
) -> Granted | Denied:
    """Tokens for what a person typed."""
    try:
        renewing = RefreshToken(refresh_token=f"{given.username}{_BETWEEN}{given.secret}")
    except ValidationError:
        return Denied(kind="invalid")
    return await sign_in(known, base_url, renewing, policy, seconds)


async def sign_in(
    known: Connector, base_url: str, renewing: RefreshToken, policy: AddressPolicy, seconds: float
) -> Granted | Denied:
    """New tokens, by what was kept of the first sign-in. Raises nothing for what the provider or the network does."""
    exchange = known.auth.exchange
    username, between, password = renewing.refresh_token.partition(_BETWEEN)
    if exchange is None or not between:
        return Denied(kind="invalid")
    try:
        request = http_request("POST", exchange.path, body={"username": username, "password": password})
        base = parse_base(base_url or known.base_url, known.protocol)
        link = await HttpLink.open(base, Credential(scheme="none"), policy)
    except Unreachable:
        return Denied(kind="away")
    except CocoError:
        return Denied(kind="setup")
    try:
        answer = await link.exchange(request, seconds)
    finally:
        await link.close()
    return _judged(known, exchange, renewing, answer)


def _judged(known: Connector, exchange: Exchange, renewing: RefreshToken, answer: Answer) -> Granted | Denied:
    if answer.status is None or not answer.complete or answer.status == 429 or answer.status >= 500:
        return away(answer.status, answer.headers)
    if answer.status in {400, 401, 403}:
        return Denied(kind="invalid")
    try:
        if answer.status != 200:
            raise InvalidInput("no token")
        token = parse_json(answer.body)["jwt"]
        credential = Credential(scheme=known.auth.scheme, secret=token)
        check_credential(known, credential)
    except (CocoError, KeyError, TypeError, ValueError, RecursionError):
        # Without the cause: it would quote a token. Something else than the provider answers, so the password is kept.
        log.error("%s does not answer a sign-in as it should", known.name)
        return Denied(kind="setup")
    latest, told = utc_now() + timedelta(seconds=exchange.seconds), _end(token)
    until = latest if told is None else min(latest, told)
    return Granted(tokens=Tokens(credential=credential, refresh=renewing, expires_at=until))


def not_signed_in(known: Connector, answer: Denied) -> Found:
    """What the person who is connecting the account is told."""
    if answer.kind == "away":
        return Found(outcome="unreachable", reason=f"{known.title} gave no answer. Try again later.")
    if answer.kind == "setup":
        return Found(outcome="refused", reason=f"{known.title} does not answer at this address as it should.")
    return Found(outcome="refused", reason=f"{known.title} did not accept this user name and password.")


def _end(token: str) -> datetime | None:
    """When a token says that it ends (RFC 7519, section 4.1.4); None where it does not. Nothing is believed by it but
    that: a wrong one makes for a renewal too many."""
    try:
        raw = token.split(".")[1]
        claims = parse_json(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
        return datetime.fromtimestamp(float(claims["exp"]), tz=utc_now().tzinfo)
    except (InvalidInput, LookupError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        return None
