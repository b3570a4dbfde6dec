"""Tiers: the last place is taken once, what is there stays, and nobody lifts itself."""

from __future__ import annotations

import asyncio
import itertools
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.errors import Code, NotFound, Refused
from coco.tiers import TIERS, Feature, Limit, Tier, has, within_limit
from store import tiers, workflows
from store.database import Database
from tests.conftest import Postgres
from tests.store.test_who_may_write_what import person


def test_each_tier_holds_at_least_what_the_one_below_it_does() -> None:
    order = [TIERS[tier] for tier in (Tier.FREE, Tier.FOUNDER, Tier.TEAM)]
    for lower, higher in itertools.pairwise(order):
        assert lower.features <= higher.features
        for limit, most in higher.limits.items():
            assert lower.limits[limit] <= most


@pytest.mark.parametrize("limit", Limit)
def test_a_limit_is_the_last_one_that_fits(limit: Limit) -> None:
    most = TIERS[Tier.FREE].limits[limit]
    within_limit(Tier.FREE, limit, most - 1)
    with pytest.raises(Refused, match=f"the Free tier has room for {most} {limit.value}") as refused:
        within_limit(Tier.FREE, limit, most)
    assert refused.value.code is Code.TIER
    within_limit(Tier.TEAM, limit, 10**6)


def test_a_feature_that_is_lacking_names_the_tier_that_has_it() -> None:
    with pytest.raises(Refused, match="shared workflows comes with the Team tier"):
        has(Tier.FREE, Feature.SHARED_WORKFLOWS)
    with pytest.raises(Refused, match="custom voice training comes with the Founder tier"):
        has(Tier.FREE, Feature.CUSTOM_VOICE)
    has(Tier.TEAM, Feature.ADMIN_AUDIT)


async def make(postgres: Postgres, user: UUID) -> bool:
    try:
        async with postgres.api.user(user) as session:
            await workflows.create(session, user, title="w", playbook="p", params={}, connections=[])
    except Refused as error:
        if error.code is not Code.TIER:
            raise
        return False
    return True


async def test_the_last_place_is_taken_once_and_a_smaller_tier_takes_nothing_away(postgres: Postgres) -> None:
    ada, eve = await person(postgres, "ada@example.com"), await person(postgres, "eve@example.com")
    most = TIERS[Tier.FREE].limits[Limit.WORKFLOWS]
    for _ in range(most - 2):  # beside the one there is
        assert await make(postgres, ada.id)
    assert sum(await asyncio.gather(*(make(postgres, ada.id) for _ in range(4)))) == 1
    assert await make(postgres, eve.id)
    owner = Database(postgres.owner)
    try:
        assert await tiers.set_tier(owner, "Ada@example.com ", Tier.FOUNDER) is Tier.FREE
        assert await make(postgres, ada.id)
        assert await tiers.set_tier(owner, "ada@example.com", Tier.FREE) is Tier.FOUNDER
        assert await tiers.set_tier(owner, "ada@example.com", Tier.FREE) is Tier.FREE
        with pytest.raises(NotFound, match=r"no account for nobody@example\.com"):
            await tiers.set_tier(owner, "nobody@example.com", Tier.TEAM)
    finally:
        await owner.close()
    assert not await make(postgres, ada.id)
    with postgres.connect() as seen:
        told = seen.execute(
            "SELECT user_id, actor, body->>'from', body->>'to' FROM audit WHERE kind = 'tier_changed' ORDER BY seq"
        ).fetchall()
    assert told == [(ada.id, "operator", "free", "founder"), (ada.id, "operator", "founder", "free")]
    async with postgres.api.user(ada.id) as session:
        assert await tiers.count(session, ada.id, Limit.WORKFLOWS) == most + 1


@pytest.mark.parametrize("role", ["api", "control", "gateway"])
async def test_no_process_moves_an_account_to_a_tier(postgres: Postgres, role: str) -> None:
    ada = await person(postgres, "ada@example.com")
    with pytest.raises(DBAPIError, match="permission denied"):
        async with getattr(postgres, role).user(ada.id) as session:
            await session.execute(text("UPDATE users SET tier = 'team'"))


async def test_no_account_begins_on_a_paid_tier(postgres: Postgres) -> None:
    user = uuid4()
    with pytest.raises(DBAPIError, match="row-level security"):
        async with postgres.api.user(user) as session:
            await session.execute(
                text("INSERT INTO users (id, email, name, password_hash, is_operator, tier, created_at) "
                     "VALUES (:u, 'x@example.com', '', 'x', false, 'team', now())"), {"u": user},
            )  # fmt: skip
