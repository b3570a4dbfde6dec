"""An undo in review proposes what takes the action back: a run of its own, through the gate, linked to the action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from activities.compensation import compensation
from activities.connectors.base import ConnectionInfo
from activities.connectors.hubspot.objects import DEALS
from activities.connectors.registry import connector
from activities.names import PlanInput
from coco.actions import Action
from coco.canonical import canonical
from coco.decisions import Verdict
from coco.errors import InvalidInput
from coco.plans import PlanDraft, Proposal
from coco.requests import ProviderResponse
from coco.trust import Profile
from store.tables import ActionRow
from tests.api.people import Person, code
from tests.autonomy.mails import knows, mailbox, someone, writes_to
from tests.autonomy.scenes import attest, completes, graduate, new_contact, sends, shows, trust_level
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_contact, a_world

SignIn = Callable[[World], Awaitable[Person]]


async def alone(world: World) -> tuple[UUID, ActionRow]:
    """(the run, its first action), after a run in which everything ran alone."""
    run_id = await world.start()
    await world.until(run_id, "done")
    return run_id, (await world.actions(run_id))[0]


async def undo(world: World, owner: Person, action: ActionRow) -> tuple[UUID, ActionRow]:
    """(the run, the proposal) that take an action back."""
    told = await owner.post(f"/actions/{action.id}/review", {"verdict": "undo", "reason": "the wrong person"})
    assert told["taken_back"]
    await world.deliver()
    run_id = UUID(told["undo_run_id"])
    world.started.append(run_id)
    await world.until(run_id, "waiting")
    [proposal] = await world.actions(run_id)
    return run_id, proposal


async def test_an_undo_sets_the_prior_value_again_once_it_is_approved(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    crm = {"1": new_contact()}
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(crm)) as world:
        owner = await owner_of(world)
        await graduate(world)
        first_run, action = await alone(world)
        run_id, proposal = await undo(world, owner, action)
        assert run_id != first_run
        assert await trust_level(world) == "approve_each"
        body = Action.model_validate(proposal.body)
        assert (proposal.origin, proposal.operation) == ("undo", "contacts.update")
        assert proposal.arguments == {"id": "1", "properties": {"jobtitle": ""}}
        # The value that the action left is the prior: the gateway sends nothing where somebody changed it since.
        assert body.prior is not None
        assert body.prior.value == {"jobtitle": "CTO"}
        assert (body.preview.before, body.preview.after) == ({"jobtitle": "CTO"}, {"jobtitle": ""})
        assert body.preview.record.startswith("Ada")
        assert str(action.id) in proposal.why
        shown = await owner.get(f"/runs/{run_id}")
        assert shown["run"]["goal"].startswith("Take back: ")
        assert len(world.performed) == 1, "nothing is taken back without an approval"
        await world.decide(proposal)
        await world.until(run_id, "done")
        assert len(world.performed) == 2
        [entry] = [row for row in await world.audit("action_done") if row.run_id == run_id]
        assert entry.actor == f"user:{world.user_id}"
        [started] = [row for row in await world.audit("run_started") if row.run_id == run_id]
        assert started.body["undoes"] == str(action.id)
        # Its approval says nothing about what the workflow proposes.
        trust = await owner.get(f"/workflows/{world.workflow_id}/trust")
        assert trust["eligibility"]["approved_runs"] == 0
        assert trust["backtest"]["decided"] == 1


async def test_an_undo_is_undone_like_any_action_and_its_entry_names_the_original(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    crm = {"1": new_contact()}
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(crm)) as world:
        owner = await owner_of(world)
        await graduate(world)
        _, action = await alone(world)
        run_id, proposal = await undo(world, owner, action)
        await world.decide(proposal)
        await world.until(run_id, "done")
        [entry] = [row for row in await world.audit("action_done") if row.run_id == run_id]
        assert entry.body["undoes"] == str(action.id)
        told = await owner.post(f"/actions/{proposal.id}/undo", status=201)
        await world.deliver()
        world.started.append(UUID(told["run_id"]))
        await world.until(world.started[-1], "waiting")
        [redo] = await world.actions(world.started[-1])
        body = Action.model_validate(redo.body)
        assert redo.arguments == {"id": "1", "properties": {"jobtitle": "CTO"}}
        assert body.prior is not None
        assert (body.prior.value or {})["jobtitle"] is None


async def test_a_rejected_undo_changes_nothing(postgres: Postgres, temporal: TemporalServer, owner_of: SignIn) -> None:
    crm = {"1": new_contact()}
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(crm)) as world:
        owner = await owner_of(world)
        await graduate(world)
        _, action = await alone(world)
        run_id, proposal = await undo(world, owner, action)
        await world.decide(proposal, Verdict.REJECT, "leave it after all")
        await world.until(run_id, "done")
        assert len(world.performed) == 1
        again = await owner.call("POST", f"/actions/{action.id}/review", json={"verdict": "undo", "reason": "x"})
        assert code(again) == "conflict"


async def test_no_guardrail_lets_an_undo_run_alone(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    """The workflow is graduated again before the undo is looked at, on a rule that would cover such an update."""
    crm = {"1": new_contact()}
    rule = "Update contacts that have a first name."
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(crm)) as world:
        owner = await owner_of(world)
        await graduate(world, rule)
        _, action = await alone(world)
        told = await owner.post(f"/actions/{action.id}/review", {"verdict": "undo", "reason": "the wrong person"})
        with postgres.connect() as database:
            database.execute("SET session_replication_role = replica")
            database.execute("UPDATE leases SET state = 'active', granted_at = granted_at - interval '1 hour'")
            database.execute("UPDATE workflows SET trust_level = 'autonomous'")
        await world.deliver()
        run_id = UUID(told["undo_run_id"])
        world.started.append(run_id)
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == ["pending"]
        assert len(world.performed) == 1


async def archives(world: World, message: PlanInput) -> PlanDraft:
    operation = connector("hubspot").gated("contacts.archive")
    arguments = {"id": "1"}
    request = operation.prior_request(world.connection, operation.parse(arguments))
    assert request is not None
    before = a_contact(jobtitle="CTO")
    return PlanDraft(
        goal="Archive",
        proposals=(
            Proposal(
                key="archive-1",
                connection=str(world.connection.id),
                operation="contacts.archive",
                arguments=arguments,
                prior_read=str(await attest(world, message.run_id, request, "1", before)),
            ),
        ),
    )


async def test_the_undo_of_an_archive_makes_the_record_again_and_says_what_is_lost(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(
        postgres, temporal, plan=archives, perform=sends, read_facts=shows({"1": new_contact(tags="old")})
    ) as world:
        owner = await owner_of(world)
        seen = Profile(operations=("contact.archive",))
        await graduate(world, 'Contacts tagged "old" may be archived automatically.', profile=seen)
        _, action = await alone(world)
        run_id, proposal = await undo(world, owner, action)
        assert proposal.operation == "contacts.create"
        assert proposal.arguments["properties"] == {"email": "ada@example.com", "firstname": "Ada", "jobtitle": "CTO"}
        assert "a new record" in proposal.why
        await world.decide(proposal)
        await world.until(run_id, "done")


async def test_what_was_sent_is_never_called_reversible(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    ann = "ann@acme.example"
    people = {ann: someone(ann)}
    async with a_world(postgres, temporal, plan=writes_to((ann,)), perform=sends, read_facts=knows(people)) as world:
        owner = await owner_of(world)
        await mailbox(world)
        rule = 'Send follow-ups to contacts tagged "design partner candidate".'
        await graduate(world, rule, profile=Profile(operations=("email.send",)))
        _, action = await alone(world)
        assert action.body["reversibility"] == "irreversible"
        path = f"/actions/{action.id}/review"
        refused = await owner.call("POST", path, json={"verdict": "undo", "reason": "the wrong person"})
        assert code(refused) == "invalid"
        assert "hat was sent stays sent" in refused.json()["error"]["message"]
        told = await owner.post(path, {"verdict": "reject", "reason": "the wrong person"})
        assert told == {"taken_back": True, "undo_run_id": None}


CRM = ConnectionInfo(id=UUID(int=1), connector="hubspot", title="CRM")


def took_place(operation: str, arguments: dict[str, Any], properties: dict[str, Any]) -> tuple[Action, Any, Any]:
    body = canonical({"id": arguments["id"], "properties": properties, "archived": False})
    response = ProviderResponse.of(200, [("content-type", "application/json")], body)
    return connector("hubspot").gated(operation).build(CRM, arguments, response), arguments, response


def test_a_stage_move_goes_back_to_the_stage_before() -> None:
    deal = dict.fromkeys(DEALS.read_along) | {"dealname": "Acme", "dealstage": "qualifiedtobuy"}
    found = compensation(*took_place("deals.move_stage", {"id": "7", "stage": "closedlost"}, deal))
    assert (found.operation, found.arguments) == ("deals.move_stage", {"id": "7", "stage": "qualifiedtobuy"})
    back = connector("hubspot").gated(found.operation).build(CRM, found.arguments, found.response)
    assert back.prior is not None
    assert back.prior.value == {"dealstage": "closedlost"}
    assert "close date" in found.note


def test_every_changed_field_goes_back_to_what_it_was() -> None:
    contact = a_contact(phone="1", city=None, email="Ada@Example.com")
    changed = {"phone": "2", "city": "Rome", "email": "New@Example.com"}
    found = compensation(*took_place("contacts.update", {"id": "1", "properties": changed}, contact))
    assert found.arguments == {"id": "1", "properties": {"phone": "1", "city": "", "email": "Ada@Example.com"}}
    back = connector("hubspot").gated(found.operation).build(CRM, found.arguments, found.response)
    assert back.prior is not None
    # As the CRM keeps it.
    assert back.prior.value == {"phone": "2", "city": "Rome", "email": "new@example.com"}


def test_what_has_no_way_back_says_so() -> None:
    action, arguments, _ = took_place("contacts.update", {"id": "1", "properties": {"phone": "2"}}, a_contact())
    with pytest.raises(InvalidInput, match="no action that takes this back"):
        compensation(action, arguments, None)
    box = ConnectionInfo(id=UUID(int=2), connector="smtp", title="Mail", settings={"from_address": "a@example.com"})
    mail = {"to": ["b@example.com"], "subject": "s", "body": "b", "key": "k"}
    with pytest.raises(InvalidInput, match="stays sent"):
        compensation(connector("smtp").gated("email.send").build(box, mail, None), mail, None)
