"""Four eyes: the rule of a workflow, and what people of a team say of actions that are not theirs."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.errors import status_of
from api.public import team_deciding
from api.public.pages.inbox import inbox_page
from api.public.pages.teams import card_page
from api.public.pages.typed import typed
from api.public.pages.visitor import OwnForm, VisitorDep, text_of
from api.public.pages.workflow import as_it_is
from coco.approvals import ApprovalRule, ApproverRole
from coco.decisions import Verdict
from coco.errors import CocoError, InvalidInput
from store import approvals

router = APIRouter(include_in_schema=False)

_ROLES = {"": None, ApproverRole.ADMIN.value: ApproverRole.ADMIN}


@router.post("/workflows/{workflow_id}/approval-rule")
async def set_rule(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sets what approving an action of the workflow takes."""
    try:
        people, role = text_of(form, "people"), text_of(form, "role")
        if people not in {"1", "2"} or role not in _ROLES:
            raise InvalidInput("Nothing was changed: choose how many people approve, and who counts.")
        rule = ApprovalRule(people=int(people), role=_ROLES[role], not_requester=bool(text_of(form, "not_requester")))
        async with visitor.parts.writing(visitor.user_id) as session:
            await approvals.set_rule(session, visitor.user_id, workflow_id, rule)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error, typed("approvals", form, error.message))
    return RedirectResponse(f"/workflows/{workflow_id}#approvals", status_code=303)


@router.post("/teams/{team_id}/actions/{action_id}/decide")
async def decide(request: Request, team_id: UUID, action_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Approves or rejects an action of the visitor's team, as their page showed it."""
    try:
        verdict = Verdict(text_of(form, "verdict"))
    except ValueError as error:
        raise InvalidInput("verdict: approve or reject") from error
    in_inbox, problem, status = text_of(form, "back") == "inbox", "", 200
    try:
        delegation = UUID(text_of(form, "delegation")) if text_of(form, "delegation") else None
    except ValueError as error:
        raise InvalidInput("delegation: choose one of the list") from error
    said = team_deciding.Said(verdict, text_of(form, "digest"), text_of(form, "reason"), delegation)
    try:
        run_id = (await team_deciding.decide(visitor.parts, visitor.user_id, team_id, action_id, said)).run_id
    except CocoError as error:
        found = await team_deciding.run_of(visitor.parts, visitor.user_id, team_id, action_id)
        if found is None:
            raise
        run_id, problem, status = found, error.message, status_of(error)
    if problem:
        if in_inbox:
            return await inbox_page(request, visitor, status=status, problem=problem)
        return await card_page(request, visitor, team_id, run_id, status=status, problem=problem)
    where = "/" if in_inbox else f"/teams/{team_id}/runs/{run_id}#action-{action_id}"
    return RedirectResponse(where, status_code=303)
