"""The free operations: query, get, describe."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, ReadOperation
from activities.connectors.http import http_request, object_of, objects_in, segment, text_in
from activities.connectors.salesforce import soql
from activities.connectors.salesforce.arguments import DescribeArguments, GetArguments, QueryArguments
from activities.connectors.salesforce.scopes import READ
from activities.connectors.salesforce.wire import (
    QUERY,
    RECORDS,
    QueryRoute,
    existing_record,
    page_of,
    read_route,
    record_path,
)
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse


class Query(ReadOperation[QueryArguments]):
    """Facts: `{results: [{id, type, fields}], after, total}`; `after` leads to the next page."""

    name = "records.query"
    title = "Query records"
    arguments = QueryArguments
    route = QueryRoute(method="GET", path=QUERY, access="read", operation=name, scopes=(READ,), query=("q",))

    def request(self, connection: ConnectionInfo, arguments: QueryArguments) -> PreparedRequest:
        if arguments.after:
            return http_request("GET", f"{QUERY}/{segment(arguments.after)}")
        text = arguments.soql
        if text is None:
            assert arguments.object is not None
            text = soql.select(
                dict.fromkeys(("Id", *arguments.fields)),
                arguments.object,
                [one.model_dump() for one in arguments.where],
                arguments.order_by,
                arguments.descending,
                arguments.limit,
            )
        return http_request("GET", QUERY, query=[("q", text)])

    def facts(self, arguments: QueryArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response)


class GetRecord(ReadOperation[GetArguments]):
    """Facts: `{id, type, fields}` of one record, with all its fields where none are named."""

    name = "records.get"
    title = "Read a record"
    arguments = GetArguments
    route = read_route(f"{RECORDS}/{{object}}/{{id}}", name, "fields")

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        names = sorted({"Id", *arguments.fields}) if arguments.fields else []
        query = [("fields", ",".join(names))] if names else []
        return http_request("GET", record_path(arguments.object, arguments.id), query=query)

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        fields = existing_record(response, arguments.object, arguments.id)
        if fields is None:
            raise InvalidInput(f"there is no {arguments.object} {arguments.id}")
        return {"id": arguments.id, "type": arguments.object, "fields": fields}


class DescribeObject(ReadOperation[DescribeArguments]):
    """Facts: `{name, label, fields: [{name, label, type, updateable, createable, values}]}`."""

    name = "records.describe"
    title = "List an object's fields"
    arguments = DescribeArguments
    route = read_route(f"{RECORDS}/{{object}}/describe", name)

    def request(self, connection: ConnectionInfo, arguments: DescribeArguments) -> PreparedRequest:
        return http_request("GET", f"{RECORDS}/{segment(arguments.object)}/describe")

    def facts(self, arguments: DescribeArguments, response: ProviderResponse) -> dict[str, Any]:
        value = object_of(response, "a description of an object")
        return {
            "name": text_in(value, "name", "description"),
            "label": text_in(value, "label", "description"),
            "fields": [_field(item) for item in objects_in(value, "fields", "description")],
        }


def _field(value: dict[str, Any]) -> dict[str, Any]:
    choices = value.get("picklistValues")
    values = [item.get("value") for item in choices if isinstance(item, dict)] if isinstance(choices, list) else []
    return {
        "name": text_in(value, "name", "field"),
        "label": text_in(value, "label", "field"),
        "type": text_in(value, "type", "field"),
        "createable": value.get("createable") is True,
        "updateable": value.get("updateable") is True,
        "values": [item for item in values if isinstance(item, str)],
    }
