"""HubSpot's scopes in plain words, and where a person grants them."""

from __future__ import annotations

from activities.connectors.manifest import OAuth2, Scope

_RECORDS = ("contacts", "companies", "deals")

SCOPES = tuple(
    Scope(name=f"crm.objects.{records}.read", allows=f"Read your {records}", access="read", preselected=True)
    for records in _RECORDS
) + tuple(
    Scope(name=f"crm.objects.{records}.write", allows=f"Create, change and archive your {records}", access="write")
    for records in _RECORDS
)

OAUTH = OAuth2(
    authorize_url="https://app.hubspot.com/oauth/authorize",
    token_url="https://api.hubapi.com/oauth/v1/token",  # noqa: S106  (an address)
)
