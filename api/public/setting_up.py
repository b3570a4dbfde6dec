"""Connections and workflows: what a person sets up before a run. The same for the REST API and the pages."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from activities.connectors.base import ConnectionInfo
from activities.connectors.manifest import Scheme
from activities.connectors.registry import connector
from activities.connectors.smtp.message import sender
from activities.playbooks import playbook
from activities.playbooks.base import checked
from api.public import revoking
from api.public.parts import Parts
from coco.canonical import canonical
from coco.connections import ConnectionState
from coco.errors import Code, InvalidInput, Refused
from coco.gateway_protocol import Credential
from coco.sealing import fingerprint, seal
from store import connections, workflows
from store.tables import Connection, Workflow

MAX_SETTINGS_BYTES = 10_000
POLL_SECONDS = 0.5


async def add_connection(
    parts: Parts,
    user_id: UUID,
    *,
    connector_name: str,
    title: str,
    base_url: str,
    settings: dict[str, Any],
    secret: str,
    username: str = "",
    read_only: bool = False,
) -> Connection:
    """Connects a provider account. The credential is sealed to the user's sandbox; nothing here keeps or can open it.

    Raises InvalidInput, and Refused (UNAVAILABLE) while the sandbox has not published its key.
    """
    kind = connector(connector_name)
    title = _line(title or kind.title, "title", 100)
    address = connections.checked_base_url(base_url or kind.base_url, kind.protocol)
    if len(canonical(settings)) > MAX_SETTINGS_BYTES:
        raise InvalidInput("settings: too large")
    if "\\u0000" in canonical(settings).decode():
        raise InvalidInput("settings: a character that cannot be kept")
    if kind.protocol == "smtp":
        sender(ConnectionInfo(id=user_id, connector=kind.name, title=title, settings=settings))
    credential = _credential(kind.auth.scheme, secret, username)
    public_key = await _sealing_key(parts, user_id)
    sealed = seal(public_key, credential)
    async with parts.writing(user_id) as session:
        return await connections.add(
            session,
            user_id,
            connector=kind.name,
            title=title,
            base_url=address,
            settings=settings,
            sealed=sealed,
            fingerprint=fingerprint(credential, parts.master),
            read_only=read_only,
        )


async def set_connection_state(parts: Parts, user_id: UUID, connection_id: UUID, state: str) -> Connection:
    """Makes a connection active, read-only or revoked. Raises NotFound, InvalidInput, Conflict."""
    wanted: connections.State
    match state:
        case ConnectionState.ACTIVE:
            wanted = "active"
        case ConnectionState.READ_ONLY:
            wanted = "read_only"
        case ConnectionState.REVOKED:
            wanted = "revoked"
        case _:
            raise InvalidInput("state: one of active, read_only, revoked")
    return await revoking.set_state(parts, user_id, connection_id, wanted)


async def create_workflow(
    parts: Parts,
    user_id: UUID,
    *,
    title: str,
    playbook_name: str,
    params: dict[str, Any],
    connection_ids: list[UUID],
) -> Workflow:
    """A new workflow of a playbook. Raises InvalidInput that names the parameter, NotFound for a connection."""
    book = playbook(playbook_name)
    title = _line(title or book.title, "title", 200)
    kept = checked(book.params, params, "params").model_dump(mode="json")
    if len(set(connection_ids)) != len(connection_ids):
        raise InvalidInput("connections: one is named twice")
    async with parts.writing(user_id) as session:
        chosen = [await connections.get(session, user_id, item) for item in connection_ids]
        gone = [item.title for item in chosen if item.state == ConnectionState.REVOKED]
        if gone:
            raise InvalidInput(f"connections: {gone[0]} was revoked")
        missing = [name for name in book.connectors if name not in {item.connector for item in chosen}]
        if missing:
            wanted = " and ".join(connector(name).title for name in missing)
            raise InvalidInput(f"connections: this playbook also needs {wanted}")
        return await workflows.create(
            session, user_id, title=title, playbook=book.name, params=kept, connections=connection_ids
        )


async def _sealing_key(parts: Parts, user_id: UUID) -> str:
    """Waits for a first sandbox to start and publish its key."""
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


def _credential(auth: Scheme, secret: str, username: str) -> Credential:
    if not secret or any(ord(c) < 32 or ord(c) == 127 for c in secret + username):
        raise InvalidInput("credential: give the key or password, on one line")
    try:
        if auth == "password":
            if not username:
                raise InvalidInput("username: this account is used with a user name and a password")
            return Credential(scheme="password", secret=secret, username=username)
        return Credential(scheme=auth, secret=secret)
    except ValidationError as error:
        # Without the error itself: it would carry the secret.
        fields = ", ".join(str(item["loc"][0]) for item in error.errors(include_input=False))
        raise InvalidInput(f"credential: {fields} is too long") from None


def _line(value: str, field: str, longest: int) -> str:
    value = value.strip()
    if not value or len(value) > longest or not value.isprintable():
        raise InvalidInput(f"{field}: between 1 and {longest} printable characters on one line")
    return value
