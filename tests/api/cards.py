"""Cards as planning leaves them: rows of the control side and the gateway, built by the connectors."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from coco.plans import MessageDraft, PlanCard, ReadNote
from coco.requests import ProviderResponse
from store import runs
from store.tables import ActionRow, Connection, QuestionRow, ReadRow, Run, Workflow
from tests.conftest import Postgres
from tests.connecting import every_scope

CONTACT = {
    "firstname": "Grace",
    "lastname": "Hopper",
    "email": "grace@navy.example",
    "jobtitle": "Rear admiral",
    "city": None,
    "company": "Navy",
    "address": None,
    "country": None,
    "hs_lead_status": None,
    "industry": None,
    "lifecyclestage": "lead",
    "mobilephone": None,
    "phone": "+1 202 555 0100",
    "state": None,
    "website": None,
    "zip": None,
}


@dataclass
class Card:
    """A run that waits, with what is on it."""

    user_id: UUID
    run_id: UUID
    workflow_id: UUID
    crm: UUID
    mail: UUID
    actions: list[ActionRow] = field(default_factory=list)
    questions: list[QuestionRow] = field(default_factory=list)

    @property
    def action(self) -> ActionRow:
        return self.actions[0]


async def make_card(
    postgres: Postgres,
    user_id: UUID,
    *,
    updates: int = 1,
    mails: int = 0,
    question: bool = False,
    goal: str = "Complete the contacts tagged “design partner candidate”",
) -> Card:
    """A waiting run with some field updates and mails, and perhaps a question."""
    api, control, gateway = postgres.api, postgres.control, postgres.gateway
    async with api.user(user_id) as session:
        crm = Connection(
            user_id=user_id,
            connector="hubspot",
            title="HubSpot",
            base_url="https://api.hubapi.com",
            scopes=every_scope("hubspot"),
        )
        mail = Connection(
            user_id=user_id,
            connector="smtp",
            title="Mailbox",
            base_url="smtp://127.0.0.1:2525",
            settings={"from_address": "ada@example.com", "from_name": "Ada Lovelace"},
            scopes=every_scope("smtp"),
        )
        workflow = Workflow(
            user_id=user_id,
            title="Complete tagged contacts",
            playbook="enrich_tagged_contacts",
            params={"tag": "design partner candidate"},
            connections=[str(crm.id), str(mail.id)],
        )
        session.add_all([crm, mail, workflow])
        await session.flush()
        run = await runs.create_run(session, user_id, workflow.id, goal)
    card = Card(user_id, run.id, workflow.id, crm.id, mail.id)
    plan = PlanCard(
        goal=goal,
        steps=("Search the tagged contacts", "Read each company’s record", "Propose what is missing"),
        read=(ReadNote(text="12 contacts tagged “design partner candidate”"), ReadNote(text="9 companies")),
        reasoning="Three contacts lack a city that their company’s record names.\n\nLeft out: one without company.",
        drafts=(MessageDraft(to=("grace@navy.example",), subject="A draft", body="Stays inside."),),
        set_aside=("Contact 77: its company has no address.",),
    )
    async with control.user(user_id) as session:
        row = await session.get_one(Run, run.id)
        row.card, row.revision, row.state = plan.model_dump(mode="json"), 1, "asking" if question else "waiting"
        if question:
            asked = QuestionRow(
                user_id=user_id, run_id=run.id, key="stage", text="Which stage?", options=["Qualified", "Proposal"]
            )
            session.add(asked)
            card.questions.append(asked)
    info = ConnectionInfo(id=crm.id, connector="hubspot", title=crm.title, settings={})
    for index in range(updates):
        record = str(1001 + index)
        arguments: dict[str, Any] = {"id": record, "properties": {"city": "Arlington"}}
        operation = connector("hubspot").gated("contacts.update")
        request = operation.prior_request(info, operation.parse(arguments))
        assert request is not None
        response = ProviderResponse(
            status=200,
            headers=(("content-type", "application/json"),),
            body=json.dumps({"id": record, "properties": CONTACT, "createdAt": "2026-01-01T00:00:00Z"}),
        )
        read = ReadRow(
            user_id=user_id,
            run_id=run.id,
            connection_id=crm.id,
            request=request.as_json(),
            request_digest=request.digest(),
            response=response.model_dump(mode="json"),
            response_digest=response.digest(),
        )
        async with gateway.user(user_id) as session:
            session.add(read)
        await _propose(postgres, card, crm.id, "contacts.update", arguments, f"city-{record}", index, read, response)
    mailbox = {"from_address": "ada@example.com", "from_name": "Ada Lovelace"}
    for index in range(mails):
        arguments = {
            "to": ["grace@navy.example" if index == 0 else f"person{index}@example.org"],
            "subject": "Shall we pick this up again?",
            "body": "Hello Grace,\n\nwe spoke in spring about the pilot.\n\nBest,\nAda",
            "key": f"mail-{run.id}-{index}",
        }
        await _propose(
            postgres, card, mail.id, "email.send", arguments, f"mail-{index}", updates + index, settings=mailbox
        )
    return card


async def add_message(postgres: Postgres, card: Card) -> None:
    """A direct message in Slack as one more proposal, with who it is to as it was read."""
    arguments = {"user": "U0123456789", "text": "Shall we pick this up again?"}
    async with postgres.api.user(card.user_id) as session:
        chat = Connection(
            user_id=card.user_id,
            connector="slack",
            title="Team chat",
            base_url="https://slack.com",
            scopes=every_scope("slack"),
        )
        session.add(chat)
    operation = connector("slack").gated("messages.direct")
    info = ConnectionInfo(id=chat.id, connector="slack", title=chat.title, settings={})
    request = operation.prior_request(info, operation.parse(arguments))
    assert request is not None
    person = {"id": "U0123456789", "name": "grace", "real_name": "Grace Hopper", "deleted": False, "is_bot": False}
    response = ProviderResponse(
        status=200,
        headers=(("content-type", "application/json"),),
        body=json.dumps({"ok": True, "user": person}),
    )
    read = ReadRow(
        user_id=card.user_id,
        run_id=card.run_id,
        connection_id=chat.id,
        request=request.as_json(),
        request_digest=request.digest(),
        response=response.model_dump(mode="json"),
        response_digest=response.digest(),
    )
    async with postgres.gateway.user(card.user_id) as session:
        session.add(read)
    position = len(card.actions)
    await _propose(postgres, card, chat.id, "messages.direct", arguments, "chat", position, read, response)


async def _propose(
    postgres: Postgres,
    card: Card,
    connection_id: UUID,
    operation: str,
    arguments: dict[str, Any],
    key: str,
    position: int,
    read: ReadRow | None = None,
    response: ProviderResponse | None = None,
    settings: dict[str, Any] | None = None,
) -> None:
    kind = {"email": "smtp", "messages": "slack"}.get(operation.partition(".")[0], "hubspot")
    info = ConnectionInfo(id=connection_id, connector=kind, title=kind, settings=settings or {})
    action = connector(kind).gated(operation).build(info, arguments, response)
    row = ActionRow(
        id=uuid4(),
        user_id=card.user_id,
        run_id=card.run_id,
        workflow_id=card.workflow_id,
        connection_id=connection_id,
        key=key,
        position=position,
        operation=operation,
        arguments=arguments,
        body=action.as_json(),
        digest=action.digest(),
        prior_read_id=read.id if read else None,
        why="The company’s record names it.",
    )
    async with postgres.control.user(card.user_id) as session:
        session.add(row)
    card.actions.append(row)


def set_action_state(postgres: Postgres, action_id: UUID, state: str) -> None:
    """Puts an action where the control side would have, without its triggers' proof."""
    with postgres.connect() as connection:
        connection.execute("ALTER TABLE actions DISABLE TRIGGER check_action")
        connection.execute("UPDATE actions SET state = %s WHERE id = %s", (state, action_id))
        connection.execute("ALTER TABLE actions ENABLE TRIGGER check_action")
