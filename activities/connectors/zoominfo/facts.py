"""Facts of look-ups: the one record looked up, and which fields are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.action_facts import ActionFacts, Facts, Proposed

_FIELDS = {
    "contact": {
        "firstName": "first_name",
        "lastName": "last_name",
        "email": "email",
        "phone": "phone",
        "jobTitle": "jobtitle",
        "city": "city",
        "country": "country",
        "companyName": "company",
    },
    "company": {
        "name": "name",
        "website": "domain",
        "city": "city",
        "country": "country",
        "revenue": "annual_revenue",
        "employeeCount": "employees",
        "primaryIndustry": "industry",
    },
}
_KINDS = {"contacts.enrich": ("contact", "contacts"), "companies.enrich": ("company", "companies")}
_IDENTITIES = {"id": "id", "email": "email", "website": "domain", "name": "name"}


class ZoomInfoFacts(ActionFacts):
    """One record at a time has facts; a rule about records covers no look-up of several."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        if action.operation not in _KINDS:
            return ()
        kind, _ = _KINDS[action.operation]
        names = _FIELDS[kind]
        fields = sorted({names.get(field, field) for field in action.arguments["fields"] if field != "id"})
        known = {f"{kind}.{_IDENTITIES[name]}": value for name, value in _identity(action).items()}
        return ({"action.operation": f"{kind}.enrich", "action.fields": fields} | known,)

    def people(self, action: Proposed) -> tuple[str, ...]:
        if action.operation not in _KINDS:
            return ()
        email = _identity(action).get("email")
        return () if email is None else (email,)


def _identity(action: Proposed) -> Mapping[str, Any]:
    """The one thing that says who is meant; with several, ZoomInfo chooses which of them it goes by."""
    records = action.arguments[_KINDS[action.operation][1]]
    given = {name: value for record in records for name, value in record.items() if value is not None}
    return given if len(records) == 1 and len(given) == 1 and given.keys() <= _IDENTITIES.keys() else {}
