"""The one place where tiers are enforced: called by whatever makes one more of what a tier counts."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.connections import ConnectionState
from coco.errors import NotFound
from coco.tiers import TIERS, Feature, Limit, Tier, has, within_limit
from coco.trust import TrustLevel
from store import accounts, audit, locks
from store.database import Database
from store.tables import Connection, ScheduleRow, User, Workflow


async def tier_of(session: AsyncSession, user_id: UUID) -> Tier:
    """A user's tier. Raises NotFound."""
    found = await session.execute(select(col(User.tier)).where(col(User.id) == user_id))
    tier = found.scalar_one_or_none()
    if tier is None:
        raise NotFound("There is no such account.")
    return Tier(tier)


async def check_room(session: AsyncSession, user_id: UUID, limit: Limit) -> None:
    """Raises Refused (TIER) where the user's tier has no room for one more.

    Holds a lock until the transaction ends, so that two at once do not both take the last place.
    """
    await locks.until_commit(session, f"tier:{user_id}")
    within_limit(await tier_of(session, user_id), limit, await count(session, user_id, limit))


async def check_feature(session: AsyncSession, user_id: UUID, feature: Feature) -> None:
    """Raises Refused (TIER) where the user's tier lacks the feature."""
    has(await tier_of(session, user_id), feature)


async def check_team_feature(session: AsyncSession, team_id: UUID, feature: Feature) -> None:
    """Raises Refused (TIER) where no owner of a team of the session's person has a tier with the feature."""
    found = await session.execute(text("SELECT coco_team_tiers(:t)"), {"t": team_id})
    owners = [Tier(name) for name in found.scalars()]
    has(next((tier for tier in owners if feature in TIERS[tier].features), Tier.FREE), feature)


async def count(session: AsyncSession, user_id: UUID, limit: Limit) -> int:
    """How many there are of what the limit counts."""
    match limit:
        case Limit.WORKFLOWS:
            query = select(func.count()).select_from(Workflow).where(col(Workflow.archived_at).is_(None))
            query = query.where(col(Workflow.user_id) == user_id)
        case Limit.AUTONOMOUS:
            query = select(func.count()).select_from(Workflow).where(col(Workflow.user_id) == user_id)
            query = query.where(col(Workflow.trust_level) == TrustLevel.AUTONOMOUS.value)
        case Limit.CONNECTIONS:
            query = select(func.count()).select_from(Connection).where(col(Connection.user_id) == user_id)
            query = query.where(col(Connection.state) != ConnectionState.REVOKED.value)
        case Limit.SCHEDULES:
            query = select(func.count()).select_from(ScheduleRow).where(col(ScheduleRow.user_id) == user_id)
            query = query.where(col(ScheduleRow.state) != "deleted")
    return int((await session.execute(query)).scalar_one())


async def set_tier(owner: Database, email: str, tier: Tier) -> Tier:
    """Moves an account to a tier, over the owner's connection: no process of Coco's may do this. An entry of its audit
    says so where the tier is another one.

    What is there already stays, even above the limits. Returns the tier before; raises NotFound.
    """
    user_id = await accounts.id_of(owner, email)
    if user_id is None:
        raise NotFound(f"There is no account for {email}; sign up first.")
    async with owner.user(user_id) as session:
        await locks.until_commit(session, f"tier:{user_id}")
        before = await tier_of(session, user_id)
        if before is not tier:
            await session.execute(update(User).where(col(User.id) == user_id).values(tier=tier.value))
            body = {"from": before.value, "to": tier.value}
            await audit.append(session, user_id, AuditKind.TIER_CHANGED, actor="operator", body=body)
    return before
