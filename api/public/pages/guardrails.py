"""A workflow's page, the guardrails written there, and how far it is trusted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from activities.connectors.base import GatedOperation
from activities.connectors.registry import CONNECTORS
from activities.playbooks import PLAYBOOKS, playbook
from api.errors import STATUS
from api.public import guarding
from api.public.pages.alone import alone
from api.public.pages.inbox import card_page
from api.public.pages.marking import marked
from api.public.pages.render import own_page
from api.public.pages.schema_forms import fields_of
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.errors import CocoError, InvalidInput
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import Compiled
from coco.guardrails.export import compiled_json
from coco.guardrails.form import Form
from coco.trust import LeaseTerms, ReviewVerdict, TrustLevel
from store import connections, guardrails, trust, views, workflows
from store.owned import own
from store.tables import ActionRow, GuardrailRow

router = APIRouter(include_in_schema=False)

REVIEWS_SHOWN = 10

RELATIONS = {
    "stricter": ("Stricter", "done", "It covers less than the version in force, and nothing new."),
    "looser": ("Looser", "warn", "It covers all that the version in force does, and more."),
    "equivalent": ("Equivalent", "off", "It covers exactly what the version in force does."),
    "incomparable": ("Incomparable", "warn", "It covers something new, and leaves out something covered so far."),
    "unknown": ("Not known", "warn", "The analysis could not tell; it is taken as looser."),
}
MODES = {
    "run": ("Runs without asking", "go"),
    "notify_first": ("Tells you first", "wait"),
    "draft_only": ("Drafts only", "off"),
}
RULE_STATES = {
    "confirmed": ("In force", "done"),
    "proposed": ("Not confirmed", "wait"),
    "retired": ("Retired", "off"),
}


# -- the workflow's page -----------------------------------------------------------------------------------------


async def workflow_page(
    request: Request, visitor: Visitor, workflow_id: UUID, *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    """A workflow with its trust, guardrails and runs, and with what went wrong where something did. Raises NotFound."""
    user_id = visitor.user_id
    async with visitor.parts.reading(user_id) as session:
        row = await workflows.get(session, user_id, workflow_id)
        runs = await views.runs(session, user_id, workflow_id=workflow_id, limit=20)
        named = {str(item.id): item for item in await connections.listed(session, user_id)}
        in_force = await trust.confirmed(session, user_id, workflow_id)
        looked = await guarding.looked(session, user_id, workflow_id, in_force) if in_force else None
        to_review = await trust.to_review(session, user_id, workflow_id)
        reviews = [await views.action(session, user_id, one.id) for one in to_review[:REVIEWS_SHOWN]]
        ran = await alone(session, user_id, workflow_id, reviews)
        standing = await trust.standing(session, user_id, workflow_id)
        settings = await trust.settings_of(session, user_id, workflow_id)
        lease = await trust.active_lease(session, user_id, workflow_id)
        rules = _by_rule(await guardrails.listed(session, user_id, workflow_id))
    uses = [named[item] for item in row.connections if item in named]
    return await own_page(
        request,
        visitor,
        "workflow.html",
        here="workflows",
        status=status,
        problem=problem,
        workflow=row,
        runs=runs,
        uses=uses,
        params=fields_of(playbook(row.playbook).schema(), row.params) if row.playbook in PLAYBOOKS else [],
        key=str(uuid4()),
        autonomous=row.trust_level == TrustLevel.AUTONOMOUS,
        in_force=in_force,
        looked=looked,
        standing=standing,
        settings=settings,
        gated=_gated({item.connector for item in uses}),
        lease=lease,
        lease_is_over=lease is not None and lease.expires_at <= datetime.now(UTC),
        terms=LeaseTerms(),
        reviews=reviews,
        to_review=len(to_review),
        autonomy=ran,
        rules=rules,
        rule_states=RULE_STATES,
        modes=MODES,
        longest=guardrails.MAX_SENTENCE,
        feed="all",
    )


@router.get("/workflows/{workflow_id}")
async def workflow(request: Request, workflow_id: UUID, visitor: VisitorDep) -> HTMLResponse:
    """One workflow with its trust, guardrails and runs."""
    return await workflow_page(request, visitor, workflow_id)


def _by_rule(rows: list[GuardrailRow]) -> list[list[GuardrailRow]]:
    """The versions of each guardrail, newest first; what is in force or waits before what is retired."""
    found: dict[UUID, list[GuardrailRow]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row)
    return sorted(found.values(), key=lambda versions: (_is_retired(versions), versions[-1].created_at))


def _is_retired(versions: list[GuardrailRow]) -> bool:
    return all(row.state == "retired" for row in versions)


def _gated(names: set[str]) -> list[GatedOperation[Any]]:
    return [
        operation
        for name in sorted(names & set(CONNECTORS))
        for operation in CONNECTORS[name].operations.values()
        if isinstance(operation, GatedOperation)
    ]


# -- guardrails --------------------------------------------------------------------------------------------------


@router.post("/workflows/{workflow_id}/guardrails")
async def write(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Compiles a sentence: to its page, where its reading is confirmed, or back with what is wrong with it."""
    sentence = text_of(form, "sentence").strip()
    guardrail_id = _id(text_of(form, "guardrail_id"))
    try:
        compiled, row = await guarding.proposed(visitor.parts, visitor.user_id, workflow_id, sentence, guardrail_id)
    except InvalidInput as error:
        return await _refused(request, visitor, workflow_id, guardrail_id, sentence, None, problem=error.message)
    except CocoError as error:
        return await _workflow_as_it_is(request, visitor, workflow_id, error)
    if row is None:
        return await _refused(request, visitor, workflow_id, guardrail_id, sentence, compiled)
    return RedirectResponse(f"/guardrails/{row.id}/versions/{row.version}", status_code=303)


async def _refused(
    request: Request,
    visitor: Visitor,
    workflow_id: UUID,
    guardrail_id: UUID | None,
    sentence: str,
    compiled: Compiled | None,
    *,
    problem: str = "",
) -> HTMLResponse:
    async with visitor.parts.reading(visitor.user_id) as session:
        row = await workflows.get(session, visitor.user_id, workflow_id)
    problems = compiled.problems if compiled else ()
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
        problems=problems,
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
        looked = await guarding.looked(session, user_id, row.workflow_id, [row])
        covered, held = await guarding.examples(session, user_id, row)
    form = Form.model_validate(row.form)
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
        mode=MODES[form.mode],
        limits=[(name, value) for name, value in told["limits"].items() if value is not None],
        state=RULE_STATES[row.state],
        workflow=owner,
        autonomous=owner.trust_level == TrustLevel.AUTONOMOUS,
        newest=newest.version,
        before=in_force[0] if in_force and in_force[0].version != version else None,
        relations=RELATIONS,
        never_applies=guarding.never_applies(row),
        looked=looked,
        covered=covered,
        held=held,
        longest=guardrails.MAX_SENTENCE,
        feed="",
    )


@router.get("/guardrails/{guardrail_id}/versions/{version}")
async def rule(request: Request, guardrail_id: UUID, version: int, visitor: VisitorDep) -> HTMLResponse:
    """One version of a guardrail: what it became, what it would have done, and, where it waits, its confirmation."""
    return await _rule_page(request, visitor, guardrail_id, version)


@router.post("/guardrails/{guardrail_id}/versions/{version}/confirm")
async def confirm(request: Request, guardrail_id: UUID, version: int, form: OwnForm, visitor: VisitorDep) -> Response:
    """The owner confirms the reading that the page showed."""
    try:
        row = await guarding.confirmed(visitor.parts, visitor.user_id, guardrail_id, version, text_of(form, "reading"))
    except CocoError as error:
        status = STATUS.get(error.code, 403)
        return await _rule_page(request, visitor, guardrail_id, version, status=status, problem=error.message)
    return RedirectResponse(f"/workflows/{row.workflow_id}#rules", status_code=303)


@router.post("/guardrails/{guardrail_id}/retire")
async def retire(guardrail_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """No version of it is in force any more."""
    async with visitor.parts.writing(visitor.user_id) as session:
        row = await guardrails.get(session, visitor.user_id, guardrail_id)
        await guardrails.retire(session, visitor.user_id, guardrail_id)
    return RedirectResponse(f"/workflows/{row.workflow_id}#rules", status_code=303)


# -- trust -------------------------------------------------------------------------------------------------------


@router.post("/workflows/{workflow_id}/graduate")
async def graduate(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Lets it run inside the guardrails that the page showed, for the time and the budgets given."""
    try:
        shown = frozenset(_version(str(item)) for item in form.getlist("rule"))
        await guarding.graduated(visitor.parts, visitor.user_id, workflow_id, _terms(form), shown)
    except CocoError as error:
        return await _workflow_as_it_is(request, visitor, workflow_id, error)
    return RedirectResponse(f"/workflows/{workflow_id}#trust", status_code=303)


@router.post("/workflows/{workflow_id}/take-back")
async def take_back(workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Back to asking for each action, at once. Repeating it changes nothing."""
    async with visitor.parts.writing(visitor.user_id) as session:
        await workflows.get(session, visitor.user_id, workflow_id)
        await trust.take_back(
            session, visitor.user_id, workflow_id, "Its owner took it back.", actor=f"user:{visitor.user_id}"
        )
    return RedirectResponse(f"/workflows/{workflow_id}#trust", status_code=303)


@router.post("/workflows/{workflow_id}/trust/settings")
async def change_settings(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Replaces how it may be trusted."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            row = await workflows.get(session, visitor.user_id, workflow_id)
            named = {str(item.id): item.connector for item in await connections.listed(session, visitor.user_id)}
            offered = {one.name for one in _gated({named[item] for item in row.connections if item in named})}
            reserved = {str(item) for item in form.getlist("reserved")}
            if not reserved <= offered:
                raise InvalidInput("reserved: choose among the operations offered")
            await trust.change_settings(
                session,
                visitor.user_id,
                workflow_id,
                runs_needed=_whole(form, "runs_needed", "Approved runs needed"),
                review_percent=_whole(form, "review_percent", "The share to review"),
                reserved_operations=sorted(reserved),
            )
    except CocoError as error:
        return await _workflow_as_it_is(request, visitor, workflow_id, error)
    return RedirectResponse(f"/workflows/{workflow_id}#trust", status_code=303)


@router.post("/actions/{action_id}/review")
async def review(request: Request, action_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """What the owner says afterwards of an action that ran alone."""
    async with visitor.parts.reading(visitor.user_id) as session:
        workflow_id = (await own(session, ActionRow, action_id, visitor.user_id, "action")).workflow_id
    try:
        verdict = ReviewVerdict(text_of(form, "verdict"))
    except ValueError as error:
        raise InvalidInput("verdict: ok, reject or undo") from error
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await trust.review(session, visitor.user_id, action_id, verdict, text_of(form, "reason"))
    except CocoError as error:
        return await _workflow_as_it_is(request, visitor, workflow_id, error)
    return RedirectResponse(f"/workflows/{workflow_id}#reviews", status_code=303)


@router.post("/actions/{action_id}/notice/seen")
async def seen(request: Request, action_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """The owner saw that the action will run, and lets it stand. Says so on the card; repeating it changes nothing."""
    async with visitor.parts.reading(visitor.user_id) as session:
        run_id = (await views.action(session, visitor.user_id, action_id)).run_id
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            notice = await trust.seen(session, visitor.user_id, action_id)
    except CocoError as error:
        status = STATUS.get(error.code, 403)
        return await card_page(request, visitor, run_id, status=status, problem=error.message)
    at = notice.not_before.astimezone(UTC)
    told = f"You let it stand. It runs at {at:%H:%M} UTC on {at.day} {at:%B} if the rule still covers it then."
    return await card_page(request, visitor, run_id, problem=told)


# -- forms -------------------------------------------------------------------------------------------------------


async def _workflow_as_it_is(request: Request, visitor: Visitor, workflow_id: UUID, error: CocoError) -> HTMLResponse:
    """The workflow's page, saying what was not done and why."""
    status = STATUS.get(error.code, 403)
    return await workflow_page(request, visitor, workflow_id, status=status, problem=error.message)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput("guardrail_id: the id of a guardrail") from error


def _version(text: str) -> tuple[UUID, int]:
    guardrail_id, _, version = text.partition("@")
    try:
        return UUID(guardrail_id), int(version)
    except ValueError as error:
        raise InvalidInput("rule: a guardrail and its version") from error


def _whole(form: FormData, name: str, title: str) -> int:
    text = text_of(form, name).strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise InvalidInput(f"{title}: a whole number")
    return int(text)


def _terms(form: FormData) -> LeaseTerms:
    """The lease's terms. Raises InvalidInput, saying which of them cannot be granted."""
    given = {
        "days": _whole(form, "days", "Days"),
        "actions": _whole(form, "actions", "Actions"),
        "credits": _whole(form, "credits", "Credits"),
    }
    try:
        return LeaseTerms.model_validate(given)
    except ValidationError as error:
        told = "; ".join(f"{one['loc'][0]}: {one['msg'].lower()}" for one in error.errors())
        raise InvalidInput(f"Nothing was changed. {told}") from error
