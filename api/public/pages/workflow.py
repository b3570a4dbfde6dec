"""A workflow's own page: how far it is trusted, its guardrails, what starts it, its runs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from activities.playbooks import PLAYBOOKS, playbook
from api.errors import status_of
from api.public import guarding
from api.public.pages import wording
from api.public.pages.alone import DIGEST_OF, alone
from api.public.pages.render import own_page
from api.public.pages.schema_forms import fields_of
from api.public.pages.typed import NOTHING, Typed
from api.public.pages.visitor import Visitor, VisitorDep
from coco.errors import CocoError
from coco.guardrails.proposer import MARK
from coco.schedule_times import upcoming
from coco.schedules import Plan
from coco.trust import LeaseTerms, TrustLevel
from store import alone as worked_alone
from store import (
    approvals,
    connections,
    escalations,
    guardrails,
    model_calls,
    schedules,
    teams,
    trust,
    views,
    workflows,
)
from store.tables import GuardrailRow, ScheduleRow
from store.teams import Member

router = APIRouter(include_in_schema=False)

REVIEWS_SHOWN = 10
TIMES_SHOWN = 3


async def workflow_page(
    request: Request,
    visitor: Visitor,
    workflow_id: UUID,
    *,
    status: int = 200,
    problem: str = "",
    typed: Typed = NOTHING,
    secret: dict[str, str] | None = None,
) -> HTMLResponse:
    """A workflow as it stands, and what went wrong where something did, with the input kept. `secret` is a webhook's,
    shown this once: {"id", "address", "secret"}. Raises NotFound."""
    user_id = visitor.user_id
    now = datetime.now(UTC)
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
        asks_model = await model_calls.may_ask(session, row)
        lease = await trust.active_lease(session, user_id, workflow_id)
        ended = await worked_alone.last_ended(session, user_id, workflow_id)
        digests = await worked_alone.digests(session, user_id, now - DIGEST_OF, workflow_id=workflow_id)
        rules = _by_rule(await guardrails.listed(session, user_id, workflow_id))
        timed = await schedules.listed(session, user_id, workflow_id)
        hooks = await worked_alone.hooks(session, user_id, workflow_id)
        rule = await approvals.rule_of(session, user_id, workflow_id)
        roles = await approvals.approvers(session, workflow_id)
        people = await teams.members(session, row.team_id) if row.team_id is not None else []
        escalation = await escalations.rule_of(session, user_id, workflow_id)
    uses = [named[item] for item in row.connections if item in named]
    return await own_page(
        request,
        visitor,
        "workflow.html",
        here="workflows",
        status=status,
        problem=problem,
        typed=typed,
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
        asks_model=asks_model,
        gated=guarding.gated({item.connector for item in uses}),
        lease=lease,
        lease_is_over=lease is not None and lease.expires_at <= now,
        ended=ended if lease is None else None,
        digests=digests,
        terms=LeaseTerms(),
        reviews=reviews,
        to_review=len(to_review),
        autonomy=ran,
        rules=rules,
        mark=MARK,
        timed=[(one, _times(one, now)) for one in timed],
        may_add_times=len(timed) < schedules.MAX_PER_WORKFLOW,
        hooks=hooks,
        rule=rule,
        own_role=roles.get(user_id),
        deciders=[(one.name or one.email, roles[one.user_id]) for one in people if one.user_id in roles],
        escalation=escalation,
        escalation_choices=_choices(people, roles, user_id),
        team_names={one.user_id: one.name or one.email for one in people},
        secret=secret,
        longest=guardrails.MAX_SENTENCE,
        feed="all",
    )


async def as_it_is(
    request: Request, visitor: Visitor, workflow_id: UUID, error: CocoError, typed: Typed = NOTHING
) -> HTMLResponse:
    """The workflow's page, saying what was not done and why."""
    status = status_of(error)
    return await workflow_page(request, visitor, workflow_id, status=status, problem=error.message, typed=typed)


@router.get("/workflows/{workflow_id}")
async def workflow(request: Request, workflow_id: UUID, visitor: VisitorDep) -> HTMLResponse:
    """One workflow with its trust, guardrails, schedules and runs."""
    return await workflow_page(request, visitor, workflow_id)


def _choices(people: list[Member], roles: Collection[UUID], owner: UUID) -> list[tuple[str, str]]:
    """Before whom a card may be put: (value, words) of people who may decide, and of their roles in the team."""
    others = [one for one in people if one.user_id in roles and one.user_id != owner]
    kinds = [role for role in escalations.ROLES if any(one.role is role for one in others)]
    return [(f"person:{one.user_id}", one.name or one.email) for one in others] + [
        (f"role:{role.value}", f"everybody who is {wording.with_article(role.value)}") for role in kinds
    ]


def _times(row: ScheduleRow, now: datetime) -> list[datetime]:
    return upcoming(Plan.model_validate(row.plan), now, TIMES_SHOWN) if row.state == "active" else []


def _by_rule(rows: list[GuardrailRow]) -> list[list[GuardrailRow]]:
    """The versions of each guardrail, newest first; what is in force or waits before what is retired."""
    found: dict[UUID, list[GuardrailRow]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row)
    return sorted(found.values(), key=lambda versions: (_is_retired(versions), versions[-1].created_at))


def _is_retired(versions: list[GuardrailRow]) -> bool:
    return all(row.state == "retired" for row in versions)
