"""Four eyes at the mint: who is not enough there, whatever was written before. Tried as each database role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from psycopg.errors import CheckViolation
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from coco.approvals import ApprovalRule, ApproverRole
from coco.audit import AuditKind
from coco.decisions import Verdict
from coco.errors import CocoError, Conflict, InvalidInput, NotFound, Refused
from coco.grants import GrantClaims
from coco.teams import Role
from store import approvals, decisions, delegations, grants, team_audit, team_invitations, teams
from store.tables import ActionRow, ApprovalRuleRow, DelegationRow
from tests.conftest import Postgres
from tests.store.test_teams import account
from tests.store.test_who_may_write_what import Person, action_for

TWO = ApprovalRule(people=2)


@dataclass
class Office:
    """Ann's workflow, shared with a team in which Ben is an approver and Cal an admin. Eve is in no team of hers."""

    postgres: Postgres
    ann: Person
    ben: UUID
    cal: UUID
    eve: UUID
    team: UUID

    async def join(self, who: UUID, email: str, role: Role) -> None:
        async with self.postgres.api.user(self.ann.id) as session:
            _, token = await team_invitations.invite(session, self.ann.id, self.team, email, role)
        async with self.postgres.api.user(who) as session:
            await team_invitations.accept(session, who, token)

    async def seat(self, who: UUID, role: Role | None) -> None:
        """Gives a member another role, or removes them."""
        async with self.postgres.api.user(self.ann.id) as session:
            if role is None:
                await teams.remove(session, self.ann.id, self.team, who)
            else:
                await teams.set_role(session, self.ann.id, self.team, who, role)

    async def rule(self, rule: ApprovalRule, by: UUID | None = None) -> None:
        """Sets Ann's; `by` another person past row-level security, where the trigger still asks who it is."""
        if by is None:
            async with self.postgres.api.user(self.ann.id) as session:
                await approvals.set_rule(session, self.ann.id, self.ann.workflow, rule)
            return
        with self.postgres.connect() as owner:
            values = {"w": self.ann.workflow, "u": self.ann.id, "s": by, "p": rule.people, "n": rule.not_requester}
            owner.execute(RULE, values | {"r": rule.role.value if rule.role else None})

    async def action(self) -> ActionRow:
        async with self.postgres.api.user(self.ann.id) as session:
            return await session.get_one(ActionRow, self.ann.action)

    async def approve(self, who: UUID, delegation: DelegationRow | None = None, digest: str | None = None) -> str:
        """As the public app does it; the action's state after it."""
        action, shown = await self.action(), digest or self.ann.digest
        if who == self.ann.id and delegation is None:
            async with self.postgres.api.user(who) as session:
                return (await decisions.decide(session, who, action.id, Verdict.APPROVE, shown)).state
        async with self.postgres.api.user(who) as session:
            await approvals.record(session, who, action, shown, delegation)
        async with self.postgres.api.user(self.ann.id) as session:
            return (await decisions.complete(session, self.ann.id, action.id, shown, by=who)).state

    async def mint(self) -> GrantClaims | None:
        async with self.postgres.control.user(self.ann.id) as session:
            return await grants.mint(session, self.ann.id, self.ann.run, self.ann.action, 600)

    async def delegate(self, by: UUID, to: UUID, start: timedelta = timedelta()) -> DelegationRow:
        start_at = datetime.now(UTC) + start
        async with self.postgres.api.user(by) as session:
            return await delegations.give(session, by, self.team, to, start_at, start_at + timedelta(days=3))

    def forge(self, statement: str, *values: object) -> None:
        """Past every trigger, as nobody can without being the database's owner."""
        with self.postgres.connect() as owner:
            owner.execute("SET session_replication_role = replica")
            owner.execute(statement, values)

    async def database_refuses_a_grant(self) -> None:
        """The row itself, as a control side that checks nothing would insert it."""
        now = datetime.now(UTC)
        with pytest.raises(IntegrityError, match="approvals are not"):
            async with self.postgres.control.user(self.ann.id) as session:
                await session.execute(
                    text(
                        "INSERT INTO grants (jti, user_id, run_id, action_id, digest, prior_digest, decision_id, "
                        "credits, issued_at, expires_at) "
                        "SELECT gen_random_uuid(), a.user_id, a.run_id, a.id, a.digest, a.digest, d.id, 3, :now, :end "
                        "FROM actions a JOIN decisions d ON d.action_id = a.id "
                        "WHERE a.id = :a"
                    ),
                    {"a": self.ann.action, "now": now, "end": now + timedelta(minutes=5)},
                )


async def make_office(postgres: Postgres) -> Office:
    people = [await account(postgres, name, "team") for name in ("ann", "ben", "cal", "eve")]
    ann, ben, cal, eve = people
    async with postgres.api.user(ann.id) as session:
        team = await teams.make(session, ann.id, "Sales")
        await teams.share(session, ann.id, team.id, ann.workflow)
    office = Office(postgres, ann, ben.id, cal.id, eve.id, team.id)
    await office.join(office.ben, "ben@example.com", Role.APPROVER)
    await office.join(office.cal, "cal@example.com", Role.ADMIN)
    return office


@pytest.fixture
async def office(postgres: Postgres) -> Office:
    return await make_office(postgres)


async def test_two_people_approve_and_it_is_minted(office: Office) -> None:
    await office.rule(TWO)
    assert await office.approve(office.ann.id) == "pending"
    with pytest.raises(Refused, match="no approval"):
        await office.mint()
    assert await office.approve(office.ben) == "approved"
    assert await office.mint() is not None
    async with office.postgres.api.user(office.ann.id) as session:
        kinds = (await session.execute(text("SELECT kind, actor, body FROM audit ORDER BY seq"))).all()
    told = {row.kind: row for row in kinds}
    assert told[AuditKind.ACTION_APPROVED_IN_PART].actor == f"user:{office.ann.id}"
    assert told[AuditKind.ACTION_APPROVED].actor == f"user:{office.ben}"
    assert [item["by"] for item in told[AuditKind.ACTION_APPROVED].body["approvals"]] == [
        str(office.ann.id),
        str(office.ben),
    ]
    assert told[AuditKind.APPROVAL_RULE_SET].body["to"] == {"people": 2, "role": None, "not_requester": False}


async def test_without_a_rule_the_owner_decides_alone(office: Office) -> None:
    assert await office.approve(office.ann.id) == "approved"
    assert await office.mint() is not None


async def test_the_same_person_twice_is_one(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ann.id)
    with pytest.raises(Conflict, match="somebody else's is needed"):
        await office.approve(office.ann.id)
    assert (await office.action()).state == "pending"


async def test_a_stranger_approves_nothing(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ann.id)
    with pytest.raises(Refused, match="does not count"):
        await office.approve(office.eve)


async def test_the_requester_is_not_enough(office: Office) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    assert await office.approve(office.ann.id) == "pending"
    assert await office.approve(office.ben) == "approved"
    assert await office.mint() is not None


async def test_who_started_a_shared_workflow_is_who_asked(office: Office) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    office.forge("UPDATE runs SET requested_by = %s WHERE id = %s", office.ben, office.ann.run)
    assert await office.approve(office.ben) == "pending"
    assert await office.approve(office.cal) == "approved"


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR])
async def test_no_other_role_approves(office: Office, role: Role) -> None:
    await office.rule(TWO)
    await office.seat(office.ben, role)
    with pytest.raises(Refused, match="does not count"):
        await office.approve(office.ben)


async def test_a_workflow_taken_out_of_the_team_is_approved_by_nobody_of_it(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ann.id)
    assert await office.approve(office.ben) == "approved"
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.unshare(session, office.ann.id, office.team, office.ann.workflow)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()
    await office.database_refuses_a_grant()


async def test_a_role_is_looked_at_when_it_is_minted(office: Office) -> None:
    await office.rule(ApprovalRule(role=ApproverRole.ADMIN, not_requester=True))
    assert await office.approve(office.ben) == "pending"
    assert await office.approve(office.cal) == "approved"
    await office.seat(office.cal, Role.APPROVER)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()
    await office.database_refuses_a_grant()


async def test_who_has_left_does_not_count(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ann.id)
    assert await office.approve(office.ben) == "approved"
    await office.seat(office.ben, None)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()
    await office.database_refuses_a_grant()


async def test_a_rule_tightened_in_between_applies(office: Office) -> None:
    assert await office.approve(office.ann.id) == "approved"
    await office.rule(TWO)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()
    await office.database_refuses_a_grant()


async def test_a_rule_loosened_in_between_does_not(office: Office) -> None:
    """The requester who owns the workflow does not get past it by taking the rule away."""
    await office.rule(TWO)
    office.forge("UPDATE runs SET created_at = clock_timestamp()")
    await office.rule(ApprovalRule())
    assert await office.approve(office.ann.id) == "pending"
    assert await office.approve(office.ben) == "approved"


async def test_an_edit_voids_what_was_approved(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ann.id)
    async with office.postgres.api.user(office.ann.id) as session:
        edited = await decisions.edit(
            session,
            office.ann.id,
            office.ann.action,
            office.ann.digest,
            {},
            None,
            lambda operation, arguments, read: action_for(office.ann.connection, "CEO"),
        )
    with pytest.raises(Refused, match="does not count"):
        await office.approve(office.ben)
    office.ann.action, office.ann.digest = edited.id, edited.digest
    assert await office.approve(office.ben) == "pending"
    assert await office.approve(office.ann.id) == "approved"


async def test_one_rejects_for_all(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ben)
    async with office.postgres.api.user(office.ann.id) as session:
        await decisions.decide(session, office.ann.id, office.ann.action, Verdict.REJECT, office.ann.digest, "No.")
    with pytest.raises(Refused, match="does not count"):
        await office.approve(office.cal)
    assert (await office.action()).state == "rejected"


async def test_a_delegate_counts_for_one(office: Office) -> None:
    await office.rule(TWO)
    given = await office.delegate(office.cal, office.ben)
    assert await office.approve(office.ben, given) == "pending"
    for who, by in ((office.ben, None), (office.cal, None)):
        with pytest.raises(Conflict):
            await office.approve(who, by)
    assert await office.approve(office.ann.id) == "approved"
    assert await office.mint() is not None


async def test_no_chain_of_delegations_makes_two_of_one(office: Office) -> None:
    """Ben for Cal, then Cal for Ann: Cal has a part in both."""
    await office.rule(TWO)
    assert await office.approve(office.ben, await office.delegate(office.cal, office.ben)) == "pending"
    assert await office.approve(office.cal, await office.delegate(office.ann.id, office.cal)) == "pending"


async def test_a_delegation_is_withdrawn_at_once(office: Office) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    given = await office.delegate(office.cal, office.ben)
    assert await office.approve(office.ben, given) == "approved"
    async with office.postgres.api.user(office.cal) as session:
        await delegations.end(session, office.cal, given.id)
        await delegations.end(session, office.cal, given.id)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()
    await office.database_refuses_a_grant()


async def test_a_delegation_ends_by_itself_and_begins_when_it_says(office: Office) -> None:
    await office.rule(TWO)
    later = await office.delegate(office.cal, office.ben, timedelta(days=1))
    over = await office.delegate(office.cal, office.ben)
    office.forge("UPDATE delegations SET starts_at = now() - interval '3 days', ends_at = now() WHERE id = %s", over.id)
    for given in (later, over):
        with pytest.raises(Refused, match="does not count"):
            await office.approve(office.ben, given)


async def test_a_delegation_gives_no_role_and_is_the_delegates_alone(office: Office) -> None:
    await office.rule(TWO)
    for by, to in ((office.cal, office.eve), (office.eve, office.ben)):
        with pytest.raises(CocoError):
            await office.delegate(by, to)
    to_cal = await office.delegate(office.ann.id, office.cal)
    to_ben = await office.delegate(office.cal, office.ben)
    await office.seat(office.ben, Role.MEMBER)
    for who, given in ((office.ben, to_ben), (office.ben, to_cal)):
        with pytest.raises(Refused, match="does not count"):
            await office.approve(who, given)
    async with office.postgres.api.user(office.ben) as session:
        assert await session.get(DelegationRow, to_cal.id) is None
        with pytest.raises(NotFound):
            await delegations.end(session, office.ben, to_ben.id)


async def test_a_rule_is_set_by_who_administers_and_can_be_satisfied(office: Office) -> None:
    with pytest.raises(CheckViolation, match="only who administers"):
        await office.rule(TWO, by=office.ben)
    await office.rule(TWO)
    await office.seat(office.ben, None)
    await office.seat(office.cal, None)
    with pytest.raises(InvalidInput, match="only 0 of those"):
        await office.rule(ApprovalRule(people=2, not_requester=True))
    async with office.postgres.api.user(office.eve) as session:
        with pytest.raises(NotFound):
            await approvals.set_rule(session, office.eve, office.ann.workflow, ApprovalRule())


@pytest.mark.parametrize("who", ["ann", "cal"])
async def test_a_rule_is_set_in_ones_own_name_alone(office: Office, who: str) -> None:
    """Cal administers the workflow; but Ann's session writes nothing in Cal's name, nor Cal's of Ann's workflow."""
    caller, told = (office.ann.id, office.cal) if who == "ann" else (office.cal, office.cal)
    row = ApprovalRuleRow(
        workflow_id=office.ann.workflow, version=1, user_id=office.ann.id, people=2, not_requester=False, set_by=told
    )
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with office.postgres.api.user(caller) as session:
            session.add(row)


async def test_loosened_while_nobody_else_looked_it_counts_for_no_run_that_waits(office: Office) -> None:
    """Ann takes it out, asks for one person, and shares it again: what waits still needs what it needed."""
    office.forge("UPDATE team_shares SET shared_at = now() - interval '2 days'")
    office.forge("UPDATE runs SET created_at = now() - interval '1 day' WHERE id = %s", office.ann.run)
    await office.rule(TWO)
    office.forge("UPDATE approval_rules SET at = now() - interval '2 days'")
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.unshare(session, office.ann.id, office.team, office.ann.workflow)
    await office.rule(ApprovalRule())
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.share(session, office.ann.id, office.team, office.ann.workflow)
        assert (await approvals.standing(session, office.ann.action)) == (True, False)
    assert await office.approve(office.ann.id) == "pending"
    with pytest.raises(Refused, match="no approval"):
        await office.mint()
    # Of a new run one person is enough, and the team's trail says since when.
    async with office.postgres.api.user(office.cal) as session:
        page = await team_audit.page(session, office.cal, office.team, team_audit.TeamFilter())
    told = {AuditKind.TEAM_WORKFLOW_SHARED, AuditKind.TEAM_WORKFLOW_UNSHARED, AuditKind.APPROVAL_RULE_SET}
    assert [(entry.kind, entry.body.get("rule", {}).get("people")) for entry in page.items if entry.kind in told] == [
        (AuditKind.TEAM_WORKFLOW_SHARED, 1),
        (AuditKind.TEAM_WORKFLOW_UNSHARED, None),
        (AuditKind.APPROVAL_RULE_SET, None),
        (AuditKind.TEAM_WORKFLOW_SHARED, 1),
    ]


RULE = (
    "INSERT INTO approval_rules (workflow_id, version, user_id, people, role, not_requester, set_by, at) "
    "SELECT %(w)s, coalesce(max(version), 0) + 1, %(u)s, %(p)s, %(r)s, %(n)s, %(s)s, now() FROM approval_rules "
    "WHERE workflow_id = %(w)s"
)
APPROVAL = (
    "INSERT INTO approvals (id, user_id, run_id, action_id, digest, person_id, counts_for, at) "
    "VALUES (gen_random_uuid(), :u, :r, :a, :d, :p, :f, now())"
)


async def test_an_api_that_writes_rows_itself_gets_no_further(office: Office) -> None:
    """In Ann's session it writes neither Ben's approval nor a decision, nor a state, nor a grant."""
    await office.rule(TWO)
    await office.approve(office.ann.id)
    ann = office.ann
    values = {"u": ann.id, "r": ann.run, "a": ann.action, "d": ann.digest, "p": office.ben, "f": office.ben}
    for statement, more in (
        (APPROVAL, {}),
        (APPROVAL, {"p": ann.id}),
        (
            "INSERT INTO decisions (id, user_id, run_id, action_id, verdict, stage, digest, reason, at) "
            "VALUES (gen_random_uuid(), :u, :r, :a, 'approve', 'gate', :d, '', now())",
            {},
        ),
        ("UPDATE actions SET state = 'approved' WHERE id = :a", {}),
        ("UPDATE approval_rules SET people = 1 WHERE user_id = :u", {}),
        ("DELETE FROM approvals WHERE user_id = :u", {}),
    ):
        used = {key: value for key, value in (values | more).items() if f":{key}" in statement}
        with pytest.raises(DBAPIError):
            async with office.postgres.api.user(ann.id) as session:
                await session.execute(text(statement), used)
    for database in (office.postgres.control, office.postgres.gateway):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with database.user(office.ben) as session:
                await session.execute(text(APPROVAL), values)


async def test_forged_rows_are_found_out_at_the_mint(office: Office) -> None:
    """Somebody who got past the triggers of approvals and decisions meets the mint's."""
    await office.rule(TWO)
    for who, other in ((office.eve, office.eve), (office.ann.id, office.ann.id)):
        office.forge(
            "INSERT INTO approvals (id, user_id, run_id, action_id, digest, person_id, counts_for, at) "
            "VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, now())",
            *(office.ann.id, office.ann.run, office.ann.action, office.ann.digest, who, other),
        )
    office.forge(
        "INSERT INTO decisions (id, user_id, run_id, action_id, verdict, stage, digest, reason, at) "
        "VALUES (%s, %s, %s, %s, 'approve', 'gate', %s, '', now())",
        *(uuid4(), office.ann.id, office.ann.run, office.ann.action, office.ann.digest),
    )
    office.forge("UPDATE actions SET state = 'approved' WHERE id = %s", office.ann.action)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()
    await office.database_refuses_a_grant()


async def test_no_time_of_waiting_approves(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ann.id)
    for table, column in (("actions", "created_at"), ("approvals", "at"), ("runs", "created_at")):
        office.forge(f"UPDATE {table} SET {column} = now() - interval '3 years'")
    with pytest.raises(Refused, match="no approval"):
        await office.mint()
    assert (await office.action()).state == "pending"


async def test_others_see_neither_rule_nor_approval(office: Office) -> None:
    await office.rule(TWO)
    await office.approve(office.ann.id)
    for role in (office.postgres.api, office.postgres.control):
        async with role.user(office.eve) as session:
            for table in ("approval_rules", "approvals", "delegations"):
                assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
            assert await approvals.standing(session, office.ann.action) == (True, False)
    async with office.postgres.api.user(office.eve) as session:
        assert await approvals.approvers(session, office.ann.workflow) == {}
