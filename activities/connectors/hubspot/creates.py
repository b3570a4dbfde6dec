"""Gated: new contacts, companies and deals, with their associations."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.cards import plain
from activities.connectors.http import http_request
from activities.connectors.hubspot.arguments import CreateCompanyArguments, CreateContactArguments, CreateDealArguments
from activities.connectors.hubspot.costs import CREDITS, REVERSIBILITY
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, stage_label
from activities.connectors.hubspot.undoing import archived_again
from activities.connectors.hubspot.wire import outcome_of
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview
from coco.requests import PreparedRequest, ProviderResponse

# HubSpot-defined association types: https://developers.hubspot.com/docs/api/crm/associations
CONTACT_TO_COMPANY = 279
COMPANY_TO_CONTACT = 280
DEAL_TO_CONTACT = 3
DEAL_TO_COMPANY = 341


def association(record_id: str, type_id: int) -> dict[str, Any]:
    return {
        "to": {"id": record_id},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
    }


class CreateContact(GatedOperation[CreateContactArguments]):
    """POST of a new contact. Nothing precedes it; an e-mail address that exists already is refused by the provider."""

    name = "contacts.create"
    title = "Create a contact"
    arguments = CreateContactArguments
    route = CONTACTS.gated_route("POST", CONTACTS.path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def request(self, connection: ConnectionInfo, arguments: CreateContactArguments) -> PreparedRequest:
        linked = [association(arguments.company_id, CONTACT_TO_COMPANY)] if arguments.company_id else []
        return http_request("POST", CONTACTS.path, body={"properties": arguments.properties, "associations": linked})

    def preview(
        self, connection: ConnectionInfo, arguments: CreateContactArguments, prior: dict[str, Any] | None
    ) -> Preview:
        name = CONTACTS.name_of(arguments.properties, "")
        after: dict[str, Any] = dict(sorted(arguments.properties.items()))
        if arguments.company_id:
            after["company_id"] = arguments.company_id
        return Preview(summary=f"Create the contact {name}", record=f"{name} (new contact)", after=after)

    def result(self, arguments: CreateContactArguments, response: ProviderResponse) -> dict[str, Any]:
        return outcome_of(response)

    def taken_back(self, arguments: CreateContactArguments, done: Done) -> Compensation:
        return archived_again(CONTACTS, done)


class CreateDeal(GatedOperation[CreateDealArguments]):
    """POST of a new deal."""

    name = "deals.create"
    title = "Create a deal"
    arguments = CreateDealArguments
    route = DEALS.gated_route("POST", DEALS.path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def request(self, connection: ConnectionInfo, arguments: CreateDealArguments) -> PreparedRequest:
        linked = [association(contact, DEAL_TO_CONTACT) for contact in arguments.contact_ids]
        if arguments.company_id:
            linked.append(association(arguments.company_id, DEAL_TO_COMPANY))
        return http_request("POST", DEALS.path, body={"properties": arguments.properties, "associations": linked})

    def preview(
        self, connection: ConnectionInfo, arguments: CreateDealArguments, prior: dict[str, Any] | None
    ) -> Preview:
        name = DEALS.name_of(arguments.properties, "")
        after: dict[str, Any] = dict(sorted(arguments.properties.items()))
        if arguments.contact_ids:
            after["contact_ids"] = list(arguments.contact_ids)
        if arguments.company_id:
            after["company_id"] = arguments.company_id
        summary = f"Create the deal {name} at {stage_label(arguments.properties['dealstage'])}"
        return Preview(summary=plain(summary, 500), record=f"{name} (new deal)", after=after)

    def result(self, arguments: CreateDealArguments, response: ProviderResponse) -> dict[str, Any]:
        return outcome_of(response)

    def taken_back(self, arguments: CreateDealArguments, done: Done) -> Compensation:
        return archived_again(DEALS, done)


class CreateCompany(GatedOperation[CreateCompanyArguments]):
    """POST of a new company. HubSpot makes a second one of a domain that it has, so look for it first."""

    name = "companies.create"
    title = "Create a company"
    arguments = CreateCompanyArguments
    route = COMPANIES.gated_route("POST", COMPANIES.path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def request(self, connection: ConnectionInfo, arguments: CreateCompanyArguments) -> PreparedRequest:
        linked = [association(contact, COMPANY_TO_CONTACT) for contact in arguments.contact_ids]
        return http_request("POST", COMPANIES.path, body={"properties": arguments.properties, "associations": linked})

    def preview(
        self, connection: ConnectionInfo, arguments: CreateCompanyArguments, prior: dict[str, Any] | None
    ) -> Preview:
        name = plain(arguments.properties.get("name")) or plain(arguments.properties.get("domain"))
        after: dict[str, Any] = dict(sorted(arguments.properties.items()))
        if arguments.contact_ids:
            after["contact_ids"] = list(arguments.contact_ids)
        return Preview(summary=f"Create the company {name}", record=f"{name} (new company)", after=after)

    def result(self, arguments: CreateCompanyArguments, response: ProviderResponse) -> dict[str, Any]:
        return outcome_of(response)

    def taken_back(self, arguments: CreateCompanyArguments, done: Done) -> Compensation:
        return archived_again(COMPANIES, done)
