"""Model routes: they come with a tier, count while it lasts, and are one account's own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from coco.errors import Code, InvalidInput, NotFound, Refused
from coco.model_routes import ModelChoice, Purpose
from coco.tiers import Tier
from sandbox.gateway import egress_planning
from store import model_routes, runs, tiers
from store.database import Database
from store.tables import AuditRow, Connection, Workflow
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.store.test_who_may_write_what import Person, person


async def model(postgres: Postgres, who: Person, connector: str = "openai") -> UUID:
    async with postgres.api.user(who.id) as session:
        row = Connection(
            user_id=who.id, connector=connector, title=connector, base_url="http://x", scopes=every_scope(connector)
        )
        session.add(row)
        await session.flush()
        return row.id


async def to_tier(postgres: Postgres, email: str, tier: Tier) -> None:
    owner = Database(postgres.owner)
    try:
        await tiers.set_tier(owner, email, tier)
    finally:
        await owner.close()


async def in_force(postgres: Postgres, who: Person, role: str = "api") -> list[tuple[UUID, str]]:
    async with getattr(postgres, role).user(who.id) as session:
        found = await model_routes.in_force(session, who.id, Purpose.DRAFTING)
        return [(one.connection_id, one.model) for one in found]


async def test_a_route_counts_while_the_tier_has_routes(postgres: Postgres) -> None:
    ada = await person(postgres, "ada@example.com")
    one, two = await model(postgres, ada), await model(postgres, ada, "anthropic")
    first, fallback = ModelChoice(connection_id=one, model="m-1"), ModelChoice(connection_id=two, model="m-2")
    with pytest.raises(Refused, match="model routing comes with the Team tier") as refused:
        async with postgres.api.user(ada.id) as session:
            await model_routes.set_route(session, ada.id, Purpose.DRAFTING, first)
    assert refused.value.code is Code.TIER
    await to_tier(postgres, "ada@example.com", Tier.TEAM)
    async with postgres.api.user(ada.id) as session:
        await model_routes.set_route(session, ada.id, Purpose.DRAFTING, fallback)
        await model_routes.set_route(session, ada.id, Purpose.DRAFTING, first, fallback)
    for role in ("api", "gateway"):
        assert await in_force(postgres, ada, role) == [(one, "m-1"), (two, "m-2")]
    async with postgres.api.user(ada.id) as session:
        told = [row for row in await _entries(session, ada.id) if row.kind == "model_route_changed"]
    assert [row.body["first"]["model"] for row in told] == ["m-2", "m-1"]
    await to_tier(postgres, "ada@example.com", Tier.FOUNDER)
    assert await in_force(postgres, ada) == []
    async with postgres.api.user(ada.id) as session:
        assert list(await model_routes.listed(session, ada.id)) == [Purpose.DRAFTING]
        await model_routes.remove(session, ada.id, Purpose.DRAFTING)
    with pytest.raises(NotFound):
        async with postgres.api.user(ada.id) as session:
            await model_routes.remove(session, ada.id, Purpose.DRAFTING)


async def _entries(session: Any, user_id: UUID) -> list[AuditRow]:
    from sqlalchemy import select

    return list((await session.execute(select(AuditRow).order_by(text("seq")))).scalars())


async def test_only_ones_own_connections_to_models_and_names_that_are_names(postgres: Postgres) -> None:
    ada, eve = await person(postgres, "ada@example.com"), await person(postgres, "eve@example.com")
    await to_tier(postgres, "eve@example.com", Tier.TEAM)
    hers, mine = await model(postgres, ada), await model(postgres, eve)
    wrong: list[tuple[UUID, str, type[Exception]]] = [
        (hers, "m", NotFound),
        (eve.connection, "m", InvalidInput),
        (mine, "two words", InvalidInput),
    ]
    for connection_id, name, kind in wrong:
        choice = ModelChoice(connection_id=connection_id, model=name)
        with pytest.raises(kind):
            async with postgres.api.user(eve.id) as session:
                await model_routes.set_route(session, eve.id, Purpose.PROPOSING, choice)
    async with postgres.api.user(eve.id) as session:
        await model_routes.set_route(
            session, eve.id, Purpose.DRAFTING, ModelChoice(connection_id=mine, model="org/own-model:8b")
        )
    for role in ("api", "gateway"):
        async with getattr(postgres, role).user(ada.id) as session:
            assert (await session.execute(text("SELECT count(*) FROM model_routes"))).scalar_one() == 0
            assert await model_routes.in_force(session, eve.id, Purpose.DRAFTING) == ()
    for role, statement in (
        ("gateway", "DELETE FROM model_routes"),
        ("control", "SELECT * FROM model_routes"),
        ("gateway", "UPDATE users SET tier = 'team'"),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with getattr(postgres, role).user(eve.id) as session:
                await session.execute(text(statement))


async def test_a_run_hears_only_of_connections_that_its_workflow_was_given(postgres: Postgres) -> None:
    from coco.gateway_protocol import RunRequest

    ada = await person(postgres, "ada@example.com")
    await to_tier(postgres, "ada@example.com", Tier.TEAM)
    given, other = await model(postgres, ada), await model(postgres, ada, "anthropic")
    async with postgres.api.user(ada.id) as session:
        first, fallback = ModelChoice(connection_id=other, model="a"), ModelChoice(connection_id=given, model="b")
        await model_routes.set_route(session, ada.id, Purpose.DRAFTING, first, fallback)
        workflow = Workflow(user_id=ada.id, title="w", playbook="p", connections=[str(given)])
        session.add(workflow)
        await session.flush()
        run = await runs.create_run(session, ada.id, workflow.id)
    with postgres.connect() as owner:
        owner.execute("UPDATE runs SET state = 'planning' WHERE id = %s", (run.id,))
    told = await egress_planning.context(postgres.gateway, ada.id, RunRequest(run_id=run.id))
    assert [(one.connection_id, one.model) for one in told.models] == [(given, "b")]
