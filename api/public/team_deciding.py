"""What a person says of actions of their team's shared workflows: the same for the REST API and the pages."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.public.deciding import kept_text
from api.public.parts import Parts
from coco.decisions import Verdict
from coco.errors import InvalidInput
from store import team_decisions, views


@dataclass(frozen=True)
class Said:
    """What somebody of a team said of an action that their page, or their program, showed by this digest."""

    verdict: Verdict
    digest: str
    reason: str = ""
    delegation_id: UUID | None = None
    """By whose delegation they approve, where not for themselves."""


async def decide(parts: Parts, user_id: UUID, team_id: UUID, action_id: UUID, said: Said) -> views.ActionView:
    """Writes it, and wakes the run: it goes on where this was the last approval that it waited for.

    Raises NotFound, InvalidInput, Refused (FORBIDDEN, CONNECTION_UNUSABLE), Conflict (late, doubled, another digest).
    """
    reason = kept_text(said.reason, "reason")
    async with parts.writing(user_id) as session:
        if said.verdict is Verdict.APPROVE:
            row = await team_decisions.approve(
                session, user_id, team_id, action_id, said.digest, delegation_id=said.delegation_id
            )
        elif said.verdict is Verdict.REJECT:
            row = await team_decisions.reject(session, user_id, team_id, action_id, said.digest, reason)
        else:
            raise InvalidInput("verdict: approve or reject")
        view = await team_decisions.shown(session, team_id, row)
    parts.waker.wake(row.user_id, row.run_id)
    return view


async def waiting(parts: Parts, user_id: UUID) -> list[team_decisions.Waiting]:
    """What waits for a person in all their teams, oldest run first."""
    async with parts.reading(user_id) as session:
        ids = await team_decisions.teams_waiting(session)
    found = []
    for team_id in ids:
        async with parts.team(user_id, team_id) as session:
            found += await team_decisions.waiting(session, user_id, team_id)
    return sorted(found, key=lambda one: (one.run.created_at, one.run.id))


async def run_of(parts: Parts, user_id: UUID, team_id: UUID, action_id: UUID) -> UUID | None:
    """The run of an action that the person sees in a team; None where they see no such one."""
    async with parts.team(user_id, team_id) as session:
        return await team_decisions.run_of(session, user_id, team_id, action_id)
