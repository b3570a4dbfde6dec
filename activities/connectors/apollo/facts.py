"""Facts of Apollo's actions: who is looked up, and a contact's lists and sequences by their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from activities.connectors.action_facts import ActionFacts, Facts, Proposed, only_one
from activities.connectors.apollo.arguments import NoArguments, SearchNamesArguments
from activities.connectors.apollo.reads import ListLabels, SearchSequences
from activities.connectors.apollo.wire import contact_in, contact_request
from activities.connectors.http import http_request
from coco.requests import PreparedRequest, ProviderResponse

_SEQUENCES = {
    "contacts.add_to_sequence": "contact.add_to_sequence",
    "contacts.stop_sequence": "contact.remove_from_sequence",
}
_OF_CONTACT = {
    "id": "id",
    "name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "email": "email",
    "title": "jobtitle",
    "organization_name": "company",
    "city": "city",
    "country": "country",
    "updated_at": "updated_at",
}
_LISTS, _NO_ARGUMENTS = ListLabels(), NoArguments()
_SEARCH, _FIRST_PAGE = SearchSequences(), SearchNamesArguments(limit=100)
"""Apollo tells a sequence's name in a search only: one beyond the first hundred has none."""


class ApolloFacts(ActionFacts):
    """What reaches further than a rule's words has no name: private addresses of a person, contacts that Apollo itself
    would skip in a sequence, several people or lists at once. Searching companies is no operation of the catalogue."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        given = action.arguments
        if action.operation in {"people.enrich", "people.bulk_enrich"}:
            enrich: Facts = {"action.operation": "contact.enrich"}
            return () if given["reveal_personal_emails"] else (enrich | _person(action),)
        if action.operation == "contacts.add_to_list" and len(given["add"]) == 1:
            named: Facts = {"action.operation": "contact.add_to_list"}
            # Apollo takes the contact off every list that is not named again: which ones stay has to be seen first.
            return (named | ({} if given["keep"] else {"action.list": given["add"][0]}),)
        if action.operation in _SEQUENCES and not given.get("even_if"):
            return ({"action.operation": _SEQUENCES[action.operation]},)
        return ()

    def people(self, action: Proposed) -> tuple[str, ...]:
        email = _person(action).get("contact.email")
        return () if email is None else (email,)

    def wanted(self, action: Proposed, needed: Collection[str]) -> tuple[PreparedRequest, ...]:
        found: list[PreparedRequest] = []
        if not action.operation.startswith("contacts."):
            return ()
        if "contact" in needed:
            found.append(_contact(action))
        if action.operation in _SEQUENCES and "action.sequence" in needed:
            found.append(_sequences())
        if action.arguments.get("keep") and "action.list" in needed:
            found.append(_lists())
        return tuple(found)

    def about(self, action: Proposed, answers: Mapping[PreparedRequest, ProviderResponse]) -> Facts:
        found: Facts = {}
        if not action.operation.startswith("contacts."):
            return found
        if (answer := answers.get(_contact(action))) is not None:
            contact = contact_in(answer, action.arguments["id"]) or {}
            found |= {f"contact.{fact}": contact[name] for name, fact in _OF_CONTACT.items() if name in contact}
        if action.operation in _SEQUENCES and (answer := answers.get(_sequences())) is not None:
            names = {one["id"]: one["name"] for one in _SEARCH.facts(_FIRST_PAGE, answer)["results"]}
            found |= _named("action.sequence", names.get(action.arguments["sequence_id"]))
        if action.arguments.get("keep") and (answer := answers.get(_lists())) is not None:
            found |= _named("action.list", _added(action, answer))
        return found


def _contact(action: Proposed) -> PreparedRequest:
    return contact_request(action.arguments["id"])


def _lists() -> PreparedRequest:
    return http_request("GET", _LISTS.route.path)


def _sequences() -> PreparedRequest:
    body = {"page": 1, "per_page": _FIRST_PAGE.limit}
    return http_request("POST", _SEARCH.route.path, body=body)


def _person(action: Proposed) -> Facts:
    """Of a single person who is named by one thing alone; with several, Apollo chooses which of them it goes by."""
    if action.operation == "people.enrich":
        people: tuple[Mapping[str, Any], ...] = (action.arguments,)
    else:
        people = action.arguments.get("people", ())
    names = ("id", "email", "linkedin_url", "name", "domain", "organization_name")
    given = {name: one[name] for one in people for name in names if one.get(name) is not None}
    if len(people) != 1 or len(given) != 1:
        return {}
    return {f"contact.{name}": value for name, value in given.items() if name in {"id", "email"}}


def _added(action: Proposed, answer: ProviderResponse) -> str | None:
    """The list that it is put on, where it stays on exactly those that it is on now."""
    names = {one["id"]: one["name"].lower() for one in _LISTS.facts(_NO_ARGUMENTS, answer)["results"]}
    now = {names.get(label) for label in (action.prior or {}).get("label_ids", ())}
    staying = {name.lower() for name in action.arguments["keep"]}
    added = only_one(action.arguments["add"])
    return added if added is not None and now == staying and added.lower() not in now else None


def _named(fact: str, value: str | None) -> Facts:
    return {} if value is None else {fact: value}
