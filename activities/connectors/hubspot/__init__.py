"""HubSpot CRM v3: contacts, deals and companies. Reads are free, every change to a record is gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.hubspot.archives import ArchiveContact, ArchiveDeal
from activities.connectors.hubspot.creates import CreateContact, CreateDeal
from activities.connectors.hubspot.reads import (
    GetCompany,
    GetContact,
    GetDeal,
    ListCompanies,
    ListContacts,
    ListDeals,
    SearchCompanies,
    SearchContacts,
    SearchDeals,
)
from activities.connectors.hubspot.updates import MoveDealStage, UpdateCompany, UpdateContact, UpdateDeal

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
        UpdateCompany(),
    ),
    base_url="https://api.hubapi.com",
    record_url="https://app.hubspot.com",
)
