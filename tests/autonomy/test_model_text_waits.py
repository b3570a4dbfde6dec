"""A workflow that may ask a language model never acts alone, whatever its guardrails cover."""

from __future__ import annotations

from tests.autonomy.scenes import completes, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import a_world
from tests.workflows.test_model_calls import model


async def test_what_a_rule_covers_waits_once_a_model_may_be_asked(postgres: Postgres, temporal: TemporalServer) -> None:
    crm = {"1": new_contact()}
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(crm)) as world:
        await graduate(world)
        alone = await world.start()
        await world.until(alone, "done")
        world.performed.clear()
        await model(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        [action] = await world.actions(run_id)
        assert action.state == "pending"
        assert world.performed == []
        await world.decide(action)
        await world.until(run_id, "done")
