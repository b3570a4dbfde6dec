"""Effects: the record that makes an action's sending happen at most once.

Order of things: the sending lock is taken; the grant is spent and the effect row inserted in one transaction; the
request is sent; the response is kept; the lock is let go. An effect that says `sending` while nobody holds its lock
is one whose sender died: nobody knows what became of it, and nobody sends it again.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.errors import Code, Refused
from coco.grants import GrantClaims
from coco.requests import ProviderResponse
from store import approvals, locks
from store.reads import usable, used
from store.runs import FINAL_RUN_STATES
from store.tables import ActionRow, DriftRow, EffectRow, GrantRow, Run, utc_now

Outcome = Literal["done", "failed", "unknown", "turned_away"]
"""`turned_away`: it certainly did not take effect, and the same request may be sent again."""

SENDER_DIED = "the gateway stopped while it was being sent"


def sending_lock(dsn: str, action_id: UUID, seconds: float) -> AbstractAsyncContextManager[None]:
    """Held from before an action's grant is spent until its response is kept, across every gateway.

    Raises CocoError (UNAVAILABLE) where somebody else holds it for longer than `seconds`.
    """
    return locks.held(dsn, f"effect:{action_id}", seconds, busy="the action is being sent")


async def begin(session: AsyncSession, user_id: UUID, claims: GrantClaims, request_digest: str) -> None:
    """Spends the grant and opens the effect, in the caller's transaction, which must be committed before sending.

    Everything that could have changed since the grant was checked is checked again under locks: a cancel, a decision
    pause or a revoked connection that commits first wins; so does whatever makes an approval count no more. An effect
    that was turned away is opened again, by its own grant or a later one. Raises Refused: RUN_CANCELLED, RUN_PAUSED,
    CONNECTION_UNUSABLE, FORBIDDEN, GRANT_EXPIRED, GRANT_SPENT.
    """
    run = (
        await session.execute(
            select(Run).where(col(Run.id) == claims.run, col(Run.user_id) == user_id).with_for_update(read=True)
        )
    ).scalar_one()
    if run.cancel_requested_at is not None or run.state in FINAL_RUN_STATES:
        raise Refused("the run was cancelled or has ended", code=Code.RUN_CANCELLED)
    if run.paused_at is not None:
        raise Refused("the run is paused", code=Code.RUN_PAUSED)
    action = (
        await session.execute(
            select(ActionRow.state, ActionRow.connection_id, ActionRow.digest).where(  # type: ignore[call-overload]
                col(ActionRow.id) == claims.action, col(ActionRow.user_id) == user_id
            )
        )
    ).one()
    if action.state != ActionState.APPROVED or action.digest != claims.digest:
        raise Refused("the action is not approved (any more)", code=Code.FORBIDDEN)
    if not (await approvals.standing(session, claims.action)).is_approved:
        raise Refused("the approvals are not what the rule of the workflow asks for any more", code=Code.FORBIDDEN)
    await usable(session, user_id, action.connection_id, gated=True)
    if await _begin_again(session, user_id, claims):
        return
    await _spend(session, user_id, claims)
    opened = await session.execute(
        insert(EffectRow)
        .values(
            action_id=claims.action,
            user_id=user_id,
            jti=claims.jti,
            state="sending",
            request_digest=request_digest,
            detail={},
            started_at=utc_now(),
        )
        .on_conflict_do_nothing()
        .returning(col(EffectRow.action_id))
    )
    if opened.first() is None:
        raise Refused("the action was sent before", code=Code.GRANT_SPENT)


async def _begin_again(session: AsyncSession, user_id: UUID, claims: GrantClaims) -> bool:
    """Opens an effect that was turned away, once. False where there is none."""
    query = select(EffectRow).where(col(EffectRow.action_id) == claims.action, col(EffectRow.user_id) == user_id)
    effect = (
        await session.execute(query.with_for_update().execution_options(populate_existing=True))
    ).scalar_one_or_none()
    if effect is None or effect.state != "turned_away":
        return False
    if effect.jti != claims.jti:
        await _spend(session, user_id, claims)
    elif claims.exp <= utc_now().timestamp():
        raise Refused("the grant has expired", code=Code.GRANT_EXPIRED)
    await session.execute(
        update(EffectRow)
        .where(col(EffectRow.action_id) == claims.action)
        .values(state="sending", jti=claims.jti, response=None, detail={}, started_at=utc_now(), finished_at=None)
    )
    return True


async def _spend(session: AsyncSession, user_id: UUID, claims: GrantClaims) -> None:
    now = utc_now()
    if claims.exp <= now.timestamp():
        raise Refused("the grant has expired", code=Code.GRANT_EXPIRED)
    spent = await session.execute(
        update(GrantRow)
        .where(col(GrantRow.jti) == claims.jti, col(GrantRow.user_id) == user_id)
        .where(col(GrantRow.action_id) == claims.action, col(GrantRow.digest) == claims.digest)
        .where(col(GrantRow.spent_at).is_(None))
        .values(spent_at=now)
        .returning(col(GrantRow.jti))
    )
    if spent.first() is None:
        raise Refused("the grant was spent before", code=Code.GRANT_SPENT)


async def keep(
    session: AsyncSession,
    user_id: UUID,
    claims: GrantClaims,
    state: Outcome,
    response: ProviderResponse | None,
    detail: dict[str, Any],
) -> None:
    """Keeps what became of a sending. A certain outcome may still replace `unknown`, never another certain one."""
    await session.execute(
        update(EffectRow)
        .where(col(EffectRow.action_id) == claims.action, col(EffectRow.user_id) == user_id)
        .where(col(EffectRow.jti) == claims.jti, col(EffectRow.state).in_(["sending", "unknown"]))
        .values(
            state=state,
            response=None if response is None else response.model_dump(mode="json"),
            detail=detail,
            finished_at=utc_now(),
        )
    )
    action = await session.get_one(ActionRow, claims.action)
    await used(session, action.connection_id)


async def stale(session: AsyncSession, user_id: UUID, seconds: float) -> list[UUID]:
    """Actions that have been `sending` for longer than `seconds`."""
    found = await session.execute(
        select(col(EffectRow.action_id))
        .where(col(EffectRow.user_id) == user_id, col(EffectRow.state) == "sending")
        .where(col(EffectRow.started_at) < utc_now() - timedelta(seconds=seconds))
    )
    return list(found.scalars())


async def give_up(session: AsyncSession, user_id: UUID, action_id: UUID) -> None:
    """Marks an effect unknown whose sender died. Hold its sending lock."""
    await session.execute(
        update(EffectRow)
        .where(col(EffectRow.action_id) == action_id, col(EffectRow.user_id) == user_id)
        .where(col(EffectRow.state) == "sending")
        .values(state="unknown", detail={"problem": SENDER_DIED}, finished_at=utc_now())
    )


async def drifted(session: AsyncSession, user_id: UUID, claims: GrantClaims, read_id: UUID) -> None:
    """Records that the record changed: spends the grant without sending. Raises Refused as `begin` does."""
    effect = await session.get(EffectRow, claims.action, populate_existing=True)
    if effect is None or effect.jti != claims.jti:
        await _spend(session, user_id, claims)
    row = insert(DriftRow).values(action_id=claims.action, user_id=user_id, read_id=read_id, at=utc_now())
    await session.execute(row.on_conflict_do_nothing())
