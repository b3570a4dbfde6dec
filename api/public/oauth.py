"""Signing in at a provider (RFC 6749, section 4.1, with PKCE, RFC 7636): the browser's part of it.

The API knows the client's id and no secret, sees a code and no token. A sign-in belongs to the session that began it,
ends with its first use, and lives ten minutes.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from pydantic import ValidationError

from activities.connectors.granted import to_ask_for
from activities.connectors.registry import connector
from api.origins import origin_of
from api.public import connecting
from api.public.connecting import Wanted
from api.public.parts import Parts
from api.tokens import Identity
from coco.errors import Conflict, InvalidInput, Refused
from coco.gateway_protocol import AuthorizationCode
from coco.operator_credentials import OAuthClient, oauth_client
from coco.sealing import fingerprint, seal
from store import connections, credentials, oauth_flows
from store.tables import Connection, utc_now

CALLBACK = "/connections/oauth/callback"
LIFE = timedelta(minutes=10)
NOT_YOURS = "This sign-in was not begun here, or it took too long. Nothing was connected: begin again."


@dataclass(frozen=True)
class Begun:
    """Where the browser goes next."""

    authorize_url: str = field(repr=False)
    minutes: int = int(LIFE.total_seconds() // 60)


def client_of(connector_name: str) -> OAuthClient | None:
    """The deployment's registration with a provider; None where there is none, or the provider has no such sign-in."""
    kind = connector(connector_name)
    if kind.oauth is None:
        return None
    return oauth_client(os.environ, kind.name, kind.oauth.authorize_url, kind.oauth.token_url)


async def begin(parts: Parts, who: Identity, what: Wanted, connection_id: UUID | None = None) -> Begun:
    """A sign-in for a new connection, or to connect one again.

    Raises InvalidInput where the deployment has no client for the provider, NotFound, Conflict, Refused (UNAVAILABLE)
    while the sandbox has not published its key.
    """
    if connection_id is not None:
        async with parts.reading(who.user_id) as session:
            _check_same(await connections.get(session, who.user_id, connection_id), what)
    client, manifest = client_of(what.connector), what.kind.oauth
    if client is None or manifest is None:
        raise InvalidInput(f"connector: this deployment has no sign-in with {what.kind.title}; connect it by a key")
    # Before the person goes: a code does not wait for a sandbox to start.
    await connecting.sealing_key(parts, who.user_id)
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    redirect_uri = own_origin(parts) + CALLBACK
    async with parts.writing(who.user_id) as session:
        await oauth_flows.begin(
            session,
            who.user_id,
            session_id=who.session_id,
            state_sha256=digest_of(state),
            verifier=parts.master.wrap(verifier.encode()),
            redirect_uri=redirect_uri,
            connection_id=connection_id,
            expires_at=utc_now() + LIFE,
            **what.model_dump(),
        )
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": manifest.scope_separator.join(to_ask_for(what.kind, what.scopes)),
        "state": state,
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
    } | manifest.extra
    joint = "&" if urlsplit(client.authorize_url).query else "?"
    return Begun(f"{client.authorize_url}{joint}{urlencode(query)}")


async def finish(parts: Parts, who: Identity, *, code: str, state: str) -> Connection:
    """Hands the code to the sandbox, for the gateway to exchange; the connection after its check, or still `checking`.

    Raises Refused (FORBIDDEN) for a state that this session did not begin, was used, or is too old; InvalidInput.
    """
    async with parts.reading(who.user_id) as session:
        if await oauth_flows.waiting(session, who.user_id, who.session_id, digest_of(state)) is None:
            raise Refused(NOT_YOURS)
    public_key = await connecting.sealing_key(parts, who.user_id)
    async with parts.writing(who.user_id) as session:
        flow = await oauth_flows.use(session, who.user_id, who.session_id, digest_of(state))
        if flow is None:
            raise Refused(NOT_YOURS)
        try:
            given = AuthorizationCode(
                code=code, verifier=parts.master.unwrap(flow.verifier).decode(), redirect_uri=flow.redirect_uri
            )
        except ValidationError:
            # Without the cause: it would quote the code.
            raise InvalidInput("code: this is not what a provider sends back") from None
        if flow.connection_id is None:
            row = await connections.add(
                session,
                who.user_id,
                connector=flow.connector,
                title=flow.title,
                base_url=flow.base_url,
                settings=flow.settings,
                scopes=flow.scopes,
                method="oauth",
            )
            read_only = flow.read_only
        else:
            row = await connections.get(session, who.user_id, flow.connection_id, lock=True)
            _check_same(row, None)
            read_only = await connecting.stays_read_only(session, who.user_id, row)
        attempt = await credentials.give(
            session,
            who.user_id,
            row.id,
            kind="code",
            sealed=seal(public_key, given),
            fingerprint=fingerprint(given, parts.master),
            scopes=flow.scopes,
            read_only=read_only,
        )
        await connections.want_sandbox(session, who.user_id)
    return await connecting.settled(parts, who.user_id, row.id, attempt)


def challenge(verifier: str) -> str:
    """RFC 7636, section 4.2: S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _check_same(row: Connection, what: Wanted | None) -> None:
    if row.method == "team":
        raise Conflict(connecting.OF_A_TEAM)
    if what is not None and row.connector != what.connector:
        raise InvalidInput("connector: the connection is to another provider")


def own_origin(parts: Parts) -> str:
    """Where browsers reach the public app."""
    settings = parts.settings
    return origin_of(settings.public_url) if settings.public_url else f"http://127.0.0.1:{settings.public_port}"


def digest_of(state: str) -> str:
    """How a state is kept: nobody who reads the table can use it."""
    return hashlib.sha256(state.encode("utf-8", "surrogateescape")).hexdigest()
