"""The database itself holds the gate: roles, row-level security and triggers, tried one by one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlmodel import SQLModel

from coco.actions import Action, Preview, Reversibility
from coco.decisions import Verdict
from coco.errors import Conflict, InvalidInput, NotFound, Refused
from coco.requests import PreparedRequest
from store import decisions, grants, keys, portable, runs
from store.credits import open_account
from store.tables import ActionRow, Connection, SandboxRow, User, Workflow
from tests.conftest import Postgres
from tests.connecting import every_scope


def action_for(connection: UUID, title: str = "CTO") -> Action:
    return Action(
        connection=str(connection),
        connector="hubspot",
        operation="contacts.update",
        request=PreparedRequest(
            protocol="http",
            method="PATCH",
            target="/crm/v3/objects/contacts/1",
            headers=(("content-type", "application/json"),),
            body=json.dumps({"properties": {"jobtitle": title}}),
        ),
        preview=Preview(summary=f"Set Job title to {title}", record="Ada", before={}, after={"jobtitle": title}),
        reversibility=Reversibility.REVERSIBLE,
        credits=3,
    )


@dataclass
class Person:
    id: UUID
    workflow: UUID
    connection: UUID
    run: UUID
    action: UUID
    digest: str


async def person(postgres: Postgres, email: str) -> Person:
    """A user with a workflow, a run and one pending action, made as the processes make them."""
    user_id = uuid4()
    async with postgres.api.user(user_id) as session:
        session.add(User(id=user_id, email=email, password_hash="x"))
        await session.flush()
        await keys.make(session, user_id, postgres.master)
        await open_account(session, user_id)
        session.add(SandboxRow(user_id=user_id))
        connection = Connection(
            user_id=user_id,
            connector="hubspot",
            title="CRM",
            base_url="http://127.0.0.1:1",
            scopes=every_scope("hubspot"),
        )
        session.add(connection)
        await session.flush()
        workflow = Workflow(user_id=user_id, title="w", playbook="p", connections=[str(connection.id)])
        session.add(workflow)
        await session.flush()
        run = await runs.create_run(session, user_id, workflow.id)
    body = action_for(connection.id)
    async with postgres.control.user(user_id) as session:
        action = ActionRow(
            user_id=user_id,
            run_id=run.id,
            workflow_id=workflow.id,
            connection_id=connection.id,
            key="a",
            operation="contacts.update",
            arguments={},
            body=body.as_json(),
            digest=body.digest(),
        )
        session.add(action)
        await session.flush()
    return Person(user_id, workflow.id, connection.id, run.id, action.id, body.digest())


@pytest.fixture
async def ada(postgres: Postgres) -> Person:
    return await person(postgres, "ada@example.com")


@dataclass
class Scene:
    """Two users in one database, for tests that change nothing."""

    postgres: Postgres
    ada: Person
    eve: Person


@pytest.fixture(scope="module")
async def scene(module_postgres: Postgres) -> Scene:
    ada = await person(module_postgres, "ada@example.com")
    await approve(module_postgres, ada)
    async with module_postgres.control.user(ada.id) as session:
        await grants.mint(session, ada.id, ada.run, ada.action, 600)
    return Scene(module_postgres, ada, await person(module_postgres, "eve@example.com"))


async def approve(postgres: Postgres, who: Person) -> None:
    async with postgres.api.user(who.id) as session:
        await decisions.decide(session, who.id, who.action, Verdict.APPROVE, who.digest)


TABLES = [
    "users", "sessions", "user_keys", "connections", "sealed_credentials", "workflows", "runs", "plan_drafts",
    "questions", "reads", "actions", "decisions", "grants", "effects", "drifts", "refusals", "wakeups", "audit",
    "credit_accounts", "ledger_transactions", "ledger_postings", "credit_budgets", "events", "sandboxes",
    "guardrails", "trust_settings", "leases", "evaluations", "notices", "reviews", "schedules", "hooks", "hook_calls",
    "audit_unsigned", "audit_checkpoints",
    "calls", "paces",
    "credential_attempts", "oauth_flows",
    "digests", "undos",
    "teams", "team_members", "team_invitations", "team_shares", "team_budgets",
    "erasures", "retention_settings",
    "approval_rules", "approvals", "delegations", "reminder_settings", "reminders", "escalation_rules", "escalations",
    "asked_reads", "guardrail_proposals", "model_routes", "voices",
]  # fmt: skip


async def test_every_table_is_kept_apart(postgres: Postgres) -> None:
    with postgres.connect() as owner:
        rows = owner.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND NOT relrowsecurity AND relname <> 'alembic_version'"
        ).fetchall()
        names = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    # The database's region is nobody's row.
    names.remove(("region_stamp",))
    assert rows == [], "a table has no row-level security"
    assert {name for (name,) in names} - {"alembic_version"} == set(TABLES), "a table has no cross-tenant test"


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", ["api", "control", "gateway"])
async def test_no_role_reads_another_users_rows(scene: Scene, table: str, role: str) -> None:
    ada, eve = scene.ada, scene.eve
    whose = portable.whose(SQLModel.metadata.tables[table])
    column = whose.name if whose is not None else "user_id"
    database = getattr(scene.postgres, role)
    try:
        async with database.user(eve.id) as session:
            count = (
                await session.execute(text(f"SELECT count(*) FROM {table} WHERE {column} = :u"), {"u": ada.id})
            ).scalar_one()
    except ProgrammingError as error:
        if "permission denied" in str(error):
            return
        raise
    shared = {
        ("wakeups", "control"),
        ("sandboxes", "control"),
        ("sandboxes", "gateway"),
        ("schedules", "control"),
        ("audit_unsigned", "control"),
    }
    if (table, role) not in shared:
        assert count == 0


@pytest.mark.parametrize("table", ["decisions", "actions", "runs", "audit", "grants"])
async def test_without_a_user_nothing_is_seen(postgres: Postgres, ada: Person, table: str) -> None:
    async with postgres.api.system() as session:
        assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


FORBIDDEN = [
    ("control", "INSERT INTO decisions (id, user_id, run_id, action_id, verdict, stage, digest, reason, at) "
                "VALUES (gen_random_uuid(), :u, :r, :a, 'approve', 'gate', :d, '', now())"),
    ("gateway", "INSERT INTO decisions (id, user_id, run_id, action_id, verdict, stage, digest, reason, at) "
                "VALUES (gen_random_uuid(), :u, :r, :a, 'approve', 'gate', :d, '', now())"),
    ("api", "INSERT INTO grants (jti, user_id, run_id, action_id, digest, prior_digest, credits, issued_at, "
            "expires_at) VALUES (gen_random_uuid(), :u, :r, :a, :d, :d, 1, now(), now())"),
    ("gateway", "INSERT INTO grants (jti, user_id, run_id, action_id, digest, prior_digest, credits, issued_at, "
                "expires_at) VALUES (gen_random_uuid(), :u, :r, :a, :d, :d, 1, now(), now())"),
    ("api", "INSERT INTO effects (action_id, user_id, jti, state, request_digest, detail, started_at) "
            "VALUES (:a, :u, gen_random_uuid(), 'done', :d, '{}', now())"),
    ("control", "INSERT INTO effects (action_id, user_id, jti, state, request_digest, detail, started_at) "
                "VALUES (:a, :u, gen_random_uuid(), 'done', :d, '{}', now())"),
    ("api", "UPDATE actions SET body = '{}' WHERE id = :a"),
    ("api", "UPDATE actions SET digest = :d WHERE id = :a"),
    ("control", "UPDATE actions SET body = '{}' WHERE id = :a"),
    ("gateway", "UPDATE actions SET state = 'approved' WHERE id = :a"),
    ("api", "UPDATE audit SET body = '{}' WHERE user_id = :u"),
    ("control", "DELETE FROM audit WHERE user_id = :u"),
    ("gateway", "DELETE FROM audit WHERE user_id = :u"),
    ("api", "TRUNCATE audit"),
    ("api", "UPDATE decisions SET verdict = 'approve' WHERE user_id = :u"),
    ("api", "UPDATE credit_accounts SET balance = 1000000 WHERE user_id = :u"),
    ("gateway", "UPDATE credit_accounts SET balance = 1000000 WHERE user_id = :u"),
    ("api", "SELECT wrapped FROM user_keys WHERE user_id = :u"),
    ("api", "SELECT sealed FROM sealed_credentials WHERE user_id = :u"),
    ("api", "UPDATE users SET is_operator = true WHERE id = :u"),
    ("gateway", "SELECT password_hash FROM users WHERE id = :u"),
    ("control", "SELECT password_hash FROM users WHERE id = :u"),
    ("gateway", "SELECT verdict FROM decisions WHERE user_id = :u"),
    ("api", "UPDATE sandboxes SET token_sha256 = 'x' WHERE user_id = :u"),
    ("gateway", "UPDATE sandboxes SET token_sha256 = 'x' WHERE user_id = :u"),
    ("api", "UPDATE connections SET base_url = 'https://elsewhere.example' WHERE user_id = :u"),
    ("api", "UPDATE connections SET settings = '{}' WHERE user_id = :u"),
    ("control", "UPDATE connections SET base_url = 'https://elsewhere.example' WHERE user_id = :u"),
    ("gateway", "UPDATE connections SET base_url = 'https://elsewhere.example' WHERE user_id = :u"),
    ("api", "SELECT fingerprint FROM sealed_credentials WHERE user_id = :u"),
    ("api", "UPDATE sealed_credentials SET fingerprint = 'x' WHERE user_id = :u"),
    ("gateway", "UPDATE sealed_credentials SET fingerprint = 'x' WHERE user_id = :u"),
    ("control", "SELECT fingerprint FROM sealed_credentials WHERE user_id = :u"),
    ("api", "SELECT sealed FROM credential_attempts WHERE user_id = :u"),
    ("api", "UPDATE credential_attempts SET state = 'works' WHERE user_id = :u"),
    ("api", "UPDATE connections SET scopes = '[]' WHERE user_id = :u"),
    ("api", "UPDATE connections SET credential_set_at = now() WHERE user_id = :u"),
    ("control", "UPDATE connections SET scopes = '[]' WHERE user_id = :u"),
    ("control", "SELECT sealed FROM credential_attempts WHERE user_id = :u"),
    ("control", "SELECT verifier FROM oauth_flows WHERE user_id = :u"),
    ("gateway", "SELECT verifier FROM oauth_flows WHERE user_id = :u"),
    ("gateway", "INSERT INTO credential_attempts (id, user_id, connection_id, kind, scopes, read_only, state, reason, "
                "created_at) VALUES (gen_random_uuid(), :u, :a, 'team', '[]', false, 'pending', '', now())"),
    ("control", "DELETE FROM user_keys WHERE user_id = :u"),
    ("api", "DELETE FROM user_keys WHERE user_id = :u"),
    ("api", "CREATE TABLE mine (id int)"),
]  # fmt: skip


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
async def test_what_a_role_may_not_do(scene: Scene, role: str, statement: str) -> None:
    ada = scene.ada
    values = {"u": ada.id, "r": ada.run, "a": ada.action, "d": ada.digest}
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with getattr(scene.postgres, role).user(ada.id) as session:
            await session.execute(
                text(statement), {key: value for key, value in values.items() if f":{key}" in statement}
            )


async def test_the_owner_cannot_change_the_audit_by_accident(postgres: Postgres, ada: Person) -> None:
    import psycopg

    with postgres.connect() as owner:
        for statement in ("UPDATE audit SET body = '{}'", "DELETE FROM audit", "TRUNCATE audit"):
            with pytest.raises(psycopg.errors.CheckViolation, match="append-only"):
                owner.execute(statement)


async def test_control_cannot_mint_without_an_approval(postgres: Postgres, ada: Person) -> None:
    with pytest.raises(Refused, match="no approval"):
        async with postgres.control.user(ada.id) as session:
            await grants.mint(session, ada.id, ada.run, ada.action, 600)
    now = datetime.now(UTC)
    values: dict[str, Any] = {"u": ada.id, "r": ada.run, "a": ada.action, "d": ada.digest, "n": now}
    with pytest.raises(DBAPIError, match="no guardrail covers this grant"):
        async with postgres.control.user(ada.id) as session:
            await session.execute(
                text(
                    "INSERT INTO grants (jti, user_id, run_id, action_id, digest, prior_digest, guardrail_id, "
                    "credits, issued_at, expires_at) "
                    "VALUES (gen_random_uuid(), :u, :r, :a, :d, :d, gen_random_uuid(), 1, :n, :n)"
                ),
                values,
            )


@pytest.mark.parametrize("role", ["api", "control"])
async def test_no_role_calls_an_action_approved_without_a_decision(postgres: Postgres, ada: Person, role: str) -> None:
    with pytest.raises(DBAPIError, match="nobody approved this action"):
        async with getattr(postgres, role).user(ada.id) as session:
            await session.execute(text("UPDATE actions SET state = 'approved' WHERE id = :a"), {"a": ada.action})


async def test_control_cannot_call_an_action_done_without_an_effect(postgres: Postgres, ada: Person) -> None:
    await approve(postgres, ada)
    with pytest.raises(DBAPIError, match="nothing shows that this action took place"):
        async with postgres.control.user(ada.id) as session:
            await session.execute(text("UPDATE actions SET state = 'done' WHERE id = :a"), {"a": ada.action})


async def test_a_grant_is_minted_once_and_for_its_own_action(postgres: Postgres, ada: Person) -> None:
    await approve(postgres, ada)
    async with postgres.control.user(ada.id) as session:
        first = await grants.mint(session, ada.id, ada.run, ada.action, 600)
    async with postgres.control.user(ada.id) as session:
        second = await grants.mint(session, ada.id, ada.run, ada.action, 600)
    assert first is not None
    assert first == second
    assert first.digest == ada.digest
    assert (first.user, first.run, first.action, first.workflow) == (ada.id, ada.run, ada.action, ada.workflow)


async def test_another_user_decides_nothing(postgres: Postgres, ada: Person) -> None:
    eve = await person(postgres, "eve@example.com")
    with pytest.raises(NotFound):
        async with postgres.api.user(eve.id) as session:
            await decisions.decide(session, eve.id, ada.action, Verdict.APPROVE, ada.digest)
    values = {"u": eve.id, "r": ada.run, "a": ada.action, "d": ada.digest}
    with pytest.raises(DBAPIError):
        async with postgres.api.user(eve.id) as session:
            await session.execute(
                text(
                    "INSERT INTO decisions (id, user_id, run_id, action_id, verdict, stage, digest, reason, at) "
                    "VALUES (gen_random_uuid(), :u, :r, :a, 'approve', 'gate', :d, '', now())"
                ),
                values,
            )


async def test_a_spent_grant_stays_spent(postgres: Postgres, ada: Person) -> None:
    await approve(postgres, ada)
    async with postgres.control.user(ada.id) as session:
        claims = await grants.mint(session, ada.id, ada.run, ada.action, 600)
    assert claims is not None
    async with postgres.gateway.user(ada.id) as session:
        await session.execute(text("UPDATE grants SET spent_at = now() WHERE jti = :j"), {"j": claims.jti})
    for value in ("NULL", "now() + interval '1 hour'"):
        with pytest.raises(DBAPIError, match="a spent grant stays spent"):
            async with postgres.gateway.user(ada.id) as session:
                await session.execute(text(f"UPDATE grants SET spent_at = {value} WHERE jti = :j"), {"j": claims.jti})


async def test_what_was_presented_is_what_is_approved(postgres: Postgres, ada: Person) -> None:
    with pytest.raises(Conflict, match="not the one you were shown"):
        async with postgres.api.user(ada.id) as session:
            await decisions.decide(session, ada.id, ada.action, Verdict.APPROVE, "0" * 64)


async def test_a_second_click_says_how_it_stands(postgres: Postgres, ada: Person) -> None:
    await approve(postgres, ada)
    with pytest.raises(Conflict, match="already approved"):
        await approve(postgres, ada)


async def test_a_rejection_needs_a_reason(postgres: Postgres, ada: Person) -> None:
    with pytest.raises(InvalidInput, match="needs a reason"):
        async with postgres.api.user(ada.id) as session:
            await decisions.decide(session, ada.id, ada.action, Verdict.REJECT, ada.digest, "  ")


async def test_cancelling_cancels_approvals_and_a_late_click_says_so(postgres: Postgres, ada: Person) -> None:
    async with postgres.api.user(ada.id) as session:
        await runs.cancel(session, ada.id, ada.run)
    with pytest.raises(Conflict, match="cancelled"):
        await approve(postgres, ada)
    async with postgres.api.user(ada.id) as session:
        row = await session.get(ActionRow, ada.action)
        assert row is not None
        assert row.state == "cancelled"


async def test_an_approved_action_of_a_cancelled_run_gets_no_grant(postgres: Postgres, ada: Person) -> None:
    await approve(postgres, ada)
    async with postgres.api.user(ada.id) as session:
        await runs.cancel(session, ada.id, ada.run)
    with pytest.raises(Refused, match="cancelled"):
        async with postgres.control.user(ada.id) as session:
            await grants.mint(session, ada.id, ada.run, ada.action, int(timedelta(minutes=5).total_seconds()))


async def test_an_edit_is_gated_as_what_it_became(postgres: Postgres, ada: Person) -> None:
    edited = action_for(ada.connection, "CEO").model_copy(update={"operation": "contacts.rename"})
    async with postgres.api.user(ada.id) as session:
        row = await decisions.edit(
            session, ada.id, ada.action, ada.digest, {"jobtitle": "CEO"}, "contacts.rename", lambda *_: edited
        )
    assert (row.state, row.version, row.supersedes, row.operation) == ("pending", 2, ada.action, "contacts.rename")
    assert row.id != ada.action
    assert row.digest == edited.digest() != ada.digest
    async with postgres.api.user(ada.id) as session:
        before = await session.get(ActionRow, ada.action)
        assert before is not None
        assert (before.state, before.digest) == ("superseded", ada.digest)
    with pytest.raises(Conflict, match="it was edited"):
        await approve(postgres, ada)
    with pytest.raises(Refused):
        async with postgres.control.user(ada.id) as session:
            await grants.mint(session, ada.id, ada.run, row.id, 600)


@pytest.mark.parametrize("role", ["api", "control"])
async def test_no_role_takes_a_cancel_back(postgres: Postgres, ada: Person, role: str) -> None:
    async with postgres.api.user(ada.id) as session:
        await runs.cancel(session, ada.id, ada.run)
    for value in ("NULL", "now() + interval '1 day'"):
        with pytest.raises(DBAPIError, match="stays cancelled"):
            async with getattr(postgres, role).user(ada.id) as session:
                await session.execute(
                    text(f"UPDATE runs SET cancel_requested_at = {value} WHERE id = :r"), {"r": ada.run}
                )


async def _statement(postgres: Postgres, role: str, user_id: UUID, statement: str, **values: Any) -> None:
    async with getattr(postgres, role).user(user_id) as session:
        await session.execute(text(statement), {"u": user_id, **values})


def _as_owner(postgres: Postgres, statement: str, *values: Any) -> None:
    with postgres.connect() as owner:
        owner.execute(statement, values)


@pytest.mark.parametrize("role", ["api", "control", "gateway"])
@pytest.mark.parametrize("state", ["checking", "needs_reconnection"])
async def test_no_connection_becomes_usable_without_an_accepted_credential(
    postgres: Postgres, ada: Person, role: str, state: str
) -> None:
    with postgres.connect() as owner:
        owner.execute("ALTER TABLE connections DISABLE TRIGGER check_connection")
        owner.execute("UPDATE connections SET state = %s WHERE id = %s", (state, ada.connection))
        owner.execute("ALTER TABLE connections ENABLE TRIGGER check_connection")
    for wanted in ("active", "read_only"):
        with pytest.raises(DBAPIError, match="no credential of this connection was accepted"):
            await _statement(
                postgres, role, ada.id, "UPDATE connections SET state = :s WHERE id = :c", s=wanted, c=ada.connection
            )


@pytest.mark.parametrize("role", ["api", "control", "gateway"])
async def test_a_revoked_connection_stays_revoked(postgres: Postgres, ada: Person, role: str) -> None:
    _as_owner(postgres, "UPDATE connections SET state = 'revoked' WHERE id = %s", ada.connection)
    with pytest.raises(DBAPIError, match="is not removed yet"):
        await _statement(postgres, role, ada.id, "UPDATE connections SET state = 'active'")
    _as_owner(postgres, "UPDATE connections SET broken_at = now(), purged_at = now() WHERE id = %s", ada.connection)
    with pytest.raises(DBAPIError, match="stays revoked"):
        await _statement(postgres, role, ada.id, "UPDATE connections SET state = 'active'")


async def test_the_api_takes_no_revocation_back_by_moving_its_time(postgres: Postgres, ada: Person) -> None:
    """The credential of before was accepted once: it counts no more, whatever time the revocation is said to have."""
    with postgres.connect() as owner:
        owner.execute(
            "UPDATE connections SET credential_set_at = now() - interval '2 days' WHERE id = %s", (ada.connection,)
        )
        owner.execute("ALTER TABLE credential_attempts DISABLE TRIGGER check_attempt")
        owner.execute(
            "INSERT INTO credential_attempts (id, user_id, connection_id, kind, scopes, read_only, state, reason, "
            "created_at, finished_at) SELECT gen_random_uuid(), user_id, id, 'key', '[]', false, 'works', '', "
            "credential_set_at, credential_set_at FROM connections WHERE id = %s",
            (ada.connection,),
        )
        owner.execute("ALTER TABLE credential_attempts ENABLE TRIGGER check_attempt")
    revoke = "UPDATE connections SET state = 'revoked', broken_at = now(), purge_owed_at = now()"
    await _statement(postgres, "api", ada.id, revoke)
    async with postgres.api.user(ada.id) as session:
        await session.execute(text("SELECT coco_purge(:c)"), {"c": ada.connection})
    for change in ("broken_at = NULL", "purge_owed_at = NULL"):
        with pytest.raises(DBAPIError, match="is not taken back"):
            await _statement(postgres, "api", ada.id, f"UPDATE connections SET {change}")
    await _statement(postgres, "api", ada.id, "UPDATE connections SET broken_at = now() - interval '3 days'")
    with pytest.raises(DBAPIError, match="stays revoked"):
        await _statement(postgres, "api", ada.id, "UPDATE connections SET state = 'active'")


async def test_a_credential_is_not_given_ahead_of_time(postgres: Postgres, ada: Person) -> None:
    """Else one that was given before a revocation could be said to have been given after it."""
    insert = (
        "INSERT INTO credential_attempts (id, user_id, connection_id, kind, sealed, fingerprint, scopes, read_only, "
        "state, reason, created_at) VALUES (gen_random_uuid(), :u, :c, 'key', 'x', 'x', '[]', false, 'pending', '', "
        "now() + interval '1 day')"
    )
    with pytest.raises(DBAPIError, match="given now"):
        await _statement(postgres, "api", ada.id, insert, c=ada.connection)


async def test_an_attempt_starts_pending_and_ends_once(postgres: Postgres, ada: Person) -> None:
    insert = (
        "INSERT INTO credential_attempts (id, user_id, connection_id, kind, sealed, fingerprint, scopes, read_only, "
        "state, reason, created_at) VALUES (gen_random_uuid(), :u, :c, 'key', 'x', 'x', '[]', false, :s, '', now())"
    )
    with pytest.raises(DBAPIError, match="given as pending"):
        await _statement(postgres, "api", ada.id, insert, c=ada.connection, s="works")
    await _statement(postgres, "api", ada.id, insert, c=ada.connection, s="pending")
    with pytest.raises(DBAPIError, match="ended_holds_nothing"):
        await _statement(postgres, "gateway", ada.id, "UPDATE credential_attempts SET state = 'refused'")
    ended = "UPDATE credential_attempts SET state = 'refused', sealed = NULL, fingerprint = NULL, finished_at = now()"
    await _statement(postgres, "gateway", ada.id, ended)
    with pytest.raises(DBAPIError, match="has ended"):
        await _statement(postgres, "gateway", ada.id, "UPDATE credential_attempts SET state = 'works'")


@pytest.mark.parametrize("state", ["read_only", "revoked"])
async def test_the_database_grants_no_write_to_a_connection_that_only_reads(
    postgres: Postgres, ada: Person, state: str
) -> None:
    await approve(postgres, ada)
    _as_owner(postgres, "UPDATE connections SET state = %s WHERE id = %s", state, ada.connection)
    with pytest.raises(Refused):
        async with postgres.control.user(ada.id) as session:
            await grants.mint(session, ada.id, ada.run, ada.action, 600)
    # And were the code wrong:
    with pytest.raises(DBAPIError, match="may not write"):
        await _statement(
            postgres,
            "control",
            ada.id,
            "INSERT INTO grants (jti, user_id, run_id, action_id, decision_id, digest, prior_digest, credits, "
            "issued_at, expires_at) "
            "SELECT gen_random_uuid(), user_id, run_id, action_id, id, digest, digest, 3, now(), "
            "now() + interval '10 minutes' FROM decisions",
        )


async def test_the_gateway_removes_only_key_store_keys_that_are_replaced(postgres: Postgres, ada: Person) -> None:
    for purpose in ("payload", "keystore"):
        with pytest.raises(DBAPIError, match="still needed"):
            await _statement(postgres, "gateway", ada.id, "DELETE FROM user_keys WHERE purpose = :p", p=purpose)
    for purpose in ("payload", "keystore"):
        _as_owner(
            postgres,
            "INSERT INTO user_keys (user_id, purpose, version, wrapped, created_at) VALUES (%s, %s, 2, 'x', now())",
            ada.id,
            purpose,
        )
    older = "DELETE FROM user_keys WHERE purpose = :p AND version = 1"
    with pytest.raises(DBAPIError, match="still needed"):
        await _statement(postgres, "gateway", ada.id, older, p="payload")
    await _statement(postgres, "gateway", ada.id, older, p="keystore")
