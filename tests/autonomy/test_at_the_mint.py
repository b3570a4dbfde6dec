"""What is looked at once more when a grant is minted: how old its facts are, which rule covers, what Postgres says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities.names import PerformInput, ReadFactsInput
from store.tables import GrantRow
from tests.autonomy.scenes import attest, completes, evaluations, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

CRM = {"1": new_contact()}


def grow_old(world: World, minutes: int) -> None:
    """As if the reads of the newest run had been made longer ago."""
    with world.postgres.connect() as owner:
        owner.execute(
            "UPDATE reads SET at = at - make_interval(mins => %s) WHERE run_id = %s", (minutes, world.started[-1])
        )


async def away_until_it_is_old(world: World, message: PerformInput) -> str:
    """The first time in a run the sandbox fails, and 20 minutes go by."""
    if len(world.performed) == 1 and len(world.started) > 1:
        grow_old(world, 20)
        raise RuntimeError("the sandbox was away")
    return await sends(world, message)


async def test_facts_that_are_too_old_at_the_mint_are_read_again(postgres: Postgres, temporal: TemporalServer) -> None:
    crm = {"1": new_contact()}
    async with a_world(
        postgres, temporal, plan=completes("1"), perform=away_until_it_is_old, read_facts=shows(crm)
    ) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "done")
        [returned] = await world.audit("action_returned")
        assert returned.body["reason"] == "what it is about was read too long ago, and is read again"
        [action] = await world.actions(run_id)
        proof = (await evaluations(world, action.id))[-1]
        assert datetime.fromisoformat(proof.reads[0]["at"]) > returned.at
        assert action.state == "done"
        assert await world.balance() == (998, 0)


async def test_what_changed_meanwhile_counts_and_not_what_was_read_before(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    crm = {"1": new_contact()}

    async def away(world: World, message: PerformInput) -> str:
        if len(world.started) > 1:
            crm["1"] = new_contact(tags="event")
        return await away_until_it_is_old(world, message)

    async with a_world(postgres, temporal, plan=completes("1"), perform=away, read_facts=shows(crm)) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == ["pending"]
        assert len(world.performed) == 1


async def test_no_grant_outlives_the_facts_it_rests_on(postgres: Postgres, temporal: TemporalServer) -> None:
    async def eight_minutes_ago(world: World, message: ReadFactsInput) -> int:
        at = datetime.now(UTC) - timedelta(minutes=8)
        await attest(world, message.run_id, message.reads[0].request, "1", CRM["1"], at=at)
        return 1

    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=eight_minutes_ago) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "done")
        [action] = await world.actions(run_id)
        proof = (await evaluations(world, action.id))[-1]
        from sqlalchemy import select
        from sqlmodel import col

        async with postgres.api.user(world.user_id) as session:
            grant = (await session.execute(select(GrantRow).where(col(GrantRow.action_id) == action.id))).scalar_one()
        assert grant.expires_at <= datetime.fromisoformat(proof.reads[0]["at"]) + timedelta(minutes=15)


async def test_where_two_rules_cover_an_action_it_runs_by_one(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        first, _ = await graduate(
            world,
            'Enrich contacts tagged "design partner candidate".',
            "Enrich contacts that have a first name.",
        )
        run_id = await world.start()
        await world.until(run_id, "done")
        [entry] = [row for row in await world.audit("action_done") if row.run_id == run_id]
        assert entry.actor == f"guardrail:{first.id}@1"


async def test_where_the_database_refuses_a_grant_the_action_waits(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """The code finds it covered, and the database does not: its word stands, and nothing is tried for ever."""
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world)
        with postgres.connect() as owner:
            owner.execute(
                "CREATE FUNCTION not_today() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION 'not today' USING ERRCODE = 'check_violation'; END $$"
            )
            owner.execute("CREATE TRIGGER a_test BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION not_today()")
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == ["pending"]
        [returned] = await world.audit("action_returned")
        assert returned.body["reason"] == "the database holds it: not today"
        assert world.performed == []
