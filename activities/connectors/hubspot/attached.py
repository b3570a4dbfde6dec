"""Gated: notes and tasks on records."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.cards import listed, plain
from activities.connectors.http import http_request
from activities.connectors.hubspot.arguments import CreateNoteArguments, CreateTaskArguments
from activities.connectors.hubspot.costs import CREDITS, REVERSIBILITY
from activities.connectors.hubspot.creates import association
from activities.connectors.hubspot.objects import NOTES, TASKS, ObjectType
from activities.connectors.hubspot.undoing import archived_again
from activities.connectors.hubspot.wire import outcome_of
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview
from coco.requests import PreparedRequest, ProviderResponse

T = TypeVar("T", CreateNoteArguments, CreateTaskArguments)


class CreateAttached(GatedOperation[T]):
    """POST of something that hangs on contacts, companies and deals. Nothing precedes it."""

    kind: ClassVar[ObjectType]
    types: ClassVar[tuple[int, int, int]]
    """HubSpot-defined types of the association to a contact, a company and a deal:
    https://developers.hubspot.com/docs/api/crm/associations"""

    @abstractmethod
    def properties(self, arguments: T) -> dict[str, str]:
        """What is kept of it, by HubSpot's names."""

    @abstractmethod
    def titled(self, arguments: T) -> str:
        """What it is called on the card."""

    def request(self, connection: ConnectionInfo, arguments: T) -> PreparedRequest:
        kept = {"hs_timestamp": arguments.at, **self.properties(arguments)}
        if arguments.owner_id is not None:
            kept["hubspot_owner_id"] = arguments.owner_id
        linked = [association(record, kind) for kind, records in self._linked(arguments) for record in records]
        return http_request("POST", self.kind.path, body={"associations": linked, "properties": kept})

    def _linked(self, arguments: T) -> list[tuple[int, tuple[str, ...]]]:
        return list(zip(self.types, (arguments.contact_ids, arguments.company_ids, arguments.deal_ids), strict=True))

    def preview(self, connection: ConnectionInfo, arguments: T, prior: dict[str, Any] | None) -> Preview:
        words = ("contact", "company", "deal")
        where = [
            f"{word} {record}"
            for word, (_, records) in zip(words, self._linked(arguments), strict=True)
            for record in records
        ]
        after = arguments.model_dump(mode="json", exclude_none=True, exclude={"body"})
        return Preview(
            summary=plain(f"Write the {self.kind.singular} “{plain(self.titled(arguments))}” on {listed(where)}", 500),
            record=plain(listed(where), 300),
            after={name: value for name, value in after.items() if value not in ("", [])},
            body=arguments.body,
        )

    def result(self, arguments: T, response: ProviderResponse) -> dict[str, Any]:
        return outcome_of(response)

    def taken_back(self, arguments: T, done: Done) -> Compensation:
        return archived_again(self.kind, done)


class CreateNote(CreateAttached[CreateNoteArguments]):
    name = "notes.create"
    title = "Write a note"
    arguments = CreateNoteArguments
    kind = NOTES
    types = (202, 190, 214)
    route = NOTES.gated_route("POST", NOTES.path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def properties(self, arguments: CreateNoteArguments) -> dict[str, str]:
        return {"hs_note_body": arguments.body}

    def titled(self, arguments: CreateNoteArguments) -> str:
        return arguments.body


class CreateTask(CreateAttached[CreateTaskArguments]):
    name = "tasks.create"
    title = "Create a task"
    arguments = CreateTaskArguments
    kind = TASKS
    types = (204, 192, 216)
    route = TASKS.gated_route("POST", TASKS.path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def properties(self, arguments: CreateTaskArguments) -> dict[str, str]:
        kept = {
            "hs_task_body": arguments.body,
            "hs_task_priority": arguments.priority or "",
            "hs_task_status": "NOT_STARTED",
            "hs_task_subject": arguments.subject,
            "hs_task_type": arguments.kind,
        }
        return {name: value for name, value in kept.items() if value}

    def titled(self, arguments: CreateTaskArguments) -> str:
        return arguments.subject
