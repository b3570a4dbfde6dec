"""Guardrails on the pages: a sentence, what it was understood as, its confirmation, its versions."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from activities.looking_back import past
from api.errors import status_of
from api.public import guarding, proposing
from api.public.pages.marking import marked, repaired
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from api.public.pages.wording import RULE_MODES, RULE_STATES
from api.public.pages.workflow import as_it_is
from coco.errors import CocoError, InvalidInput
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import Compiled
from coco.guardrails.export import compiled_json
from coco.guardrails.form import Form
from coco.guardrails.proposer import MARK
from coco.model_routes import Purpose
from coco.trust import TrustLevel
from store import guardrails, model_routes, trust, workflows

router = APIRouter(include_in_schema=False)

RELATIONS = {
    "stricter": ("Stricter", "done", "It covers less than the version in force, and nothing new."),
    "looser": ("Looser", "warn", "It covers all that the version in force does, and more."),
    "equivalent": ("Equivalent", "off", "It covers exactly what the version in force does."),
    "incomparable": ("Incomparable", "warn", "It covers something new, and leaves out something covered so far."),
    "unknown": ("Not known", "warn", "The analysis could not tell; it is taken as looser."),
}


@router.post("/workflows/{workflow_id}/guardrails")
async def write(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Compiles a sentence: to its page, where its reading is confirmed, or back with what is wrong with it."""
    sentence = text_of(form, "sentence").strip()
    guardrail_id = id_of(text_of(form, "guardrail_id"))
    try:
        compiled, row = await guarding.proposed(visitor.parts, visitor.user_id, workflow_id, sentence, guardrail_id)
    except InvalidInput as error:
        return await refused_page(request, visitor, workflow_id, guardrail_id, sentence, problem=error.message)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error)
    if row is None:
        return await refused_page(request, visitor, workflow_id, guardrail_id, sentence, compiled)
    return RedirectResponse(f"/guardrails/{row.id}/versions/{row.version}", status_code=303)


async def refused_page(
    request: Request,
    visitor: Visitor,
    workflow_id: UUID,
    guardrail_id: UUID | None,
    sentence: str,
    compiled: Compiled | None = None,
    *,
    problem: str = "",
) -> HTMLResponse:
    """What is wrong with a sentence, and the ways on from it. Without `compiled`, only `problem` says so."""
    async with visitor.parts.reading(visitor.user_id) as session:
        row = await workflows.get(session, visitor.user_id, workflow_id)
        models = await proposing.models(session, visitor.user_id)
        routed = await model_routes.in_force(session, visitor.user_id, Purpose.PROPOSING)
    # One of the workflow's own comes first.
    models.sort(key=lambda one: str(one.id) not in row.connections)
    problems = compiled.problems if compiled else ()
    repairs = await asyncio.to_thread(lambda: [repaired(sentence, one) for one in problems])
    return await own_page(
        request,
        visitor,
        "guardrail_refused.html",
        here="workflows",
        status=422,
        problem=problem,
        workflow=row,
        guardrail_id=guardrail_id,
        sentence=sentence,
        pieces=marked(sentence, problems),
        problems=list(zip(problems, repairs, strict=True)),
        models=models if len(sentence) <= guardrails.MAX_SENTENCE and sentence else [],
        routed=[one.model for one in routed if one.connection_id in {found.id for found in models}],
        model=str(row.params.get("model") or ""),
        longest=guardrails.MAX_SENTENCE,
        feed="",
    )


async def _rule_page(
    request: Request, visitor: Visitor, guardrail_id: UUID, version: int, *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    user_id = visitor.user_id
    async with visitor.parts.reading(user_id) as session:
        row = await guardrails.get(session, user_id, guardrail_id, version)
        newest = await guardrails.get(session, user_id, guardrail_id)
        in_force = [one for one in await trust.confirmed(session, user_id, row.workflow_id) if one.id == guardrail_id]
        owner = await workflows.get(session, user_id, row.workflow_id)
        history = await past(session, user_id, row.workflow_id, default_catalogue())
    form = Form.model_validate(row.form)
    looked = await guarding.over(history, [(row.reading, form)])
    covered, held = await guarding.examples(history, form)
    told = compiled_json(Compiled(row.sentence, form, row.reading), default_catalogue())
    return await own_page(
        request,
        visitor,
        "guardrail.html",
        here="workflows",
        status=status,
        problem=problem,
        rule=row,
        told=told,
        mode=RULE_MODES[form.mode],
        limits=[(name, value) for name, value in told["limits"].items() if value is not None],
        state=RULE_STATES[row.state],
        workflow=owner,
        autonomous=owner.trust_level == TrustLevel.AUTONOMOUS,
        newest=newest.version,
        before=in_force[0] if in_force and in_force[0].version != version else None,
        relations=RELATIONS,
        never_applies=guarding.never_applies(row),
        mark=MARK if row.proposed_by else "",
        looked=looked,
        covered=covered,
        held=held,
        longest=guardrails.MAX_SENTENCE,
        feed="",
    )


@router.get("/guardrails/{guardrail_id}/versions/{version}")
async def rule(request: Request, guardrail_id: UUID, version: guarding.Version, visitor: VisitorDep) -> HTMLResponse:
    """One version of a guardrail: what it became, what it would have done, and, where it waits, its confirmation."""
    return await _rule_page(request, visitor, guardrail_id, version)


@router.post("/guardrails/{guardrail_id}/versions/{version}/confirm")
async def confirm(
    request: Request, guardrail_id: UUID, version: guarding.Version, form: OwnForm, visitor: VisitorDep
) -> Response:
    """The owner confirms the reading that the page showed."""
    reading, compared = text_of(form, "reading"), text_of(form, "compared") == "yes"
    try:
        row = await guarding.confirmed(
            visitor.parts, visitor.user_id, guardrail_id, version, reading, compared=compared
        )
    except CocoError as error:
        status = status_of(error)
        return await _rule_page(request, visitor, guardrail_id, version, status=status, problem=error.message)
    return RedirectResponse(f"/workflows/{row.workflow_id}#rules", status_code=303)


@router.post("/guardrails/{guardrail_id}/retire")
async def retire(guardrail_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """No version of it is in force any more."""
    async with visitor.parts.writing(visitor.user_id) as session:
        row = await guardrails.get(session, visitor.user_id, guardrail_id)
        await guardrails.retire(session, visitor.user_id, guardrail_id)
    return RedirectResponse(f"/workflows/{row.workflow_id}#rules", status_code=303)


def id_of(text: str) -> UUID | None:
    """An id that a form carries, or none. Raises InvalidInput."""
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput("An id in the form is none.") from error
