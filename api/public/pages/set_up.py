"""Workflows and connections: setting them up. (A workflow's own page is in `workflow`.)"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from activities.connectors.registry import connector
from activities.playbooks import PLAYBOOKS, playbook
from api.errors import STATUS
from api.public import setting_up
from api.public.pages.render import own_page
from api.public.pages.schema_forms import fields_of, values_of
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.connections import ConnectionState
from coco.errors import CocoError, InvalidInput
from store import connections, workflows

router = APIRouter(include_in_schema=False)

SETTINGS = {"smtp": (("from_address", "Sender address", True), ("from_name", "Sender name", False))}
"""Settings a connector's form asks for: (name, label, required)."""


# -- workflows ---------------------------------------------------------------------------------------------------


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
            if row.state != ConnectionState.REVOKED and row.connector in book.connectors
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
        chosen=chosen or [str(row.id) for row in usable],
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


# -- connections -------------------------------------------------------------------------------------------------


async def _connection_form(
    request: Request, visitor: Visitor, name: str, values: dict[str, str], *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    kind = connector(name)
    return await own_page(
        request,
        visitor,
        "connection_new.html",
        here="connections",
        status=status,
        problem=problem,
        kind=kind,
        values=values,
        asked=SETTINGS.get(kind.name, ()),
        gated=[item for item in kind.operations.values() if item.route.access == "gated"],
        feed="",
    )


@router.get("/connections/new")
async def new_connection_form(
    request: Request, visitor: VisitorDep, connector: Annotated[str, Query(max_length=80)]
) -> HTMLResponse:
    """The form of one connector."""
    return await _connection_form(request, visitor, connector, {})


@router.post("/connections/new")
async def new_connection(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Connects the account. The key goes to the visitor's sandbox and is never shown again."""
    name = text_of(form, "connector")
    asked = SETTINGS.get(connector(name).name, ())
    given = {field: text_of(form, field).strip() for field, _, _ in asked}
    # Never the secret: a form that comes back asks for it anew.
    values = {field: text_of(form, field) for field in ("title", "base_url", "username", "read_only")} | given
    try:
        await setting_up.add_connection(
            visitor.parts,
            visitor.user_id,
            connector_name=name,
            title=values["title"],
            base_url=values["base_url"],
            settings={field: value for field, value in given.items() if value},
            secret=text_of(form, "secret"),
            username=values["username"],
            read_only=bool(values["read_only"]),
        )
    except CocoError as error:
        status = STATUS.get(error.code, 403)
        return await _connection_form(request, visitor, name, values, status=status, problem=error.message)
    return RedirectResponse("/connections", status_code=303)


def _ids(texts: list[str]) -> list[UUID]:
    try:
        return [UUID(item) for item in texts]
    except ValueError as error:
        raise InvalidInput("connections: choose among the ones offered") from error
