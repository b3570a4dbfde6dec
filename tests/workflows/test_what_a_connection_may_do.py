"""A connection writes only what it was granted: its plan says so first, its mint again, and the gateway in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from activities.connectors.base import ConnectionInfo
from activities.names import AcceptPlanInput, ActionRef
from activities.trusted import TrustedActivities
from coco.plans import PlanDraft, Proposal
from store import plan_drafts
from store.tables import ActionRow, GrantRow, Run
from tests.conftest import Postgres
from tests.gateway.harness import SIGNING_KEY, Person, Stage, settings_for

CONTACTS_ONLY = ["crm.objects.contacts.read", "crm.objects.contacts.write"]
READS = ["crm.objects.contacts.read", "crm.objects.companies.read", "crm.objects.deals.read"]


async def _nothing(_: UUID) -> None: ...


@pytest.fixture
async def person(postgres: Postgres, tmp_path: Path) -> Person:
    """Somebody whose sandbox nobody listens to: what is looked at here is the control side's."""
    stage = Stage(postgres, settings_for(postgres, tmp_path), tmp_path)
    return await stage.person(listen=False)


@pytest.fixture
def trusted(postgres: Postgres) -> TrustedActivities:
    return TrustedActivities(postgres.control, SIGNING_KEY, _nothing, grant_seconds=600)


async def planned(
    person: Person, trusted: TrustedActivities, connection: ConnectionInfo, *operations: tuple[str, dict[str, Any]]
) -> tuple[Run, list[ActionRow]]:
    """A plan that proposes these; the run with its card, and the actions that came onto it."""
    run = await person.run(connection)
    proposals = tuple(
        Proposal(key=f"p{index}", connection=str(connection.id), operation=name, arguments=arguments)
        for index, (name, arguments) in enumerate(operations)
    )
    async with person.stage.postgres.gateway.user(person.user_id) as session:
        await plan_drafts.submit(session, person.user_id, run.id, 1, PlanDraft(goal="g", proposals=proposals))
    await trusted.accept_plan(AcceptPlanInput(user_id=person.user_id, run_id=run.id, revision=1))
    [now] = [row for row in await person.rows(Run) if row.id == run.id]
    return now, [row for row in await person.rows(ActionRow) if row.run_id == run.id]


def create(kind: str = "contacts") -> tuple[str, dict[str, Any]]:
    properties = {"contacts": {"email": "n@example.com"}, "deals": {"dealname": "D"}}[kind]
    return f"{kind}.create", {"properties": properties}


async def test_what_was_not_granted_is_set_aside_with_the_reason_in_plain_words(
    person: Person, trusted: TrustedActivities
) -> None:
    connection = await person.connect("hubspot", "http://127.0.0.1:9", scopes=CONTACTS_ONLY)
    run, actions = await planned(person, trusted, connection, create("contacts"), create("deals"))
    assert [row.operation for row in actions] == ["contacts.create"]
    assert run.card is not None
    [reason] = run.card["set_aside"]
    assert reason.startswith("deals.create: ")
    assert "was not given leave to do this: read your deals; create, change and archive your deals" in reason


async def test_a_read_only_connection_is_never_granted_a_write(person: Person, trusted: TrustedActivities) -> None:
    connection = await person.connect("hubspot", "http://127.0.0.1:9", state="read_only")
    run, actions = await planned(person, trusted, connection, create())
    assert actions == []
    assert run.card is not None
    [reason] = run.card["set_aside"]
    assert "read-only: it can research and draft, never write" in reason


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE connections SET state = 'read_only' WHERE id = %s", "connection_unusable"),
        ("UPDATE connections SET scopes = '[\"crm.objects.contacts.read\"]' WHERE id = %s", "forbidden"),
        ("UPDATE connections SET scopes = '[]' WHERE id = %s", "forbidden"),
    ],
)
async def test_what_was_taken_away_after_the_approval_is_not_minted(
    person: Person, trusted: TrustedActivities, change: str, code: str
) -> None:
    connection = await person.connect("hubspot", "http://127.0.0.1:9", scopes=CONTACTS_ONLY)
    run, [action] = await planned(person, trusted, connection, create())
    await person.approve(action)
    with person.stage.postgres.connect() as owner:
        owner.execute(change, (connection.id,))
    minted = await trusted.mint_grant(ActionRef(user_id=person.user_id, run_id=run.id, action_id=action.id))
    assert (minted.grant, minted.refused) == ("", code)
    assert await person.rows(GrantRow) == []


async def test_a_connection_without_any_scope_on_record_does_nothing(
    person: Person, trusted: TrustedActivities
) -> None:
    connection = await person.connect("hubspot", "http://127.0.0.1:9", scopes=[])
    run, actions = await planned(person, trusted, connection, create())
    assert actions == []
    assert run.card is not None
    assert "was not given leave" in run.card["set_aside"][0]


async def test_connections_of_before_have_what_their_state_let_through(postgres: Postgres, person: Person) -> None:
    """The migration's own statement, on rows as they were before it."""
    from store.migrations.privileges_credentials import BACKFILL
    from tests.connecting import every_scope

    kinds = [("hubspot", "active"), ("hubspot", "read_only"), ("smtp", "active"), ("smtp", "read_only")]
    made = {}
    for name, state in kinds:
        info = await person.connect(name, "http://127.0.0.1:9", scopes=[], state=state)
        made[name, state] = info.id
    with postgres.connect() as owner:
        owner.execute(BACKFILL)
        rows = {row[0]: row[1] for row in owner.execute("SELECT id, scopes FROM connections").fetchall()}
    # By the manifest of then: what a connector has learnt since was granted to nobody.
    assert set(rows[made["hubspot", "active"]]) == {*READS, *(name.replace(".read", ".write") for name in READS)}
    assert rows[made["hubspot", "read_only"]] == READS
    assert rows[made["smtp", "active"]] == every_scope("smtp")
    assert rows[made["smtp", "read_only"]] == []
