"""What no process gets past, whatever its code says: the roles and triggers of trust."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from activities.connectors.model_api import ModelConnector
from activities.connectors.registry import CONNECTORS
from coco.errors import NotFound, Refused
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import compile_sentence
from coco.model_calls import COMPLETION_PATHS
from coco.requests import PreparedRequest, ProviderResponse
from store import grants, guardrails, model_calls, reads, trust
from store.tables import Connection, EvaluationRow, GuardrailRow, Lease, TrustSettings, Workflow
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.store.test_who_may_write_what import Person, person


@dataclass
class Scene:
    who: Person
    rule: GuardrailRow
    lease: UUID


async def scene_of(postgres: Postgres, email: str = "ada@example.com") -> Scene:
    """An autonomous workflow with a rule in force, and one pending action of a run that began after it."""
    who = await person(postgres, email)
    compiled = compile_sentence("Update contacts that have a first name.")
    async with postgres.api.user(who.id) as session:
        row = await guardrails.propose(session, who.id, who.workflow, compiled, {}, default_catalogue())
        rule = await guardrails.confirm(session, who.id, row.id, 1, row.reading, widens=False)
        now = datetime.now(UTC) - timedelta(minutes=5)
        lease = Lease(
            user_id=who.id,
            workflow_id=who.workflow,
            granted_at=now,
            expires_at=now + timedelta(days=1),
            actions_budget=1,
            credits_budget=100,
        )
        session.add(lease)
        await session.flush()
        await session.execute(
            text("UPDATE workflows SET trust_level = 'autonomous' WHERE id = :w"), {"w": who.workflow}
        )
    return Scene(who, rule, lease.id)


async def verdict(postgres: Postgres, scene: Scene, **changes: Any) -> EvaluationRow:
    values: dict[str, Any] = {
        "user_id": scene.who.id,
        "action_id": scene.who.action,
        "digest": scene.who.digest,
        "guardrail_id": scene.rule.id,
        "guardrail_version": 1,
        "lease_id": scene.lease,
        "verdict": "covered",
        "facts": {},
        "why": {"text": "covered", "clauses": []},
    }
    async with postgres.control.user(scene.who.id) as session:
        row = EvaluationRow(**(values | changes))
        session.add(row)
        await session.flush()
    return row


async def approve_by_rule(postgres: Postgres, scene: Scene) -> None:
    async with postgres.control.user(scene.who.id) as session:
        await session.execute(text("UPDATE actions SET state = 'approved' WHERE id = :a"), {"a": scene.who.action})


async def mint(postgres: Postgres, scene: Scene, proof: EvaluationRow) -> Any:
    async with postgres.control.user(scene.who.id) as session:
        return await grants.mint(session, scene.who.id, scene.who.run, scene.who.action, 600, verdict=proof)


async def test_a_covered_action_gets_one_grant_and_is_counted_once(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    proof = await verdict(postgres, scene)
    await approve_by_rule(postgres, scene)
    first = await mint(postgres, scene, proof)
    second = await mint(postgres, scene, proof)
    assert first == second
    assert (first.by.kind, first.by.id, first.by.version) == ("guardrail", scene.rule.id, 1)
    async with postgres.api.user(scene.who.id) as session:
        lease = await session.get_one(Lease, scene.lease)
    assert lease.actions_used == 1
    assert lease.credits_used == first.credits


BREAKS = {
    "the workflow was taken back": "UPDATE leases SET state = 'ended', ended_at = now() WHERE user_id = :u",
    "the rule was retired": "UPDATE guardrails SET state = 'retired' WHERE user_id = :u",
    "the run was cancelled": "UPDATE runs SET cancel_requested_at = now() WHERE user_id = :u",
    "the operation is reserved": "INSERT INTO trust_settings (workflow_id, user_id, runs_needed, review_percent, "
    "reserved_operations, updated_at) SELECT id, user_id, 3, 20, '[\"contacts.update\"]', now() FROM workflows "
    "WHERE user_id = :u",
}


@pytest.mark.parametrize("broken", BREAKS)
async def test_whatever_is_gone_at_the_mint_there_is_no_grant(postgres: Postgres, broken: str) -> None:
    scene = await scene_of(postgres)
    proof = await verdict(postgres, scene)
    await approve_by_rule(postgres, scene)
    async with postgres.api.user(scene.who.id) as session:
        await session.execute(text(BREAKS[broken]), {"u": scene.who.id})
    with pytest.raises((DBAPIError, Refused), match=r"no guardrail covers|cancelled"):
        await mint(postgres, scene, proof)


async def a_model(postgres: Postgres, scene: Scene, connector: str) -> UUID:
    async with postgres.api.user(scene.who.id) as session:
        row = Connection(
            user_id=scene.who.id,
            connector=connector,
            title="Models",
            base_url="http://127.0.0.1:1",
            scopes=every_scope(connector),
        )
        session.add(row)
        await session.flush()
        return row.id


async def given(postgres: Postgres, scene: Scene, connection_id: UUID) -> None:
    """The workflow may ask it."""
    async with postgres.api.user(scene.who.id) as session:
        workflow = await session.get_one(Workflow, scene.who.workflow)
        with postgres.connect() as owner:
            owner.execute(
                "UPDATE workflows SET connections = %s WHERE id = %s",
                (json.dumps([*workflow.connections, str(connection_id)]), workflow.id),
            )


async def asked(postgres: Postgres, scene: Scene, connection_id: UUID) -> None:
    """The gateway attests that the run asked it."""
    request = PreparedRequest(protocol="http", method="POST", target="/chat/completions", body="{}")
    async with postgres.gateway.user(scene.who.id) as session:
        await reads.keep(session, scene.who.id, scene.who.run, connection_id, request, ProviderResponse(status=200))


async def let_it(postgres: Postgres, scene: Scene, alone: bool = True) -> None:
    """The owner's word, past the code that takes a graduated workflow back with it."""
    with postgres.connect() as owner:
        owner.execute("ALTER TABLE trust_settings DISABLE TRIGGER check_model_text")
        owner.execute(
            "INSERT INTO trust_settings (workflow_id, user_id, runs_needed, review_percent, reserved_operations, "
            "updated_at, model_text_alone) VALUES (%s, %s, 3, 20, '[]', now(), %s) "
            "ON CONFLICT (workflow_id) DO UPDATE SET model_text_alone = excluded.model_text_alone",
            (scene.who.workflow, scene.who.id, alone),
        )
        owner.execute("ALTER TABLE trust_settings ENABLE TRIGGER check_model_text")


@pytest.mark.parametrize("connector", sorted(COMPLETION_PATHS))
@pytest.mark.parametrize("how", [given, asked], ids=["it may ask a model", "its run asked one"])
async def test_what_a_model_may_have_written_is_not_minted(postgres: Postgres, connector: str, how: Any) -> None:
    scene = await scene_of(postgres)
    proof = await verdict(postgres, scene)
    await approve_by_rule(postgres, scene)
    # Nothing that the sandbox said is looked at: that it may ask, or did, is enough.
    await how(postgres, scene, await a_model(postgres, scene, connector))
    with pytest.raises(DBAPIError, match="a language model may have written this"):
        await mint(postgres, scene, proof)
    await let_it(postgres, scene)
    assert (await mint(postgres, scene, proof)).by.kind == "guardrail"


async def test_what_a_model_may_have_written_is_not_let_run_by_a_rule(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    await given(postgres, scene, await a_model(postgres, scene, "openai"))
    await verdict(postgres, scene)
    with pytest.raises(DBAPIError, match="nobody approved this action"):
        await approve_by_rule(postgres, scene)


async def test_every_connector_of_models_is_one_whose_text_waits() -> None:
    assert {name for name, one in CONNECTORS.items() if isinstance(one, ModelConnector)} == set(COMPLETION_PATHS)


async def test_another_accounts_model_holds_nothing_and_its_say_so_lets_nothing_run(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    other = await scene_of(postgres, "eve@example.com")
    proof = await verdict(postgres, scene)
    await approve_by_rule(postgres, scene)
    await given(postgres, scene, await a_model(postgres, other, "openai"))
    assert (await mint(postgres, scene, proof)).by.kind == "guardrail"
    async with postgres.api.user(other.who.id) as session:
        assert not await model_calls.text_waits(session, scene.who.id, scene.who.workflow)
        changed = await session.execute(
            text("UPDATE trust_settings SET model_text_alone = true WHERE user_id = :u"), {"u": scene.who.id}
        )
        assert changed.rowcount == 0  # type: ignore[attr-defined]


async def test_under_a_lease_nothing_more_is_let_run_alone(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    with pytest.raises(DBAPIError, match="is taken back before"):
        async with postgres.api.user(scene.who.id) as session:
            session.add(TrustSettings(workflow_id=scene.who.workflow, user_id=scene.who.id, model_text_alone=True))
    async with postgres.api.user(scene.who.id) as session:
        kept = await trust.change_settings(
            session,
            scene.who.id,
            scene.who.workflow,
            runs_needed=3,
            review_percent=20,
            reserved_operations=[],
            model_text_alone=True,
        )
        assert kept.model_text_alone
        assert await trust.active_lease(session, scene.who.id, scene.who.workflow) is None


async def test_the_budget_is_the_databases_to_count(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    with postgres.connect() as owner:
        owner.execute("UPDATE leases SET actions_used = 1")
    proof = await verdict(postgres, scene)
    await approve_by_rule(postgres, scene)
    with pytest.raises(DBAPIError, match="budget of the lease"):
        await mint(postgres, scene, proof)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "held"},
        {"at": datetime.now(UTC) - timedelta(minutes=16)},
    ],
    ids=["held", "old"],
)
async def test_no_other_verdict_approves(postgres: Postgres, changes: dict[str, Any]) -> None:
    scene = await scene_of(postgres)
    if "at" in changes:
        changes = {"at": datetime.now(UTC) - timedelta(minutes=16)}
    await verdict(postgres, scene, **changes)
    with pytest.raises(DBAPIError, match="nobody approved this action"):
        await approve_by_rule(postgres, scene)


async def test_a_verdict_of_another_action_or_rule_is_not_written(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    other = await scene_of(postgres, "eve@example.com")
    wrong: list[dict[str, Any]] = [
        {"digest": "0" * 64},
        {"guardrail_id": other.rule.id},
        {"lease_id": other.lease},
        {"action_id": other.who.action, "digest": other.who.digest},
    ]
    for changes in wrong:
        with pytest.raises(DBAPIError):
            await verdict(postgres, scene, **changes)


FORBIDDEN = [
    ("control", "UPDATE workflows SET trust_level = 'autonomous' WHERE user_id = :u"),
    ("control", "UPDATE trust_settings SET model_text_alone = true WHERE user_id = :u"),
    ("gateway", "UPDATE trust_settings SET model_text_alone = true WHERE user_id = :u"),
    ("control", "UPDATE guardrails SET state = 'confirmed' WHERE user_id = :u"),
    ("control", "INSERT INTO leases SELECT * FROM leases WHERE user_id = :u"),
    ("control", "UPDATE leases SET actions_used = 0 WHERE user_id = :u"),
    ("control", "UPDATE notices SET seen_at = now() WHERE user_id = :u"),
    ("control", "INSERT INTO reviews SELECT * FROM reviews WHERE user_id = :u"),
    ("api", "INSERT INTO evaluations SELECT * FROM evaluations WHERE user_id = :u"),
    ("api", "INSERT INTO notices SELECT * FROM notices WHERE user_id = :u"),
    ("api", "UPDATE leases SET actions_budget = 1000 WHERE user_id = :u"),
    ("api", "UPDATE guardrails SET form = '{}' WHERE user_id = :u"),
    ("api", "UPDATE schedules SET applied_revision = 9 WHERE user_id = :u"),
    ("gateway", "SELECT * FROM guardrails WHERE user_id = :u"),
    ("gateway", "SELECT * FROM leases WHERE user_id = :u"),
    ("gateway", "INSERT INTO evaluations SELECT * FROM evaluations WHERE user_id = :u"),
]  # fmt: skip


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
async def test_what_a_role_may_not_do(postgres: Postgres, role: str, statement: str) -> None:
    scene = await scene_of(postgres)
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with getattr(postgres, role).user(scene.who.id) as session:
            await session.execute(text(statement), {"u": scene.who.id})


async def test_trust_does_not_rise_without_a_lease_and_a_rule(postgres: Postgres) -> None:
    who = await person(postgres, "ada@example.com")
    with pytest.raises(DBAPIError, match="without a lease and a confirmed guardrail"):
        async with postgres.api.user(who.id) as session:
            await session.execute(text("UPDATE workflows SET trust_level = 'autonomous'"))


async def test_the_trust_level_falls_with_the_lease_and_only_so(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    with pytest.raises(DBAPIError, match="end the lease"):
        async with postgres.api.user(scene.who.id) as session:
            await session.execute(text("UPDATE workflows SET trust_level = 'approve_each'"))
    async with postgres.control.user(scene.who.id) as session:
        await trust.take_back(session, scene.who.id, scene.who.workflow, "a test", actor="system")
    async with postgres.api.user(scene.who.id) as session:
        level = (await session.execute(text("SELECT trust_level FROM workflows"))).scalar_one()
    assert level == "approve_each"
    with pytest.raises(DBAPIError, match="an ended lease stays ended"):
        async with postgres.api.user(scene.who.id) as session:
            await session.execute(text("UPDATE leases SET state = 'active'"))


@pytest.mark.parametrize(
    "column", ["sentence = 'x'", "form = '{}'", "reading = 'x'", "version = 7", "state = 'proposed'"]
)
async def test_even_the_owner_of_the_database_does_not_change_a_rule(postgres: Postgres, column: str) -> None:
    import psycopg

    await scene_of(postgres)
    with postgres.connect() as owner, pytest.raises(psycopg.errors.CheckViolation):
        owner.execute(f"UPDATE guardrails SET {column}")


async def test_no_other_user_sees_or_uses_a_row(postgres: Postgres) -> None:
    scene = await scene_of(postgres)
    await verdict(postgres, scene)
    eve = await person(postgres, "eve@example.com")
    for table in ("guardrails", "leases", "evaluations"):
        for role in ("api", "control"):
            async with getattr(postgres, role).user(eve.id) as session:
                count = (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            assert count == 0, (table, role)
    async with postgres.api.user(eve.id) as session:
        with pytest.raises(NotFound):
            await guardrails.get(session, eve.id, scene.rule.id)
        assert not await trust.take_back(session, eve.id, scene.who.workflow, "mine", actor="user:eve")
