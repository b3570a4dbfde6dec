"""Asking a language model for a rule, on the page of a sentence that was refused."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import TooManyRequests
from api.public import proposing
from api.public.pages.guardrails import id_of, refused_page
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.errors import CocoError
from store import connections, guardrail_proposals, workflows
from store.tables_asking import GuardrailProposal

router = APIRouter(include_in_schema=False)


@router.post("/workflows/{workflow_id}/guardrails/proposals")
async def ask(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sends the sentence to the model that the visitor chose: to the rule's page, or back with why there is none."""
    sentence = text_of(form, "sentence").strip()
    guardrail_id = id_of(text_of(form, "guardrail_id"))
    try:
        row = await proposing.asked(
            visitor.parts,
            visitor.user_id,
            workflow_id,
            sentence,
            guardrail_id=guardrail_id,
            connection_id=id_of(text_of(form, "connection_id")),
            model=text_of(form, "model"),
        )
    except (CocoError, TooManyRequests) as error:
        problem = error.message if isinstance(error, CocoError) else f"{error} Each question is a call on your bill."
        return await refused_page(request, visitor, workflow_id, guardrail_id, sentence, problem=problem)
    return await _came_to(request, visitor, row)


@router.get("/guardrails/proposals/{proposal_id}")
async def waiting(request: Request, proposal_id: UUID, visitor: VisitorDep) -> HTMLResponse:
    """A question that is out, and who was asked."""
    async with visitor.parts.reading(visitor.user_id) as session:
        row = await guardrail_proposals.get(session, visitor.user_id, proposal_id)
        owner = await workflows.get(session, visitor.user_id, row.workflow_id)
        ask = row.asks[max(0, row.asked - 1)]
        connection = await connections.get(session, visitor.user_id, UUID(ask["connection"]))
    return await own_page(
        request,
        visitor,
        "guardrail_asking.html",
        here="workflows",
        proposal=row,
        workflow=owner,
        model=ask["model"],
        connection=connection,
        feed="",
    )


@router.post("/guardrails/proposals/{proposal_id}/look")
async def look(request: Request, proposal_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Takes the answer where it has come by now."""
    return await _came_to(request, visitor, await proposing.awaited(visitor.parts, visitor.user_id, proposal_id))


async def _came_to(request: Request, visitor: Visitor, row: GuardrailProposal) -> Response:
    if row.state == "proposed":
        return RedirectResponse(f"/guardrails/{row.guardrail_id}/versions/{row.version}", status_code=303)
    if row.state == "asking":
        return RedirectResponse(f"/guardrails/proposals/{row.id}", status_code=303)
    problem = f"No rule came of it: {row.reason.removesuffix('.')}."
    return await refused_page(request, visitor, row.workflow_id, row.guardrail_id, row.sentence, problem=problem)
