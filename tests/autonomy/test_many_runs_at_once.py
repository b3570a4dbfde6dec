"""Many runs of one workflow at the same time get no more than one would: caps of the rule, budgets of the lease."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from coco.trust import LeaseTerms
from tests.autonomy.scenes import RULE, completes, evaluations, graduate, lease_of, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

CRM = {str(number): new_contact() for number in range(1, 4)}
AT_ONCE = 4
"""Runs, each of which wants to change three contacts."""


async def all_at_once(world: World) -> list[UUID]:
    """The runs, when they have come to rest."""
    run_ids = [await world.start(deliver=False) for _ in range(AT_ONCE)]
    await asyncio.gather(*(world.dispatcher.deliver_due() for _ in range(3)))
    await world.deliver()
    for run_id in run_ids:
        await world.until(run_id, "waiting", "done")
    for run_id in run_ids:
        await world.settle_down(run_id)
    return run_ids


def granted(world: World, run_ids: list[UUID]) -> tuple[int, int]:
    """(different actions that were granted something in these runs, grants that were spent)."""
    with world.postgres.connect() as owner:
        row = owner.execute(
            "SELECT count(DISTINCT action_id), count(*) FILTER (WHERE spent_at IS NOT NULL) FROM grants "
            "WHERE run_id = ANY (%s)",
            (run_ids,),
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


async def reasons(world: World, run_ids: list[UUID]) -> set[str]:
    """Why the last verdict on each action that waits was what it was."""
    found = set()
    for run_id in run_ids:
        for action in await world.actions(run_id):
            if action.state == "pending":
                found.add((await evaluations(world, action.id))[-1].why["text"])
    return found


@pytest.mark.parametrize(
    ("cap", "most", "said"),
    [
        ("At most 5 per day.", 5, "the limit of 5 per day is reached"),
        ("At most 5 per hour.", 5, "the limit of 5 per hour is reached"),
        ("At most 1 per run.", AT_ONCE, "the limit of 1 per run is reached"),
        ("No more than 5 credits per day.", 5, "the limit of 5 credits per day would be passed"),
    ],
)  # fmt: skip
async def test_a_cap_of_the_rule_holds_across_runs_at_once(
    postgres: Postgres, temporal: TemporalServer, cap: str, most: int, said: str
) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1", "2", "3"), perform=sends, read_facts=shows(CRM)
    ) as world:
        await graduate(world, f'Enrich contacts tagged "design partner candidate". {cap}')
        run_ids = await all_at_once(world)
        assert granted(world, run_ids) == (most, most)
        assert any(said in reason for reason in await reasons(world, run_ids))


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (LeaseTerms(days=1, actions=5, credits=100), "budget of 5 actions"),
        (LeaseTerms(days=1, actions=100, credits=5), "budget of 5 credits"),
    ],
    ids=["actions", "credits"],
)
async def test_a_budget_of_the_lease_holds_across_runs_at_once(
    postgres: Postgres, temporal: TemporalServer, terms: LeaseTerms, said: str
) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1", "2", "3"), perform=sends, read_facts=shows(CRM)
    ) as world:
        await graduate(world, RULE, terms=terms)
        run_ids = await all_at_once(world)
        assert granted(world, run_ids) == (5, 5)
        lease = await lease_of(world)
        assert (lease.actions_used, lease.credits_used) == (5, 5)
        # The next one finds it used up, and the workflow goes back to approving each.
        later = await world.start()
        await world.until(later, "waiting")
        await world.settle_down(later)
        assert granted(world, [later]) == (0, 0)
        lease = await lease_of(world)
        assert lease.state == "ended"
        assert said in lease.ended_reason
