"""The free operations: searching and reading mail and drafts."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, ReadOperation, Route
from activities.connectors.gmail.arguments import GetArguments, ListDraftsArguments, SearchArguments
from activities.connectors.gmail.records import draft_of, message_of, thread_of
from activities.connectors.gmail.scopes import READ
from activities.connectors.gmail.wire import (
    DRAFT_PATH,
    DRAFTS,
    MESSAGE_PATH,
    MESSAGES,
    THREAD_PATH,
    THREADS,
    item,
    page_of,
)
from activities.connectors.http import as_object, http_request, object_of, text_in
from coco.requests import PreparedRequest, ProviderResponse

_ONE = ("format", "metadataHeaders")
"""`metadataHeaders` too, for the reads before a reply."""


def _route(path: str, operation: str, *query: str) -> Route:
    return Route(method="GET", path=path, access="read", operation=operation, scopes=(READ,), query=tuple(query))


def _page(query: str, limit: int, after: str) -> list[tuple[str, str]]:
    asked = [("maxResults", str(limit)), ("q", query), ("pageToken", after)]
    return [(name, value) for name, value in asked if value]


class SearchMessages(ReadOperation[SearchArguments]):
    """Facts: `{messages: [{id, thread_id}], after, total}`; `total` is Gmail's estimate."""

    name = "messages.search"
    title = "Search mail"
    arguments = SearchArguments
    route = _route(MESSAGES, name, "maxResults", "q", "pageToken", "labelIds")

    def request(self, connection: ConnectionInfo, arguments: SearchArguments) -> PreparedRequest:
        query = _page(arguments.query, arguments.limit, arguments.after)
        query += [("labelIds", label) for label in sorted(set(arguments.labels))]
        return http_request("GET", MESSAGES, query=query)

    def facts(self, arguments: SearchArguments, response: ProviderResponse) -> dict[str, Any]:
        entries, more = page_of(response, "messages")
        found = [
            {"id": text_in(entry, "id", "message"), "thread_id": text_in(entry, "threadId", "message")}
            for entry in entries
        ]
        return {"messages": found, **more}


class GetMessage(ReadOperation[GetArguments]):
    """Facts: the message."""

    name = "messages.get"
    title = "Read a message"
    arguments = GetArguments
    route = _route(MESSAGE_PATH, name, *_ONE)

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        return http_request("GET", item(MESSAGES, arguments.id), query=[("format", arguments.detail)])

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        return message_of(object_of(response, "a message"))


class GetThread(ReadOperation[GetArguments]):
    """Facts: `{id, messages: [message]}`, oldest first."""

    name = "threads.get"
    title = "Read a conversation"
    arguments = GetArguments
    route = _route(THREAD_PATH, name, *_ONE)

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        return http_request("GET", item(THREADS, arguments.id), query=[("format", arguments.detail)])

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        return thread_of(object_of(response, "a thread"))


class ListDrafts(ReadOperation[ListDraftsArguments]):
    """Facts: `{drafts: [{id, message_id, thread_id}], after, total}`."""

    name = "drafts.list"
    title = "List drafts"
    arguments = ListDraftsArguments
    route = _route(DRAFTS, name, "maxResults", "q", "pageToken")

    def request(self, connection: ConnectionInfo, arguments: ListDraftsArguments) -> PreparedRequest:
        return http_request("GET", DRAFTS, query=_page(arguments.query, arguments.limit, arguments.after))

    def facts(self, arguments: ListDraftsArguments, response: ProviderResponse) -> dict[str, Any]:
        entries, more = page_of(response, "drafts")
        found = []
        for entry in entries:
            message = as_object(entry.get("message"), "a draft's message")
            found.append(
                {
                    "id": text_in(entry, "id", "draft"),
                    "message_id": text_in(message, "id", "message"),
                    "thread_id": text_in(message, "threadId", "message"),
                }
            )
        return {"drafts": found, **more}


class GetDraft(ReadOperation[GetArguments]):
    """Facts: `{id, message}`."""

    name = "drafts.get"
    title = "Read a draft"
    arguments = GetArguments
    route = _route(DRAFT_PATH, name, "format")

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        return http_request("GET", item(DRAFTS, arguments.id), query=[("format", arguments.detail)])

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        return draft_of(object_of(response, "a draft"))
