"""Plans as sandboxes hand them in."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from coco.errors import Conflict
from coco.plans import PlanDraft
from store.runs import get_run
from store.tables import PlanDraftRow, utc_now


async def submit(session: AsyncSession, user_id: UUID, run_id: UUID, revision: int, draft: PlanDraft) -> None:
    """Keeps a draft for the control side to check. The first one of a revision stays; handing in again is no error.

    Raises NotFound, Conflict for a revision that is not the next one.
    """
    if await session.get(PlanDraftRow, (run_id, revision)) is not None:
        return
    run = await get_run(session, user_id, run_id)
    if revision != run.revision + 1:
        raise Conflict("The plan is not the next one of its run.")
    row = insert(PlanDraftRow).values(
        run_id=run_id, revision=revision, user_id=user_id, body=draft.model_dump(mode="json"), at=utc_now()
    )
    await session.execute(row.on_conflict_do_nothing())
