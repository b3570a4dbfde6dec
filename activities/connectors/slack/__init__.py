"""Slack's Web API: channels, messages and people are read freely; every message posted is gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.manifest import Auth, Check, RateLimit
from activities.connectors.slack.facts import SlackFacts
from activities.connectors.slack.messages import DirectMessage, PostMessage
from activities.connectors.slack.reads import (
    FindUser,
    GetChannel,
    GetUser,
    History,
    ListChannels,
    ListUsers,
    Replies,
)
from activities.connectors.slack.scopes import OAUTH, SCOPES
from activities.connectors.slack.wire import TOO_OFTEN, credential_refused, error_of
from coco.requests import ProviderResponse

__all__ = ["SLACK"]


class _Slack(Connector):
    """Which says what is wrong with status 200 and a word for it."""

    def credential_refused(self, response: ProviderResponse) -> bool:
        return credential_refused(response)

    def limited(self, response: ProviderResponse) -> bool:
        return super().limited(response) or error_of(response) in TOO_OFTEN


SLACK = _Slack(
    "slack",
    "Slack",
    (
        ListChannels(),
        GetChannel(),
        History(),
        Replies(),
        ListUsers(),
        FindUser(),
        GetUser(),
        PostMessage(),
        DirectMessage(),
    ),
    auth=Auth(
        scheme="bearer",
        label="Bot token",
        where="Slack: api.slack.com/apps, your app, OAuth & Permissions, Bot User OAuth Token (xoxb-…).",
    ),
    oauth=OAUTH,
    scopes=SCOPES,
    # Tier 2, the smallest of the methods used; messages also go at one per second and channel. Slack's own clients send
    # a call that was answered with 429 again by themselves, posting a message too.
    rate_limit=RateLimit(
        requests=20,
        seconds=60,
        not_carried_out=True,
        source="https://docs.slack.dev/apis/web-api/rate-limits",
    ),
    check=Check(operation="channels.list", arguments={"limit": 1}),
    base_url="https://slack.com",
    facts=SlackFacts(),
)
