"""Workflows and connections: setting them up. (A workflow's own page is in `workflow`.)"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from activities.playbooks import PLAYBOOKS, playbook
from api.public import setting_up
from api.public.pages import connecting
from api.public.pages.render import own_page
from api.public.pages.schema_forms import fields_of, values_of
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.connections import ConnectionState
from coco.errors import InvalidInput
from store import connections, workflows

router = APIRouter(include_in_schema=False)
router.include_router(connecting.router)


@router.get("/workflows")
async def workflows_list(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """The workflows, and the playbooks to make one of."""
    async with visitor.parts.reading(visitor.user_id) as session:
        found = await workflows.listed(session, visitor.user_id)
    return await own_page(
        request,
        visitor,
        "workflows.html",
        here="workflows",
        workflows=found,
        playbooks=list(PLAYBOOKS.values()),
        keys={row.id: str(uuid4()) for row in found},
        feed="",
    )


async def _workflow_form(
    request: Request,
    visitor: Visitor,
    name: str,
    values: dict[str, Any],
    title: str,
    chosen: list[str],
    *,
    status: int = 200,
    problem: str = "",
) -> HTMLResponse:
    book = playbook(name)
    async with visitor.parts.reading(visitor.user_id) as session:
        usable = [
            row
            for row in await connections.listed(session, visitor.user_id)
            if row.state != ConnectionState.REVOKED and row.connector in (*book.connectors, *book.optional)
        ]
    return await own_page(
        request,
        visitor,
        "workflow_new.html",
        here="workflows",
        status=status,
        problem=problem,
        book=book,
        fields=fields_of(book.schema(), values),
        title=title or book.title,
        usable=usable,
        missing=[item for item in book.connectors if item not in {row.connector for row in usable}],
        # What is optional is the owner's to choose.
        chosen=chosen or [str(row.id) for row in usable if row.connector in book.connectors],
        feed="",
    )


@router.get("/workflows/new")
async def new_workflow_form(
    request: Request, visitor: VisitorDep, playbook: Annotated[str, Query(max_length=80)]
) -> HTMLResponse:
    """The form of one playbook's parameters."""
    return await _workflow_form(request, visitor, playbook, {}, "", [])


@router.post("/workflows/new")
async def new_workflow(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sets the workflow up."""
    name, title = text_of(form, "playbook"), text_of(form, "title")
    chosen = [str(item) for item in form.getlist("connection")]
    values: dict[str, Any] = {}
    try:
        values = values_of(playbook(name).schema(), form)
        row = await setting_up.create_workflow(
            visitor.parts,
            visitor.user_id,
            title=title,
            playbook_name=name,
            params=values,
            connection_ids=_ids(chosen),
        )
    except InvalidInput as error:
        if name not in PLAYBOOKS:
            raise
        return await _workflow_form(request, visitor, name, values, title, chosen, status=422, problem=error.message)
    return RedirectResponse(f"/workflows/{row.id}", status_code=303)


@router.post("/workflows/{workflow_id}/archive")
async def archive(workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """No new run of it starts any more."""
    async with visitor.parts.writing(visitor.user_id) as session:
        await workflows.archive(session, visitor.user_id, workflow_id)
    return RedirectResponse("/workflows", status_code=303)


def _ids(texts: list[str]) -> list[UUID]:
    try:
        return [UUID(item) for item in texts]
    except ValueError as error:
        raise InvalidInput("connections: choose among the ones offered") from error
