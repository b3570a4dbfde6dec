"""Connections: provider accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from activities.connectors.registry import CONNECTORS
from api.public import setting_up
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Limit, Told
from store import calls, connections
from store.tables import Connection
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
    credential: Secret
    read_only: bool = False


class NewState(Given):
    state: Literal["active", "read_only", "revoked"]


class ConnectionOut(Told):
    """A connection. Its credential is in no answer: nobody but the sandbox can open it."""

    id: UUID
    connector: str
    title: str
    state: str
    base_url: str
    settings: dict[str, Any]
    created_at: datetime
    last_used_at: datetime | None


class OperationOut(Told):
    name: str
    title: str
    gated: bool


class ConnectorOut(Told):
    name: str
    title: str
    protocol: str
    auth: str
    base_url: str
    operations: list[OperationOut]


def _out(row: Connection) -> ConnectionOut:
    return ConnectionOut(**row.model_dump(exclude={"user_id"}))


@router.get("/connectors")
async def list_connectors(user: BearerUser) -> list[ConnectorOut]:
    """What can be connected, with what each can do; `gated` operations need an approval each time."""
    return [
        ConnectorOut(
            name=kind.name,
            title=kind.title,
            protocol=kind.protocol,
            auth=kind.auth.scheme,
            base_url=kind.base_url,
            operations=[
                OperationOut(name=item.name, title=item.title, gated=item.route.access == "gated")
                for item in kind.operations.values()
            ],
        )
        for kind in CONNECTORS.values()
    ]


@router.get("/connections")
async def list_connections(user: BearerUser, parts: PartsDep) -> list[ConnectionOut]:
    """The user's connections."""
    async with parts.reading(user.user_id) as session:
        return [_out(row) for row in await connections.listed(session, user.user_id)]


@router.post("/connections", status_code=201)
async def add_connection(body: NewConnection, user: BearerUser, parts: PartsDep) -> ConnectionOut:
    """Connects a provider account. May wait for the user's first sandbox to start; 503 when that takes too long."""
    row = await setting_up.add_connection(
        parts,
        user.user_id,
        connector_name=body.connector,
        title=body.title,
        base_url=body.base_url,
        settings=body.settings,
        secret=body.credential.secret,
        username=body.credential.username,
        read_only=body.read_only,
    )
    return _out(row)


@router.get("/connections/{connection_id}")
async def get_connection(connection_id: UUID, user: BearerUser, parts: PartsDep) -> ConnectionOut:
    """One connection."""
    async with parts.reading(user.user_id) as session:
        return _out(await connections.get(session, user.user_id, connection_id))


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
    return _out(await setting_up.set_connection_state(parts, user.user_id, connection_id, body.state))
