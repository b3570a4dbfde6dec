"""Playbooks and workflows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from activities.playbooks import PLAYBOOKS
from api.public import setting_up
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Told
from store import workflows
from store.tables import Workflow

router = APIRouter(tags=["workflows"])


class PlaybookOut(Told):
    name: str
    title: str
    description: str
    connectors: list[str]
    """Connectors that a workflow of it needs a connection of."""
    params: dict[str, Any]
    """JSON schema."""


class NewWorkflow(Given):
    playbook: Annotated[str, Field(max_length=80)]
    title: Annotated[str, Field(max_length=200)] = ""
    params: dict[str, Any] = {}
    connections: Annotated[list[UUID], Field(max_length=20)]


class WorkflowOut(Told):
    id: UUID
    title: str
    playbook: str
    params: dict[str, Any]
    connections: list[UUID]
    trust_level: str
    created_at: datetime
    archived_at: datetime | None
    team_id: UUID | None
    """The team that it is shared with."""


def workflow_out(row: Workflow) -> WorkflowOut:
    return WorkflowOut(**row.model_dump(exclude={"user_id"}))


@router.get("/playbooks")
async def list_playbooks(user: BearerUser) -> list[PlaybookOut]:
    """What a workflow can be made of."""
    return [
        PlaybookOut(
            name=book.name,
            title=book.title,
            description=book.description,
            connectors=list(book.connectors),
            params=book.schema(),
        )
        for book in PLAYBOOKS.values()
    ]


@router.get("/workflows")
async def list_workflows(user: BearerUser, parts: PartsDep, archived: bool = False) -> list[WorkflowOut]:
    """The user's workflows; with `archived`, those too."""
    async with parts.reading(user.user_id) as session:
        return [workflow_out(row) for row in await workflows.listed(session, user.user_id, archived=archived)]


@router.post("/workflows", status_code=201)
async def create_workflow(body: NewWorkflow, user: BearerUser, parts: PartsDep) -> WorkflowOut:
    """Sets up a workflow. Every action of its runs waits for an approval."""
    row = await setting_up.create_workflow(
        parts,
        user.user_id,
        title=body.title,
        playbook_name=body.playbook,
        params=body.params,
        connection_ids=body.connections,
    )
    return workflow_out(row)


@router.get("/workflows/{workflow_id}")
async def get_workflow(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> WorkflowOut:
    """One workflow."""
    async with parts.reading(user.user_id) as session:
        return workflow_out(await workflows.get(session, user.user_id, workflow_id))


@router.post("/workflows/{workflow_id}/archive")
async def archive_workflow(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> WorkflowOut:
    """No new run starts any more; runs in flight go on."""
    async with parts.writing(user.user_id) as session:
        return workflow_out(await workflows.archive(session, user.user_id, workflow_id))
