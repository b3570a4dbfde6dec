"""A team's budget holds for all its shared workflows together, whoever's account they reserve from, also at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from coco.audit import AuditKind
from coco.credits import Period
from coco.errors import InvalidInput, NotFound, Refused
from coco.teams import Role
from store import credits, erasing, team_audit, team_budgets, team_invitations, teams
from tests.conftest import Postgres
from tests.store.test_ledger import more_actions, quietly
from tests.store.test_teams import account
from tests.store.test_who_may_write_what import Person


@dataclass
class Pair:
    """Ann's team, in which Ben is a member; each has shared a workflow with it."""

    postgres: Postgres
    team: UUID
    ann: Person
    ben: Person

    async def put(self, most: int | None, period: Period = Period.DAY, by: UUID | None = None) -> None:
        by = by or self.ann.id
        async with self.postgres.api.user(by) as session:
            await team_budgets.put(session, by, self.team, period, most)

    async def reserve(self, who: Person, action: UUID, amount: int) -> None:
        async with self.postgres.control.user(who.id) as session:
            await credits.reserve(session, who.id, action, amount)

    async def used(self, by: UUID | None = None) -> list[tuple[str, int, int]]:
        by = by or self.ann.id
        async with self.postgres.api.user(by) as session:
            found = await team_budgets.listed(session, by, self.team, datetime.now(UTC))
        return [(row.period, row.credits, committed) for row, committed in found]


@pytest.fixture
async def pair(postgres: Postgres) -> Pair:
    ann, ben = await account(postgres, "ann", "team"), await account(postgres, "ben")
    async with postgres.api.user(ann.id) as session:
        team = await teams.make(session, ann.id, "Sales")
        await teams.share(session, ann.id, team.id, ann.workflow)
        _, token = await team_invitations.invite(session, ann.id, team.id, "ben@example.com", Role.MEMBER)
    async with postgres.api.user(ben.id) as session:
        await team_invitations.accept(session, ben.id, token)
        await teams.share(session, ben.id, team.id, ben.workflow)
    return Pair(postgres, team.id, ann, ben)


async def test_it_counts_what_every_member_reserves(pair: Pair) -> None:
    await pair.put(100)
    (mine, more), (theirs,) = (
        await more_actions(pair.postgres, pair.ann, 2),
        await more_actions(pair.postgres, pair.ben, 1),
    )
    await pair.reserve(pair.ann, mine, 60)
    with pytest.raises(Refused, match="All workflows shared with this team may use 100 credits a day; 60 are used"):
        await pair.reserve(pair.ben, theirs, 41)
    async with pair.postgres.control.user(pair.ben.id) as session:
        short = await credits.shortages(session, pair.ben.id, pair.ben.workflow, {theirs: 41}, datetime.now(UTC))
    assert short[theirs].until is not None
    # What comes back may be used again; what was used below its estimate counts at its cost.
    async with pair.postgres.control.user(pair.ann.id) as session:
        await credits.settle(session, pair.ann.id, mine, [], 10)
    await pair.reserve(pair.ben, theirs, 90)
    assert await pair.used(pair.ben.id) == [("day", 100, 100)]
    await pair.put(None)
    await pair.reserve(pair.ann, more, 1)


async def test_at_once_no_more_than_the_budget(pair: Pair) -> None:
    await pair.put(100, Period.MONTH)
    both = [(who, item) for who in (pair.ann, pair.ben) for item in await more_actions(pair.postgres, who, 5)]
    went = await asyncio.gather(*(quietly(pair.reserve(who, item, 30)) for who, item in both))
    assert sum(went) == 3
    assert await pair.used() == [("month", 100, 90)]


async def test_what_a_workflow_used_while_it_was_shared_stays_counted(pair: Pair) -> None:
    await pair.put(100)
    first, second, third = await more_actions(pair.postgres, pair.ben, 3)
    await pair.reserve(pair.ben, first, 80)
    async with pair.postgres.api.user(pair.ben.id) as session:
        await teams.unshare(session, pair.ben.id, pair.team, pair.ben.workflow)
    await pair.reserve(pair.ben, second, 50)  # its own again: no budget of the team's
    assert await pair.used() == [("day", 100, 80)]
    async with pair.postgres.api.user(pair.ben.id) as session:
        await teams.share(session, pair.ben.id, pair.team, pair.ben.workflow)
    with pytest.raises(Refused, match="80 are used"):
        await pair.reserve(pair.ben, third, 30)


async def test_who_manages_the_team_sets_it_and_open_runs_look_again(pair: Pair) -> None:
    with pytest.raises(Refused, match="your role"):
        await pair.put(5, by=pair.ben.id)
    with pytest.raises(InvalidInput, match="day or a month"):
        await pair.put(5, Period.EVER)
    with pytest.raises(InvalidInput, match="between 0"):
        await pair.put(-1)
    with pytest.raises(NotFound):
        await pair.put(None)
    with pair.postgres.connect() as owner:
        owner.execute("DELETE FROM wakeups")
    await pair.put(5)
    await pair.put(5)
    await pair.put(7)
    with pair.postgres.connect() as owner:
        owed = owner.execute("SELECT run_id, kind, count(*) FROM wakeups GROUP BY 1, 2").fetchall()
    assert sorted(owed) == sorted([(pair.ann.run, "wake", 2), (pair.ben.run, "wake", 2)])
    async with pair.postgres.api.user(pair.ann.id) as session:
        wanted = team_audit.TeamFilter(kind=AuditKind.TEAM_BUDGET_CHANGED)
        told = (await team_audit.page(session, pair.ann.id, pair.team, wanted)).items
    assert [item.body["credits"] for item in told] == [{"from": 5, "to": 7}, {"from": None, "to": 5}]


@pytest.mark.parametrize("how", ["taken out", "its person left", "the budget went"])
async def test_what_a_budget_held_looks_again_when_it_holds_it_no_more(pair: Pair, how: str) -> None:
    await pair.put(5)
    with pair.postgres.connect() as owner:
        owner.execute("DELETE FROM wakeups")
    if how == "the budget went":
        await pair.put(None)
    else:
        async with pair.postgres.api.user(pair.ben.id) as session:
            if how == "taken out":
                await teams.unshare(session, pair.ben.id, pair.team, pair.ben.workflow)
            else:
                await teams.remove(session, pair.ben.id, pair.team, pair.ben.id)
    with pair.postgres.connect() as owner:
        owed = owner.execute("SELECT run_id FROM wakeups WHERE kind = 'wake' AND delivered_at IS NULL").fetchall()
    assert {row[0] for row in owed} == {pair.ben.run, *([pair.ann.run] if how == "the budget went" else ())}


async def test_a_stranger_neither_reads_nor_sets_it_and_no_role_writes_the_row(pair: Pair) -> None:
    await pair.put(5)
    eve = await account(pair.postgres, "eve")
    for call in (pair.put(9, by=eve.id), pair.used(eve.id)):
        with pytest.raises(NotFound):
            await call
    async with pair.postgres.api.user(eve.id) as session:
        assert (await session.execute(text("SELECT count(*) FROM team_budgets"))).scalar_one() == 0
        query = text("SELECT coco_team_committed(:t, NULL)")
        assert (await session.execute(query, {"t": pair.team})).scalar_one() == 0
    for role in ("api", "control", "gateway"):
        for statement in ("UPDATE team_budgets SET credits = 900", "DELETE FROM team_budgets"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                async with getattr(pair.postgres, role).user(pair.ann.id) as session:
                    await session.execute(text(statement))


async def test_it_outlives_the_account_of_who_set_it(pair: Pair) -> None:
    await pair.put(50)
    async with pair.postgres.api.user(pair.ann.id) as session:
        await teams.set_role(session, pair.ann.id, pair.team, pair.ben.id, Role.OWNER)
    async with pair.postgres.api.user(pair.ann.id) as session:
        await erasing.ask(session, pair.ann.id, uuid4())
    assert await pair.used(pair.ben.id) == [("day", 50, 0)]
