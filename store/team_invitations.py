"""Invitations into a team: to one address, with a token that is told once, for a week."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import Code, NotFound, Refused
from coco.teams import INVITATION_LASTS, Permission, Role, may_give
from coco.tiers import Feature
from store import teams, tiers
from store.tables import TeamInvitation, utc_now

_READABLE = [col(getattr(TeamInvitation, name)) for name in TeamInvitation.model_fields if name != "token_sha256"]
"""The digest of the token is no role's to read."""


async def invite(session: AsyncSession, user_id: UUID, team_id: UUID, email: str, role: Role) -> tuple[UUID, str]:
    """Invites an address, given in lower case: (the invitation's id, its token, which is kept nowhere).

    Raises NotFound, Refused (FORBIDDEN, TIER).
    """
    own_role = await teams.require(session, team_id, user_id, Permission.MANAGE)
    if not may_give(own_role, role):
        raise Refused(
            f"Nothing was changed: your role ({own_role}) does not let you make somebody {role}.", code=Code.FORBIDDEN
        )
    await tiers.check_team_feature(session, team_id, Feature.SHARED_WORKFLOWS)
    invitation_id, token = uuid4(), secrets.token_urlsafe(32)
    now = utc_now()
    values = {"id": invitation_id, "team_id": team_id, "email": email, "role": role.value, "invited_by": user_id}
    values |= {"token_sha256": _digest(token), "created_at": now, "expires_at": now + INVITATION_LASTS}
    await session.execute(insert(TeamInvitation).values(**values).inline())
    # The address stands in the invitation alone: whose it is may be erased, and an entry could not.
    body = {"team": str(team_id), "invitation": str(invitation_id), "role": role.value}
    await teams.tell(session, user_id, AuditKind.TEAM_INVITED, body)
    return invitation_id, token


async def open_ones(session: AsyncSession, team_id: UUID) -> list[TeamInvitation]:
    """Invitations that may still be accepted, newest first, without their tokens; those that the person may give."""
    rows = await session.execute(
        select(*_READABLE)
        .where(col(TeamInvitation.team_id) == team_id, col(TeamInvitation.expires_at) > utc_now())
        .where(col(TeamInvitation.accepted_at).is_(None), col(TeamInvitation.revoked_at).is_(None))
        .order_by(col(TeamInvitation.created_at).desc(), col(TeamInvitation.id))
    )
    return [TeamInvitation(**row, token_sha256="") for row in rows.mappings()]


async def revoke(session: AsyncSession, user_id: UUID, team_id: UUID, invitation_id: UUID) -> None:
    """Nobody joins by it any more. Repeating it changes nothing. Raises NotFound, Refused (FORBIDDEN)."""
    await teams.require(session, team_id, user_id, Permission.MANAGE)
    found = await session.execute(
        select(col(TeamInvitation.accepted_at), col(TeamInvitation.revoked_at)).where(
            col(TeamInvitation.id) == invitation_id, col(TeamInvitation.team_id) == team_id
        )
    )
    row = found.one_or_none()
    if row is None or row.accepted_at is not None:
        raise NotFound("There is no such invitation.")
    if row.revoked_at is not None:
        return
    await session.execute(
        update(TeamInvitation)
        .where(col(TeamInvitation.id) == invitation_id, col(TeamInvitation.revoked_at).is_(None))
        .values(revoked_at=utc_now())
    )
    body = {"team": str(team_id), "invitation": str(invitation_id)}
    await teams.tell(session, user_id, AuditKind.TEAM_INVITATION_REVOKED, body)


async def accept(session: AsyncSession, user_id: UUID, token: str) -> UUID:
    """Joins the team that a token invites into; its id.

    Raises Refused (FORBIDDEN) for a token that does not hold, and alike for one of another address than the person's.
    """
    team_id: UUID = await teams.ask(session, "coco_team_join(:token)", token=_digest(token))
    role = await teams.membership(session, team_id, user_id)
    await teams.tell(
        session, user_id, AuditKind.TEAM_JOINED, {"team": str(team_id), "role": role.value if role else ""}
    )
    return team_id


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
