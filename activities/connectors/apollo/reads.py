"""The free operations: searches that cost none of Apollo's credits, a contact, mailboxes and lists."""

from __future__ import annotations

from typing import Any, ClassVar

from activities.connectors.apollo.arguments import (
    GetContactArguments,
    NoArguments,
    SearchContactsArguments,
    SearchNamesArguments,
    SearchPeopleArguments,
)
from activities.connectors.apollo.wire import (
    CONTACT,
    contact_in,
    contact_request,
    page_of,
    person_of,
    read_route,
    without_empty,
)
from activities.connectors.base import ConnectionInfo, ReadOperation, json_of
from activities.connectors.http import as_object, http_request, object_of, objects_in, text_in
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse


class SearchPeople(ReadOperation[SearchPeopleArguments]):
    """Facts: `{results: [person], after, total}`: people of Apollo's database and contacts of your team."""

    name = "people.search"
    title = "Search people"
    arguments = SearchPeopleArguments
    route = read_route("POST", "/mixed_people/search", name)

    def request(self, connection: ConnectionInfo, arguments: SearchPeopleArguments) -> PreparedRequest:
        body = {
            "contact_email_status": arguments.email_statuses,
            "organization_ids": arguments.organization_ids,
            "organization_locations": arguments.organization_locations,
            "organization_num_employees_ranges": arguments.employees,
            "page": int(arguments.after or 1),
            "per_page": arguments.limit,
            "person_locations": arguments.person_locations,
            "person_seniorities": arguments.seniorities,
            "person_titles": arguments.titles,
            "q_keywords": arguments.keywords,
            "q_organization_domains_list": arguments.organization_domains,
        }
        return http_request("POST", self.route.path, body=without_empty(body))

    def facts(self, arguments: SearchPeopleArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response, ("people", "contacts"), person_of, int(arguments.after or 1), arguments.limit)


class FindPeople(SearchPeople):
    """As `people.search`, at the address to which Apollo moves callers of its API: new people alone, without e-mail
    addresses and with last names cut short."""

    name = "people.find"
    title = "Find new people"
    route = read_route("POST", "/mixed_people/api_search", name)


class SearchContacts(ReadOperation[SearchContactsArguments]):
    """Facts: `{results: [contact], after, total}`."""

    name = "contacts.search"
    title = "Search contacts"
    arguments = SearchContactsArguments
    route = read_route("POST", "/contacts/search", name)

    def request(self, connection: ConnectionInfo, arguments: SearchContactsArguments) -> PreparedRequest:
        body = {
            "contact_label_ids": arguments.label_ids,
            "contact_stage_ids": arguments.stage_ids,
            "page": int(arguments.after or 1),
            "per_page": arguments.limit,
            "q_keywords": arguments.keywords,
        }
        return http_request("POST", self.route.path, body=without_empty(body))

    def facts(self, arguments: SearchContactsArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response, ("contacts",), person_of, int(arguments.after or 1), arguments.limit)


class GetContact(ReadOperation[GetContactArguments]):
    """Facts: one contact, with the ids of its lists and sequences."""

    name = "contacts.get"
    title = "Read a contact"
    arguments = GetContactArguments
    route = read_route("GET", CONTACT, name)

    def request(self, connection: ConnectionInfo, arguments: GetContactArguments) -> PreparedRequest:
        return contact_request(arguments.id)

    def facts(self, arguments: GetContactArguments, response: ProviderResponse) -> dict[str, Any]:
        contact = contact_in(response, arguments.id)
        if contact is None:
            raise InvalidInput(f"there is no contact {arguments.id}")
        return contact


class SearchNames(ReadOperation[SearchNamesArguments]):
    """Facts: `{results: [{id, name}], after, total}`."""

    arguments = SearchNamesArguments
    asked: ClassVar[str]
    """What Apollo calls the filter by name."""
    listed: ClassVar[str]

    def request(self, connection: ConnectionInfo, arguments: SearchNamesArguments) -> PreparedRequest:
        body = {
            self.asked: arguments.name_contains,
            "page": int(arguments.after or 1),
            "per_page": arguments.limit,
        }
        return http_request("POST", self.route.path, body=without_empty(body))

    def facts(self, arguments: SearchNamesArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response, (self.listed,), _named, int(arguments.after or 1), arguments.limit)


def _named(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: text_in(value, name, "record") for name in ("id", "name")}
    found |= {name: value[name] for name in ("domain", "website_url") if isinstance(value.get(name), str)}
    return found | ({"active": value["active"]} if isinstance(value.get("active"), bool) else {})


class SearchAccounts(SearchNames):
    name = "accounts.search"
    title = "Search accounts"
    asked = "q_organization_name"
    listed = "accounts"
    route = read_route("POST", "/accounts/search", name)


class SearchSequences(SearchNames):
    name = "sequences.search"
    title = "Search sequences"
    asked = "q_name"
    listed = "emailer_campaigns"
    route = read_route("POST", "/emailer_campaigns/search", name)


class ListEmailAccounts(ReadOperation[NoArguments]):
    """Facts: `{results: [{id, email, active}]}`: the mailboxes that may send sequences."""

    name = "email_accounts.list"
    title = "List mailboxes"
    arguments = NoArguments
    route = read_route("GET", "/email_accounts", name)

    def request(self, connection: ConnectionInfo, arguments: NoArguments) -> PreparedRequest:
        return http_request("GET", self.route.path)

    def facts(self, arguments: NoArguments, response: ProviderResponse) -> dict[str, Any]:
        value = object_of(response, "a list of mailboxes")
        return {
            "results": [
                {
                    "id": text_in(item, "id", "mailbox"),
                    "email": text_in(item, "email", "mailbox"),
                    "active": item.get("active") is True,
                }
                for item in objects_in(value, "email_accounts", "list of mailboxes")
            ]
        }


class ListLabels(ReadOperation[NoArguments]):
    """Facts: `{results: [{id, name, of}]}`: the lists there are, and what they hold (contacts, accounts)."""

    name = "lists.list"
    title = "List the lists"
    arguments = NoArguments
    route = read_route("GET", "/labels", name)

    def request(self, connection: ConnectionInfo, arguments: NoArguments) -> PreparedRequest:
        return http_request("GET", self.route.path)

    def facts(self, arguments: NoArguments, response: ProviderResponse) -> dict[str, Any]:
        value = json_of(response)
        # Some accounts get the bare list, others one inside an object.
        entries = objects_in(
            {"labels": value} if isinstance(value, list) else as_object(value, "lists"), "labels", "answer"
        )
        return {
            "results": [
                {
                    "id": text_in(item, "id", "list"),
                    "name": text_in(item, "name", "list"),
                    "of": item["modality"] if isinstance(item.get("modality"), str) else None,
                }
                for item in entries
            ]
        }
