"""Reminders and escalation on a real database: neither lost nor doubled, to who may decide, and nothing is decided."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coco.approvals import ApprovalRule
from coco.audit import AuditKind
from coco.decisions import Verdict
from coco.errors import CocoError, InvalidInput, NotFound, Refused
from coco.reminders import ReminderTerms
from coco.teams import Role
from store import decisions, delegations, erasing, escalations, reminders, team_audit, teams
from tests.conftest import Postgres
from tests.store.test_four_eyes import Office, make_office
from workers import waiting

HOUR = timedelta(hours=1)


@pytest.fixture
async def office(postgres: Postgres) -> Office:
    """Ann's action has waited for ten hours, in a run that the team sees."""
    office = await make_office(postgres)
    office.forge("UPDATE team_shares SET shared_at = now() - interval '2 days'")
    office.forge("UPDATE runs SET created_at = now() - interval '10 hours'")
    office.forge("UPDATE actions SET created_at = now() - interval '10 hours'")
    office.forge("DELETE FROM actions WHERE user_id <> %s", office.ann.id)
    return office


async def sweep(office: Office, later: timedelta = timedelta()) -> tuple[int, int]:
    return await waiting.sweep(office.postgres.control, datetime.now(UTC) + later)


def rows(office: Office, query: str, *values: object) -> list[Any]:
    with office.postgres.connect() as owner:
        return owner.execute(query, values).fetchall()


def reminded(office: Office) -> dict[UUID, int]:
    return dict(rows(office, "SELECT user_id, count(*) FROM reminders GROUP BY 1"))


def told(office: Office, kind: str) -> list[UUID]:
    return [row[0] for row in rows(office, "SELECT user_id FROM events WHERE kind = %s ORDER BY 1", kind)]


def nothing_is_decided(office: Office) -> bool:
    (state,) = rows(office, "SELECT state FROM actions WHERE id = %s", office.ann.action)[0]
    counts = [rows(office, f"SELECT count(*) FROM {name}")[0][0] for name in ("grants", "decisions", "approvals")]
    return bool(state == "pending" and counts == [0, 0, 0])


async def terms(office: Office, who: UUID, **values: Any) -> None:
    async with office.postgres.api.user(who) as session:
        await reminders.set_terms(session, who, ReminderTerms(**values))


async def waits(office: Office, who: UUID) -> list[reminders.WaitingCard]:
    async with office.postgres.api.user(who) as session:
        return await reminders.waiting(session, who)


async def rule(office: Office, hours: int, to: UUID | Role) -> None:
    async with office.postgres.api.user(office.ann.id) as session:
        await escalations.set_rule(session, office.ann.id, office.ann.workflow, hours, to=to)


async def escalated(office: Office, who: UUID) -> list[UUID]:
    async with office.postgres.api.user(who) as session:
        return [one.run_id for one in await escalations.to_me(session)]


# -- reminders --------------------------------------------------------------------------------------------------------


async def test_each_on_their_own_terms_and_again_only_when_it_is_time(office: Office) -> None:
    await terms(office, office.ben, on=False)
    await terms(office, office.cal, first_hours=24)
    assert await sweep(office) == (1, 0)
    assert await sweep(office) == (0, 0)
    assert reminded(office) == {office.ann.id: 1}
    assert await sweep(office, 15 * HOUR) == (1, 0)  # Cal's first
    assert await sweep(office, 25 * HOUR) == (1, 0)  # Ann's second
    assert reminded(office) == {office.ann.id: 2, office.cal: 1}
    assert told(office, "reminder") == sorted([office.ann.id] * 2 + [office.cal])
    (card,) = await waits(office, office.ann.id)
    assert (card.reminded, card.link) == (2, f"/runs/{office.ann.run}")
    (of_ann,) = await waits(office, office.cal)
    assert (of_ann.owner_id, of_ann.link) == (office.ann.id, f"/teams/{office.team}/runs/{office.ann.run}")
    assert nothing_is_decided(office)


async def test_workers_at_once_remind_once(office: Office) -> None:
    went = await asyncio.gather(*(sweep(office) for _ in range(6)))
    assert sum(count for count, _ in went) == 3
    assert reminded(office) == {office.ann.id: 1, office.ben: 1, office.cal: 1}
    assert len(told(office, "reminder")) == 3


async def test_a_worker_that_dies_before_it_commits_has_reminded_nobody(office: Office) -> None:
    async def dies() -> None:
        async with office.postgres.control.user(office.ann.id) as session:
            assert await reminders.remind(session, office.ann.id, datetime.now(UTC)) == 1
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await dies()
    assert (reminded(office), told(office, "reminder")) == ({}, [])
    assert (await sweep(office))[0] == 3
    assert (await sweep(office))[0] == 0


async def test_quiet_hours_hold_it_back(office: Office) -> None:
    now = datetime.now(UTC)
    quiet = {"quiet_from": f"{now - HOUR:%H:%M}", "quiet_until": f"{now + HOUR:%H:%M}"}
    for who in (office.ann.id, office.ben, office.cal):
        await terms(office, who, **quiet)
    assert await sweep(office) == (0, 0)
    assert await sweep(office, 2 * HOUR) == (3, 0)


async def test_who_has_approved_is_not_reminded_and_what_is_decided_waits_for_nobody(office: Office) -> None:
    await office.rule(ApprovalRule(people=2))
    await office.approve(office.ben)
    assert await waits(office, office.ben) == []
    await sweep(office)
    assert set(reminded(office)) == {office.ann.id, office.cal}
    await office.approve(office.cal)
    assert await sweep(office, 30 * HOUR) == (0, 0)
    assert await waits(office, office.ann.id) == []


async def test_whose_yes_would_not_count_is_not_reminded(office: Office) -> None:
    await office.rule(ApprovalRule(not_requester=True))
    await sweep(office)
    assert set(reminded(office)) == {office.ben, office.cal}


async def test_deciding_on_one_of_several_does_not_begin_anew(office: Office) -> None:
    office.forge(
        "INSERT INTO actions SELECT (json_populate_record(a, json_build_object('id', gen_random_uuid(), 'key', 'b', "
        "'created_at', now() - interval '9 hours'))).* FROM actions a WHERE id = %s", office.ann.action,
    )  # fmt: skip
    await sweep(office)
    async with office.postgres.api.user(office.ann.id) as session:
        await decisions.decide(session, office.ann.id, office.ann.action, Verdict.REJECT, office.ann.digest, "No.")
    assert await sweep(office) == (0, 0)
    assert len(await waits(office, office.ann.id)) == 1


async def test_nobody_reads_or_writes_reminders_of_another_and_the_api_writes_none(office: Office) -> None:
    await sweep(office)
    assert await waits(office, office.eve) == []
    async with office.postgres.api.user(office.eve) as session:
        for table in ("reminders", "reminder_settings", "escalations", "escalation_rules"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
    insert = text("INSERT INTO reminders VALUES (:u, :r, 9, now(), now())")
    values = {"u": office.ann.id, "r": office.ann.run}
    for role, who in (("api", office.ann.id), ("control", office.eve), ("gateway", office.ann.id)):
        with pytest.raises(DBAPIError):
            async with getattr(office.postgres, role).user(who) as session:
                await session.execute(insert, values)


async def test_an_account_is_erased_with_what_others_were_reminded_of(office: Office) -> None:
    await rule(office, 4, office.cal)
    await sweep(office)
    async with office.postgres.api.user(office.ann.id) as session:
        await erasing.ask(session, office.ann.id, uuid4())
    async with office.postgres.control.user(office.ann.id) as session:
        for run_id in await erasing.open_runs(session, office.ann.id):
            await erasing.end_run(session, office.ann.id, run_id)
        await erasing.destroy_keys(session)
        await erasing.remove_rows(session)
    assert reminded(office) == {}
    assert rows(office, "SELECT 1 FROM escalations UNION ALL SELECT 1 FROM escalation_rules") == []
    assert await sweep(office, 30 * HOUR) == (0, 0)


# -- escalation -------------------------------------------------------------------------------------------------------


async def test_an_escalated_and_reminded_card_waits_as_before(office: Office) -> None:
    await office.rule(ApprovalRule(people=2))
    approvers = rows(office, "SELECT person_id FROM coco_workflow_approvers(%s) ORDER BY 1", office.ann.workflow)
    await rule(office, 4, Role.ADMIN)
    went = await asyncio.gather(*(sweep(office) for _ in range(4)))
    assert (sum(one for one, _ in went), sum(other for _, other in went)) == (3, 1)
    assert await sweep(office, 40 * HOUR) == (3, 0)
    assert await escalated(office, office.cal) == [office.ann.run]
    assert await escalated(office, office.ben) == []
    assert told(office, "escalation") == [office.cal]
    (entry,) = rows(office, "SELECT user_id, actor, body FROM audit WHERE kind = %s", AuditKind.CARD_ESCALATED.value)
    assert entry[:2] == (office.ann.id, "system")
    assert (entry[2]["to"], entry[2]["workflow"]) == ([str(office.cal)], str(office.ann.workflow))
    async with office.postgres.api.user(office.cal) as session:
        wanted = team_audit.TeamFilter(kind=AuditKind.CARD_ESCALATED)
        assert len((await team_audit.page(session, office.cal, office.team, wanted)).items) == 1
    # It waits, nobody more may approve, one approval is still not two, and nothing is minted.
    assert nothing_is_decided(office)
    found = rows(office, "SELECT person_id FROM coco_workflow_approvers(%s) ORDER BY 1", office.ann.workflow)
    assert found == approvers
    with pytest.raises(Refused, match="no approval"):
        await office.mint()
    assert await office.approve(office.cal) == "pending"
    with pytest.raises(Refused, match="no approval"):
        await office.mint()
    assert await escalated(office, office.cal) == [], "nothing on it waits for them any more"


async def test_it_ends_when_it_is_decided(office: Office) -> None:
    await rule(office, 4, office.cal)
    assert (await sweep(office))[1] == 1
    async with office.postgres.api.user(office.ann.id) as session:
        put = await escalations.of_run(session, office.ann.id, office.ann.run)
        assert [(one.to_id, name) for one, name in put] == [(office.cal, "cal@example.com")]
        await decisions.decide(session, office.ann.id, office.ann.action, Verdict.REJECT, office.ann.digest, "No.")
    assert await escalated(office, office.cal) == []
    assert (await sweep(office))[1] == 0
    assert rows(office, "SELECT ended_at IS NOT NULL FROM escalations") == [(True,)]


async def test_who_stands_in_for_whom_it_names_sees_it_too(office: Office) -> None:
    await rule(office, 4, office.cal)
    assert (await sweep(office))[1] == 1
    now = datetime.now(UTC)
    async with office.postgres.api.user(office.cal) as session:
        row = await delegations.give(session, office.cal, office.team, office.ben, now, now + 48 * HOUR)
    assert (await sweep(office))[1] == 1
    assert (await sweep(office))[1] == 0
    assert await escalated(office, office.ben) == [office.ann.run]
    assert nothing_is_decided(office)
    # A delegation that ended reaches nobody, and neither does one to who may not decide.
    office.forge("DELETE FROM escalations")
    async with office.postgres.api.user(office.cal) as session:
        await delegations.end(session, office.cal, row.id)
        await delegations.give(session, office.cal, office.team, office.ben, now + HOUR, now + 48 * HOUR)
    assert (await sweep(office))[1] == 1
    assert await escalated(office, office.ben) == []
    async with office.postgres.api.user(office.cal) as session:
        await delegations.give(session, office.cal, office.team, office.ben, datetime.now(UTC), now + 48 * HOUR)
    await office.seat(office.ben, Role.MEMBER)
    assert (await sweep(office))[1] == 0


@pytest.mark.parametrize("how", ["made less", "removed", "taken out"])
async def test_who_may_decide_no_more_is_shown_nothing(office: Office, how: str) -> None:
    await rule(office, 4, office.cal)
    await sweep(office)
    if how == "taken out":
        async with office.postgres.api.user(office.ann.id) as session:
            await teams.unshare(session, office.ann.id, office.team, office.ann.workflow)
    else:
        await office.seat(office.cal, Role.MEMBER if how == "made less" else None)
    assert await escalated(office, office.cal) == []
    assert [card.run_id for card in await waits(office, office.cal)] == []
    office.forge("DELETE FROM escalations")
    assert (await sweep(office))[1] == 0


async def test_a_rule_names_who_may_decide_and_is_the_owners_of_a_shared_workflow(office: Office) -> None:
    for to in (office.eve, office.ann.id, Role.MEMBER, Role.OWNER):  # Ann is the only owner of the team
        with pytest.raises(CocoError, match=r"may not decide|do not decide|nobody else"):
            await rule(office, 4, to)
    with pytest.raises(InvalidInput, match="between 1 and 720"):
        await rule(office, 0, office.ben)
    for who in (office.ben, office.cal, office.eve):
        with pytest.raises(NotFound):
            async with office.postgres.api.user(who) as session:
                await escalations.set_rule(session, who, office.ann.workflow, 4, to=who)
    await rule(office, 4, office.ben)
    await rule(office, 4, office.ben)
    await rule(office, 8, Role.ADMIN)
    async with office.postgres.api.user(office.ann.id) as session:
        await escalations.remove_rule(session, office.ann.id, office.ann.workflow)
        await escalations.remove_rule(session, office.ann.id, office.ann.workflow)
        await teams.unshare(session, office.ann.id, office.team, office.ann.workflow)
    bodies = [row[0] for row in rows(office, "SELECT body FROM audit WHERE kind = 'escalation_set' ORDER BY seq")]
    assert [(body["from"] or {}).get("after_hours") for body in bodies] == [None, 4, 8]
    assert [(body["to"] or {}).get("role") for body in bodies] == [None, "admin", None]
    with pytest.raises(InvalidInput, match="share the workflow"):
        await rule(office, 4, office.ben)


async def test_a_run_that_the_team_does_not_see_is_put_before_nobody(office: Office) -> None:
    office.forge("UPDATE team_shares SET shared_at = now() - interval '1 hour'")
    await rule(office, 4, office.cal)
    assert await sweep(office) == (1, 0)
    assert set(reminded(office)) == {office.ann.id}
