"""The arguments of Slack's operations: typed, bounded, and refused where Slack would guess."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from activities.connectors.base import Arguments
from activities.connectors.smtp.arguments import Address, text_lines

ChannelId = Annotated[str, StringConstraints(pattern=r"^[CG][A-Z0-9]{8,20}$")]
"""A channel, public or private. Never a user: a direct message has an operation of its own."""
UserId = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{6,20}$")]
Moment = Annotated[str, StringConstraints(pattern=r"^[0-9]{10}\.[0-9]{6}$")]
"""A message's `ts`, which names it in its channel."""
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=_:-]{0,400}$")]
Limit = Annotated[int, Field(ge=1, le=200)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000), AfterValidator(text_lines)]
"""Slack's mrkdwn. Longer texts are cut or split by Slack, so that something else would be posted than was approved."""


class ListChannelsArguments(Arguments):
    """A page of the public channels."""

    archived: bool = False
    limit: Limit = 100
    after: Cursor = ""


class GetChannelArguments(Arguments):
    """One channel by its id."""

    id: ChannelId


class _Messages(Arguments):
    channel: ChannelId
    oldest: Moment | None = None
    latest: Moment | None = None
    limit: Limit = 100
    after: Cursor = ""


class HistoryArguments(_Messages):
    """A page of a channel's messages, latest first."""


class RepliesArguments(_Messages):
    """A page of one thread: the message that began it, then its replies."""

    thread: Moment


class ListUsersArguments(Arguments):
    """A page of the workspace's people and bots."""

    limit: Limit = 100
    after: Cursor = ""


class FindUserArguments(Arguments):
    """The person with that address."""

    email: Address


class GetUserArguments(Arguments):
    """One person by their id."""

    id: UserId


class PostArguments(Arguments):
    """A message to a channel, or a reply in one of its threads."""

    channel: ChannelId
    text: Text
    thread: Moment | None = None
    also_to_channel: Annotated[bool, Field(description="Show a reply in the channel too.")] = False

    @model_validator(mode="after")
    def _only_replies(self) -> PostArguments:
        if self.also_to_channel and self.thread is None:
            raise ValueError("only a reply in a thread is shown in the channel too")
        return self


class DirectArguments(Arguments):
    """A direct message to one person."""

    user: UserId
    text: Text
