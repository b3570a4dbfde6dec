"""Rules about the records behind a mail: the contact who has the address, and that contact's deal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from activities.connectors.hubspot.recipients import contact_request
from activities.connectors.registry import connector
from activities.names import ReadFactsInput
from coco.guardrails.declarations import default_catalogue
from coco.trust import Profile
from coco.verdicts import recompute
from store.tables import Connection
from tests.autonomy.mails import a_deal, as_record, found, give, knows, mailbox, someone, writes_to
from tests.autonomy.scenes import evaluations, graduate, hours_ago, sends
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

TAGGED = 'Send follow-ups to contacts tagged "design partner candidate" that have not unsubscribed.'
SILENT = 'Send follow-ups for any open deal silent more than 14 days at the "Qualified to buy" stage.'
MAILS = Profile(operations=("email.send",))

ANN, BOB = "ann@acme.example", "bob@beta.example"


def test_the_read_of_a_recipient_is_one_that_the_gateway_carries() -> None:
    route = connector("hubspot").classify(contact_request("ann+news@acme.example"))
    assert (route.access, route.operation) == ("read", "contacts.get")


async def states_after(world: World, rule: str) -> list[str]:
    """The states of the actions of one run of a workflow that was graduated on a rule, in the plan's order."""
    await mailbox(world)
    await graduate(world, rule, profile=MAILS)
    run_id = await world.start()
    await world.until(run_id, "waiting", "done")
    await world.settle_down(run_id)
    return [row.state for row in await world.actions(run_id)]


async def why_held(world: World, position: int = 0) -> str:
    action = (await world.actions(world.started[-1]))[position]
    why = (await evaluations(world, action.id))[-1].why
    return f"{why['text']} ({why.get('reading', '')})"


async def test_mails_go_to_tagged_contacts_alone(postgres: Postgres, temporal: TemporalServer) -> None:
    people = {ANN: someone(ANN, "1"), BOB: someone(BOB, "2", tags="event")}
    plan = writes_to((ANN,), (BOB,), ("nobody@gamma.example",), (ANN, BOB))
    async with a_world(postgres, temporal, plan=plan, perform=sends, read_facts=knows(people)) as world:
        assert await states_after(world, TAGGED) == ["done", "pending", "pending", "pending"]
        [entry] = [row for row in await world.audit("action_done") if row.run_id == world.started[-1]]
        facts = entry.body["guardrail"]["evaluation"]["facts"]
        assert (facts["contact.id"], facts["action.recipients"]) == ("1", [ANN])
        assert len(entry.body["guardrail"]["evaluation"]["reads"]) == 1
        again = recompute(entry.body, default_catalogue())
        assert again is not None
        assert again.agrees
        assert "not true that the contact is tagged" in await why_held(world, 1)
        assert "no contact has the address nobody@gamma.example" in await why_held(world, 2)
        assert "more than one address" in await why_held(world, 3)


async def test_mails_follow_the_recipients_one_open_deal(postgres: Postgres, temporal: TemporalServer) -> None:
    cat, dan, eve = "cat@acme.example", "dan@acme.example", "eve@acme.example"
    people = {
        ANN: someone(ANN, "1", deals=("31", "32")),
        BOB: someone(BOB, "2", deals=("33",)),
        cat: someone(cat, "3", deals=("31", "33")),
        dan: someone(dan, "4"),
        eve: someone(eve, "5", deals=tuple(str(number) for number in range(40, 46))),
    }
    deals = {
        "31": a_deal(),
        "32": a_deal(hs_is_closed="true", dealstage="closedwon"),
        "33": a_deal(notes_last_updated=hours_ago(2)),
    }
    plan = writes_to((ANN,), (BOB,), (cat,), (dan,), (eve,))
    async with a_world(postgres, temporal, plan=plan, perform=sends, read_facts=knows(people, deals)) as world:
        assert await states_after(world, SILENT) == ["done", "pending", "pending", "pending", "pending"]
        [entry] = [row for row in await world.audit("action_done") if row.run_id == world.started[-1]]
        evaluation = entry.body["guardrail"]["evaluation"]
        assert (evaluation["facts"]["deal.id"], evaluation["facts"]["contact.id"]) == ("31", "1")
        assert len(evaluation["reads"]) == 3
        assert "not true that the deal last had activity" in await why_held(world, 1)
        assert "no one deal of the recipient is the only open one" in await why_held(world, 2)
        assert "the recipient is in no deal" in await why_held(world, 3)
        assert "more than 5 deals" in await why_held(world, 4)


async def other_person(world: World, message: ReadFactsInput) -> int:
    """A tagged contact under the request for another address."""
    for wanted in message.reads:
        await world.keep_read(message.run_id, wanted.request, found(as_record(someone(BOB, "2"))))
    return len(message.reads)


async def by_another_request(world: World, message: ReadFactsInput) -> int:
    """The contact, tagged, by a request that asks for something else."""
    target = contact_request(ANN).target.replace("archived=false", "archived=true")
    own = contact_request(ANN).model_copy(update={"target": target})
    await world.keep_read(message.run_id, own, found(as_record(someone(ANN, "1"))))
    return len(message.reads)


async def in_another_crm(world: World, message: ReadFactsInput) -> int:
    """The contact, tagged, in a CRM that the workflow was not given."""
    async with world.postgres.api.user(world.user_id) as session:
        other = Connection(user_id=world.user_id, connector="hubspot", title="Mine", base_url="http://127.0.0.1:1")
        session.add(other)
    await world.keep_read(
        message.run_id, contact_request(ANN), found(as_record(someone(ANN, "1"))), connection_id=other.id
    )
    return len(message.reads)


async def without_the_tag(world: World, message: ReadFactsInput) -> int:
    """An answer that leaves the tags out."""
    person = someone(ANN, "1")
    del person["properties"]["tags"]
    for wanted in message.reads:
        await world.keep_read(message.run_id, wanted.request, found(as_record(person)))
    return len(message.reads)


async def an_archived_one(world: World, message: ReadFactsInput) -> int:
    for wanted in message.reads:
        await world.keep_read(message.run_id, wanted.request, found(as_record(someone(ANN, "1")) | {"archived": True}))
    return len(message.reads)


@pytest.mark.parametrize(
    "lie",
    [other_person, by_another_request, in_another_crm, without_the_tag, an_archived_one],
    ids=lambda lie: lie.__name__,
)
async def test_no_lie_about_a_recipient_sends_a_mail(
    postgres: Postgres, temporal: TemporalServer, lie: Callable[[World, ReadFactsInput], Any]
) -> None:
    async with a_world(postgres, temporal, plan=writes_to((ANN,)), perform=sends, read_facts=lie) as world:
        assert await states_after(world, TAGGED) == ["pending"]
        assert world.performed == []


async def test_with_two_crms_no_recipient_is_looked_up(postgres: Postgres, temporal: TemporalServer) -> None:
    people = {ANN: someone(ANN, "1")}
    async with a_world(postgres, temporal, plan=writes_to((ANN,)), perform=sends, read_facts=knows(people)) as world:
        async with world.postgres.api.user(world.user_id) as session:
            other = Connection(user_id=world.user_id, connector="hubspot", title="B", base_url="http://127.0.0.1:1")
            session.add(other)
        await give(world, other.id)
        assert await states_after(world, TAGGED) == ["pending"]
        assert "no single CRM" in await why_held(world)


async def test_a_rule_that_asks_nothing_of_the_record_still_needs_one(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """ "Send follow-ups to contacts at acme.example" is about contacts: somebody who is none is not covered."""
    people = {ANN: someone(ANN, "1")}
    plan = writes_to((ANN,), ("nobody@acme.example",))
    async with a_world(postgres, temporal, plan=plan, perform=sends, read_facts=knows(people)) as world:
        rule = "Send follow-ups to contacts, if every recipient is at acme.example."
        assert await states_after(world, rule) == ["done", "pending"]
