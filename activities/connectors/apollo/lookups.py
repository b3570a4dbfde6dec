"""Gated: what costs Apollo's own credits, and is spent for good."""

from __future__ import annotations

from typing import Any

from activities.connectors.apollo.arguments import (
    BulkEnrichArguments,
    EnrichArguments,
    Person,
    SearchOrganizationsArguments,
)
from activities.connectors.apollo.costs import CREDITS, REVERSIBILITY
from activities.connectors.apollo.scopes import ENRICH
from activities.connectors.apollo.wire import gated_route, kept_person, without_empty
from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.cards import listed, plain
from activities.connectors.http import http_request, kept_text, whole_number, written
from coco.actions import Preview
from coco.requests import PreparedRequest, ProviderResponse


def _called(person: Person) -> str:
    """A person in the words of the arguments: name, or what else tells who is meant."""
    return plain(person.name or person.email or person.linkedin_url or f"Apollo's person {person.id}")


class EnrichPerson(GatedOperation[EnrichArguments]):
    """POST people/match. Up to one of Apollo's credits, taken where somebody is found."""

    name = "people.enrich"
    title = "Look up a person"
    arguments = EnrichArguments
    route = gated_route("POST", "/people/match", name, ENRICH)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "The provider's credits are spent; nothing of yours was changed."

    def request(self, connection: ConnectionInfo, arguments: EnrichArguments) -> PreparedRequest:
        return http_request("POST", self.route.path, body=without_empty(arguments.model_dump()))

    def preview(self, connection: ConnectionInfo, arguments: EnrichArguments, prior: dict[str, Any] | None) -> Preview:
        called = _called(arguments)
        return Preview(
            summary=f"Look up {called} at Apollo, for up to one of your Apollo credits",
            record=called,
            after=without_empty(arguments.model_dump()),
        )

    def result(self, arguments: EnrichArguments, response: ProviderResponse) -> dict[str, Any]:
        """The person; `found` is False where Apollo knew nobody."""
        person = kept_person(written(response).get("person"))
        return {"found": bool(person), **person}


class BulkEnrich(GatedOperation[BulkEnrichArguments]):
    """POST people/bulk_match: up to ten people, up to one of Apollo's credits each."""

    name = "people.bulk_enrich"
    title = "Look up several people"
    arguments = BulkEnrichArguments
    route = gated_route("POST", "/people/bulk_match", name, ENRICH)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "The provider's credits are spent; nothing of yours was changed."

    def cost(self, arguments: BulkEnrichArguments) -> int:
        return self.credits * len(arguments.people)

    def request(self, connection: ConnectionInfo, arguments: BulkEnrichArguments) -> PreparedRequest:
        body = {
            "details": [without_empty(person.model_dump()) for person in arguments.people],
            "reveal_personal_emails": arguments.reveal_personal_emails,
        }
        return http_request("POST", self.route.path, body=body)

    def preview(
        self, connection: ConnectionInfo, arguments: BulkEnrichArguments, prior: dict[str, Any] | None
    ) -> Preview:
        people = [_called(person) for person in arguments.people]
        return Preview(
            summary=plain(
                f"Look up {listed(people, 3)} at Apollo, for up to {len(people)} of your Apollo credits", 500
            ),
            record=plain(listed(people, 3), 300),
            after={
                "people": [without_empty(person.model_dump()) for person in arguments.people],
                "reveal_personal_emails": arguments.reveal_personal_emails,
            },
        )

    def result(self, arguments: BulkEnrichArguments, response: ProviderResponse) -> dict[str, Any]:
        """One entry per person asked for, in order (empty for nobody), and Apollo's count of credits."""
        value = written(response)
        matches = value.get("matches")
        people = [kept_person(item) for item in matches[:10]] if isinstance(matches, list) else []
        kept: dict[str, Any] = {"people": people, "found": sum(bool(person) for person in people)}
        taken = whole_number(value.get("credits_consumed"))
        return kept | ({"apollo_credits": taken} if taken is not None else {})


class SearchOrganizations(GatedOperation[SearchOrganizationsArguments]):
    """POST mixed_companies/search. Unlike the other searches it costs one of Apollo's credits per page."""

    name = "organizations.search"
    title = "Search companies in Apollo's database"
    arguments = SearchOrganizationsArguments
    route = gated_route("POST", "/mixed_companies/search", name, ENRICH)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "The provider's credits are spent; nothing of yours was changed."

    def request(self, connection: ConnectionInfo, arguments: SearchOrganizationsArguments) -> PreparedRequest:
        body = {
            "organization_locations": arguments.locations,
            "organization_num_employees_ranges": arguments.employees,
            "page": int(arguments.after or 1),
            "per_page": arguments.limit,
            "q_organization_domains_list": arguments.domains,
            "q_organization_keyword_tags": arguments.keywords,
            "q_organization_name": arguments.name_contains,
        }
        return http_request("POST", self.route.path, body=without_empty(body))

    def preview(
        self, connection: ConnectionInfo, arguments: SearchOrganizationsArguments, prior: dict[str, Any] | None
    ) -> Preview:
        return Preview(
            summary="Search Apollo's companies, one page for one of your Apollo credits",
            record="Apollo's companies",
            after=without_empty(arguments.model_dump()),
        )

    def result(self, arguments: SearchOrganizationsArguments, response: ProviderResponse) -> dict[str, Any]:
        """The companies of the page, each with id, name and domain."""
        value = written(response)
        found = value.get("organizations")
        companies = [item for item in found[:100] if isinstance(item, dict)] if isinstance(found, list) else []
        names = ("id", "name", "primary_domain")
        kept = [{name: text for name in names if (text := kept_text(item.get(name)))} for item in companies]
        paging = value.get("pagination")
        total = whole_number(paging.get("total_entries")) if isinstance(paging, dict) else None
        return {"organizations": kept} | ({"total": total} if total is not None else {})
