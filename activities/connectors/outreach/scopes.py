"""Outreach's scopes in plain words. They do not include one another: writing does not let read."""

from __future__ import annotations

from activities.connectors.manifest import OAuth2, Scope

SCOPES = (
    Scope(name="prospects.read", allows="Read your prospects", access="read", preselected=True),
    Scope(name="sequences.read", allows="Read your sequences", access="read", preselected=True),
    Scope(name="mailboxes.read", allows="Read which mailboxes send", access="read", preselected=True),
    Scope(name="sequenceStates.read", allows="Read who is in which sequence", access="read", preselected=True),
    Scope(name="sequenceStates.write", allows="Put prospects into sequences and finish them", access="write"),
)

OAUTH = OAuth2(
    authorize_url="https://api.outreach.io/oauth/authorize",
    token_url="https://api.outreach.io/oauth/token",  # noqa: S106  (an address)
)
