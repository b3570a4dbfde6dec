"""A mailbox next to the CRM, a plan that writes mails, and a CRM that knows whose addresses they go to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from activities.connectors.hubspot.facts import facts_request
from activities.connectors.hubspot.recipients import contact_request
from activities.names import PlanInput, ReadFactsInput
from coco.canonical import canonical
from coco.plans import PlanDraft, Proposal
from coco.requests import PreparedRequest, ProviderResponse
from store.tables import Connection, Workflow
from tests.autonomy.scenes import hours_ago, new_contact
from tests.connecting import every_scope
from tests.workflows.harness import World

Person = dict[str, Any]
"""`properties` of a contact, its `id`, and the ids of its `deals`."""


def someone(email: str, number: str = "1", *, deals: tuple[str, ...] = (), **changes: str | None) -> Person:
    return {"id": number, "properties": new_contact(email=email, hs_email_optout="false", **changes), "deals": deals}


def a_deal(**changes: str | None) -> dict[str, str | None]:
    """Open, at its stage, and silent for a month."""
    return {
        "dealname": "Acme pilot",
        "dealstage": "qualifiedtobuy",
        "hs_is_closed": "false",
        "notes_last_updated": hours_ago(30 * 24),
        "createdate": hours_ago(90 * 24),
        "amount": "1000",
    } | changes


async def mailbox(world: World) -> UUID:
    """Connects a mailbox and gives it to the workflow."""
    async with world.postgres.api.user(world.user_id) as session:
        row = Connection(
            user_id=world.user_id,
            connector="smtp",
            title="Mail",
            base_url="smtp://127.0.0.1:2525",
            settings={"from_address": "ada@coco.example"},
            scopes=every_scope("smtp"),
        )
        session.add(row)
        await session.flush()
        await give(world, row.id)
        return row.id


async def give(world: World, connection_id: UUID) -> None:
    async with world.postgres.api.user(world.user_id) as session:
        workflow = await session.get_one(Workflow, world.workflow_id)
        workflow.connections = [*workflow.connections, str(connection_id)]


def writes_to(*mails: tuple[str, ...]) -> Callable[[World, PlanInput], Any]:
    """A plan with one mail for each tuple of addresses."""

    async def plan(world: World, message: PlanInput) -> PlanDraft:
        async with world.postgres.api.user(world.user_id) as session:
            given = (await session.get_one(Workflow, world.workflow_id)).connections
            boxes = [await session.get_one(Connection, UUID(one)) for one in given]
        [box] = [one for one in boxes if one.connector == "smtp"]
        proposals = [
            Proposal(
                key=f"mail-{index}",
                connection=str(box.id),
                operation="email.send",
                arguments={
                    "to": list(addresses),
                    "subject": "Following up",
                    "body": "Hello,\n\nis it still on your list?\n",
                    "key": f"{message.run_id}:{index}",
                },
                why="The contact is tagged, and the deal has been silent for 200 days.",
            )
            for index, addresses in enumerate(mails)
        ]
        return PlanDraft(goal="Follow up", reasoning="All of them are tagged.", proposals=tuple(proposals))

    return plan


def knows(
    people: Mapping[str, Person], deals: Mapping[str, dict[str, str | None]] | None = None
) -> Callable[[World, ReadFactsInput], Any]:
    """A sandbox that reads what it is asked to read, of a CRM with these people and deals."""

    async def read(world: World, message: ReadFactsInput) -> int:
        for wanted in message.reads:
            assert wanted.connection_id == world.connection.id
            await world.keep_read(message.run_id, wanted.request, answer_of(wanted.request, people, deals or {}))
        return len(message.reads)

    return read


def answer_of(
    request: PreparedRequest, people: Mapping[str, Person], deals: Mapping[str, dict[str, str | None]]
) -> ProviderResponse:
    """What the CRM answers to a read of a recipient or of a deal."""
    last = unquote(request.path.rsplit("/", 1)[1])
    if last in deals and request == facts_request("deal", last):
        return found({"id": last, "properties": deals[last], "archived": False})
    assert request == contact_request(last), request
    if last not in people:
        return ProviderResponse.of(404, [("content-type", "application/json")], canonical({"status": "error"}))
    return found(as_record(people[last]))


def as_record(person: Person) -> dict[str, Any]:
    linked = {"deals": {"results": [{"id": one, "type": "contact_to_deal"} for one in person["deals"]]}}
    body = {"id": person["id"], "properties": person["properties"], "archived": False}
    return body | ({"associations": linked} if person["deals"] else {})


def found(record: dict[str, Any]) -> ProviderResponse:
    return ProviderResponse.of(200, [("content-type", "application/json")], canonical(record))
