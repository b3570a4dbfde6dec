"""A rule is not got round by taking the workflow out of the team whose people it asks for, or into another one."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from sqlmodel import col, select

from coco.actions import ActionState
from coco.approvals import ApprovalRule, ApproverRole
from coco.audit import AuditKind
from coco.errors import CocoError
from coco.teams import Role
from store import results, runs, team_invitations, teams
from store.tables import ActionRow, AuditRow
from tests.conftest import Postgres
from tests.store.test_four_eyes import Office
from tests.store.test_teams import account
from tests.store.test_who_may_write_what import action_for


@pytest.fixture
async def office(postgres: Postgres) -> Office:
    """Ann's workflow, shared with Cal's team, in which she is an approver, as Ben is; Eve is in none. Her run began
    while it was shared."""
    ann, ben, cal, eve = [await account(postgres, name, "team") for name in ("ann", "ben", "cal", "eve")]
    async with postgres.api.user(cal.id) as session:
        team = await teams.make(session, cal.id, "Sales")
    for who, email in ((ann, "ann@example.com"), (ben, "ben@example.com")):
        await join(postgres, cal.id, team.id, who.id, email)
    async with postgres.api.user(ann.id) as session:
        await teams.share(session, ann.id, team.id, ann.workflow)
        run = await runs.create_run(session, ann.id, ann.workflow)
    body = action_for(ann.connection)
    async with postgres.control.user(ann.id) as session:
        action = ActionRow(
            user_id=ann.id,
            run_id=run.id,
            workflow_id=ann.workflow,
            connection_id=ann.connection,
            key="a",
            operation="contacts.update",
            arguments={},
            body=body.as_json(),
            digest=body.digest(),
        )
        session.add(action)
    return Office(postgres, replace(ann, run=run.id, action=action.id), ben.id, cal.id, eve.id, team.id)


async def join(postgres: Postgres, by: UUID, team: UUID, who: UUID, email: str) -> None:
    async with postgres.api.user(by) as session:
        _, token = await team_invitations.invite(session, by, team, email, Role.APPROVER)
    async with postgres.api.user(who) as session:
        await team_invitations.accept(session, who, token)


async def take_out(office: Office) -> None:
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.unshare(session, office.ann.id, office.team, office.ann.workflow)


async def tries(office: Office, who: UUID) -> None:
    """Approves, where the database takes it."""
    try:
        await office.approve(who)
    except CocoError:
        return


async def approved(office: Office) -> bool:
    with office.postgres.connect() as owner:
        row = owner.execute("SELECT coco_approved(%s)", (office.ann.action,)).fetchone()
    assert row is not None
    state = (await office.action()).state
    assert row[0] == (state == "approved")
    return state == "approved"


async def test_an_owner_who_takes_it_out_is_no_admin_for_what_began_before(office: Office) -> None:
    await office.rule(ApprovalRule(role=ApproverRole.ADMIN), by=office.cal)
    await tries(office, office.ann.id)
    assert not await approved(office)
    await take_out(office)
    await tries(office, office.ann.id)
    assert not await approved(office)


@pytest.mark.parametrize(
    "rule",
    [ApprovalRule(people=2), ApprovalRule(not_requester=True), ApprovalRule(role=ApproverRole.ADMIN)],
    ids=["two", "not the requester", "an admin"],
)
async def test_another_team_of_ones_own_does_not_count(office: Office, rule: ApprovalRule) -> None:
    await office.rule(rule, by=office.cal)
    await take_out(office)
    ann = office.ann.id
    async with office.postgres.api.user(ann) as session:
        own = await teams.make(session, ann, "Mine")
        await teams.share(session, ann, own.id, office.ann.workflow)
    await join(office.postgres, ann, own.id, office.eve, "eve@example.com")
    for who in (ann, office.eve):
        await tries(office, who)
    assert not await approved(office)
    # The run that began there is approved by the people there.
    with office.postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE runs SET created_at = now() WHERE id = %s", (office.ann.run,))
        row = owner.execute("SELECT coco_approved(%s)", (office.ann.action,)).fetchone()
    assert row == (True,)


async def test_a_rule_of_one_alone_holds_on_without_a_team(office: Office) -> None:
    """What began before the sharing, or is asked of nobody else, is its owner's as ever."""
    await take_out(office)
    assert await office.approve(office.ann.id) == "approved"


async def test_the_entry_of_what_became_of_it_names_who_decided(office: Office) -> None:
    """Not whose action it is, who had rather not."""
    await office.rule(ApprovalRule(not_requester=True), by=office.cal)
    assert await office.approve(office.ben) == "approved"
    async with office.postgres.control.user(office.ann.id) as session:
        action = await session.get_one(ActionRow, office.ann.action)
        await results.close(session, action, ActionState.CANCELLED, {"sent": False}, None)
    async with office.postgres.api.user(office.ann.id) as session:
        closed = select(AuditRow).where(col(AuditRow.kind) == AuditKind.ACTION_FAILED.value)
        entry = (await session.execute(closed)).scalar_one()
    assert (entry.actor, entry.body["approved_by"]) == (f"user:{office.ben}", f"user:{office.ben}")
