"""Teams in the database: who changes them, and what of others' rows a member reads; leaving counts at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlmodel import col, select

from coco.audit import AuditKind, verify_chain
from coco.errors import CocoError, InvalidInput, NotFound, Refused
from coco.teams import PERMISSIONS, Permission, Role, may, may_change, may_give
from store import audit, erasing, runs, team_audit, team_invitations, team_runs, teams, workflows
from store.tables import ActionRow, AuditRow, Run, Workflow
from tests.conftest import Cluster, Postgres, fresh
from tests.store.test_who_may_write_what import Person, action_for, person

ROLES = list(Role)


@dataclass
class Office:
    """Ann's team, with somebody for each role; Eve is in none."""

    postgres: Postgres
    team: UUID
    ann: Person
    people: dict[Role, UUID]
    eve: Person
    emails: dict[UUID, str] = field(default_factory=dict)

    async def add(self, who: UUID, role: Role, by: UUID | None = None) -> None:
        by = by or self.ann.id
        async with self.postgres.api.user(by) as session:
            _, token = await team_invitations.invite(session, by, self.team, self.emails[who], role)
        async with self.postgres.api.user(who) as session:
            assert await team_invitations.accept(session, who, token) == self.team

    async def leave(self, who: UUID, by: UUID | None = None) -> None:
        async with self.postgres.api.user(by or who) as session:
            await teams.remove(session, by or who, self.team, who)

    async def share(self, who: Person | None = None) -> None:
        who = who or self.ann
        async with self.postgres.api.user(who.id) as session:
            await teams.share(session, who.id, self.team, who.workflow)

    async def run(self, who: Person | None = None) -> UUID:
        """A run of the person's workflow with a pending action, after whatever happened before."""
        who = who or self.ann
        async with self.postgres.api.user(who.id) as session:
            run = await runs.create_run(session, who.id, who.workflow)
        async with self.postgres.control.user(who.id) as session:
            body = action_for(who.connection)
            session.add(
                ActionRow(
                    user_id=who.id,
                    run_id=run.id,
                    workflow_id=who.workflow,
                    connection_id=who.connection,
                    key="a",
                    operation="contacts.update",
                    arguments={},
                    body=body.as_json(),
                    digest=body.digest(),
                )
            )
        return run.id

    async def sees(self, who: UUID) -> dict[str, int]:
        """How many rows of others somebody reads in a session that names the team."""
        tables = ("workflows", "runs", "actions", "connections", "questions", "decisions", "ledger_transactions",
                  "reads", "audit", "guardrails", "events")  # fmt: skip
        async with self.postgres.api.team(who, self.team) as session:
            found = {}
            for name in tables:
                query = text(f"SELECT count(*) FROM {name} WHERE user_id <> :u")
                found[name] = int((await session.execute(query, {"u": who})).scalar_one())
        return {name: count for name, count in found.items() if count}


async def account(postgres: Postgres, name: str, tier: str = "free") -> Person:
    who = await person(postgres, f"{name}@example.com")
    with postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = %s WHERE id = %s", (tier, who.id))
    return who


async def make_office(postgres: Postgres) -> Office:
    ann = await account(postgres, "ann", "team")
    async with postgres.api.user(ann.id) as session:
        team = await teams.make(session, ann.id, "Sales")
    office = Office(postgres, team.id, ann, {Role.OWNER: ann.id}, await account(postgres, "eve"))
    office.emails = {ann.id: "ann@example.com", office.eve.id: "eve@example.com"}
    for role in (Role.ADMIN, Role.APPROVER, Role.MEMBER, Role.AUDITOR):
        who = (await account(postgres, role.value)).id
        office.emails[who] = f"{role.value}@example.com"
        await office.add(who, role)
        office.people[role] = who
    return office


@pytest.fixture
async def office(postgres: Postgres) -> Office:
    return await make_office(postgres)


@pytest.fixture(scope="module")
async def still(cluster: Cluster) -> AsyncIterator[Office]:
    """One for tests that change nothing that lasts."""
    async with fresh(cluster) as postgres:
        office = await make_office(postgres)
        await office.share()
        await office.run()
        yield office


SHOWN = {"workflows": 1, "runs": 1, "actions": 1, "connections": 1}


@pytest.mark.parametrize("role", [role for role in ROLES if role is not Role.OWNER])
async def test_every_role_sees_what_is_shared_and_no_more(still: Office, role: Role) -> None:
    assert await still.sees(still.people[role]) == SHOWN


async def test_who_is_not_in_the_team_sees_nothing(still: Office) -> None:
    assert await still.sees(still.eve.id) == {}
    async with still.postgres.api.user(still.eve.id) as session:
        assert await teams.membership(session, still.team, still.ann.id) is None
        assert await teams.members(session, still.team) == []
        for table in ("teams", "team_members", "team_shares"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
        with pytest.raises(NotFound):
            await teams.get(session, still.team)


async def test_an_ordinary_session_of_a_member_sees_nothing_of_others(still: Office) -> None:
    for role in ROLES:
        async with still.postgres.api.user(still.people[role]) as session:
            for model in (Workflow, Run, ActionRow, AuditRow):
                found = await session.execute(select(model).where(col(model.user_id) != still.people[role]))
                assert found.all() == []


@pytest.mark.parametrize("database", ["control", "gateway"])
async def test_no_other_process_reads_by_a_team(still: Office, database: str) -> None:
    async with getattr(still.postgres, database).user(still.people[Role.ADMIN]) as session:
        await session.execute(text("SELECT set_config('coco.team_id', :t, true)"), {"t": str(still.team)})
        found = await session.execute(select(col(Run.id)).where(col(Run.user_id) == still.ann.id))
        assert found.all() == []


async def test_what_was_before_the_sharing_stays_private(office: Office) -> None:
    await office.share()
    seen = await office.sees(office.people[Role.ADMIN])
    # The run and the action that `person` makes are older.
    assert seen == {"workflows": 1, "connections": 1}


async def test_leaving_counts_at_the_next_statement(office: Office) -> None:
    await office.share()
    await office.run()
    member = office.people[Role.MEMBER]
    async with office.postgres.api.team(member, office.team) as session:
        query = select(col(Run.id)).where(col(Run.user_id) == office.ann.id)
        assert len((await session.execute(query)).all()) == 1
        await office.leave(member, by=office.ann.id)
        assert (await session.execute(query)).all() == []
    async with office.postgres.api.user(member) as session:
        assert await teams.listed(session, member) == []


async def test_what_who_leaves_had_shared_is_theirs_alone_again(office: Office) -> None:
    ben = await account(office.postgres, "ben")
    office.emails[ben.id] = "ben@example.com"
    await office.add(ben.id, Role.MEMBER)
    await office.share(ben)
    await office.run(ben)
    assert await office.sees(office.ann.id) == SHOWN
    await office.leave(ben.id)
    assert await office.sees(office.ann.id) == {}
    async with office.postgres.api.user(ben.id) as session:
        assert (await workflows.get(session, ben.id, ben.workflow)).team_id is None
    # And comes back with a membership of its own; what is shared again starts anew.
    await office.add(ben.id, Role.AUDITOR)
    assert await office.sees(office.ann.id) == {}


OTHERS = (
    "UPDATE workflows SET title = 'x' WHERE id = :w",
    "UPDATE runs SET state = 'x' WHERE workflow_id = :w",
    "UPDATE actions SET state = 'cancelled' WHERE workflow_id = :w",
)


async def test_a_session_that_names_a_team_changes_nothing(still: Office) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        async with still.postgres.api.team(still.ann.id, still.team) as session:
            await session.execute(text("UPDATE workflows SET title = 'x'"))
    # Nor does naming one let anybody write others' rows.
    async with still.postgres.api.user(still.people[Role.ADMIN]) as session:
        await session.execute(text("SELECT set_config('coco.team_id', :t, true)"), {"t": str(still.team)})
        for statement in OTHERS:
            changed: Any = await session.execute(text(statement), {"w": still.ann.workflow})
            assert changed.rowcount == 0


# -- who may change what: the database and coco.teams say the same ----------------------------------------------------


@pytest.mark.parametrize(("by", "before", "after"), list(product(ROLES, ROLES, ROLES)))
async def test_the_database_changes_roles_as_the_table_says(still: Office, by: Role, before: Role, after: Role) -> None:
    """Tried on a second owner, admin, …, within a transaction that is rolled back."""
    person_id, actor = uuid4(), still.people[by]
    with still.postgres.connect() as owner:
        owner.autocommit = False
        owner.execute(
            "INSERT INTO users (id, email, name, password_hash, is_operator, tier, region, created_at) "
            "VALUES (%s, %s, '', 'x', false, 'free', '', now())",
            (person_id, f"{person_id}@example.com"),
        )
        owner.execute(
            "INSERT INTO team_members (team_id, user_id, joined_at, role) VALUES (%s, %s, now(), %s)",
            (still.team, person_id, before.value),
        )
        owner.execute("SELECT set_config('coco.user_id', %s, true)", (str(actor),))
        try:
            owner.execute("SELECT coco_team_set_role(%s, %s, %s)", (still.team, person_id, after.value))
            allowed = True
        except psycopg.errors.CheckViolation:
            allowed = False
        owner.rollback()
    assert allowed == may_change(by, before, after)


@pytest.mark.parametrize(("by", "role"), list(product(ROLES, ROLES)))
async def test_the_database_takes_invitations_as_the_table_says(still: Office, by: Role, role: Role) -> None:
    statement = text(
        "INSERT INTO team_invitations (id, team_id, email, role, token_sha256, invited_by, created_at, expires_at) "
        "VALUES (gen_random_uuid(), :t, 'x@example.com', :r, :s, :u, now(), now())"
    )
    values = {"t": still.team, "r": role.value, "s": f"{by}{role}", "u": still.people[by]}

    async def tried() -> None:
        async with still.postgres.api.user(still.people[by]) as session:
            await session.execute(statement, values)
            await session.rollback()

    if may_give(by, role):
        await tried()
    else:
        with pytest.raises(ProgrammingError, match="row-level security"):
            await tried()


@pytest.mark.parametrize("role", ROLES)
async def test_the_database_lets_share_as_the_table_says(office: Office, role: Role) -> None:
    ben = await account(office.postgres, "ben")
    office.emails[ben.id] = "ben@example.com"
    await office.add(ben.id, role)
    try:
        async with office.postgres.api.user(ben.id) as session:
            await teams.ask(session, "coco_team_share(:t, :w)", t=office.team, w=ben.workflow)
        allowed = True
    except Refused:
        allowed = False
    assert allowed == may(role, Permission.SHARE)


def test_nothing_is_allowed_that_is_not_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Role)
    for permission in Permission:
        assert not may(None, permission)
    assert {role for role in Role if may(role, Permission.MANAGE)} == {Role.OWNER, Role.ADMIN}
    assert {role for role in Role if may(role, Permission.AUDIT)} == {Role.OWNER, Role.ADMIN, Role.AUDITOR}
    assert {role for role in Role if may(role, Permission.APPROVE)} == {Role.OWNER, Role.ADMIN, Role.APPROVER}
    assert not may(Role.AUDITOR, Permission.START)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO team_members (team_id, user_id, joined_at, role) VALUES (:t, :u, now(), 'owner')",
        "UPDATE team_members SET role = 'owner' WHERE user_id = :u",
        "UPDATE team_members SET left_at = NULL WHERE user_id = :u",
        "DELETE FROM team_members WHERE team_id = :t",
        "INSERT INTO teams (id, name, created_at, created_by) VALUES (gen_random_uuid(), 'x', now(), :u)",
        "UPDATE teams SET name = 'x' WHERE id = :t",
        "UPDATE workflows SET team_id = :t",
        "SELECT token_sha256 FROM team_invitations WHERE team_id = :t",
        "UPDATE team_invitations SET role = 'owner' WHERE team_id = :t",
        "UPDATE team_invitations SET accepted_at = now() WHERE team_id = :t",
        "UPDATE team_shares SET ended_at = NULL WHERE team_id = :t",
        "UPDATE runs SET requested_by = :u",
        "SELECT coco_team_role(:t, :u)",
        "SELECT coco_team_part(:t, :u)",
    ],
)
async def test_what_no_process_may_do(still: Office, statement: str) -> None:
    values = {"t": still.team, "u": still.people[Role.ADMIN]}
    values = {key: value for key, value in values.items() if f":{key}" in statement}
    for database in (still.postgres.api, still.postgres.control, still.postgres.gateway):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with database.user(still.people[Role.ADMIN]) as session:
                await session.execute(text(statement), values)


@pytest.mark.parametrize(
    "call",
    [
        "coco_team_set_role(:t, :u, 'member')",
        "coco_team_end(:t, :u)",
        "coco_team_share(:t, :w)",
        "coco_team_unshare(:w)",
    ],
)
async def test_who_is_not_in_the_team_changes_nothing(still: Office, call: str) -> None:
    values = {"t": still.team, "u": still.people[Role.MEMBER], "w": still.ann.workflow}
    with pytest.raises(Refused):
        async with still.postgres.api.user(still.eve.id) as session:
            await teams.ask(session, call, **{key: value for key, value in values.items() if f":{key}" in call})


async def test_a_workflow_is_not_made_into_somebodys_team(still: Office) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with still.postgres.api.user(still.eve.id) as session:
            session.add(Workflow(user_id=still.eve.id, title="x", playbook="p", team_id=still.team))


# -- the last owner ---------------------------------------------------------------------------------------------------


async def test_a_team_keeps_an_owner(office: Office) -> None:
    with pytest.raises(Refused, match="keeps an owner"):
        await office.leave(office.ann.id)
    with pytest.raises(Refused, match="keeps an owner"):
        async with office.postgres.api.user(office.ann.id) as session:
            await teams.set_role(session, office.ann.id, office.team, office.ann.id, Role.ADMIN)
    admin = office.people[Role.ADMIN]
    with pytest.raises(Refused, match="does not let"):
        await office.leave(office.ann.id, by=admin)
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.set_role(session, office.ann.id, office.team, admin, Role.OWNER)
    await office.leave(office.ann.id)
    async with office.postgres.api.user(admin) as session:
        assert await teams.membership(session, office.team, office.ann.id) is None


async def test_an_owner_who_is_alone_may_end_the_team(office: Office) -> None:
    for who in set(office.people.values()) - {office.ann.id}:
        await office.leave(who)
    await office.leave(office.ann.id)
    async with office.postgres.api.user(office.ann.id) as session:
        assert await teams.listed(session, office.ann.id) == []


async def test_a_deleted_account_leaves_its_teams_at_once(office: Office) -> None:
    await office.share()
    await office.run()
    async with office.postgres.api.user(office.ann.id) as session:
        await erasing.ask(session, office.ann.id, uuid4())
    admin = office.people[Role.ADMIN]
    assert await office.sees(admin) == {}
    async with office.postgres.api.user(admin) as session:
        assert await teams.membership(session, office.team, admin) is Role.OWNER
        assert office.ann.id not in [member.user_id for member in await teams.people(session, office.team)]


async def test_a_team_whose_last_manager_is_deleted_ends(office: Office) -> None:
    await office.leave(office.people[Role.ADMIN])
    async with office.postgres.api.user(office.ann.id) as session:
        await erasing.ask(session, office.ann.id, uuid4())
    for role in (Role.APPROVER, Role.MEMBER, Role.AUDITOR):
        async with office.postgres.api.user(office.people[role]) as session:
            assert await teams.listed(session, office.people[role]) == []


# -- invitations ------------------------------------------------------------------------------------------------------


async def invited(office: Office, role: Role = Role.MEMBER, email: str = "eve@example.com") -> tuple[UUID, str]:
    async with office.postgres.api.user(office.ann.id) as session:
        return await team_invitations.invite(session, office.ann.id, office.team, email, role)


async def accepts(office: Office, who: UUID, token: str) -> None:
    async with office.postgres.api.user(who) as session:
        await team_invitations.accept(session, who, token)


async def test_an_invitation_is_for_its_address_and_for_one_time(office: Office) -> None:
    _, token = await invited(office)
    ben = await account(office.postgres, "ben")
    with pytest.raises(Refused, match="no such invitation"):
        await accepts(office, ben.id, token)
    with pytest.raises(Refused, match="no such invitation"):
        await accepts(office, office.eve.id, token + "x")
    await accepts(office, office.eve.id, token)
    await office.leave(office.eve.id)
    with pytest.raises(Refused, match="does not hold"):
        await accepts(office, office.eve.id, token)


@pytest.mark.parametrize("how", ["revoked", "expired", "inviter left", "inviter fell"])
async def test_an_invitation_that_does_not_hold(office: Office, how: str) -> None:
    admin = office.people[Role.ADMIN]
    async with office.postgres.api.user(admin) as session:
        found, token = await team_invitations.invite(session, admin, office.team, "eve@example.com", Role.ADMIN)
    match how:
        case "revoked":
            async with office.postgres.api.user(office.ann.id) as session:
                await team_invitations.revoke(session, office.ann.id, office.team, found)
        case "expired":
            with office.postgres.connect() as owner:
                owner.execute("UPDATE team_invitations SET expires_at = now() WHERE id = %s", (found,))
        case "inviter left":
            await office.leave(admin)
        case _:
            async with office.postgres.api.user(office.ann.id) as session:
                await teams.set_role(session, office.ann.id, office.team, admin, Role.MEMBER)
    with pytest.raises(Refused, match="does not hold"):
        await accepts(office, office.eve.id, token)


async def test_who_may_not_invite_does_not_and_sees_no_invitation(still: Office) -> None:
    async with still.postgres.api.user(still.people[Role.ADMIN]) as session:
        with pytest.raises(Refused, match="does not let you"):
            await team_invitations.invite(session, still.people[Role.ADMIN], still.team, "x@example.com", Role.OWNER)
    for role in (Role.APPROVER, Role.MEMBER, Role.AUDITOR):
        async with still.postgres.api.user(still.people[role]) as session:
            assert await team_invitations.open_ones(session, still.team) == []
            with pytest.raises(Refused, match="does not let you"):
                await team_invitations.invite(session, still.people[role], still.team, "x@example.com", Role.MEMBER)


async def test_a_team_comes_with_the_tier(office: Office) -> None:
    with pytest.raises(Refused, match="Team tier"):
        async with office.postgres.api.user(office.eve.id) as session:
            await teams.make(session, office.eve.id, "Mine")
    with office.postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = 'free' WHERE id = %s", (office.ann.id,))
    with pytest.raises(Refused, match="Team tier"):
        await invited(office)
    with pytest.raises(Refused, match="Team tier"):
        await office.share()
    await office.leave(office.people[Role.MEMBER])


# -- what is recorded -------------------------------------------------------------------------------------------------


async def entries(office: Office, who: UUID) -> list[tuple[str, str, dict[str, Any]]]:
    async with office.postgres.api.user(who) as session:
        chain = [pair async for pair in audit.chain(session, who)]
    assert verify_chain(chain) is None
    return [(entry.kind, entry.actor, entry.body) for entry, _ in chain if entry.kind.startswith("team_")]


async def test_every_event_is_in_the_chain_of_who_did_it_and_of_whom_it_is_about(office: Office) -> None:
    admin, member = office.people[Role.ADMIN], office.people[Role.MEMBER]
    async with office.postgres.api.user(admin) as session:
        await teams.set_role(session, admin, office.team, member, Role.APPROVER)
    await office.share()
    async with office.postgres.api.user(admin) as session:
        await teams.unshare(session, admin, office.team, office.ann.workflow)
    await office.leave(member, by=admin)
    team = str(office.team)
    changed = {"team": team, "person": str(member), "from": "member", "to": "approver"}
    removed = {"team": team, "person": str(member), "role": "approver"}
    unshared = {"team": team, "workflow": str(office.ann.workflow), "of": str(office.ann.id)}
    by = f"user:{admin}"
    assert (await entries(office, admin))[1:] == [
        (AuditKind.TEAM_ROLE_CHANGED, by, changed),
        (AuditKind.TEAM_WORKFLOW_UNSHARED, by, unshared),
        (AuditKind.TEAM_MEMBER_REMOVED, by, removed),
    ]
    assert (await entries(office, member))[1:] == [
        (AuditKind.TEAM_ROLE_CHANGED, by, changed),
        (AuditKind.TEAM_MEMBER_REMOVED, by, removed),
    ]
    ann = await entries(office, office.ann.id)
    assert [kind for kind, _, _ in ann] == [
        "team_created", "team_invited", "team_invited", "team_invited", "team_invited", "team_workflow_shared",
        "team_workflow_unshared",
    ]  # fmt: skip
    assert ann[-1] == (AuditKind.TEAM_WORKFLOW_UNSHARED, by, unshared)


async def test_two_who_change_each_other_at_once_both_come_to_an_end(office: Office) -> None:
    import asyncio

    admin = office.people[Role.ADMIN]
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.set_role(session, office.ann.id, office.team, admin, Role.OWNER)

    async def demote(by: UUID, who: UUID) -> bool:
        try:
            async with office.postgres.api.user(by) as session:
                await teams.set_role(session, by, office.team, who, Role.MEMBER)
            return True
        except CocoError:
            return False

    assert sum(await asyncio.gather(demote(admin, office.ann.id), demote(office.ann.id, admin))) == 1


async def test_a_run_is_asked_for_only_by_who_may(still: Office) -> None:
    for who in (still.people[Role.AUDITOR], still.eve.id):
        with pytest.raises(IntegrityError, match="may not start it"):
            async with still.postgres.api.user(still.ann.id) as session:
                session.add(Run(user_id=still.ann.id, workflow_id=still.ann.workflow, requested_by=who))


# -- what members see, and start ---------------------------------------------------------------------------------------


async def test_the_runs_and_the_card_of_what_is_shared(office: Office) -> None:
    await office.share()
    run_id = await office.run()
    for role in ROLES:
        who = office.people[role]
        async with office.postgres.api.team(who, office.team) as session:
            assert [row.id for row in await team_runs.workflows(session, who, office.team)] == [office.ann.workflow]
            assert [view.id for view in (await team_runs.listed(session, who, office.team)).items] == [run_id]
            owner, card = await team_runs.card(session, who, office.team, run_id)
        assert owner == office.ann.id
        assert [(item.summary, item.connection_title) for item in card.actions] == [("Set Job title to CTO", "CRM")]
        assert card.model_calls == []


async def test_the_card_of_another_run_is_not_there(office: Office) -> None:
    await office.share()
    run_id = await office.run()
    for who, wanted in [(office.people[Role.ADMIN], office.ann.run), (office.eve.id, run_id)]:
        async with office.postgres.api.team(who, office.team) as session:
            with pytest.raises(NotFound):
                await team_runs.card(session, who, office.team, wanted)


async def test_pages_of_runs_go_through_all_of_them(office: Office) -> None:
    ben = await account(office.postgres, "ben")
    office.emails[ben.id] = "ben@example.com"
    await office.add(ben.id, Role.MEMBER)
    await office.share()
    await office.share(ben)
    made = [await office.run(who) for who in (office.ann, ben, office.ann)]
    seen: list[UUID] = []
    cursor = None
    while True:
        async with office.postgres.api.team(office.people[Role.AUDITOR], office.team) as session:
            page = await team_runs.listed(session, office.people[Role.AUDITOR], office.team, cursor=cursor, limit=1)
        seen += [view.id for view in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == made[::-1]


async def start(office: Office, who: UUID, workflow: UUID | None = None) -> Run:
    async with office.postgres.api.user(who) as session:
        return await team_runs.start(session, who, office.team, workflow or office.ann.workflow)


@pytest.mark.parametrize("role", ROLES)
async def test_who_may_start_a_shared_workflow(office: Office, role: Role) -> None:
    await office.share()
    who = office.people[role]
    if not may(role, Permission.START):
        with pytest.raises(Refused, match="does not let you"):
            await start(office, who)
        async with office.postgres.api.user(who) as session:
            asked = await session.execute(
                text("SELECT coco_team_start(:t, :w)"), {"t": office.team, "w": office.ann.workflow}
            )
            assert asked.scalar_one() is None
        return
    run = await start(office, who)
    assert (run.user_id, run.requested_by) == (office.ann.id, who if role is not Role.OWNER else None)
    async with office.postgres.api.user(office.ann.id) as session:
        entry = (
            await session.execute(
                select(AuditRow).where(col(AuditRow.run_id) == run.id, col(AuditRow.kind) == "run_started")
            )
        ).scalar_one()
        assert entry.actor == f"user:{who}"
        owed = await session.execute(text("SELECT count(*) FROM wakeups WHERE run_id = :r"), {"r": run.id})
        assert owed.scalar_one() == 1
    # What they did is in the owner's account alone: nothing of it is theirs.
    if role is not Role.OWNER:
        async with office.postgres.api.user(who) as session:
            assert await session.get(Run, run.id) is None


async def test_what_is_not_shared_is_not_started(office: Office) -> None:
    with pytest.raises(NotFound):
        await start(office, office.people[Role.MEMBER])
    await office.share()
    await start(office, office.people[Role.MEMBER])
    await office.leave(office.people[Role.MEMBER])
    with pytest.raises(NotFound):
        await start(office, office.people[Role.MEMBER])
    with pytest.raises(NotFound):
        await start(office, office.eve.id)


# -- the audit entries of a team ---------------------------------------------------------------------------------------


async def roll_up(office: Office, who: UUID, **wanted: Any) -> list[team_audit.TeamEntry]:
    found: list[team_audit.TeamEntry] = []
    cursor = None
    while True:
        async with office.postgres.api.user(who) as session:
            page = await team_audit.page(
                session, who, office.team, team_audit.TeamFilter(**wanted), cursor=cursor, limit=3
            )
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


async def test_the_roll_up_has_every_member_and_the_same_detail(office: Office) -> None:
    ben = await account(office.postgres, "ben")
    office.emails[ben.id] = "ben@example.com"
    await office.add(ben.id, Role.MEMBER)
    await office.share()
    await office.share(ben)
    runs_of = [await office.run(office.ann), await office.run(ben)]
    async with office.postgres.api.user(ben.id) as session:
        await audit.append(session, ben.id, AuditKind.TIER_CHANGED, actor="operator", body={"from": "a", "to": "b"})
    found = await roll_up(office, office.people[Role.AUDITOR])
    assert [entry.at for entry in found] == sorted((entry.at for entry in found), reverse=True)
    assert {entry.run_id for entry in found if entry.kind == "run_started"} == set(runs_of)
    assert "tier_changed" not in {entry.kind for entry in found}
    # Both people's, each as it stands in its own chain.
    for who in (office.ann.id, ben.id):
        async with office.postgres.api.user(who) as session:
            own = {row.seq: row for row in (await session.execute(select(AuditRow))).scalars()}
        for entry in found:
            if entry.user_id == who:
                assert (entry.body, entry.hash) == (own[entry.seq].body, own[entry.seq].hash)
    kinds = sorted(entry.kind for entry in found if entry.kind.startswith("team_"))
    assert kinds == ["team_created", *["team_invited"] * 5, *["team_joined"] * 5, *["team_workflow_shared"] * 2]
    assert len({(entry.user_id, entry.seq) for entry in found}) == len(found)


async def test_an_event_about_somebody_is_told_once(office: Office) -> None:
    member = office.people[Role.MEMBER]
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.set_role(session, office.ann.id, office.team, member, Role.APPROVER)
    found = await roll_up(office, office.ann.id, kind=AuditKind.TEAM_ROLE_CHANGED)
    assert [(entry.user_id, entry.body["person"]) for entry in found] == [(office.ann.id, str(member))]
    assert {entry.kind for entry in await roll_up(office, office.ann.id, member=member)} == {"team_joined"}


async def test_what_was_private_stays_out_of_the_roll_up_and_what_was_shared_in_it(office: Office) -> None:
    before = await office.run()
    await office.share()
    during = await office.run()
    async with office.postgres.api.user(office.ann.id) as session:
        # Of a run that began before, although it happens now.
        await runs.cancel(session, office.ann.id, before)
        await runs.cancel(session, office.ann.id, during)
        await teams.unshare(session, office.ann.id, office.team, office.ann.workflow)
    await office.run()
    seen = await roll_up(office, office.people[Role.ADMIN], workflow=office.ann.workflow)
    assert [(entry.kind, entry.run_id) for entry in seen] == [
        ("team_workflow_unshared", None),
        ("run_cancelled", during),
        ("run_started", during),
        ("team_workflow_shared", None),
    ]
    assert await office.sees(office.people[Role.ADMIN]) == {}


async def test_who_left_takes_no_traces_along_and_reads_no_more(office: Office) -> None:
    admin = office.people[Role.ADMIN]
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.set_role(session, office.ann.id, office.team, admin, Role.OWNER)
    await office.share()
    run_id = await office.run()
    await office.leave(office.ann.id)
    with pytest.raises(NotFound):
        await roll_up(office, office.ann.id)
    with office.postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = 'team' WHERE id = %s", (admin,))
    assert run_id in {entry.run_id for entry in await roll_up(office, admin)}
    async with office.postgres.api.user(admin) as session:
        assert office.ann.id in {person.user_id for person in await teams.people(session, office.team)}


@pytest.mark.parametrize("role", [None, *ROLES])
async def test_who_reads_the_roll_up(still: Office, role: Role | None) -> None:
    who = still.people[role] if role else still.eve.id
    async with still.postgres.api.user(who) as session:
        rows = await session.execute(
            text("SELECT count(*) FROM coco_team_audit(:t, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 50)"),
            {"t": still.team},
        )
        assert (rows.scalar_one() > 0) == may(role, Permission.AUDIT)
    if may(role, Permission.AUDIT):
        assert await roll_up(still, who)
    else:
        with pytest.raises((Refused, NotFound)):
            await roll_up(still, who)


@pytest.mark.parametrize(
    "cursor", ["", "x", "a~b~c", "2026-01-01T00:00:00+00:00~x~1", "~~", f"2026-01-01~{UUID(int=1)}~0"]
)
async def test_a_cursor_that_was_not_given_out(still: Office, cursor: str) -> None:
    async with still.postgres.api.user(still.ann.id) as session:
        with pytest.raises(InvalidInput):
            await team_audit.page(session, still.ann.id, still.team, team_audit.TeamFilter(), cursor=cursor)


async def test_the_roll_up_comes_with_the_tier(office: Office) -> None:
    with office.postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = 'founder' WHERE id = %s", (office.ann.id,))
    with pytest.raises(Refused, match="Team tier"):
        await roll_up(office, office.ann.id)
