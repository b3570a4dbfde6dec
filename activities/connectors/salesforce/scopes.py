"""Salesforce's permission in plain words: it has one for both reading and writing."""

from __future__ import annotations

from activities.connectors.manifest import OAuth2, Scope

READ = "records.read"
WRITE = "records.write"

SCOPES = (
    Scope(
        name=READ,
        asked_as="api",
        allows="Read the records that your Salesforce user may see",
        access="read",
        preselected=True,
    ),
    Scope(
        name=WRITE,
        asked_as="api",
        allows="Create, change and delete the records that your Salesforce user may change",
        access="write",
    ),
)

OAUTH = OAuth2(
    authorize_url="https://login.salesforce.com/services/oauth2/authorize",
    token_url="https://login.salesforce.com/services/oauth2/token",  # noqa: S106  (an address)
    revoke_url="https://login.salesforce.com/services/oauth2/revoke",
    always=("refresh_token",),
)
