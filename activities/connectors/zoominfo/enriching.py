"""Gated: look-ups, which cost ZoomInfo's own credits and are spent for good."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.cards import listed, plain
from activities.connectors.http import http_request
from activities.connectors.zoominfo.arguments import (
    Company,
    Contact,
    EnrichCompaniesArguments,
    EnrichContactsArguments,
)
from activities.connectors.zoominfo.costs import CREDITS, REVERSIBILITY
from activities.connectors.zoominfo.wire import found_in, gated_route, given, looked_up
from coco.actions import Preview
from coco.requests import PreparedRequest, ProviderResponse

E = TypeVar("E", EnrichContactsArguments, EnrichCompaniesArguments)


class Enrich(GatedOperation[E]):
    """POST of up to 25 records to look up; each new one costs a credit of ZoomInfo's."""

    asked: ClassVar[str]
    """What ZoomInfo calls the list of records."""

    @abstractmethod
    def inputs(self, arguments: E) -> list[dict[str, Any]]:
        """The records asked for, as ZoomInfo takes them."""

    @abstractmethod
    def called(self, arguments: E) -> list[str]:
        """The same in people's words."""

    def cost(self, arguments: E) -> int:
        return self.credits * len(self.inputs(arguments))

    def request(self, connection: ConnectionInfo, arguments: E) -> PreparedRequest:
        body = {self.asked: self.inputs(arguments), "outputFields": list(arguments.fields)}
        return http_request("POST", self.route.path, body=body)

    def preview(self, connection: ConnectionInfo, arguments: E, prior: dict[str, Any] | None) -> Preview:
        names = [plain(name) for name in self.called(arguments)]
        summary = f"Look up {listed(names, 3)} at ZoomInfo, for up to {len(names)} of your ZoomInfo credits"
        return Preview(
            summary=plain(summary, 500),
            record=plain(listed(names, 3), 300),
            after=arguments.model_dump(mode="json", exclude_none=True),
        )

    def succeeded(self, response: ProviderResponse) -> bool | None:
        return looked_up(response)

    def result(self, arguments: E, response: ProviderResponse) -> dict[str, Any]:
        """One entry per record asked for, in order, and how many were found."""
        found = found_in(response)
        return {"found": sum(bool(item) for item in found), "records": found}


class EnrichContacts(Enrich[EnrichContactsArguments]):
    name = "contacts.enrich"
    title = "Look up contacts"
    arguments = EnrichContactsArguments
    route = gated_route("/enrich/contact", name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "The provider's credits are spent; nothing of yours was changed."
    asked = "matchPersonInput"

    def inputs(self, arguments: EnrichContactsArguments) -> list[dict[str, Any]]:
        return [_person(contact) for contact in arguments.contacts]

    def called(self, arguments: EnrichContactsArguments) -> list[str]:
        return [_name(contact) for contact in arguments.contacts]


class EnrichCompanies(Enrich[EnrichCompaniesArguments]):
    name = "companies.enrich"
    title = "Look up companies"
    arguments = EnrichCompaniesArguments
    route = gated_route("/enrich/company", name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "The provider's credits are spent; nothing of yours was changed."
    asked = "matchCompanyInput"

    def inputs(self, arguments: EnrichCompaniesArguments) -> list[dict[str, Any]]:
        return [_company(company) for company in arguments.companies]

    def called(self, arguments: EnrichCompaniesArguments) -> list[str]:
        return [one.name or one.website or f"ZoomInfo's company {one.id}" for one in arguments.companies]


def _person(contact: Contact) -> dict[str, Any]:
    return given(
        personId=None if contact.id is None else int(contact.id),
        emailAddress=contact.email,
        firstName=contact.first_name,
        lastName=contact.last_name,
        companyId=None if contact.company_id is None else int(contact.company_id),
        companyName=contact.company_name,
    )


def _name(contact: Contact) -> str:
    full = " ".join(filter(None, (contact.first_name, contact.last_name)))
    return full or contact.email or f"ZoomInfo's contact {contact.id}"


def _company(company: Company) -> dict[str, Any]:
    return given(
        companyId=None if company.id is None else int(company.id),
        companyName=company.name,
        companyWebsite=company.website,
    )
