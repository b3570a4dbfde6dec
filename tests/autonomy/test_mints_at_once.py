"""Grants minted at the same moment by several control workers: the database counts them one after another."""

from __future__ import annotations

import asyncio
import contextlib
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.errors import Refused
from store import grants, runs, trust
from store.tables import ActionRow, EvaluationRow, GrantRow, Lease
from tests.autonomy.test_the_database_holds_it import Scene, scene_of
from tests.conftest import Postgres
from tests.store.test_who_may_write_what import action_for

AT_ONCE = 8


async def another(postgres: Postgres, scene: Scene, number: int) -> tuple[UUID, UUID, EvaluationRow]:
    """(run, action, verdict): covered, of a run of its own, and not minted."""
    who = scene.who
    body = action_for(who.connection, f"CTO {number}")
    async with postgres.api.user(who.id) as session:
        run = await runs.create_run(session, who.id, who.workflow)
    async with postgres.control.user(who.id) as session:
        action = ActionRow(
            user_id=who.id,
            run_id=run.id,
            workflow_id=who.workflow,
            connection_id=who.connection,
            key="a",
            operation="contacts.update",
            arguments={},
            body=body.as_json(),
            digest=body.digest(),
        )
        session.add(action)
        await session.flush()
        proof = EvaluationRow(
            user_id=who.id,
            action_id=action.id,
            digest=action.digest,
            guardrail_id=scene.rule.id,
            guardrail_version=1,
            lease_id=scene.lease,
            verdict="covered",
            facts={},
            why={"text": "covered", "clauses": []},
        )
        session.add(proof)
        await session.flush()
        await session.execute(text("UPDATE actions SET state = 'approved' WHERE id = :a"), {"a": action.id})
    return run.id, action.id, proof


async def mint_all(postgres: Postgres, scene: Scene) -> list[str]:
    """What became of `AT_ONCE` mints at once, each for an action of its own."""
    wanted = [await another(postgres, scene, number) for number in range(AT_ONCE)]

    async def mint(run: UUID, action: UUID, proof: EvaluationRow) -> str:
        try:
            async with postgres.control.user(scene.who.id) as session:
                await grants.mint(session, scene.who.id, run, action, 600, verdict=proof)
        except DBAPIError as error:
            return "budget" if "budget of the lease" in str(error) else str(error)
        return "minted"

    return await asyncio.gather(*(mint(*one) for one in wanted))


def set_budgets(postgres: Postgres, actions: int, most_credits: int) -> None:
    with postgres.connect() as owner:
        owner.execute("ALTER TABLE leases DISABLE TRIGGER check_lease")
        owner.execute("UPDATE leases SET actions_budget = %s, credits_budget = %s", (actions, most_credits))
        owner.execute("ALTER TABLE leases ENABLE TRIGGER check_lease")


async def used(postgres: Postgres, scene: Scene) -> tuple[int, int]:
    async with postgres.api.user(scene.who.id) as session:
        lease = await session.get_one(Lease, scene.lease)
    return lease.actions_used, lease.credits_used


async def test_no_more_actions_than_the_budget(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    set_budgets(postgres, 3, 1000)
    assert sorted(await mint_all(postgres, scene)) == ["budget"] * (AT_ONCE - 3) + ["minted"] * 3
    assert await used(postgres, scene) == (3, 9)


async def test_no_more_credits_than_the_budget(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    set_budgets(postgres, 100, 8)  # an action costs 3
    assert sorted(await mint_all(postgres, scene)) == ["budget"] * (AT_ONCE - 2) + ["minted"] * 2
    assert await used(postgres, scene) == (2, 6)


async def test_the_same_action_at_once_is_one_grant_counted_once(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    run, action, proof = await another(postgres, scene, 0)

    async def mint() -> UUID:
        async with postgres.control.user(scene.who.id) as session:
            claims = await grants.mint(session, scene.who.id, run, action, 600, verdict=proof)
        assert claims is not None
        return claims.jti

    assert len(set(await asyncio.gather(*(mint() for _ in range(AT_ONCE))))) == 1
    assert await used(postgres, scene) == (1, 3)


async def test_a_take_back_among_the_mints_leaves_none_after_it(postgres: Postgres) -> None:
    """Whatever order they come in: no grant is newer than the lease's end, and none was minted without it."""
    scene = await scene_of(postgres)
    set_budgets(postgres, 100, 1000)
    wanted = [await another(postgres, scene, number) for number in range(AT_ONCE)]

    async def mint(run: UUID, action: UUID, proof: EvaluationRow) -> None:
        # Before the end of the lease it is minted, after it the action is not approved any more.
        with contextlib.suppress(Refused):
            async with postgres.control.user(scene.who.id) as session:
                await grants.mint(session, scene.who.id, run, action, 600, verdict=proof)

    async def take_back() -> None:
        async with postgres.api.user(scene.who.id) as session:
            assert await trust.take_back(session, scene.who.id, scene.who.workflow, "stop", actor="user:x")

    await asyncio.gather(*(mint(*one) for one in wanted[:4]), take_back(), *(mint(*one) for one in wanted[4:]))
    async with postgres.api.user(scene.who.id) as session:
        counted = (await session.execute(text("SELECT count(*) FROM grants"))).scalar_one()
        approved = (await session.execute(text("SELECT count(*) FROM actions WHERE state = 'approved'"))).scalar_one()
        assert approved == 0, "nothing that was covered is left to be sent"
    assert (await used(postgres, scene))[0] == counted
    for one in wanted:
        with pytest.raises(DBAPIError, match="no guardrail covers"):
            await insert_grant(postgres, scene, *one)


async def insert_grant(postgres: Postgres, scene: Scene, run: UUID, action: UUID, proof: EvaluationRow) -> None:
    """What a control worker could try past its own code."""
    async with postgres.control.user(scene.who.id) as session:
        session.add(
            GrantRow(
                user_id=scene.who.id,
                run_id=run,
                action_id=action,
                digest=proof.digest,
                prior_digest="",
                guardrail_id=scene.rule.id,
                guardrail_version=1,
                credits=3,
                issued_at=proof.at,
                expires_at=proof.at,
            )
        )
        await session.flush()
