"""The free operations: channels, their messages, people. All are GETs with a query."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, ReadOperation, Route
from activities.connectors.http import as_object, objects_in
from activities.connectors.slack.arguments import (
    FindUserArguments,
    GetChannelArguments,
    GetUserArguments,
    HistoryArguments,
    ListChannelsArguments,
    ListUsersArguments,
    RepliesArguments,
)
from activities.connectors.slack.records import channel_of, messages_page, the_channel, the_user, user_of
from activities.connectors.slack.scopes import CHANNELS, EMAILS, HISTORY, PEOPLE
from activities.connectors.slack.wire import answered, channel_request, error_of, flag, get, next_cursor, user_request
from coco.requests import PreparedRequest, ProviderResponse


def _route(method: str, operation: str, scope: str, *query: str) -> Route:
    return Route(
        method="GET", path=f"/api/{method}", access="read", operation=operation, scopes=(scope,), query=tuple(query)
    )


class ListChannels(ReadOperation[ListChannelsArguments]):
    """Facts: `{channels: [channel], after}`."""

    name = "channels.list"
    title = "List channels"
    arguments = ListChannelsArguments
    route = _route("conversations.list", name, CHANNELS, "types", "exclude_archived", "limit", "cursor")

    def request(self, connection: ConnectionInfo, arguments: ListChannelsArguments) -> PreparedRequest:
        query = {
            "types": "public_channel",
            "exclude_archived": flag(not arguments.archived),
            "limit": str(arguments.limit),
            "cursor": arguments.after,
        }
        return get("conversations.list", query)

    def facts(self, arguments: ListChannelsArguments, response: ProviderResponse) -> dict[str, Any]:
        value = answered(response)
        found = [channel_of(item) for item in objects_in(value, "channels", "page of channels")]
        return {"channels": found, "after": next_cursor(value)}


class GetChannel(ReadOperation[GetChannelArguments]):
    """Facts: the channel."""

    name = "channels.get"
    title = "Read a channel"
    arguments = GetChannelArguments
    route = _route("conversations.info", name, CHANNELS, "channel")

    def request(self, connection: ConnectionInfo, arguments: GetChannelArguments) -> PreparedRequest:
        return channel_request(arguments.id)

    def facts(self, arguments: GetChannelArguments, response: ProviderResponse) -> dict[str, Any]:
        return the_channel(response, arguments.id)


class History(ReadOperation[HistoryArguments]):
    """Facts: `{messages: [message], after}`, latest first."""

    name = "channels.history"
    title = "Read a channel's messages"
    arguments = HistoryArguments
    route = _route("conversations.history", name, HISTORY, "channel", "oldest", "latest", "limit", "cursor")

    def request(self, connection: ConnectionInfo, arguments: HistoryArguments) -> PreparedRequest:
        query = {
            "channel": arguments.channel,
            "oldest": arguments.oldest,
            "latest": arguments.latest,
            "limit": str(arguments.limit),
            "cursor": arguments.after,
        }
        return get("conversations.history", query)

    def facts(self, arguments: HistoryArguments, response: ProviderResponse) -> dict[str, Any]:
        return messages_page(response)


class Replies(ReadOperation[RepliesArguments]):
    """Facts: `{messages: [message], after}`, the one that began the thread first."""

    name = "threads.replies"
    title = "Read a thread"
    arguments = RepliesArguments
    route = _route("conversations.replies", name, HISTORY, "channel", "ts", "oldest", "latest", "limit", "cursor")

    def request(self, connection: ConnectionInfo, arguments: RepliesArguments) -> PreparedRequest:
        query = {
            "channel": arguments.channel,
            "ts": arguments.thread,
            "oldest": arguments.oldest,
            "latest": arguments.latest,
            "limit": str(arguments.limit),
            "cursor": arguments.after,
        }
        return get("conversations.replies", query)

    def facts(self, arguments: RepliesArguments, response: ProviderResponse) -> dict[str, Any]:
        return messages_page(response)


class ListUsers(ReadOperation[ListUsersArguments]):
    """Facts: `{users: [user], after}`."""

    name = "users.list"
    title = "List people"
    arguments = ListUsersArguments
    route = _route("users.list", name, PEOPLE, "limit", "cursor")

    def request(self, connection: ConnectionInfo, arguments: ListUsersArguments) -> PreparedRequest:
        return get("users.list", {"limit": str(arguments.limit), "cursor": arguments.after})

    def facts(self, arguments: ListUsersArguments, response: ProviderResponse) -> dict[str, Any]:
        value = answered(response)
        found = [user_of(item) for item in objects_in(value, "members", "page of people")]
        return {"users": found, "after": next_cursor(value)}


class FindUser(ReadOperation[FindUserArguments]):
    """Facts: `{user}`, None where nobody has the address."""

    name = "users.find"
    title = "Find a person by e-mail"
    arguments = FindUserArguments
    route = _route("users.lookupByEmail", name, EMAILS, "email")

    def request(self, connection: ConnectionInfo, arguments: FindUserArguments) -> PreparedRequest:
        return get("users.lookupByEmail", {"email": arguments.email})

    def facts(self, arguments: FindUserArguments, response: ProviderResponse) -> dict[str, Any]:
        if error_of(response) == "users_not_found":
            return {"user": None}
        return {"user": user_of(as_object(answered(response).get("user"), "a user"))}


class GetUser(ReadOperation[GetUserArguments]):
    """Facts: the person."""

    name = "users.get"
    title = "Read a person"
    arguments = GetUserArguments
    route = _route("users.info", name, PEOPLE, "user")

    def request(self, connection: ConnectionInfo, arguments: GetUserArguments) -> PreparedRequest:
        return user_request(arguments.id)

    def facts(self, arguments: GetUserArguments, response: ProviderResponse) -> dict[str, Any]:
        return the_user(response, arguments.id)
