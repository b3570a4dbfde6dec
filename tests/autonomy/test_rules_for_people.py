"""A workflow whose rule asks for people is let run by no guardrail: neither minted, nor sent by a grant from before."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from coco.errors import Refused
from store import effects
from tests.autonomy.test_the_database_holds_it import Scene, approve_by_rule, mint, scene_of, verdict
from tests.conftest import Postgres


def ask_for_two(postgres: Postgres, scene: Scene) -> None:
    """As its owner sets it where there is a team; here nobody else is needed."""
    with postgres.connect() as owner:
        owner.execute(
            "INSERT INTO approval_rules (workflow_id, version, user_id, people, not_requester, set_by, at) "
            "VALUES (%s, 1, %s, 2, false, %s, now())",
            (scene.who.workflow, scene.who.id, scene.who.id),
        )


async def test_no_guardrail_opens_what_people_must_approve(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    proof = await verdict(postgres, scene)
    await approve_by_rule(postgres, scene)
    before = await mint(postgres, scene, proof)
    ask_for_two(postgres, scene)
    with pytest.raises(IntegrityError, match="asks for people"):
        await mint(postgres, scene, proof)
    with pytest.raises(Refused, match="approvals are not"):
        async with postgres.gateway.user(scene.who.id) as session:
            await effects.begin(session, scene.who.id, before, "0" * 64)
