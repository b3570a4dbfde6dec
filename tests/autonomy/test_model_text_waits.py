"""What a language model may have written waits for a person, unless its owner said that it may run alone."""

from __future__ import annotations

import pytest

from activities.names import PlanInput
from coco.errors import Conflict
from coco.plans import PlanDraft
from store import trust
from tests.autonomy.scenes import SEEN, TERMS, completes, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.connectors.examples import answer, openai
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world
from tests.workflows.test_model_calls import asked, model


async def let_it(world: World, alone: bool) -> None:
    """The owner's say-so."""
    async with world.postgres.api.user(world.user_id) as session:
        await trust.change_settings(
            session,
            world.user_id,
            world.workflow_id,
            runs_needed=1,
            review_percent=100,
            reserved_operations=[],
            model_text_alone=alone,
        )


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

        # It is not graduated on what would wait, and the reason says so.
        async with postgres.api.user(world.user_id) as session:
            await trust.take_back(session, world.user_id, world.workflow_id, "a test", actor="system")
            standing = await trust.standing(session, world.user_id, world.workflow_id)
            assert not standing.eligible
            assert "it may ask a language model, no guardrail judges what a text says" in standing.why
            with pytest.raises(Conflict, match="its settings do not let such text run alone"):
                await trust.graduate(session, world.user_id, world.workflow_id, TERMS, SEEN)

        # With the owner's say-so it runs; without it again, it does not.
        await let_it(world, True)
        async with postgres.api.user(world.user_id) as session:
            await trust.graduate(session, world.user_id, world.workflow_id, TERMS, SEEN)
        run_id = await world.start()
        await world.until(run_id, "done")
        [action] = await world.actions(run_id)
        assert action.state == "done"
        [told] = [entry.body for entry in await world.audit("trust_settings_changed") if entry.body["model_text_alone"]]
        assert told["workflow"] == str(world.workflow_id)
        await let_it(world, False)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        [action] = await world.actions(run_id)
        assert action.state == "pending"


async def test_a_worker_that_does_not_say_so_is_not_believed(postgres: Postgres, temporal: TemporalServer) -> None:
    """Nothing in its plan tells of a model. That the run asked one is the gateway's record."""
    plain = completes("1")

    async def hides_it(world: World, message: PlanInput) -> PlanDraft:
        await asked(world, message.run_id, "Write.", answer(openai.said("A text.")))
        draft: PlanDraft = await plain(world, message)
        assert "model" not in draft.model_dump_json()
        return draft

    crm = {"1": new_contact()}
    async with a_world(postgres, temporal, plan=hides_it, perform=sends, read_facts=shows(crm)) as world:
        await model(world, give_it=False)
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        [action] = await world.actions(run_id)
        assert action.state == "pending"
        assert world.performed == []
