"""What must end with a membership, a role or an account, and what of a private run must not come out by its undoing."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from coco.actions import ActionState
from coco.approvals import ApprovalRule
from coco.audit import AuditKind, verify_chain
from coco.decisions import Verdict
from coco.errors import CocoError, NotFound, Refused
from coco.teams import Role
from store import (
    approvals,
    audit,
    decisions,
    erasing,
    portable,
    results,
    team_audit,
    team_invitations,
    team_runs,
    teams,
)
from store.tables import ActionRow, AuditRow, Run, UndoRow
from tests.conftest import Postgres
from tests.store.test_teams import Office, account, make_office


@pytest.fixture
async def office(postgres: Postgres) -> Office:
    return await make_office(postgres)


async def invited(office: Office, role: Role, email: str, by: UUID | None = None) -> str:
    by = by or office.ann.id
    async with office.postgres.api.user(by) as session:
        return (await team_invitations.invite(session, by, office.team, email, role))[1]


async def accepts(office: Office, who: UUID, token: str) -> None:
    async with office.postgres.api.user(who) as session:
        await team_invitations.accept(session, who, token)


# -- invitations that were not used -----------------------------------------------------------------------------------


async def test_who_is_removed_does_not_come_back_by_another_invitation(office: Office) -> None:
    first, second = [await invited(office, Role.ADMIN, "eve@example.com") for _ in range(2)]
    await accepts(office, office.eve.id, first)
    await office.leave(office.eve.id, by=office.ann.id)
    with pytest.raises(Refused, match="does not hold"):
        await accepts(office, office.eve.id, second)


async def test_who_is_made_less_does_not_come_back_as_more(office: Office) -> None:
    admin = office.people[Role.ADMIN]
    kept = await invited(office, Role.ADMIN, office.emails[admin])
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.set_role(session, office.ann.id, office.team, admin, Role.MEMBER)
    await office.leave(admin)
    with pytest.raises(Refused, match="does not hold"):
        await accepts(office, admin, kept)


async def test_an_invitation_made_afterwards_holds_and_others_keep_theirs(office: Office) -> None:
    ben = await account(office.postgres, "ben")
    bens = await invited(office, Role.MEMBER, "ben@example.com")
    member = office.people[Role.MEMBER]
    await office.leave(member, by=office.ann.id)
    await accepts(office, member, await invited(office, Role.MEMBER, office.emails[member]))
    await accepts(office, ben.id, bens)


# -- an account that is deleted ---------------------------------------------------------------------------------------


async def erase(office: Office, who: UUID) -> None:
    """As the API begins it and the control worker ends it."""
    async with office.postgres.api.user(who) as session:
        await erasing.ask(session, who, uuid4())
    control = office.postgres.control
    async with control.user(who) as session:
        await erasing.tell_teams(session, who)
    async with control.user(who) as session:
        for run_id in await erasing.open_runs(session, who):
            await erasing.end_run(session, who, run_id)
        await erasing.destroy_keys(session)
        await erasing.remove_rows(session)
    more = 1
    while more:
        async with control.user(who) as session:
            more = await erasing.blank_entries(session, who)
    async with control.user(who) as session:
        assert await erasing.finish(session)


def everything(postgres: Postgres) -> dict[str, str]:
    """Every table's rows as text."""
    with postgres.connect() as owner:
        names = [row[0] for row in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {
            name: str(owner.execute(f"SELECT json_agg(t) FROM {name} t").fetchall())  # type: ignore[arg-type]
            for name in names
        }


async def test_nobodys_rows_hold_the_address_of_who_was_erased(office: Office) -> None:
    await invited(office, Role.MEMBER, "eve@example.com")
    await accepts(office, office.eve.id, await invited(office, Role.APPROVER, "eve@example.com"))
    await erase(office, office.eve.id)
    assert {name for name, rows in everything(office.postgres).items() if "eve@example.com" in rows} == set()


async def test_nobodys_chain_holds_the_name_of_who_approved_and_was_erased(office: Office) -> None:
    await accepts(office, office.eve.id, await invited(office, Role.APPROVER, "eve@example.com"))
    ann, eve = office.ann.id, office.eve.id
    with office.postgres.connect() as owner:
        owner.execute("UPDATE users SET name = 'Evelyn Waugh' WHERE id = %s", (eve,))
    await office.share()
    async with office.postgres.api.user(ann) as session:
        await approvals.set_rule(session, ann, office.ann.workflow, ApprovalRule(people=2))
    run_id = await office.run()
    async with office.postgres.api.user(ann) as session:
        action = (await session.execute(select(ActionRow).where(col(ActionRow.run_id) == run_id))).scalar_one()
        await decisions.decide(session, ann, action.id, Verdict.APPROVE, action.digest)
    async with office.postgres.api.user(eve) as session:
        await approvals.record(session, eve, action, action.digest)
    async with office.postgres.api.user(ann) as session:
        assert (await decisions.complete(session, ann, action.id, action.digest, by=eve)).state == "approved"
        assert (await approvals.called(session, [action.id]))[str(eve)] == "Evelyn Waugh"
    async with office.postgres.control.user(ann) as session:
        row = await session.get_one(ActionRow, action.id)
        await results.close(session, row, ActionState.CANCELLED, {"sent": False}, None)
    assert str(eve) in everything(office.postgres)["audit"]
    await erase(office, eve)
    assert {name for name, rows in everything(office.postgres).items() if "Evelyn" in rows} == set()
    async with office.postgres.api.user(ann) as session:
        assert "deleted" in (await approvals.called(session, [action.id]))[str(eve)]


async def test_a_team_of_nobody_keeps_no_name(postgres: Postgres) -> None:
    ann = await account(postgres, "ann", "team")
    async with postgres.api.user(ann.id) as session:
        await teams.make(session, ann.id, "Annabel Lee and friends")
        left = await teams.make(session, ann.id, "Annabel Lee, once")
        await teams.remove(session, ann.id, left.id, ann.id)
    await erase(Office(postgres, left.id, ann, {}, ann), ann.id)
    assert {name for name, rows in everything(postgres).items() if "Annabel" in rows} == set()


async def roll_up(office: Office, who: UUID) -> list[team_audit.TeamEntry]:
    async with office.postgres.api.user(who) as session:
        return (await team_audit.page(session, who, office.team, team_audit.TeamFilter(), limit=100)).items


async def test_who_becomes_owner_by_a_deletion_is_told_and_the_team_reads_it(office: Office) -> None:
    admin = office.people[Role.ADMIN]
    with office.postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = 'team' WHERE id = %s", (admin,))
    await erase(office, office.ann.id)
    found = [entry for entry in await roll_up(office, admin) if entry.kind == AuditKind.TEAM_ROLE_CHANGED]
    [entry] = found
    assert (entry.user_id, entry.actor) == (admin, "system")
    body = {"team": str(office.team), "person": str(admin), "from": "admin", "to": "owner"}
    assert entry.body == body | {"why": "the account of its last owner was deleted"}
    async with office.postgres.control.user(admin) as session:
        assert verify_chain([pair async for pair in audit.chain(session, admin)]) is None
    # Told once, however often the control worker begins anew.
    async with office.postgres.control.user(office.ann.id) as session:
        await erasing.tell_teams(session, office.ann.id)
    async with office.postgres.api.user(admin) as session:
        told = select(col(AuditRow.seq)).where(col(AuditRow.kind) == AuditKind.TEAM_ROLE_CHANGED.value)
        assert len((await session.execute(told)).all()) == 1


async def test_who_is_out_because_their_team_ended_is_told(office: Office) -> None:
    await office.leave(office.people[Role.ADMIN])
    await erase(office, office.ann.id)
    for role in (Role.APPROVER, Role.MEMBER, Role.AUDITOR):
        who = office.people[role]
        async with office.postgres.api.user(who) as session:
            newest = await session.execute(select(AuditRow).order_by(col(AuditRow.seq).desc()).limit(1))
        row = newest.scalar_one()
        assert (row.kind, row.actor, row.body["role"]) == ("team_member_removed", "system", role.value)


async def test_nobody_is_told_who_is_being_deleted_too(office: Office) -> None:
    admin = office.people[Role.ADMIN]
    async with office.postgres.api.user(office.ann.id) as session:
        await erasing.ask(session, office.ann.id, uuid4())
    await erase(office, admin)
    before = everything(office.postgres)["audit"]
    async with office.postgres.control.user(office.ann.id) as session:
        await erasing.tell_teams(session, office.ann.id)
    after = everything(office.postgres)["audit"]
    assert after.count(str(admin)) == before.count(str(admin))


async def test_no_change_that_comes_late_brings_anything_back(office: Office) -> None:
    """One that waited for the account's row while it was blanked."""
    await erase(office, office.eve.id)
    for change in ("name = 'Eve'", "password_hash = 'argon'"):
        with pytest.raises(IntegrityError, match="is deleted"):
            async with office.postgres.api.user(office.eve.id) as session:
                await session.execute(text(f"UPDATE users SET {change} WHERE id = :u"), {"u": office.eve.id})
    async with office.postgres.control.user(office.eve.id) as session:
        await erasing.remove_rows(session)
        assert await erasing.finish(session)


# -- others' sandboxes ------------------------------------------------------------------------------------------------


async def test_members_do_not_flood_anothers_sandbox(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.share()
    member = office.people[Role.MEMBER]

    async def start(who: UUID) -> Run:
        async with office.postgres.api.user(who) as session:
            return await team_runs.start(session, who, office.team, office.ann.workflow)

    first = await start(member)
    with office.postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "INSERT INTO runs SELECT (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).* "
            "FROM runs r, generate_series(2, %s) WHERE r.id = %s",
            (team_runs.MAX_STARTS_PER_HOUR, first.id),
        )
    for who in (member, office.people[Role.ADMIN]):
        with pytest.raises(CocoError, match="last hour"):
            await start(who)
    # The database's own word, where nothing looked before.
    monkeypatch.setattr(team_runs, "MAX_STARTS_PER_HOUR", 1000)
    with pytest.raises(IntegrityError, match="last hour"):
        await start(member)
    await start(office.ann.id)
    with office.postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE runs SET created_at = now() - interval '61 minutes'")
    assert (await start(member)).requested_by == member


# -- the undoing of what was private ----------------------------------------------------------------------------------


async def undoing(office: Office, run_id: UUID) -> UUID:
    """A run of now that takes back what another run did."""
    taking_back = await office.run()
    with office.postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE actions SET state = 'done' WHERE run_id = %s", (run_id,))
    async with office.postgres.api.user(office.ann.id) as session:
        action = await session.execute(text("SELECT id FROM actions WHERE run_id = :r"), {"r": run_id})
        row = UndoRow(action_id=action.scalar_one(), run_id=taking_back, user_id=office.ann.id, kind="undo")
        session.add(row)
    return taking_back


async def seen(office: Office, who: UUID) -> set[UUID]:
    async with office.postgres.api.team(who, office.team) as session:
        listed = {view.id for view in (await team_runs.listed(session, who, office.team)).items}
        rows = await session.execute(select(col(Run.id)).where(col(Run.user_id) == office.ann.id))
        assert set(rows.scalars()) == listed
    return listed


async def test_what_takes_back_a_private_run_is_private(office: Office) -> None:
    private = await office.run()
    await office.share()
    shared = await office.run()
    of_private, of_shared = await undoing(office, private), await undoing(office, shared)
    # Also what takes back the taking back.
    again = await undoing(office, of_private)
    admin = office.people[Role.ADMIN]
    assert await seen(office, admin) == {shared, of_shared}
    told = {entry.run_id for entry in await roll_up(office, office.ann.id)} - {None}
    assert told == {shared, of_shared}
    for run_id in (private, of_private, again):
        with pytest.raises(NotFound):
            async with office.postgres.api.team(admin, office.team) as session:
                await team_runs.card(session, admin, office.team, run_id)


async def test_nobody_of_the_team_decides_on_what_takes_back_a_private_run(office: Office) -> None:
    private = await office.run()
    await office.share()
    shared = await office.run()
    of_private, of_shared = await undoing(office, private), await undoing(office, shared)
    approver = office.people[Role.APPROVER]
    async with office.postgres.api.user(approver) as session:
        waiting = await session.execute(text("SELECT run_id, action_id FROM coco_waiting_for_me()"))
        assert {row.run_id for row in waiting} == {of_shared}
        for run_id, whose in ((of_private, None), (of_shared, office.ann.id)):
            with office.postgres.connect() as owner:
                [action] = owner.execute("SELECT id FROM actions WHERE run_id = %s", (run_id,)).fetchall()
            decides = text("SELECT coco_team_decides(:t, :a)")
            assert (await session.execute(decides, {"t": office.team, "a": action[0]})).scalar_one() == whose


# -- what is about two people -----------------------------------------------------------------------------------------


async def test_an_export_has_what_somebody_said_of_others_actions(office: Office) -> None:
    approver, member = office.people[Role.APPROVER], office.people[Role.MEMBER]
    await office.share()
    run_id = await office.run()
    with office.postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "INSERT INTO approvals (id, user_id, run_id, action_id, digest, person_id, counts_for, at) "
            "SELECT gen_random_uuid(), user_id, run_id, id, digest, %s, %s, now() FROM actions WHERE run_id = %s",
            (approver, approver, run_id),
        )
        owner.execute(
            "INSERT INTO delegations (id, user_id, to_id, team_id, starts_at, ends_at) "
            "VALUES (gen_random_uuid(), %s, %s, %s, now(), now() + interval '1 day')",
            (office.people[Role.ADMIN], approver, office.team),
        )
    told = {}
    for who in (approver, member):
        async with office.postgres.api.user(who) as session:
            told[who] = [table async for table, _ in portable.rows(session, who)]
    assert (told[approver].count("approvals"), told[approver].count("delegations")) == (1, 1)
    assert not {"approvals", "delegations"} & set(told[member])
