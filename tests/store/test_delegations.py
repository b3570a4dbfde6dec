"""Delegation while away: one team, some workflows or all, both still in it; told in both chains, ended at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.approvals import ApprovalRule
from coco.audit import AuditKind, verify_chain
from coco.errors import InvalidInput, NotFound, Refused
from coco.teams import Role
from store import audit, delegations, erasing, team_audit, teams
from store.tables import DelegationRow
from tests.conftest import Postgres
from tests.store.test_four_eyes import Office, make_office
from tests.store.test_teams import account

DAY = timedelta(days=1)
KINDS = (AuditKind.DELEGATION_SET, AuditKind.DELEGATION_WITHDRAWN)


@pytest.fixture
async def office(postgres: Postgres) -> Office:
    return await make_office(postgres)


async def give(office: Office, by: UUID, to: UUID, *workflows: UUID, days: float = 3) -> DelegationRow:
    now = datetime.now(UTC)
    async with office.postgres.api.user(by) as session:
        return await delegations.give(session, by, office.team, to, now, now + days * DAY, workflows or None)


async def told(office: Office, who: UUID) -> list[tuple[str, dict[str, Any]]]:
    """What somebody's chain says of delegations; the chain holds."""
    async with office.postgres.api.user(who) as session:
        entries = [pair async for pair in audit.chain(session, who)]
    assert verify_chain(entries) is None
    return [(entry.kind, entry.body) for entry, _ in entries if entry.kind in KINDS]


async def running(office: Office, who: UUID) -> list[UUID]:
    async with office.postgres.api.user(who) as session:
        return [row.id for row in await delegations.running(session, who)]


async def test_it_is_told_in_both_chains_and_ended_once(office: Office) -> None:
    row = await give(office, office.cal, office.ben, office.ann.workflow)
    assert await running(office, office.ben) == [row.id]
    for _ in range(2):
        async with office.postgres.api.user(office.cal) as session:
            await delegations.end(session, office.cal, row.id)
    assert await running(office, office.ben) == []
    for who in (office.cal, office.ben):
        (first, body), (second, _) = await told(office, who)
        assert (first, second) == KINDS
        assert (body["by"], body["to"]) == (str(office.cal), str(office.ben))
        assert body["workflows"] == [str(office.ann.workflow)]
    assert await told(office, office.ann.id) == []
    # The other sees it, and ends it not: it is not theirs.
    async with office.postgres.api.user(office.ben) as session:
        assert [one.id for one in await delegations.listed(session, office.ben)] == [row.id]
        with pytest.raises(NotFound):
            await delegations.end(session, office.ben, row.id)


async def test_the_team_reads_each_once_whoever_ended_it_and_no_other_team_does(office: Office) -> None:
    await give(office, office.cal, office.ben)
    await give(office, office.ben, office.cal, office.ann.workflow)
    await office.seat(office.ben, None)  # Ann removes Ben: both end
    async with office.postgres.api.user(office.cal) as session:
        page = await team_audit.page(session, office.cal, office.team, team_audit.TeamFilter())
        mine = await teams.make(session, office.cal, "Cal's own")
        other = await team_audit.page(session, office.cal, mine.id, team_audit.TeamFilter())
    found = [(entry.kind, entry.user_id, entry.actor) for entry in page.items if entry.kind in KINDS]
    ann, ben, cal = office.ann.id, office.ben, office.cal
    assert sorted(found) == sorted(
        [
            (AuditKind.DELEGATION_SET, cal, f"user:{cal}"),
            (AuditKind.DELEGATION_SET, ben, f"user:{ben}"),
            (AuditKind.DELEGATION_WITHDRAWN, cal, f"user:{ann}"),
            (AuditKind.DELEGATION_WITHDRAWN, ben, f"user:{ann}"),
        ]
    )
    assert [entry.kind for entry in other.items] == [AuditKind.TEAM_CREATED]


async def test_the_entry_of_an_approval_says_for_whom(office: Office) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    row = await give(office, office.cal, office.ben)
    assert await office.approve(office.ben, row) == "approved"
    assert await office.mint() is not None
    async with office.postgres.api.user(office.ann.id) as session:
        entries = [entry async for entry, _ in audit.chain(session, office.ann.id)]
    (said,) = [entry for entry in entries if entry.kind == AuditKind.ACTION_APPROVED]
    assert said.actor == f"user:{office.ben}"
    assert [(one["by"], one["for"]) for one in said.body["approvals"]] == [(str(office.ben), str(office.cal))]


async def test_it_is_for_the_workflows_that_it_names(office: Office) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    cals = await account(office.postgres, "caroline", "team")
    await office.join(cals.id, "caroline@example.com", Role.MEMBER)
    async with office.postgres.api.user(cals.id) as session:
        await teams.share(session, cals.id, office.team, cals.workflow)
    other = await give(office, office.cal, office.ben, cals.workflow)
    with pytest.raises(Refused, match="does not count"):
        await office.approve(office.ben, other)
    both = await give(office, office.cal, office.ben, cals.workflow, office.ann.workflow)
    assert await office.approve(office.ben, both) == "approved"


@pytest.mark.parametrize("how", ["who gave it leaves", "who was given it is removed", "the account goes"])
async def test_it_ends_with_a_membership_and_does_not_come_back(office: Office, how: str) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    row = await give(office, office.cal, office.ben)
    assert await office.approve(office.ben, row) == "approved"
    leaves, email = (office.ben, "ben@example.com") if "removed" in how else (office.cal, "cal@example.com")
    async with office.postgres.api.user(office.ann.id if "removed" in how else leaves) as session:
        if "account" in how:
            await erasing.ask(session, leaves, uuid4())
        else:
            await teams.remove(session, office.ann.id if "removed" in how else leaves, office.team, leaves)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()
    with office.postgres.connect() as owner:
        (ended,) = owner.execute("SELECT withdrawn_at FROM delegations").fetchone() or (None,)
    assert ended is not None
    if "account" in how:
        return
    for who in (office.ben, office.cal):
        kinds = [kind for kind, _ in await told(office, who)]
        assert kinds == list(KINDS), "the end is told to both"
    await office.join(leaves, email, Role.APPROVER)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()


async def test_a_workflow_that_is_taken_out_is_covered_no_more(office: Office) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    row = await give(office, office.cal, office.ben)
    assert await office.approve(office.ben, row) == "approved"
    async with office.postgres.api.user(office.ann.id) as session:
        await teams.unshare(session, office.ann.id, office.team, office.ann.workflow)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()


async def test_who_may_not_decide_is_given_none_and_gives_none(office: Office) -> None:
    dan = await account(office.postgres, "dan")
    await office.join(dan.id, "dan@example.com", Role.MEMBER)
    for by, to in ((office.cal, dan.id), (dan.id, office.ben), (office.cal, office.eve)):
        with pytest.raises(Refused, match=r"may not decide|decide on nothing"):
            await give(office, by, to)
    with pytest.raises(NotFound):
        await give(office, office.eve, office.ben)
    with pytest.raises(Refused, match="on which you both may decide"):
        await give(office, office.cal, office.ben, uuid4())
    for days in (-1.0, 91.0):
        with pytest.raises(InvalidInput, match="at most 90 days"):
            await give(office, office.cal, office.ben, days=days)
    with pytest.raises(InvalidInput, match="somebody else"):
        await give(office, office.cal, office.cal)


async def test_no_session_writes_one_in_anothers_name_or_makes_one_longer(office: Office) -> None:
    row = await give(office, office.cal, office.ben)
    insert = (
        "INSERT INTO delegations (id, user_id, to_id, team_id, starts_at, ends_at) "
        "VALUES (gen_random_uuid(), :u, :b, :t, now(), now() + interval '1 day')"
    )
    values = {"u": office.ann.id, "b": office.ben, "t": office.team, "d": row.id}
    for who, statement in (
        (office.ben, insert),
        (office.eve, insert),
        (office.cal, "UPDATE delegations SET ends_at = now() + interval '80 days' WHERE id = :d"),
        (office.cal, "UPDATE delegations SET workflows = NULL, to_id = :u WHERE id = :d"),
        (office.cal, "DELETE FROM delegations WHERE id = :d"),
    ):
        with pytest.raises(DBAPIError):
            async with office.postgres.api.user(who) as session:
                await session.execute(text(statement), values)
    async with office.postgres.api.user(office.eve) as session:
        assert (await session.execute(text("SELECT count(*) FROM delegations"))).scalar_one() == 0
        ending = text("SELECT count(*) FROM coco_delegations_ending(:t, :b)")
        assert (await session.execute(ending, values)).scalar_one() == 0
