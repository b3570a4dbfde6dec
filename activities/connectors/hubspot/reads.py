"""The free operations: search, get and list."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from activities.connectors.base import ConnectionInfo, ReadOperation, json_of
from activities.connectors.http import http_request
from activities.connectors.hubspot.arguments import Filter, GetArguments, ListArguments, SearchArguments
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, NOTES, TASKS, ObjectType
from activities.connectors.hubspot.wire import item, joined, page_of, record_of
from coco.requests import PreparedRequest, ProviderResponse


class Search(ReadOperation[SearchArguments]):
    """Facts: `{results: [record], after, total}`. A POST by its method, a read by what it does."""

    arguments = SearchArguments
    kind: ClassVar[ObjectType]

    def request(self, connection: ConnectionInfo, arguments: SearchArguments) -> PreparedRequest:
        body: dict[str, Any] = {
            "after": arguments.after or "0",
            "filterGroups": [{"filters": [_filter(f) for f in group]} for group in arguments.filter_groups],
            "limit": arguments.limit,
            "properties": sorted(set(arguments.properties) or set(self.kind.read_along)),
            "sorts": [_sort(sort.property, sort.descending) for sort in arguments.sorts],
        }
        if arguments.query is not None:
            body["query"] = arguments.query
        return http_request("POST", f"{self.kind.path}/search", body=body)

    def facts(self, arguments: SearchArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response)


def _filter(condition: Filter) -> dict[str, Any]:
    body: dict[str, Any] = {"propertyName": condition.property, "operator": condition.operator}
    if condition.value is not None:
        body["value"] = condition.value
    if condition.high_value is not None:
        body["highValue"] = condition.high_value
    if condition.values is not None:
        body["values"] = list(condition.values)
    return body


def _sort(property_name: str, descending: bool) -> str:
    # The API's description types sorts as text: a bare name sorts up, the JSON text of a criterion sorts either way.
    if not descending:
        return property_name
    return json.dumps({"direction": "DESCENDING", "propertyName": property_name}, separators=(",", ":"))


class Get(ReadOperation[GetArguments]):
    """Facts: one record with its associations as `{kind: [id]}`."""

    arguments = GetArguments
    kind: ClassVar[ObjectType]

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        query = [("properties", joined(arguments.properties or self.kind.read_along))]
        if arguments.associations:
            query.append(("associations", joined(arguments.associations)))
        query.append(("archived", "true" if arguments.archived else "false"))
        return http_request("GET", item(self.kind.path, arguments.id), query=query)

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        return record_of(json_of(response))


class List(ReadOperation[ListArguments]):
    """Facts: `{results: [record], after, total}` (total is None: the API does not say)."""

    arguments = ListArguments
    kind: ClassVar[ObjectType]

    def request(self, connection: ConnectionInfo, arguments: ListArguments) -> PreparedRequest:
        query = [
            ("limit", str(arguments.limit)),
            ("properties", joined(arguments.properties or self.kind.read_along)),
            ("archived", "true" if arguments.archived else "false"),
        ]
        if arguments.associations:
            query.append(("associations", joined(arguments.associations)))
        if arguments.after:
            query.append(("after", arguments.after))
        return http_request("GET", self.kind.path, query=query)

    def facts(self, arguments: ListArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response)


class SearchContacts(Search):
    name = "contacts.search"
    title = "Search contacts"
    kind = CONTACTS
    route = CONTACTS.read_route("POST", f"{CONTACTS.path}/search", name)


class GetContact(Get):
    name = "contacts.get"
    title = "Read a contact"
    kind = CONTACTS
    route = CONTACTS.read_route("GET", CONTACTS.item_path, name)


class ListContacts(List):
    name = "contacts.list"
    title = "List contacts"
    kind = CONTACTS
    route = CONTACTS.read_route("GET", CONTACTS.path, name)


class SearchDeals(Search):
    name = "deals.search"
    title = "Search deals"
    kind = DEALS
    route = DEALS.read_route("POST", f"{DEALS.path}/search", name)


class GetDeal(Get):
    name = "deals.get"
    title = "Read a deal"
    kind = DEALS
    route = DEALS.read_route("GET", DEALS.item_path, name)


class ListDeals(List):
    name = "deals.list"
    title = "List deals"
    kind = DEALS
    route = DEALS.read_route("GET", DEALS.path, name)


class SearchCompanies(Search):
    name = "companies.search"
    title = "Search companies"
    kind = COMPANIES
    route = COMPANIES.read_route("POST", f"{COMPANIES.path}/search", name)


class GetCompany(Get):
    name = "companies.get"
    title = "Read a company"
    kind = COMPANIES
    route = COMPANIES.read_route("GET", COMPANIES.item_path, name)


class ListCompanies(List):
    name = "companies.list"
    title = "List companies"
    kind = COMPANIES
    route = COMPANIES.read_route("GET", COMPANIES.path, name)


class SearchNotes(Search):
    name = "notes.search"
    title = "Search notes"
    kind = NOTES
    route = NOTES.read_route("POST", f"{NOTES.path}/search", name)


class GetNote(Get):
    name = "notes.get"
    title = "Read a note"
    kind = NOTES
    route = NOTES.read_route("GET", NOTES.item_path, name)


class SearchTasks(Search):
    name = "tasks.search"
    title = "Search tasks"
    kind = TASKS
    route = TASKS.read_route("POST", f"{TASKS.path}/search", name)


class GetTask(Get):
    name = "tasks.get"
    title = "Read a task"
    kind = TASKS
    route = TASKS.read_route("GET", TASKS.item_path, name)
