"""Rules that a language model proposes for sentences that were refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.public import proposing
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.guardrails import Sentence
from api.public.rest.models import Given, Told
from store import guardrail_proposals
from store.tables_asking import GuardrailProposal

router = APIRouter(tags=["guardrails"])


class ProposalIn(Given):
    sentence: Sentence
    guardrail_id: UUID | None = None
    """The guardrail of which this is to be the next version; none for a new one."""
    connection_id: UUID | None = None
    """The connection to ask; without it, by the rule in docs/guardrails.md."""
    model: Annotated[str, Field(max_length=120)] = ""
    """As its provider calls it; without it, by the same rule."""


class ProposalOut(Told):
    id: UUID
    workflow_id: UUID
    sentence: str
    state: str
    """asking, proposed (the version waits for its confirmation) or refused"""
    guardrail_id: UUID | None
    version: int | None
    """Of the guardrail, once proposed."""
    reason: str
    """Why no rule came of it."""
    created_at: datetime
    finished_at: datetime | None


@router.post("/workflows/{workflow_id}/guardrails/proposals", status_code=201)
async def ask_model_for_rule(workflow_id: UUID, body: ProposalIn, user: BearerUser, parts: PartsDep) -> ProposalOut:
    """Asks a language model, over a connection of the user's, for a rule that says what a refused sentence means.

    What it proposes is compiled and checked like any sentence, is marked, and covers nothing until it is confirmed.
    """
    return _out(
        await proposing.asked(
            parts,
            user.user_id,
            workflow_id,
            body.sentence,
            guardrail_id=body.guardrail_id,
            connection_id=body.connection_id,
            model=body.model,
        )
    )


@router.get("/workflows/{workflow_id}/guardrails/proposals")
async def list_proposals(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> list[ProposalOut]:
    """What models were asked for, newest first, fifty at most."""
    async with parts.reading(user.user_id) as session:
        return [_out(row) for row in await guardrail_proposals.listed(session, user.user_id, workflow_id)]


@router.post("/guardrails/proposals/{proposal_id}/look")
async def look_at_proposal(proposal_id: UUID, user: BearerUser, parts: PartsDep) -> ProposalOut:
    """Takes the model's answer where it has come by now; repeating it changes nothing more."""
    return _out(await proposing.awaited(parts, user.user_id, proposal_id))


def _out(row: GuardrailProposal) -> ProposalOut:
    return ProposalOut(**row.model_dump(exclude={"user_id", "asks", "asked"}))
