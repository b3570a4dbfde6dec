"""Apollo: searches and contacts are read freely; what costs Apollo's credits or changes a contact is gated."""

from __future__ import annotations

from activities.connectors.apollo.contacts import AddToList, AddToSequence, StopSequence
from activities.connectors.apollo.facts import ApolloFacts
from activities.connectors.apollo.lookups import BulkEnrich, EnrichPerson, SearchOrganizations
from activities.connectors.apollo.reads import (
    FindPeople,
    GetContact,
    ListEmailAccounts,
    ListLabels,
    SearchAccounts,
    SearchContacts,
    SearchPeople,
    SearchSequences,
)
from activities.connectors.apollo.scopes import SCOPES
from activities.connectors.apollo.wire import RECORD_URL
from activities.connectors.base import Connector
from activities.connectors.manifest import Auth, Check, RateLimit

__all__ = ["APOLLO"]

APOLLO = Connector(
    "apollo",
    "Apollo",
    (
        SearchPeople(),
        FindPeople(),
        SearchContacts(),
        GetContact(),
        SearchAccounts(),
        SearchSequences(),
        ListEmailAccounts(),
        ListLabels(),
        EnrichPerson(),
        BulkEnrich(),
        SearchOrganizations(),
        AddToList(),
        AddToSequence(),
        StopSequence(),
    ),
    auth=Auth(
        scheme="header",
        header="x-api-key",
        label="API key",
        where="Apollo: Settings, Integrations, API; a master key, or one with the endpoints you want to use.",
    ),
    scopes=SCOPES,
    # That of the free plan. Calls beyond the number allowed are not made.
    rate_limit=RateLimit(
        requests=50, seconds=60, not_carried_out=True, source="https://docs.apollo.io/reference/rate-limits"
    ),
    check=Check(operation="contacts.search", arguments={"limit": 1}),
    base_url="https://api.apollo.io/api/v1",
    record_url=RECORD_URL,
    facts=ApolloFacts(),
)
