"""HubSpot's scopes in plain words, and where a person grants them."""

from __future__ import annotations

from activities.connectors.manifest import OAuth2, Scope

_RECORDS = ("contacts", "companies", "deals")

_MORE = {"contacts": ", and write notes and tasks"}
"""HubSpot has no scopes of their own for notes and tasks."""

SCOPES = (
    *(
        Scope(name=f"crm.objects.{records}.read", allows=f"Read your {records}", access="read", preselected=True)
        for records in _RECORDS
    ),
    *(
        Scope(
            name=f"crm.objects.{records}.write",
            allows=f"Create, change and archive your {records}{_MORE.get(records, '')}",
            access="write",
        )
        for records in _RECORDS
    ),
    Scope(name="crm.lists.read", allows="Read your lists and who is on them", access="read", preselected=True),
    Scope(name="crm.lists.write", allows="Put records on your lists and take them off", access="write"),
)

OAUTH = OAuth2(
    authorize_url="https://app.hubspot.com/oauth/authorize",
    token_url="https://api.hubapi.com/oauth/v1/token",  # noqa: S106  (an address)
)
