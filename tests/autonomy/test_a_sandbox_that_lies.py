"""A sandbox that lies about a fact gets no grant: facts come from the gateway's attested record alone, and of exactly
the read that the connector names for the record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.connectors.hubspot.facts import facts_request
from activities.names import PlanInput, ReadFactsInput
from coco.plans import PlanDraft
from store.tables import Connection
from tests.autonomy.scenes import attest, completes, evaluations, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

UNTAGGED = new_contact(tags="event")
TAGGED = new_contact()


async def nothing(world: World, message: ReadFactsInput) -> int:
    """Says that it read everything."""
    return len(message.reads)


async def another_record(world: World, message: ReadFactsInput) -> int:
    """Reads a contact that the rule covers instead of the one to be changed."""
    await attest(world, message.run_id, facts_request("contact", "2"), "2", TAGGED)
    return 1


async def another_record_under_its_request(world: World, message: ReadFactsInput) -> int:
    """The provider's answer is about another contact than was asked for."""
    await attest(world, message.run_id, facts_request("contact", "1"), "2", TAGGED)
    return 1


async def a_request_of_its_own(world: World, message: ReadFactsInput) -> int:
    """The right contact, by a request that the connector does not name."""
    wanted = message.reads[0].request
    own = wanted.model_copy(update={"target": wanted.target.replace("archived=false", "archived=false&x=1")})
    await attest(world, message.run_id, own, "1", TAGGED)
    return 1


async def an_old_answer(world: World, message: ReadFactsInput) -> int:
    """What was true a while ago."""
    at = datetime.now(UTC) - timedelta(minutes=16)
    await attest(world, message.run_id, message.reads[0].request, "1", TAGGED, at=at)
    return 1


async def an_old_answer_next_to_the_new(world: World, message: ReadFactsInput) -> int:
    """The tag was there five minutes ago and is not there now: the newest read counts."""
    request = message.reads[0].request
    await attest(world, message.run_id, request, "1", UNTAGGED)
    await attest(world, message.run_id, request, "1", TAGGED, at=datetime.now(UTC) - timedelta(minutes=5))
    return 1


async def another_connection(world: World, message: ReadFactsInput) -> int:
    """A CRM of its own, in which the contact is tagged."""
    other = uuid4()
    async with world.postgres.api.user(world.user_id) as session:
        session.add(
            Connection(
                id=other,
                user_id=world.user_id,
                connector="hubspot",
                title="Mine",
                base_url="http://127.0.0.1:1",
                scopes=every_scope("hubspot"),
            )
        )
    await attest(world, message.run_id, message.reads[0].request, "1", TAGGED, connection_id=other)
    return 1


async def a_failed_read(world: World, message: ReadFactsInput) -> int:
    """The answer lacks the properties that were asked for."""
    await attest(world, message.run_id, message.reads[0].request, "1", {"firstname": "Ada"})
    return 1


async def an_unreadable_value(world: World, message: ReadFactsInput) -> int:
    """A creation time that is none."""
    await attest(world, message.run_id, message.reads[0].request, "1", TAGGED | {"createdate": "just now T"})
    return 1


async def no_answer(world: World, message: ReadFactsInput) -> int:
    raise RuntimeError("the sandbox broke")


LIES = [
    nothing,
    another_record,
    another_record_under_its_request,
    a_request_of_its_own,
    an_old_answer,
    an_old_answer_next_to_the_new,
    another_connection,
    a_failed_read,
    an_unreadable_value,
    no_answer,
    shows({"1": UNTAGGED}),
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
async def test_no_lie_about_a_fact_gets_a_grant(
    postgres: Postgres, temporal: TemporalServer, lie: Callable[[World, ReadFactsInput], Any]
) -> None:
    # The plan's words claim what the rule asks for; see `completes`.
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=lie) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        [action] = await world.actions(run_id)
        assert action.state == "pending"
        assert world.performed == []
        assert {row.verdict for row in await evaluations(world, action.id)} == {"held"}
        assert grants_of(postgres, action.id) == 0


async def test_a_read_of_an_earlier_run_counts_for_nothing(postgres: Postgres, temporal: TemporalServer) -> None:
    runs: list[UUID] = []

    async def reads_for_another_run(world: World, message: ReadFactsInput) -> int:
        await attest(world, runs[0], message.reads[0].request, "1", TAGGED)
        return 1

    async def plan(world: World, message: PlanInput) -> PlanDraft:
        runs.append(message.run_id)
        draft: PlanDraft = await completes("1")(world, message)
        return draft

    async with a_world(postgres, temporal, plan=plan, perform=sends, read_facts=reads_for_another_run) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []


async def test_an_overwrite_is_no_enrichment(postgres: Postgres, temporal: TemporalServer) -> None:
    """The rule is about filling what is missing; the attested prior value says that something was there."""
    async with a_world(
        postgres, temporal, plan=completes("1", firstname="Eve"), perform=sends, read_facts=shows({"1": TAGGED})
    ) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []


async def test_changing_the_tag_that_the_rule_asks_for_is_not_covered(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(
        postgres,
        temporal,
        plan=completes("1", tags="design partner candidate"),
        perform=sends,
        read_facts=shows({"1": UNTAGGED}),
    ) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []


def grants_of(postgres: Postgres, action_id: UUID) -> int:
    with postgres.connect() as owner:
        row = owner.execute("SELECT count(*) FROM grants WHERE action_id = %s", (action_id,)).fetchone()
    assert row is not None
    return int(row[0])
