"""Editing a proposed action: a form of its operation's arguments. The result is a new action with its own approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.registry import connector
from api.errors import status_of
from api.public import deciding
from api.public.pages.inbox import card_page
from api.public.pages.render import own_page
from api.public.pages.schema_forms import FIXED, fields_of, values_of
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.actions import ActionState
from coco.errors import CocoError, InvalidInput
from store import connections, views

router = APIRouter(include_in_schema=False)


def _operation(action: views.ActionView, name: str | None) -> GatedOperation[Any]:
    return connector(action.connector).gated(name or action.operation)


def alternatives(info: ConnectionInfo, action: views.ActionView) -> list[GatedOperation[Any]]:
    """Gated operations that the action could become: those on the same kind of record, with the same read before.

    An edit cannot read anything new, so another record or another kind of record is another run.
    """
    current = _operation(action, None)
    kind = action.operation.partition(".")[0]
    found: list[GatedOperation[Any]] = [current]
    for operation in connector(action.connector).operations.values():
        if operation is current or not isinstance(operation, GatedOperation):
            continue
        takes_same_record = FIXED & set(action.arguments) <= set(operation.arguments.model_fields)
        if operation.name.startswith(f"{kind}.") and takes_same_record and FIXED & set(action.arguments):
            found.append(operation)
    return found


async def _page(
    request: Request,
    visitor: Visitor,
    action: views.ActionView,
    operation: GatedOperation[Any],
    values: Mapping[str, Any],
    *,
    status: int = 200,
    problem: str = "",
) -> HTMLResponse:
    async with visitor.parts.reading(visitor.user_id) as session:
        row = await connections.get(session, visitor.user_id, action.connection_id)
    info = ConnectionInfo(id=row.id, connector=row.connector, title=row.title, settings=row.settings)
    return await own_page(
        request,
        visitor,
        "edit.html",
        here="runs",
        status=status,
        problem=problem,
        action=action,
        operation=operation,
        alternatives=alternatives(info, action),
        fields=fields_of(operation.arguments.model_json_schema(), values, fixed=FIXED),
        feed="",
    )


@router.get("/actions/{action_id}/edit")
async def edit_form(
    request: Request,
    action_id: UUID,
    visitor: VisitorDep,
    operation: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """The form, filled with the action's arguments; with `operation`, for what it shall become."""
    async with visitor.parts.reading(visitor.user_id) as session:
        action = await views.action(session, visitor.user_id, action_id)
    if action.state is not ActionState.PENDING:
        return RedirectResponse(f"/runs/{action.run_id}#action-{action.id}", status_code=303)
    return await _page(request, visitor, action, _operation(action, operation), action.arguments)


@router.post("/actions/{action_id}/edit")
async def edit(request: Request, action_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Makes the edited action, which waits for its own approval."""
    async with visitor.parts.reading(visitor.user_id) as session:
        action = await views.action(session, visitor.user_id, action_id)
    operation = _operation(action, text_of(form, "operation") or None)
    schema = operation.arguments.model_json_schema()
    kept = {name: value for name, value in action.arguments.items() if name in FIXED & set(schema["properties"])}
    values: dict[str, Any] = dict(action.arguments)
    try:
        values = values_of(schema, form, kept=kept)
        edited = await deciding.edit(
            visitor.parts, visitor.user_id, action_id, text_of(form, "digest"), values, operation.name
        )
    except InvalidInput as error:
        return await _page(request, visitor, action, operation, values, status=422, problem=error.message)
    except CocoError as error:
        return await card_page(request, visitor, action.run_id, status=status_of(error), problem=error.message)
    return RedirectResponse(f"/runs/{edited.run_id}#action-{edited.id}", status_code=303)
