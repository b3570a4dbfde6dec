"""A finished run is taken back by one card: the newest first, each through the gate, told exactly."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from activities.names import PerformInput, PlanInput
from coco.actions import Action
from coco.decisions import Verdict
from coco.plans import PlanDraft, Proposal
from store.tables import ActionRow
from tests.api.people import Person, code
from tests.autonomy.mails import mailbox, writes_to
from tests.autonomy.scenes import approved_run, completes
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_contact, a_world, works

SignIn = Callable[[World], Awaitable[Person]]

MAKES = {"properties": {"email": "new@example.com", "firstname": "Nia"}}
MADE = json.dumps({"id": "77", "properties": {**MAKES["properties"], "lifecyclestage": "lead"}, "archived": False})


async def changes_twice_and_makes_one(world: World, message: PlanInput) -> PlanDraft:
    """Two changes of one record, one after the other, and a new record."""
    first = await world.attest(message.run_id, "1", a_contact(jobtitle="Engineer"))
    second = await world.attest(message.run_id, "1", a_contact(jobtitle="CTO"))
    crm = str(world.connection.id)
    to_cto = {"id": "1", "properties": {"jobtitle": "CTO"}}
    to_ceo = {"id": "1", "properties": {"jobtitle": "CEO"}}
    return PlanDraft(
        goal="Fix titles",
        proposals=(
            Proposal(key="cto", connection=crm, operation="contacts.update", arguments=to_cto, prior_read=first),
            Proposal(key="ceo", connection=crm, operation="contacts.update", arguments=to_ceo, prior_read=second),
            Proposal(key="new", connection=crm, operation="contacts.create", arguments=MAKES),
        ),
    )


async def answers(world: World, message: PerformInput) -> str:
    """The gateway sent it; the CRM answered as it does to a new contact."""
    await world.effect(message, "done", MADE)
    return "done"


async def one_by_one(world: World) -> UUID:
    """A run whose actions took place in the plan's order."""
    run_id = await world.start()
    await world.until(run_id, "waiting")
    for action in await world.actions(run_id):
        await world.decide(action)
        await world.until_action(run_id, action.key, "done")
    await world.until(run_id, "done")
    return run_id


async def revert(world: World, owner: Person, run_id: UUID) -> tuple[UUID, list[ActionRow]]:
    told = await owner.post(f"/runs/{run_id}/revert", status=201)
    await world.deliver()
    reverting = UUID(told["run_id"])
    world.started.append(reverting)
    await world.until(reverting, "waiting")
    return reverting, await world.actions(reverting)


def keys(rows: list[ActionRow]) -> list[str]:
    return [row.key for row in rows]


async def test_a_run_is_taken_back_the_newest_first_one_after_the_other(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=changes_twice_and_makes_one, perform=answers) as world:
        owner = await owner_of(world)
        early = await world.start()
        await world.until(early, "waiting")
        refused = await owner.call("POST", f"/runs/{early}/revert")
        assert (code(refused), "goes on" in refused.text) == ("conflict", True)
        run_id = await one_by_one(world)
        before = await owner.get(f"/runs/{run_id}/revert")
        assert [item["stands"] for item in before["items"]] == ["open", "open", "open"]
        assert [item["operation"] for item in before["items"]] == [
            "contacts.archive",
            "contacts.update",
            "contacts.update",
        ]
        done = {row.key: row for row in await world.actions(run_id)}
        world.performed.clear()
        reverting, proposals = await revert(world, owner, run_id)
        assert keys(proposals) == [f"undo:{done[key].id}" for key in ("new", "ceo", "cto")]
        assert {(row.origin, row.state) for row in proposals} == {("undo", "pending")}
        assert proposals[0].arguments == {"id": "77"}
        archived = Action.model_validate(proposals[0].body)
        assert archived.prior is not None
        assert archived.prior.value is not None
        # What the CRM made of it, which nobody had asked for, is part of what is compared.
        assert archived.prior.value["lifecyclestage"] == "lead"
        assert [row.arguments.get("properties") for row in proposals[1:]] == [
            {"jobtitle": "CTO"},
            {"jobtitle": "Engineer"},
        ]
        assert world.performed == [], "nothing is taken back without an approval"
        # Approved in the opposite order, and told of at once.
        for row in reversed(proposals):
            await world.decide(row, deliver=False)
        await world.deliver()
        await world.until(reverting, "done")
        assert [message.action_id for message in world.performed] == [row.id for row in proposals]
        after = await owner.get(f"/runs/{run_id}/revert")
        assert (after["taken_back"], {item["stands"] for item in after["items"]}) == (3, {"done"})
        assert {item["run_id"] for item in after["items"]} == {str(reverting)}
        again = await owner.call("POST", f"/runs/{run_id}/revert")
        assert code(again) == "conflict"
        [started] = [row for row in await world.audit("run_started") if row.run_id == reverting]
        assert started.body["undoes_run"] == str(run_id)
        assert started.body["undoes"] == [str(done[key].id) for key in ("new", "ceo", "cto")]


async def test_what_is_taken_back_in_part_is_told_exactly_and_a_changed_record_asks_with_three_values(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    sent: list[Any] = []

    async def one_drifts(world: World, message: PerformInput) -> str:
        sent.append(message)
        if len(sent) in {5, 6}:  # the second one that is taken back, and it once more
            now = "Chair" if len(sent) == 5 else "Mayor"
            await world.drift(world.started[-1], message, "1", a_contact(jobtitle=now))
            return "drifted"
        return await answers(world, message)

    async with a_world(postgres, temporal, plan=changes_twice_and_makes_one, perform=one_drifts) as world:
        owner = await owner_of(world)
        run_id = await one_by_one(world)
        reverting, proposals = await revert(world, owner, run_id)
        newest, middle, oldest = proposals
        await world.decide(oldest, Verdict.REJECT, "leave that one")
        await world.decide(newest)
        await world.until_action(reverting, newest.key, "done")
        await world.decide(middle)
        again = await world.until_action(reverting, middle.key, "pending")
        assert again.origin == "drift"
        [shown] = [item for item in (await owner.get(f"/runs/{reverting}"))["actions"] if item["id"] == str(again.id)]
        [three] = shown["drift"]
        # What we had set, what somebody made of it since, and what it was before.
        assert (three["field"], three["shown"], three["now"], three["proposed"]) == ("jobtitle", "CEO", "Chair", "CTO")
        told = await owner.get(f"/runs/{run_id}/revert")
        assert (told["taken_back"], [item["stands"] for item in told["items"]]) == (1, ["done", "pending", "rejected"])
        await world.decide(again)
        await world.until_action(reverting, middle.key, "pending")
        [shown] = [item for item in (await owner.get(f"/runs/{reverting}"))["actions"] if item["key"] == middle.key]
        [three] = shown["drift"]
        # Whoever changed it how often: ours is what our action had left.
        assert (three["shown"], three["now"], three["proposed"]) == ("CEO", "Mayor", "CTO")
        [last] = [row for row in await world.actions(reverting) if str(row.id) == shown["id"]]
        await world.decide(last)
        await world.until(reverting, "done")
        told = await owner.get(f"/runs/{run_id}/revert")
        assert (told["taken_back"], [item["stands"] for item in told["items"]]) == (2, ["done", "done", "rejected"])
        assert [item["can_be_proposed"] for item in told["items"]] == [False, False, True]
        # What was left out is proposed again, and nothing else.
        _, rest = await revert(world, owner, run_id)
        assert keys(rest) == [oldest.key]


async def changes_and_sends(world: World, message: PlanInput) -> PlanDraft:
    mails = await writes_to(("ann@acme.example",))(world, message)
    changed = await completes("1")(world, message)
    return PlanDraft(goal="Change and write", proposals=(*changed.proposals, *mails.proposals))


async def test_what_was_sent_stays_sent_and_a_draft_that_puts_it_right_is_on_the_card(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=changes_and_sends, perform=works) as world:
        owner = await owner_of(world)
        await mailbox(world)
        run_id = await approved_run(world)
        told = await owner.get(f"/runs/{run_id}/revert")
        by = {item["stands"]: item for item in told["items"]}
        assert set(by) == {"open", "no_way_back"}
        assert "What was sent stays sent." in by["no_way_back"]["why_not"]
        assert by["no_way_back"]["follow_up"]["to"] == ["ann@acme.example"]
        assert by["no_way_back"]["follow_up"]["subject"] == "Correction: Following up"
        reverting, proposals = await revert(world, owner, run_id)
        assert [row.operation for row in proposals] == ["contacts.update"]
        plan = (await owner.get(f"/runs/{reverting}"))["plan"]
        assert [draft["to"] for draft in plan["drafts"]] == [["ann@acme.example"]]
        assert "stays sent" in plan["set_aside"][0]
        await world.decide(proposals[0], Verdict.REJECT, "leave it")
        await world.until(reverting, "done")
        told = await owner.get(f"/runs/{run_id}/revert")
        assert (told["taken_back"], {item["stands"] for item in told["items"]}) == (0, {"rejected", "no_way_back"})


async def test_a_run_that_only_sent_has_nothing_to_take_back(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    plan = writes_to(("ann@acme.example",))
    async with a_world(postgres, temporal, plan=plan, perform=works) as world:
        owner = await owner_of(world)
        await mailbox(world)
        run_id = await approved_run(world)
        refused = await owner.call("POST", f"/runs/{run_id}/revert")
        assert (code(refused), "stays sent" in refused.text) == ("invalid", True)
        assert [run["id"] for run in (await owner.get("/runs"))["items"]] == [str(run_id)]


async def test_nobody_else_sees_or_takes_back_a_run(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal) as world, a_world(postgres, temporal) as other:
        run_id = await approved_run(world)
        stranger = await owner_of(other)
        for method in ("GET", "POST"):
            assert code(await stranger.call(method, f"/runs/{run_id}/revert")) == "not_found"
        owner = await owner_of(world)
        assert {item["stands"] for item in (await owner.get(f"/runs/{run_id}/revert"))["items"]} == {"open"}
