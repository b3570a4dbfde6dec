"""What members see of shared workflows, and starting one. Reading is by a session that names the team
(store.database.Database.team), which shows what is shared and nothing else of anybody's."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.errors import CocoError, Code, Conflict, NotFound
from coco.teams import Permission
from coco.tiers import Feature
from store import runs, teams, tiers, views
from store.tables import Run, Workflow, utc_now

_SHARED = func.coco_shared_here().table_valued("workflow_id", "since").alias("shared")
"""What is shared with the session's team, and since when."""
MAX_STARTS_PER_HOUR = 60
"""Runs of one workflow that others than its person start, as webhooks do. The database holds it too
(store.migrations.stays_erased)."""


async def workflows(session: AsyncSession, user_id: UUID, team_id: UUID) -> list[Workflow]:
    """The workflows that are shared with a team, by title. Raises NotFound, Refused (FORBIDDEN)."""
    await teams.require(session, team_id, user_id, Permission.SEE)
    rows = await session.execute(
        select(Workflow)
        .join(_SHARED, _SHARED.c.workflow_id == col(Workflow.id))
        .order_by(col(Workflow.title), col(Workflow.id))
    )
    return list(rows.scalars())


async def listed(
    session: AsyncSession,
    user_id: UUID,
    team_id: UUID,
    *,
    workflow_id: UUID | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> views.Page[views.RunView]:
    """The runs of shared workflows since they were shared, of every member, newest first.

    Raises NotFound, Refused (FORBIDDEN), InvalidInput for a cursor that was not given out.
    """
    await teams.require(session, team_id, user_id, Permission.RUNS)
    query = (
        select(Run, Workflow)
        .join(Workflow, col(Workflow.id) == col(Run.workflow_id))
        .join(_SHARED, _SHARED.c.workflow_id == col(Run.workflow_id))
        .where(col(Run.created_at) >= _SHARED.c.since)
        .order_by(col(Run.created_at).desc(), col(Run.id).desc())
        .limit(limit + 1)
    )
    if workflow_id is not None:
        query = query.where(col(Run.workflow_id) == workflow_id)
    if cursor is not None:
        query = query.where(tuple_(col(Run.created_at), col(Run.id)) < views.from_cursor(cursor))
    found = [(row[0], row[1]) for row in (await session.execute(query)).all()]
    by_owner: dict[UUID, list[tuple[Run, Workflow]]] = defaultdict(list)
    for run, workflow in found[:limit]:
        by_owner[run.user_id].append((run, workflow))
    told = {view.id: view for owner, pairs in by_owner.items() for view in await views.run_views(session, owner, pairs)}
    items = [told[run.id] for run, _ in found[:limit]]
    more = len(found) > limit
    return views.Page(items=items, next=views.to_cursor(items[-1].created_at, items[-1].id) if more else None)


async def card(session: AsyncSession, user_id: UUID, team_id: UUID, run_id: UUID) -> tuple[UUID, views.CardView]:
    """(whose it is, the whole card) of a run that is shared. Raises NotFound, Refused (FORBIDDEN)."""
    await teams.require(session, team_id, user_id, Permission.RUNS)
    found = await session.execute(select(col(Run.user_id)).where(col(Run.id) == run_id, text("coco_sees_run(runs.id)")))
    owner = found.scalar_one_or_none()
    if owner is None:
        raise NotFound("There is no such run.")
    return owner, await views.card(session, owner, run_id)


async def start(
    session: AsyncSession, user_id: UUID, team_id: UUID, workflow_id: UUID, *, run_id: UUID | None = None
) -> Run:
    """Starts a shared workflow as it is set up: a run of its own person's, in their sandbox, by their connections and
    credits, which says who asked for it.

    Raises NotFound, Refused (FORBIDDEN, TIER), Conflict for an archived one, CocoError (UNAVAILABLE) where others than
    its person started too many.
    """
    await teams.require(session, team_id, user_id, Permission.START)
    await tiers.check_team_feature(session, team_id, Feature.SHARED_WORKFLOWS)
    asked = await session.execute(text("SELECT coco_team_start(:t, :w)"), {"t": team_id, "w": workflow_id})
    owner = asked.scalar_one()
    if owner is None:
        raise NotFound("There is no such workflow in this team.")
    async with teams.acting_for(session, owner, user_id):
        if run_id is not None and (there := await session.get(Run, run_id)) is not None:
            if there.workflow_id != workflow_id:
                raise Conflict("Nothing was started: this idempotency key was used for another run.")
            return there
        requester = user_id if user_id != owner else None
        if requester is not None and await _started_lately(session, owner, workflow_id) >= MAX_STARTS_PER_HOUR:
            raise CocoError(
                f"Nothing was started: people of the team started {MAX_STARTS_PER_HOUR} runs of this workflow in the "
                "last hour.",
                code=Code.UNAVAILABLE,
            )
        return await runs.create_run(session, owner, workflow_id, run_id=run_id, requested_by=requester)


async def _started_lately(session: AsyncSession, owner: UUID, workflow_id: UUID) -> int:
    found = await session.execute(
        select(func.count())
        .select_from(Run)
        .where(col(Run.user_id) == owner, col(Run.workflow_id) == workflow_id, col(Run.requested_by).is_not(None))
        .where(col(Run.created_at) > utc_now() - timedelta(hours=1))
    )
    return int(found.scalar_one())
