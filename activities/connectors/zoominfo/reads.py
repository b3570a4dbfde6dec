"""The free operations: searches, which cost requests and none of ZoomInfo's credits."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, ReadOperation
from activities.connectors.http import http_request
from activities.connectors.zoominfo.arguments import LookupCompaniesArguments, LookupContactsArguments
from activities.connectors.zoominfo.wire import given, page_of, read_route
from coco.requests import PreparedRequest, ProviderResponse


class LookupContacts(ReadOperation[LookupContactsArguments]):
    """Facts: `{results: [contact], after, total}`; a contact tells which details there are, not the details."""

    name = "contacts.lookup"
    title = "Search contacts"
    arguments = LookupContactsArguments
    route = read_route("/search/contact", name)

    def request(self, connection: ConnectionInfo, arguments: LookupContactsArguments) -> PreparedRequest:
        body = given(
            firstName=arguments.first_name,
            lastName=arguments.last_name,
            fullName=arguments.full_name,
            emailAddress=arguments.email,
            jobTitle=arguments.job_title,
            managementLevel=arguments.management_level,
            companyId=arguments.company_id,
            companyName=arguments.company_name,
            companyWebsite=arguments.company_website,
            country=arguments.country,
            state=arguments.state,
            page=int(arguments.after or 1),
            rpp=arguments.limit,
        )
        return http_request("POST", self.route.path, body=body)

    def facts(self, arguments: LookupContactsArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response, int(arguments.after or 1), arguments.limit)


class LookupCompanies(ReadOperation[LookupCompaniesArguments]):
    """Facts: `{results: [company], after, total}`."""

    name = "companies.lookup"
    title = "Search companies"
    arguments = LookupCompaniesArguments
    route = read_route("/search/company", name)

    def request(self, connection: ConnectionInfo, arguments: LookupCompaniesArguments) -> PreparedRequest:
        body = given(
            companyId=arguments.company_id,
            companyName=arguments.name,
            companyWebsite=arguments.website,
            country=arguments.country,
            state=arguments.state,
            industryKeywords=arguments.industry_keywords,
            employeeRangeMin=None if arguments.employees_min is None else str(arguments.employees_min),
            employeeRangeMax=None if arguments.employees_max is None else str(arguments.employees_max),
            page=int(arguments.after or 1),
            rpp=arguments.limit,
        )
        return http_request("POST", self.route.path, body=body)

    def facts(self, arguments: LookupCompaniesArguments, response: ProviderResponse) -> dict[str, Any]:
        return page_of(response, int(arguments.after or 1), arguments.limit)
