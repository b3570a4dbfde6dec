"""Gated: archiving a record. HubSpot keeps archived records restorable for 90 days."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo
from activities.connectors.cards import plain
from activities.connectors.http import http_request
from activities.connectors.hubspot.arguments import ArchiveArguments
from activities.connectors.hubspot.changes import RecordChange
from activities.connectors.hubspot.costs import CREDITS, REVERSIBILITY
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, NOTES, TASKS
from activities.connectors.hubspot.undoing import made_anew
from activities.connectors.hubspot.wire import item
from activities.connectors.taking_back import Compensation, Done
from coco.requests import PreparedRequest


class Archive(RecordChange[ArchiveArguments]):
    """DELETE of one record. Its prior is the record's everyday properties: what would be missed."""

    arguments = ArchiveArguments

    def record_id(self, arguments: ArchiveArguments) -> str:
        return arguments.id

    def concerned(self, arguments: ArchiveArguments) -> tuple[str, ...]:
        return self.kind.read_along

    def request(self, connection: ConnectionInfo, arguments: ArchiveArguments) -> PreparedRequest:
        return http_request("DELETE", item(self.kind.path, arguments.id))

    def describe(
        self, arguments: ArchiveArguments, prior: dict[str, Any], name: str
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        summary = f"Archive the {self.kind.singular} {name} (restorable in HubSpot for 90 days)"
        return plain(summary, 500), {field: value for field, value in prior.items() if value is not None}, {}

    def applied(self, arguments: ArchiveArguments, now: dict[str, Any] | None) -> bool | None:
        # The card was built from a record that existed, so one that is gone was archived: by this, or to the same end.
        return True if now is None else None


class ArchiveMadeAnew(Archive):
    """Of a kind whose values are enough to make it again."""

    def taken_back(self, arguments: ArchiveArguments, done: Done) -> Compensation:
        return made_anew(self.kind, done)


class ArchiveContact(ArchiveMadeAnew):
    name = "contacts.archive"
    title = "Archive a contact"
    kind = CONTACTS
    route = CONTACTS.gated_route("DELETE", CONTACTS.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]


class ArchiveDeal(ArchiveMadeAnew):
    name = "deals.archive"
    title = "Archive a deal"
    kind = DEALS
    route = DEALS.gated_route("DELETE", DEALS.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]


class ArchiveCompany(ArchiveMadeAnew):
    name = "companies.archive"
    title = "Archive a company"
    kind = COMPANIES
    route = COMPANIES.gated_route("DELETE", COMPANIES.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]


class ArchiveNote(Archive):
    name = "notes.archive"
    title = "Archive a note"
    kind = NOTES
    route = NOTES.gated_route("DELETE", NOTES.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "What it hung on is not known any more: restore it in HubSpot, where it is kept for 90 days."


class ArchiveTask(Archive):
    name = "tasks.archive"
    title = "Archive a task"
    kind = TASKS
    route = TASKS.gated_route("DELETE", TASKS.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = ArchiveNote.no_way_back
