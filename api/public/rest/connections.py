"""Connections: provider accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from activities.connectors.granted import needed_to_check
from activities.connectors.registry import CONNECTORS
from api.public import connecting, oauth, setting_up
from api.public.identity import BearerUser
from api.public.parts import Parts, PartsDep
from api.public.rest.models import Given, Limit, Told
from coco.connections import key_age_days
from coco.errors import InvalidInput
from store import calls, connection_tests, connections, credentials
from store.connections import is_old_key
from store.credentials import Attempt
from store.tables import Connection, utc_now
from store.views import Page

router = APIRouter(tags=["connections"])


class Secret(Given):
    """An API key or password. Sealed to the user's sandbox at once, and never shown again."""

    secret: Annotated[str, Field(min_length=1, max_length=8192, repr=False)]
    username: Annotated[str, Field(max_length=320)] = ""


class NewConnection(Given):
    connector: Annotated[str, Field(max_length=80)]
    title: Annotated[str, Field(max_length=100)] = ""
    base_url: Annotated[str, Field(max_length=500)] = ""
    """The provider's own address where empty."""
    settings: dict[str, Any] = {}
    credential: Secret | None = None
    team: Annotated[str, Field(max_length=40)] = ""
    """In the place of a credential: the team whose credential the operator keeps for this account."""
    scopes: list[Annotated[str, Field(max_length=300)]] | None = None
    """What the key was given at the provider. Left out: the minimum, which only reads."""
    read_only: bool = False


class NewCredential(Given):
    credential: Secret | None = None
    """Left out for a team's connection: what the operator has now is tried out."""
    scopes: list[Annotated[str, Field(max_length=300)]] | None = None
    """What the new key was given. Left out: what the connection has."""


class NewSignIn(Given):
    connector: Annotated[str, Field(max_length=80)]
    title: Annotated[str, Field(max_length=100)] = ""
    base_url: Annotated[str, Field(max_length=500)] = ""
    settings: dict[str, Any] = {}
    scopes: list[Annotated[str, Field(max_length=300)]] | None = None
    """What to ask for. Left out: the minimum, which only reads."""
    read_only: bool = False
    connection_id: UUID | None = None
    """The connection to connect again; left out for a new one."""


class SignInOut(Told):
    authorize_url: str
    """Where the browser goes to sign in at the provider; it comes back with a code and the state."""
    minutes: int
    """How long it may take."""


class SignInDone(Given):
    code: Annotated[str, Field(min_length=1, max_length=4096, repr=False)]
    state: Annotated[str, Field(min_length=1, max_length=200)]


class NewState(Given):
    state: Literal["active", "read_only", "revoked"]


class CheckOut(Told):
    """What became of the newest credential that was given, or of the newest test of the one in use."""

    state: str
    """pending | works | unchecked | refused | scopes_missing | unreachable | expired"""
    reason: str
    at: datetime


class ConnectionOut(Told):
    """A connection. Its credential is in no answer: nobody but the sandbox can open it."""

    id: UUID
    connector: str
    title: str
    state: str
    reason: str
    """Why it is in this state, where something is wrong."""
    base_url: str
    settings: dict[str, Any]
    method: str
    """key | oauth | team"""
    team: str | None
    scopes: list[str]
    """What was granted."""
    credential_set_at: datetime | None
    credential_expires_at: datetime | None
    credential_age_days: int | None
    key_is_old: bool
    """A key of three months or more: time for another one."""
    check: CheckOut | None
    """Of the newest credential that was given."""
    test: CheckOut | None
    """Of the newest test of the credential in use."""
    created_at: datetime
    last_used_at: datetime | None


class OperationOut(Told):
    name: str
    title: str
    gated: bool
    scopes: list[str]


class ScopeOut(Told):
    name: str
    allows: str
    """In plain words."""
    access: str
    preselected: bool
    needed: bool
    """The credential is checked with it, so it is always asked for."""


class ConnectorOut(Told):
    name: str
    title: str
    protocol: str
    auth: str
    username: str
    """needed | optional | none: whether a user name goes with the secret."""
    label: str
    where: str
    oauth: bool
    """Whether this deployment has a sign-in with the provider."""
    base_url: str
    scopes: list[ScopeOut]
    operations: list[OperationOut]


def out(row: Connection, attempt: Attempt | None, test: Attempt | None) -> ConnectionOut:
    """A connection as it is told."""
    seen = row.model_dump(include=set(ConnectionOut.model_fields))
    age = key_age_days(row.credential_set_at, utc_now())
    return ConnectionOut(
        **seen,
        check=_outcome(attempt),
        test=_outcome(test),
        credential_age_days=age,
        key_is_old=is_old_key(row, utc_now()),
    )


def _outcome(attempt: Attempt | None) -> CheckOut | None:
    if attempt is None:
        return None
    return CheckOut(state=attempt.state, reason=attempt.reason, at=attempt.finished_at or attempt.created_at)


async def _told(parts: Parts, user_id: UUID, connection_id: UUID) -> ConnectionOut:
    async with parts.reading(user_id) as session:
        row = await connections.get(session, user_id, connection_id)
        attempts = await credentials.latest(session, user_id, connection_id)
        tests = await connection_tests.latest(session, user_id, connection_id)
        return out(row, attempts.get(connection_id), tests.get(connection_id))


def _wanted(body: NewConnection | NewSignIn) -> connecting.Wanted:
    return connecting.wanted(
        body.connector,
        title=body.title,
        base_url=body.base_url,
        settings=body.settings,
        scopes=body.scopes,
        read_only=body.read_only,
    )


@router.get("/connectors")
async def list_connectors(user: BearerUser) -> list[ConnectorOut]:
    """What can be connected, with what each can do; `gated` operations need an approval each time."""
    return [
        ConnectorOut(
            name=kind.name,
            title=kind.title,
            protocol=kind.protocol,
            auth=kind.auth.scheme,
            username=kind.auth.username,
            label=kind.auth.label,
            where=kind.auth.where,
            oauth=oauth.client_of(kind.name) is not None,
            base_url=kind.base_url,
            scopes=[
                ScopeOut(**scope.model_dump(), needed=scope.name in needed_to_check(kind)) for scope in kind.scopes
            ],
            operations=[
                OperationOut(
                    name=item.name,
                    title=item.title,
                    gated=item.route.access == "gated",
                    scopes=list(item.route.scopes),
                )
                for item in kind.operations.values()
            ],
        )
        for kind in CONNECTORS.values()
    ]


@router.get("/connections")
async def list_connections(user: BearerUser, parts: PartsDep) -> list[ConnectionOut]:
    """The user's connections."""
    async with parts.reading(user.user_id) as session:
        found = await connections.listed(session, user.user_id)
        attempts = await credentials.latest(session, user.user_id)
        tests = await connection_tests.latest(session, user.user_id)
        return [out(row, attempts.get(row.id), tests.get(row.id)) for row in found]


@router.post("/connections", status_code=201)
async def add_connection(body: NewConnection, user: BearerUser, parts: PartsDep) -> ConnectionOut:
    """Connects a provider account by a key, and says what the provider made of it.

    The key is kept only where the provider accepts it. Waits ten seconds for that at most: `state` is `checking` then,
    and `check` tells later. May wait for the user's first sandbox to start; 503 when that takes too long.
    """
    what = _wanted(body)
    if (body.credential is None) == (not body.team):
        raise InvalidInput("credential: give one, or name the team whose credential it goes by")
    if body.credential is None:
        row = await connecting.connect_team(parts, user.user_id, what, team=body.team)
    else:
        secret, username = body.credential.secret, body.credential.username
        row = await connecting.connect(parts, user.user_id, what, secret=secret, username=username)
    return await _told(parts, user.user_id, row.id)


@router.post("/oauth", status_code=201)
async def begin_sign_in(body: NewSignIn, user: BearerUser, parts: PartsDep) -> SignInOut:
    """Begins a sign-in at the provider. What comes back is for this session alone, once, within ten minutes."""
    what = _wanted(body)
    begun = await oauth.begin(parts, user, what, body.connection_id)
    return SignInOut(authorize_url=begun.authorize_url, minutes=begun.minutes)


@router.post("/oauth/finish")
async def finish_sign_in(body: SignInDone, user: BearerUser, parts: PartsDep) -> ConnectionOut:
    """Finishes it with what the provider sent back."""
    row = await oauth.finish(parts, user, code=body.code, state=body.state)
    return await _told(parts, user.user_id, row.id)


@router.get("/connections/{connection_id}")
async def get_connection(connection_id: UUID, user: BearerUser, parts: PartsDep) -> ConnectionOut:
    """One connection."""
    return await _told(parts, user.user_id, connection_id)


@router.post("/connections/{connection_id}/credential")
async def replace_credential(
    connection_id: UUID, body: NewCredential, user: BearerUser, parts: PartsDep
) -> ConnectionOut:
    """Another key, in the place of the one before once the provider has accepted it; `check` says what it made of it.

    Runs go on, with the old key and then with the new one.
    """
    secret, username = (body.credential.secret, body.credential.username) if body.credential else ("", "")
    await connecting.replace_credential(
        parts, user.user_id, connection_id, secret=secret, username=username, scopes=body.scopes
    )
    return await _told(parts, user.user_id, connection_id)


@router.post("/connections/{connection_id}/test")
async def test_connection(connection_id: UUID, user: BearerUser, parts: PartsDep) -> ConnectionOut:
    """Tests a connection that is in use by the connector's safe call; `test` says what the provider made of it.

    Waits ten seconds for that at most: `test.state` is `pending` then. A credential that is refused makes the
    connection one that needs reconnection; nothing else changes. One at a time, three within a minute (429).
    """
    await connecting.try_again(parts, user.user_id, connection_id)
    return await _told(parts, user.user_id, connection_id)


class CallOut(Told):
    """One request to the provider. Nothing of its content is kept."""

    id: int
    at: datetime
    kind: str
    """read, prior (a record's value just before or after a change), send, check"""
    operation: str
    method: str
    path: str
    """The manifest's template."""
    status: int | None
    outcome: str
    milliseconds: int
    run_id: UUID | None
    action_id: UUID | None


@router.get("/connections/{connection_id}/calls")
async def list_calls(
    connection_id: UUID,
    user: BearerUser,
    parts: PartsDep,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="The `next` of the page before.")] = None,
    limit: Limit = 50,
) -> Page[CallOut]:
    """Every request that was made with a connection, newest first."""
    async with parts.reading(user.user_id) as session:
        await connections.get(session, user.user_id, connection_id)
        rows, older = await calls.of_connection(session, user.user_id, connection_id, before=before, limit=limit)
    items = [CallOut(**row.model_dump(exclude={"user_id", "connection_id"})) for row in rows]
    return Page(items=items, next=None if older is None else str(older))


@router.post("/connections/{connection_id}/state")
async def set_state(connection_id: UUID, body: NewState, user: BearerUser, parts: PartsDep) -> ConnectionOut:
    """Makes a connection active, read-only or revoked. Returns when nothing leaves by what was taken away, and what was
    read through a revoked one is removed."""
    await setting_up.set_connection_state(parts, user.user_id, connection_id, body.state)
    return await _told(parts, user.user_id, connection_id)
