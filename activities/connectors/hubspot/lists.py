"""Lists: which there are, who is on them, and (gated) putting a record on one or taking it off."""

from __future__ import annotations

from typing import Any, ClassVar

from activities.connectors.base import ConnectionInfo, GatedOperation, ReadOperation, Route
from activities.connectors.http import (
    as_object,
    http_request,
    kept_text,
    object_of,
    objects_in,
    text_in,
    whole_number,
    written,
)
from activities.connectors.hubspot.arguments import (
    GetListArguments,
    ListMembersArguments,
    ListsOfRecordArguments,
    MembershipArguments,
    SearchListsArguments,
)
from activities.connectors.hubspot.costs import CREDITS, REVERSIBILITY
from activities.connectors.hubspot.facts import KINDS
from activities.connectors.hubspot.objects import TYPE_IDS
from activities.connectors.hubspot.wire import next_after
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview
from coco.canonical import canonical
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

LISTS = "/crm/v3/lists"
OF_RECORD = f"{LISTS}/records/{{objectTypeId}}/{{recordId}}/memberships"
_READ = ("crm.lists.read",)
_KINDS = {type_id: kind for kind, type_id in TYPE_IDS.items()}


def _list(value: dict[str, Any]) -> dict[str, Any]:
    """`{id, name, object, processing, size}`; a list whose processing is DYNAMIC fills itself."""
    type_id = text_in(value, "objectTypeId", "list")
    more = value.get("additionalProperties")
    size = value.get("size", more.get("hs_list_size") if isinstance(more, dict) else None)
    if isinstance(size, str) and size.isascii() and size.isdigit() and len(size) < 12:
        size = int(size)
    return {
        "id": text_in(value, "listId", "list"),
        "name": text_in(value, "name", "list"),
        "object": _KINDS.get(type_id, type_id),
        "processing": text_in(value, "processingType", "list"),
        "size": whole_number(size),
    }


def list_request(list_id: str) -> PreparedRequest:
    """The read of one list."""
    return http_request("GET", f"{LISTS}/{list_id}", query=[("includeFilters", "false")])


class SearchLists(ReadOperation[SearchListsArguments]):
    """Facts: `{results: [{id, name, object, processing, size}], after, total}`."""

    name = "lists.search"
    title = "Search lists"
    arguments = SearchListsArguments
    route = Route(method="POST", path=f"{LISTS}/search", access="read", operation=name, scopes=_READ, query=())

    def request(self, connection: ConnectionInfo, arguments: SearchListsArguments) -> PreparedRequest:
        body: dict[str, Any] = {
            "additionalProperties": ["hs_list_size"],
            "count": arguments.limit,
            "offset": int(arguments.after or 0),
        }
        if arguments.query:
            body["query"] = arguments.query
        if arguments.object is not None:
            body["objectTypeId"] = TYPE_IDS[arguments.object]
        return http_request("POST", self.route.path, body=body)

    def facts(self, arguments: SearchListsArguments, response: ProviderResponse) -> dict[str, Any]:
        value = object_of(response, "a page of lists")
        results = [_list(item) for item in objects_in(value, "lists", "page")]
        offset = whole_number(value.get("offset"))
        more = value.get("hasMore") is True and bool(results) and offset is not None
        return {"results": results, "after": str(offset) if more else None, "total": whole_number(value.get("total"))}


class GetList(ReadOperation[GetListArguments]):
    """Facts: one list as `{id, name, object, processing, size}`."""

    name = "lists.get"
    title = "Read a list"
    arguments = GetListArguments
    route = Route(
        method="GET",
        path=f"{LISTS}/{{listId}}",
        access="read",
        operation=name,
        scopes=_READ,
        query=("includeFilters",),
    )

    def request(self, connection: ConnectionInfo, arguments: GetListArguments) -> PreparedRequest:
        return list_request(arguments.id)

    def facts(self, arguments: GetListArguments, response: ProviderResponse) -> dict[str, Any]:
        return _list(as_object(object_of(response, "a list").get("list"), "a list"))


class ListMembers(ReadOperation[ListMembersArguments]):
    """Facts: `{results: [{id, since}], after, total}`: the records on a list."""

    name = "lists.memberships"
    title = "List who is on a list"
    arguments = ListMembersArguments
    route = Route(
        method="GET",
        path=f"{LISTS}/{{listId}}/memberships",
        access="read",
        operation=name,
        scopes=_READ,
        query=("after", "limit"),
    )

    def request(self, connection: ConnectionInfo, arguments: ListMembersArguments) -> PreparedRequest:
        query = [("limit", str(arguments.limit))]
        if arguments.after:
            query.append(("after", arguments.after))
        return http_request("GET", f"{LISTS}/{arguments.id}/memberships", query=query)

    def facts(self, arguments: ListMembersArguments, response: ProviderResponse) -> dict[str, Any]:
        value = object_of(response, "a page of members")
        results = [
            {"id": text_in(item, "recordId", "member"), "since": kept_text(item.get("membershipTimestamp"), 40)}
            for item in objects_in(value, "results", "page")
        ]
        return {"results": results, "after": next_after(value), "total": whole_number(value.get("total"))}


class ListsOfRecord(ReadOperation[ListsOfRecordArguments]):
    """Facts: `{results: [{id}]}`: the lists that a record is on."""

    name = "lists.of_record"
    title = "List the lists of a record"
    arguments = ListsOfRecordArguments
    route = Route(method="GET", path=OF_RECORD, access="read", operation=name, scopes=_READ, query=())

    def request(self, connection: ConnectionInfo, arguments: ListsOfRecordArguments) -> PreparedRequest:
        return _of_record(arguments)

    def facts(self, arguments: ListsOfRecordArguments, response: ProviderResponse) -> dict[str, Any]:
        return {"results": [{"id": item} for item in _ids(object_of(response, "a list of lists"))]}


def _of_record(arguments: ListsOfRecordArguments) -> PreparedRequest:
    return http_request("GET", f"{LISTS}/records/{TYPE_IDS[arguments.object]}/{arguments.id}/memberships")


def _ids(value: dict[str, Any]) -> list[str]:
    return [text_in(item, "listId", "list") for item in objects_in(value, "results", "list of lists")]


class Membership(GatedOperation[MembershipArguments]):
    """PUT of one record onto a list, or off it. HubSpot refuses lists that fill themselves."""

    arguments = MembershipArguments
    verb: ClassVar[str]
    on: ClassVar[bool]
    """Whether the record is on the list afterwards."""

    def request(self, connection: ConnectionInfo, arguments: MembershipArguments) -> PreparedRequest:
        return http_request("PUT", f"{LISTS}/{arguments.list_id}/memberships/{self.verb}", body=[arguments.id])

    def prior_request(self, connection: ConnectionInfo, arguments: MembershipArguments) -> PreparedRequest:
        return _of_record(arguments)

    def prior(self, arguments: MembershipArguments, response: ProviderResponse) -> dict[str, Any] | None:
        """`{on_list}`: whether the record is on the list."""
        if response.status == 404:
            return None
        value = object_of(response, "a list of lists")
        found = arguments.list_id in _ids(value)
        if not found and next_after(value) is not None:
            raise InvalidInput(f"{self.name}: the record is on more lists than one answer tells")
        return {"on_list": found}

    def preview(
        self, connection: ConnectionInfo, arguments: MembershipArguments, prior: dict[str, Any] | None
    ) -> Preview:
        who = f"{KINDS[arguments.object].singular} {arguments.id}"
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no {who} (any more)")
        if prior["on_list"] is self.on:
            raise InvalidInput(f"{self.name}: {who} is {'' if self.on else 'not '}on list {arguments.list_id} already")
        return Preview(
            summary=f"Put {who} on list {arguments.list_id}" if self.on else f"Take {who} off list {arguments.list_id}",
            record=f"{who}, list {arguments.list_id}",
            before=prior,
            after={"object": arguments.object, "on_list": self.on},
        )

    def applied(self, arguments: MembershipArguments, now: dict[str, Any] | None) -> bool | None:
        # The card was built while it was the other way round.
        return True if now is not None and now["on_list"] is self.on else None

    def taken_back(self, arguments: MembershipArguments, done: Done) -> Compensation:
        others = [item for item in _ids(object_of(done.was(), "a list of lists")) if item != arguments.list_id]
        left = [{"listId": item} for item in (*others, *((arguments.list_id,) if self.on else ()))]
        return Compensation(
            operation="lists.remove" if self.on else "lists.add",
            arguments=arguments.model_dump(mode="json"),
            response=ProviderResponse.of(200, [("content-type", "application/json")], canonical({"results": left})),
        )

    def result(self, arguments: MembershipArguments, response: ProviderResponse) -> dict[str, Any]:
        written(response)
        return {"id": arguments.id, "list": arguments.list_id}


def _membership_route(verb: str, operation: str) -> Route:
    return Route(
        method="PUT",
        path=f"{LISTS}/{{listId}}/memberships/{verb}",
        access="gated",
        operation=operation,
        scopes=(*_READ, "crm.lists.write"),
        query=(),
    )


class AddToList(Membership):
    name = "lists.add"
    title = "Put a record on a list"
    verb = "add"
    on = True
    route = _membership_route(verb, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]


class RemoveFromList(Membership):
    name = "lists.remove"
    title = "Take a record off a list"
    verb = "remove"
    on = False
    route = _membership_route(verb, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
