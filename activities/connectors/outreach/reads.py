"""The free operations: prospects, sequences, mailboxes, and who is in which sequence."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, ReadOperation
from activities.connectors.outreach.arguments import (
    GetArguments,
    ListMailboxesArguments,
    ListProspectsArguments,
    ListSequencesArguments,
    ListStatesArguments,
)
from activities.connectors.outreach.wire import (
    STATES,
    item_route,
    list_route,
    page_of,
    page_query,
    record_in,
    request,
)
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse


class ListProspects(ReadOperation[ListProspectsArguments]):
    """Facts: `{results: [{id, type, attributes, related}], after, total}`, as in every list here."""

    name = "prospects.list"
    title = "List prospects"
    arguments = ListProspectsArguments
    route = list_route(
        "/prospects",
        name,
        "prospects.read",
        "filter[emails]",
        "filter[firstName]",
        "filter[lastName]",
        "filter[company]",
        "filter[q]",
        "filter[updatedAt]",
        "sort",
    )

    def request(self, connection: ConnectionInfo, arguments: ListProspectsArguments) -> PreparedRequest:
        filters = [
            ("filter[emails]", ",".join(arguments.emails) or None),
            ("filter[firstName]", arguments.first_name),
            ("filter[lastName]", arguments.last_name),
            ("filter[company]", arguments.company),
            ("filter[q]", arguments.search),
            ("filter[updatedAt]", f"{arguments.updated_since}..inf" if arguments.updated_since else None),
            ("sort", arguments.sort),
        ]
        return request("GET", "/prospects", page_query(arguments.limit, arguments.after, filters))

    def facts(self, arguments: ListProspectsArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response)


class GetProspect(ReadOperation[GetArguments]):
    """Facts: one prospect as `{id, type, attributes, related}`."""

    name = "prospects.get"
    title = "Read a prospect"
    arguments = GetArguments
    route = item_route("/prospects/{id}", name, "prospects.read")

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        return request("GET", f"/prospects/{arguments.id}")

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        found = record_in(response, "prospect", arguments.id)
        if found is None:
            raise InvalidInput(f"there is no prospect {arguments.id}")
        return found


class ListSequences(ReadOperation[ListSequencesArguments]):
    name = "sequences.list"
    title = "List sequences"
    arguments = ListSequencesArguments
    route = list_route("/sequences", name, "sequences.read", "filter[name]", "filter[enabled]")

    def request(self, connection: ConnectionInfo, arguments: ListSequencesArguments) -> PreparedRequest:
        enabled = None if arguments.enabled is None else str(arguments.enabled).lower()
        filters = [("filter[name]", arguments.name), ("filter[enabled]", enabled)]
        return request("GET", "/sequences", page_query(arguments.limit, arguments.after, filters))

    def facts(self, arguments: ListSequencesArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response)


class ListMailboxes(ReadOperation[ListMailboxesArguments]):
    name = "mailboxes.list"
    title = "List mailboxes"
    arguments = ListMailboxesArguments
    route = list_route("/mailboxes", name, "mailboxes.read", "filter[email]")

    def request(self, connection: ConnectionInfo, arguments: ListMailboxesArguments) -> PreparedRequest:
        filters = [("filter[email]", arguments.email)]
        return request("GET", "/mailboxes", page_query(arguments.limit, arguments.after, filters))

    def facts(self, arguments: ListMailboxesArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response)


class ListStates(ReadOperation[ListStatesArguments]):
    name = "sequence_states.list"
    title = "List who is in which sequence"
    arguments = ListStatesArguments
    route = list_route(
        STATES, name, "sequenceStates.read", "filter[prospect][id]", "filter[sequence][id]", "filter[state]", "sort"
    )

    def request(self, connection: ConnectionInfo, arguments: ListStatesArguments) -> PreparedRequest:
        filters = [
            ("filter[prospect][id]", arguments.prospect_id),
            ("filter[sequence][id]", arguments.sequence_id),
            ("filter[state]", arguments.state),
        ]
        return request("GET", STATES, page_query(arguments.limit, arguments.after, filters))

    def facts(self, arguments: ListStatesArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response)


class GetState(ReadOperation[GetArguments]):
    """Facts: one prospect in one sequence."""

    name = "sequence_states.get"
    title = "Read how far a prospect is in a sequence"
    arguments = GetArguments
    route = item_route(f"{STATES}/{{id}}", name, "sequenceStates.read")

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        return request("GET", f"{STATES}/{arguments.id}")

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        found = record_in(response, "sequenceState", arguments.id)
        if found is None:
            raise InvalidInput(f"there is no sequence state {arguments.id}")
        return found
