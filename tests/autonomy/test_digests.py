"""One digest for each run in which something ran alone: what was done, what is left, and where to look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col

from coco.digests import MOST_ITEMS, Item, Part, digest_of
from store import runs
from store.tables import Event
from tests.api.conftest import ada, eve
from tests.api.people import Person, code
from tests.autonomy.scenes import RULE, compiled, completes, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

__all__ = ["ada", "eve"]

SignIn = Callable[[World], Awaitable[Person]]
CRM = {"1": new_contact(), "2": new_contact(tags="event"), "3": new_contact()}


async def told(world: World) -> list[Event]:
    async with world.postgres.api.user(world.user_id) as session:
        rows = await session.execute(select(Event).where(col(Event.kind) == "digest").order_by(col(Event.id)))
        return list(rows.scalars())


async def start_as(world: World, actor: str) -> UUID:
    async with world.postgres.control.user(world.user_id) as session:
        run = await runs.create_run(session, world.user_id, world.workflow_id, actor=actor)
    world.started.append(run.id)
    await world.deliver()
    return run.id


async def test_a_scheduled_run_is_told_of_once(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn, eve: Person
) -> None:
    plan = completes("1", "2", "3")
    async with a_world(postgres, temporal, plan=plan, perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        [rule] = await graduate(world)
        assert await owner.get("/digests") == [], "a run that a person decided on has nothing to tell"
        run_id = await start_as(world, f"schedule:{uuid4()}")
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        [shown] = await owner.get("/digests?unseen=true")
        digest = shown["digest"]
        assert (digest["run_id"], digest["started_by"]) == (str(run_id), "schedule")
        assert digest["counts"] == {"done": 2, "failed": 0, "unknown": 0, "told": 0, "waiting": 1}
        assert digest["headline"] == "2 done inside its guardrails; 1 wait for your approval"
        assert digest["credits"] == 2
        first, second, third = await world.actions(run_id)
        assert [item["action_id"] for item in digest["items"]] == [str(first.id), str(third.id), str(second.id)]
        assert digest["items"][0]["guardrail"] == f"{rule.reading} (version 1)"
        assert digest["items"][0]["link"] == f"/runs/{run_id}#action-{first.id}"
        [event] = await told(world)
        assert (event.run_id, event.body["link"]) == (run_id, f"/runs/{run_id}")

        # Nobody else sees it, or says that it was seen.
        assert await eve.get("/digests") == []
        assert code(await eve.call("POST", f"/digests/{run_id}/seen")) == "not_found"
        assert (await owner.get("/digests"))[0]["seen_at"] is None
        seen = await owner.post(f"/digests/{run_id}/seen")
        assert seen["seen_at"]
        assert await owner.get("/digests?unseen=true") == []
        # What its owner does then is no news, and the counts stay right.
        await world.decide(second)
        await world.until(run_id, "done")
        [after] = await owner.get("/digests")
        assert after["digest"]["counts"]["waiting"] == 0
        assert after["seen_at"] == seen["seen_at"]
        assert len(await told(world)) == 1


async def test_what_will_run_is_told_of_with_its_time(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    rule = compiled(RULE, mode="notify_first", wait_hours=12 / 3600, run_when_offline=True)
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        await graduate(world, rule)
        run_id = await start_as(world, f"hook:{uuid4()}")
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        first = (await told(world))[0]
        assert first.body["headline"] == "1 will run unless you stop them"
        await world.until(run_id, "done")
        [shown] = await owner.get("/digests")
        assert shown["digest"]["started_by"] == "hook"
        assert shown["digest"]["headline"] == "1 done inside its guardrails"
        assert [row.body["headline"] for row in await told(world)] == [
            "1 will run unless you stop them",
            "1 done inside its guardrails",
        ]


async def test_a_run_without_a_guardrail_has_no_digest(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert await owner.get("/digests") == []
        assert await told(world) == []


async def test_the_database_keeps_digests_apart_and_the_api_from_writing_them(
    postgres: Postgres, temporal: TemporalServer, eve: Person
) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "done")
        for role in (postgres.api, postgres.control):
            async with role.user(eve.user_id) as session:
                assert (await session.execute(text("SELECT count(*) FROM digests"))).scalar_one() == 0
            async with role.user(world.user_id) as session:
                assert (await session.execute(text("SELECT count(*) FROM digests"))).scalar_one() == 1
        for statement in ("UPDATE digests SET body = '{}'", "DELETE FROM digests"):
            with pytest.raises(DBAPIError, match="permission denied"):
                async with postgres.api.user(world.user_id) as session:
                    await session.execute(text(statement))
        # Where a run's card is removed with what was read through a revoked connection, its digest goes with it.
        with postgres.connect() as owner:
            owner.execute("UPDATE runs SET card = NULL WHERE id = %s", (run_id,))
            left = owner.execute("SELECT count(*) FROM digests").fetchone()
        assert left == (0,)


def test_a_long_digest_names_the_worst_and_counts_the_rest() -> None:
    parts = [Part.WAITING, *[Part.DONE] * 80, Part.FAILED, Part.UNKNOWN]
    items = [Item(action_id=uuid4(), part=part, summary="s", record="r", credits=1, link="/") for part in parts]
    digest = digest_of(uuid4(), uuid4(), "t", "schedule", items)
    assert [item.part for item in digest.items[:3]] == [Part.UNKNOWN, Part.FAILED, Part.DONE]
    assert (len(digest.items), digest.more, digest.credits) == (MOST_ITEMS, 33, 80)
    assert digest.headline.startswith("80 done inside its guardrails; 1 failed")
