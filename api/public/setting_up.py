"""Connections and workflows: what a person sets up before a run. The same for the REST API and the pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.registry import connector
from activities.playbooks import playbook
from activities.playbooks.base import checked
from api.public import revoking
from api.public.connecting import line
from api.public.parts import Parts
from coco.connections import ConnectionState
from coco.errors import InvalidInput
from store import connections, workflows
from store.tables import Connection, Workflow


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
    title = line(title or book.title, "title", 200)
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
