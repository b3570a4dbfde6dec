"""Connecting provider accounts: what the REST API and the pages share.

A credential is sealed to the user's sandbox, which nobody here can open, and waits there until the gateway has tried
it out at the provider. Only then is it the connection's. The API has no way to providers, and needs none.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import ConnectionInfo, Connector
from activities.connectors.granted import chosen
from activities.connectors.manifest import Scheme
from activities.connectors.registry import connector
from activities.connectors.smtp.message import sender
from api.errors import TooManyRequests
from api.public.parts import Parts
from coco.canonical import can_be_kept, canonical
from coco.connections import ConnectionState
from coco.errors import Code, Conflict, InvalidInput, Later, Refused
from coco.gateway_protocol import Credential
from coco.operator_credentials import is_team
from coco.requests import Frozen
from coco.sealing import fingerprint, seal
from store import connection_tests, connections, credentials
from store.tables import Connection

MAX_SETTINGS_BYTES = 10_000
POLL_SECONDS = 0.25
OF_A_TEAM = "Nothing was changed: this connection goes by a team's key, which whoever runs Coco keeps."
MAX_EXCHANGED = 4096
"""Characters of a password that access tokens are got with."""
MIN_SIGNING_SECRET = 16
"""Characters; whoever sees one signed message can try shorter ones."""


@dataclass(frozen=True)
class _Given:
    """What a connection is to go by: a credential sealed to its owner's sandbox, or a team's, which is not here."""

    kind: Literal["key", "team"]
    sealed: bytes | None = None
    fingerprint: bytes | None = None


class Wanted(Frozen):
    """A connection as its owner described it, checked."""

    connector: str
    title: str
    base_url: str
    settings: dict[str, Any]
    scopes: list[str]
    read_only: bool

    @property
    def kind(self) -> Connector:
        return connector(self.connector)


def wanted(
    connector_name: str,
    *,
    title: str = "",
    base_url: str = "",
    settings: dict[str, Any] | None = None,
    scopes: list[str] | None = None,
    read_only: bool = False,
) -> Wanted:
    """Raises InvalidInput that names the field. Without `scopes`, the minimum that the connector declares."""
    kind = connector(connector_name)
    settings = settings or {}
    title = line(title or kind.title, "title", 100)
    address = connections.checked_base_url(base_url or kind.base_url, kind.protocol)
    if len(canonical(settings)) > MAX_SETTINGS_BYTES:
        raise InvalidInput("settings: too large")
    if not can_be_kept(settings):
        raise InvalidInput("settings: a character that cannot be kept")
    if kind.protocol == "smtp":
        sender(ConnectionInfo(id=UUID(int=0), connector=kind.name, title=title, settings=settings))
    return Wanted(
        connector=kind.name,
        title=title,
        base_url=address,
        settings=settings,
        scopes=chosen(kind, scopes),
        read_only=read_only,
    )


async def connect(parts: Parts, user_id: UUID, what: Wanted, *, secret: str, username: str = "") -> Connection:
    """A new connection by a key or password, after its check; still `checking` where that takes longer.

    Raises InvalidInput, and Refused (UNAVAILABLE) while the sandbox has not published its key.
    """
    return await _connect(parts, user_id, what, await _sealed(parts, user_id, what.kind, secret, username))


async def connect_team(parts: Parts, user_id: UUID, what: Wanted, *, team: str) -> Connection:
    """A new connection by a team's credential, which the operator keeps in the gateway; as `connect`.

    Whether the account may use it is the gateway's to find, from what the operator configured.
    """
    return await _connect(parts, user_id, what, _Given("team"), team=_team(team))


async def _connect(parts: Parts, user_id: UUID, what: Wanted, given: _Given, *, team: str | None = None) -> Connection:
    async with parts.writing(user_id) as session:
        row = await connections.add(
            session, user_id, **what.model_dump(exclude={"read_only"}), method=given.kind, team=team
        )
        attempt = await _give(session, user_id, row.id, given, scopes=what.scopes, read_only=what.read_only)
    return await settled(parts, user_id, row.id, attempt)


async def replace_credential(
    parts: Parts,
    user_id: UUID,
    connection_id: UUID,
    *,
    secret: str = "",
    username: str = "",
    scopes: list[str] | None = None,
) -> tuple[Connection, credentials.Attempt]:
    """Another key for a connection: it takes the old one's place once the provider has accepted it, and not before.

    What runs meanwhile goes on, with the old one and then with the new one. Without `scopes`, those it has. A team's
    connection is given none: what the operator has now is tried out. Raises NotFound, InvalidInput, Conflict.
    """
    async with parts.reading(user_id) as session:
        row = await connections.get(session, user_id, connection_id)
    kind = connector(row.connector)
    granted = chosen(kind, row.scopes if scopes is None else scopes)
    if row.method == "team":
        if secret:
            raise Conflict(OF_A_TEAM)
        given = _Given("team")
    else:
        given = await _sealed(parts, user_id, kind, secret, username)
    async with parts.writing(user_id) as session:
        row = await connections.get(session, user_id, connection_id, lock=True)
        read_only = await stays_read_only(session, user_id, row)
        attempt = await _give(session, user_id, row.id, given, scopes=granted, read_only=read_only)
    row = await settled(parts, user_id, connection_id, attempt)
    async with parts.reading(user_id) as session:
        return row, (await credentials.latest(session, user_id, connection_id))[connection_id]


async def _sealed(parts: Parts, user_id: UUID, kind: Connector, secret: str, username: str) -> _Given:
    credential = credential_of(kind, secret, username)
    public_key = await sealing_key(parts, user_id)
    return _Given("key", seal(public_key, credential), fingerprint(credential, parts.master))


async def _give(
    session: AsyncSession, user_id: UUID, connection_id: UUID, given: _Given, *, scopes: list[str], read_only: bool
) -> UUID:
    """Has the sandbox try it out; the attempt."""
    attempt = await credentials.give(
        session,
        user_id,
        connection_id,
        kind=given.kind,
        sealed=given.sealed,
        fingerprint=given.fingerprint,
        scopes=scopes,
        read_only=read_only,
    )
    await connections.want_sandbox(session, user_id)
    return attempt


async def try_again(parts: Parts, user_id: UUID, connection_id: UUID) -> tuple[Connection, credentials.Attempt | None]:
    """Tests a connection that is in use, by the connector's safe call with the credential that the sandbox keeps.

    The gateway judges by the provider's answer. The connection, and the test once it has ended or as it is when the
    wait is over. Raises NotFound, Conflict (nothing to test, or a test is under way), TooManyRequests.
    """
    try:
        async with parts.writing(user_id) as session:
            attempt = await connection_tests.ask(session, user_id, connection_id)
            await connections.want_sandbox(session, user_id)
    except Later as error:
        raise TooManyRequests(max(1, math.ceil(error.seconds))) from error
    row = await settled(parts, user_id, connection_id, attempt, connection_tests.latest)
    async with parts.reading(user_id) as session:
        return row, (await connection_tests.latest(session, user_id, connection_id)).get(connection_id)


async def stays_read_only(session: AsyncSession, user_id: UUID, row: Connection) -> bool:
    """Whether a connection that is connected again only reads, as before."""
    if row.state in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}:
        return row.state == ConnectionState.READ_ONLY
    return await credentials.was_read_only(session, user_id, row.id)


async def settled(
    parts: Parts,
    user_id: UUID,
    connection_id: UUID,
    attempt_id: UUID,
    latest: Callable[..., Awaitable[dict[UUID, credentials.Attempt]]] = credentials.latest,
) -> Connection:
    """The connection once the check of its credential has ended, or as it is when the wait is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + parts.check_wait_seconds
    while True:
        async with parts.reading(user_id) as session:
            found = (await latest(session, user_id, connection_id)).get(connection_id)
            row = await connections.get(session, user_id, connection_id)
        # Another attempt has taken its place, or it has ended.
        if found is None or found.id != attempt_id or found.state != "pending" or loop.time() >= until:
            return row
        await asyncio.sleep(POLL_SECONDS)


async def sealing_key(parts: Parts, user_id: UUID) -> str:
    """Waits for a first sandbox to start and publish its key. Raises Refused (UNAVAILABLE)."""
    async with parts.writing(user_id) as session:
        key = await connections.sealing_key(session, user_id)
        if key is None:
            await connections.want_sandbox(session, user_id)
    waited = 0.0
    while key is None:
        if waited >= parts.sealing_wait_seconds:
            raise Refused("Your sandbox is still starting. Try again in a moment.", code=Code.UNAVAILABLE)
        await asyncio.sleep(POLL_SECONDS)
        waited += POLL_SECONDS
        async with parts.reading(user_id) as session:
            key = await connections.sealing_key(session, user_id)
    return key


def credential_of(kind: Connector, secret: str, username: str) -> Credential:
    """What was typed, exactly: nothing is cut off or changed. Raises InvalidInput for what could not be sent so."""
    by_password = kind.auth.exchange is not None and username != ""
    scheme: Scheme = "password" if by_password else kind.auth.scheme
    label = kind.auth.label.lower()
    if not secret:
        raise InvalidInput(f"credential: give the {label}")
    if any(ord(c) < 32 or ord(c) == 127 for c in secret + username):
        raise InvalidInput("credential: it has a line break, a tab or another control character; give it on one line")
    if not can_be_kept([secret, username]):
        raise InvalidInput("credential: it has half a character, which cannot be sent")
    if scheme in {"bearer", "header"} and not (secret.isascii() and " " not in secret):
        # RFC 6750, section 2.1, and RFC 9110, section 5.5: a header would not carry it as it is.
        where = "a space" if " " in secret else "a character that is not ASCII"
        raise InvalidInput(f"credential: it has {where}, which no {label} has; copy it again")
    if scheme == "signature" and len(secret) < MIN_SIGNING_SECRET:
        raise InvalidInput(f"credential: a signing secret has at least {MIN_SIGNING_SECRET} characters")
    if by_password and len(secret) > MAX_EXCHANGED:
        raise InvalidInput(f"credential: the password is longer than {MAX_EXCHANGED} characters")
    if scheme == "password" and not username:
        raise InvalidInput("username: this account is used with a user name and a password")
    try:
        return Credential(scheme=scheme, secret=secret, username=username if scheme == "password" else "")
    except ValidationError as error:
        # Without the error itself: it would carry the secret.
        fields = ", ".join(str(item["loc"][0]) for item in error.errors(include_input=False))
        raise InvalidInput(f"credential: {fields} is too long") from None


def line(value: str, field: str, longest: int) -> str:
    """One line of text. Raises InvalidInput that names the field."""
    value = value.strip()
    if not value or len(value) > longest or not value.isprintable():
        raise InvalidInput(f"{field}: between 1 and {longest} printable characters on one line")
    return value


def _team(name: str) -> str:
    name = name.strip().lower()
    if not is_team(name):
        raise InvalidInput("team: its name, in letters and digits")
    return name
