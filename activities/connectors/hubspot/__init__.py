"""HubSpot CRM v3: contacts, deals, companies, notes, tasks and lists. Reads are free, changes gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.hubspot.action_facts import HubSpotFacts
from activities.connectors.hubspot.archives import ArchiveCompany, ArchiveContact, ArchiveDeal, ArchiveNote, ArchiveTask
from activities.connectors.hubspot.attached import CreateNote, CreateTask
from activities.connectors.hubspot.creates import CreateCompany, CreateContact, CreateDeal
from activities.connectors.hubspot.lists import (
    AddToList,
    GetList,
    ListMembers,
    ListsOfRecord,
    RemoveFromList,
    SearchLists,
)
from activities.connectors.hubspot.reads import (
    GetCompany,
    GetContact,
    GetDeal,
    GetNote,
    GetTask,
    ListCompanies,
    ListContacts,
    ListDeals,
    SearchCompanies,
    SearchContacts,
    SearchDeals,
    SearchNotes,
    SearchTasks,
)
from activities.connectors.hubspot.scopes import OAUTH, SCOPES
from activities.connectors.hubspot.updates import MoveDealStage, UpdateCompany, UpdateContact, UpdateDeal
from activities.connectors.manifest import Auth, Check, RateLimit

__all__ = ["HUBSPOT"]

HUBSPOT = Connector(
    "hubspot",
    "HubSpot",
    (
        SearchContacts(),
        GetContact(),
        ListContacts(),
        SearchDeals(),
        GetDeal(),
        ListDeals(),
        SearchCompanies(),
        GetCompany(),
        ListCompanies(),
        CreateContact(),
        UpdateContact(),
        ArchiveContact(),
        CreateDeal(),
        UpdateDeal(),
        MoveDealStage(),
        ArchiveDeal(),
        CreateCompany(),
        UpdateCompany(),
        ArchiveCompany(),
        SearchNotes(),
        GetNote(),
        CreateNote(),
        ArchiveNote(),
        SearchTasks(),
        GetTask(),
        CreateTask(),
        ArchiveTask(),
        SearchLists(),
        GetList(),
        ListMembers(),
        ListsOfRecord(),
        AddToList(),
        RemoveFromList(),
    ),
    auth=Auth(
        scheme="bearer",
        label="Private app token",
        where="HubSpot: Settings, Integrations, Private Apps; or a service key with the scopes you choose.",
    ),
    oauth=OAUTH,
    scopes=SCOPES,
    # That of the smallest plan, per account.
    rate_limit=RateLimit(
        requests=100,
        seconds=10,
        # Calls over the limit get the error response and nothing else; HubSpot's own client makes them again.
        not_carried_out=True,
        source="https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines",
    ),
    check=Check(operation="contacts.list", arguments={"limit": 1}),
    base_url="https://api.hubapi.com",
    record_url="https://app.hubspot.com",
    facts=HubSpotFacts(),
)
