"""Gated: a message to a channel, and a direct message to one person. Both are one method of Slack's."""

from __future__ import annotations

import re
from typing import Any

from activities.connectors.base import ConnectionInfo, GatedOperation, Route
from activities.connectors.cards import plain
from activities.connectors.http import kept_text, written
from activities.connectors.slack.arguments import DirectArguments, PostArguments
from activities.connectors.slack.records import shown_user, the_channel, the_user
from activities.connectors.slack.scopes import CHANNELS, PEOPLE, WRITE
from activities.connectors.slack.wire import answered, channel_request, post, succeeded, user_request
from activities.connectors.taking_back import Compensation, Done, correction
from coco.actions import Preview, Reversibility
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

CREDITS = {"messages.post": 2, "messages.direct": 2}

_MENTIONS = (
    (re.compile(r"<!(?:channel|here|everyone)(?:\|[^>]*)?>"), "everyone in the channel"),
    (re.compile(r"<!subteam\^[^>]*>"), "a group of people"),
    (re.compile(r"<@[UW][^>]*>"), "the people mentioned"),
)


def _message(channel: str, text: str) -> dict[str, Any]:
    """What is posted is the text as approved: no names turned into mentions, no previews of links."""
    return {
        "channel": channel,
        "text": text,
        "link_names": False,
        "parse": "none",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _route(operation: str, scope: str) -> Route:
    return Route(
        method="POST",
        path="/api/chat.postMessage",
        access="gated",
        operation=operation,
        scopes=(scope, WRITE),
        query=(),
    )


def _kept(response: ProviderResponse) -> dict[str, Any]:
    """`{id, channel}`: a message's `ts` is its id within its channel."""
    answered(response)
    value = written(response)
    found = {"id": kept_text(value.get("ts"), 40), "channel": kept_text(value.get("channel"), 40)}
    return {name: text for name, text in found.items() if text}


def _first_words(text: str) -> str:
    return plain(text, 80)


class PostMessage(GatedOperation[PostArguments]):
    """chat.postMessage to a channel. The channel is read before, so that the card names it.

    Nothing tells after a lost answer whether it was posted: reading that would need leave to read the channel.
    """

    name = "messages.post"
    title = "Post a message to a channel"
    arguments = PostArguments
    route = _route(name, CHANNELS)
    credits = CREDITS[name]
    reversibility = Reversibility.IRREVERSIBLE
    no_way_back = "What was sent stays sent."

    def request(self, connection: ConnectionInfo, arguments: PostArguments) -> PreparedRequest:
        body = _message(arguments.channel, arguments.text)
        if arguments.thread is not None:
            body |= {"thread_ts": arguments.thread, "reply_broadcast": arguments.also_to_channel}
        return post("chat.postMessage", body)

    def prior_request(self, connection: ConnectionInfo, arguments: PostArguments) -> PreparedRequest:
        return channel_request(arguments.channel)

    def prior(self, arguments: PostArguments, response: ProviderResponse) -> dict[str, Any]:
        """The channel's name, and who can see it: a channel that was renamed or opened is not the one approved."""
        channel = the_channel(response, arguments.channel)
        return {"channel": channel["name"], "private": channel["private"], "archived": channel["archived"]}

    def preview(self, connection: ConnectionInfo, arguments: PostArguments, prior: dict[str, Any] | None) -> Preview:
        if prior is None or prior["archived"]:
            raise InvalidInput(f"{self.name}: the channel {arguments.channel} is archived; nothing can be posted to it")
        channel = f"#{plain(prior['channel'], 80)}"
        after: dict[str, Any] = {"channel": f"{channel} ({'private' if prior['private'] else 'public'})"}
        if arguments.thread is not None:
            after |= {"thread": arguments.thread, "also_to_channel": arguments.also_to_channel}
        after |= _notified(arguments.text)
        what = "Reply in" if arguments.thread else "Post to"
        return Preview(
            summary=f"{what} {channel}: “{_first_words(arguments.text)}”",
            record=f"{channel} (channel {arguments.channel})",
            after=after,
            body=arguments.text,
        )

    def follow_up(self, arguments: PostArguments, done: Done) -> Compensation:
        """In the thread of what was posted."""
        thread = arguments.thread or _kept(done.answered()).get("id")
        return Compensation(
            operation=self.name,
            arguments={"channel": arguments.channel, "text": correction()[1], **({"thread": thread} if thread else {})},
            response=done.was(),
        )

    def succeeded(self, response: ProviderResponse) -> bool | None:
        return succeeded(response)

    def result(self, arguments: PostArguments, response: ProviderResponse) -> dict[str, Any]:
        return _kept(response)


class DirectMessage(GatedOperation[DirectArguments]):
    """chat.postMessage to one person. The person is read before, so that the card names them."""

    name = "messages.direct"
    title = "Send a direct message"
    arguments = DirectArguments
    route = _route(name, PEOPLE)
    credits = CREDITS[name]
    reversibility = Reversibility.IRREVERSIBLE
    no_way_back = "What was sent stays sent."

    def request(self, connection: ConnectionInfo, arguments: DirectArguments) -> PreparedRequest:
        return post("chat.postMessage", _message(arguments.user, arguments.text))

    def prior_request(self, connection: ConnectionInfo, arguments: DirectArguments) -> PreparedRequest:
        return user_request(arguments.user)

    def prior(self, arguments: DirectArguments, response: ProviderResponse) -> dict[str, Any]:
        """Who the person is: an account that was given to somebody else is not the one approved."""
        user = the_user(response, arguments.user)
        return {"person": shown_user(user), "bot": user["bot"], "deactivated": user["deactivated"]}

    def preview(self, connection: ConnectionInfo, arguments: DirectArguments, prior: dict[str, Any] | None) -> Preview:
        if prior is None or prior["deactivated"]:
            raise InvalidInput(f"{self.name}: the account {arguments.user} is deactivated; nobody would read it")
        return Preview(
            summary=f"Write to {prior['person']}: “{_first_words(arguments.text)}”",
            record=f"{prior['person']} (user {arguments.user})",
            after={"to": f"{prior['person']}{' (a bot)' if prior['bot'] else ''}", **_notified(arguments.text)},
            body=arguments.text,
        )

    def follow_up(self, arguments: DirectArguments, done: Done) -> Compensation:
        return Compensation(
            operation=self.name, arguments={"user": arguments.user, "text": correction()[1]}, response=done.was()
        )

    def succeeded(self, response: ProviderResponse) -> bool | None:
        return succeeded(response)

    def result(self, arguments: DirectArguments, response: ProviderResponse) -> dict[str, Any]:
        return _kept(response)


def _notified(text: str) -> dict[str, str]:
    """Whom the text calls besides its readers."""
    called = [who for pattern, who in _MENTIONS if pattern.search(text)]
    return {"notifies": ", ".join(called)} if called else {}
