"""Slack's scopes in plain words, and where a workspace grants them."""

from __future__ import annotations

from activities.connectors.manifest import OAuth2, Scope

CHANNELS = "channels:read"
HISTORY = "channels:history"
PEOPLE = "users:read"
EMAILS = "users:read.email"
WRITE = "chat:write"

SCOPES = (
    Scope(name=CHANNELS, allows="See the public channels and their names", access="read", preselected=True),
    Scope(name=PEOPLE, allows="See the workspace's people", access="read", preselected=True),
    Scope(name=HISTORY, allows="Read messages in public channels", access="read"),
    Scope(name=EMAILS, allows="See people's e-mail addresses", access="read"),
    Scope(name=WRITE, allows="Post messages as Coco's app", access="write"),
)

# https://docs.slack.dev/authentication/installing-with-oauth; scopes are comma-separated there.
OAUTH = OAuth2(
    authorize_url="https://slack.com/oauth/v2/authorize",
    token_url="https://slack.com/api/oauth.v2.access",  # noqa: S106  (an address)
    revoke_url="https://slack.com/api/auth.revoke",
    scope_separator=",",
)
