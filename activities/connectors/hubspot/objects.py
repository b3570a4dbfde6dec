"""The CRM object types: their paths, their everyday properties, and how a record is called in people's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from activities.connectors.base import Route
from activities.connectors.cards import plain

Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True)
class ObjectType:
    """One kind of CRM record."""

    plural: str
    """Prefix of the operation names."""
    singular: str
    path: str
    """Collection path, as the provider's API description spells it (deals go by their type id, `0-3`)."""
    id_name: str
    identifying: tuple[str, ...]
    """Properties that name the record; always read along, so that a card can say whose value changes."""
    editable: tuple[str, ...]
    """Properties read as "before" with every change, so that an edit to another of them finds its value."""
    permission: str = ""
    """Whose scopes cover this kind, where they are not its own."""

    @property
    def item_path(self) -> str:
        return f"{self.path}/{{{self.id_name}}}"

    @property
    def read_along(self) -> tuple[str, ...]:
        """Identifying and editable properties, sorted, each once."""
        return tuple(sorted({*self.identifying, *self.editable}))

    def _scope(self, access: Literal["read", "write"]) -> str:
        return f"crm.objects.{self.permission or self.plural}.{access}"

    def read_route(self, method: Method, path: str, operation: str) -> Route:
        query: tuple[str, ...] = () if method == "POST" else ("archived", "associations", "properties")
        if path == self.path:
            query = (*query, "after", "limit")
        elif query:
            # A record by another property that is its own alone, such as a contact's address.
            query = (*query, "idProperty")
        return Route(
            method=method,
            path=path,
            access="read",
            operation=operation,
            scopes=(self._scope("read"),),
            query=query,
        )

    def gated_route(self, method: Method, path: str, operation: str) -> Route:
        scopes = (self._scope("read"), self._scope("write"))
        return Route(method=method, path=path, access="gated", operation=operation, scopes=scopes)

    def name_of(self, properties: Mapping[str, Any], record_id: str) -> str:
        """The record's name in people's words, from its own properties: "Ada Lovelace", or "contact 51"."""
        if self.plural == "contacts":
            full = " ".join(filter(None, (plain(properties.get("firstname")), plain(properties.get("lastname")))))
            return full or plain(properties.get("email")) or f"contact {record_id}"
        main = {"deals": "dealname", "notes": "hs_note_body", "tasks": "hs_task_subject"}.get(self.plural, "name")
        return plain(properties.get(main)) or f"{self.singular} {record_id}"

    def described(self, properties: Mapping[str, Any] | None, record_id: str) -> str:
        """Name with kind and id: "Ada Lovelace (contact 51)"."""
        fallback = f"{self.singular} {record_id}"
        name = self.name_of(properties or {}, record_id)
        return fallback if name == fallback else f"{name} ({fallback})"


CONTACTS = ObjectType(
    plural="contacts",
    singular="contact",
    path="/crm/v3/objects/contacts",
    id_name="contactId",
    identifying=("email", "firstname", "lastname"),
    editable=(
        "address",
        "city",
        "company",
        "country",
        "email",
        "firstname",
        "hs_lead_status",
        "industry",
        "jobtitle",
        "lastname",
        "lifecyclestage",
        "mobilephone",
        "phone",
        "state",
        "website",
        "zip",
    ),
)
DEALS = ObjectType(
    plural="deals",
    singular="deal",
    path="/crm/v3/objects/0-3",
    id_name="dealId",
    identifying=("dealname",),
    editable=(
        "amount",
        "closedate",
        "dealname",
        "dealstage",
        "dealtype",
        "description",
        "hs_next_step",
        "hs_priority",
        "hubspot_owner_id",
        "pipeline",
    ),
)
COMPANIES = ObjectType(
    plural="companies",
    singular="company",
    path="/crm/v3/objects/companies",
    id_name="companyId",
    identifying=("domain", "name"),
    editable=(
        "address",
        "city",
        "country",
        "description",
        "domain",
        "industry",
        "lifecyclestage",
        "name",
        "numberofemployees",
        "phone",
        "state",
        "website",
        "zip",
    ),
)

NOTES = ObjectType(
    plural="notes",
    singular="note",
    path="/crm/v3/objects/notes",
    id_name="noteId",
    identifying=("hs_note_body",),
    editable=("hs_timestamp", "hubspot_owner_id"),
    permission="contacts",
)
TASKS = ObjectType(
    plural="tasks",
    singular="task",
    path="/crm/v3/objects/tasks",
    id_name="taskId",
    identifying=("hs_task_subject",),
    editable=(
        "hs_task_body",
        "hs_task_priority",
        "hs_task_status",
        "hs_task_type",
        "hs_timestamp",
        "hubspot_owner_id",
    ),
    permission="contacts",
)

TYPE_IDS = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
"""The ids by which lists tell what they hold."""

_LABELS = {
    "jobtitle": "Job title",
    "firstname": "First name",
    "lastname": "Last name",
    "mobilephone": "Mobile phone",
    "hs_lead_status": "Lead status",
    "lifecyclestage": "Lifecycle stage",
    "dealname": "Deal name",
    "dealstage": "Deal stage",
    "dealtype": "Deal type",
    "closedate": "Close date",
    "hs_next_step": "Next step",
    "hs_priority": "Priority",
    "hs_note_body": "Note",
    "hs_task_body": "Details",
    "hs_task_priority": "Priority",
    "hs_task_status": "Status",
    "hs_task_subject": "Task",
    "hs_task_type": "Kind of task",
    "hs_timestamp": "Time",
    "hubspot_owner_id": "Owner",
    "numberofemployees": "Number of employees",
    "zip": "Postal code",
}

_STAGES = {
    "appointmentscheduled": "Appointment scheduled",
    "qualifiedtobuy": "Qualified to buy",
    "presentationscheduled": "Presentation scheduled",
    "decisionmakerboughtin": "Decision maker bought-in",
    "contractsent": "Contract sent",
    "closedwon": "Closed won",
    "closedlost": "Closed lost",
}
"""Stages of HubSpot's default sales pipeline; an account's own stages are shown by their id."""


def label(property_name: str) -> str:
    """A property in people's words: "jobtitle" is "Job title"."""
    return _LABELS.get(property_name) or property_name.replace("_", " ").strip().capitalize() or property_name


def stage_label(stage: str | None) -> str:
    """A deal stage in people's words; its own id where the account named it."""
    return "no stage" if not stage else _STAGES.get(stage, plain(stage))
