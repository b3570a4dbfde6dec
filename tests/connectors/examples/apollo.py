"""Apollo."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from tests.connectors.examples import Example, Examples, answer

CONTACT = "66e34b81740c50074e3d1bd4"
LISTS = ["6095a710bd01d100a506d4a1"]
SEQUENCE = "66e9e215ece19801b219997f"


def person(person_id: str = "64a7ff0cc4dfae00013df1a5", **more: Any) -> dict[str, Any]:
    """A person as the API tells one."""
    return {
        "id": person_id,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "name": "Ada Lovelace",
        "title": "Analyst",
        "email": "ada@engine.example",
        "email_status": "verified",
        "city": None,
        "organization": {"id": "5e66b6381e05b4008c8331b8", "name": "Engine", "estimated_num_employees": 12},
        **more,
    }


def contact(**more: Any) -> dict[str, Any]:
    """A contact as the API tells one."""
    return {"contact": person(CONTACT, label_ids=LISTS, emailer_campaign_ids=[], **more)}


PAGING = {"page": 1, "per_page": 25, "total_entries": 60, "total_pages": 3}
_PEOPLE = answer({"pagination": PAGING, "contacts": [person(CONTACT)], "people": [person()]})
_SEARCH: dict[str, Any] = {
    "keywords": "engine",
    "titles": ["analyst"],
    "seniorities": ["c_suite"],
    "person_locations": ["London, United Kingdom"],
    "organization_domains": ["engine.example"],
    "organization_ids": ["5e66b6381e05b4008c8331b8"],
    "employees": ["11,50"],
    "email_statuses": ["verified"],
    "after": "2",
}

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=4), connector="apollo", title="Apollo"),
    {
        "people.search": (Example(_SEARCH, _PEOPLE), Example({}, _PEOPLE)),
        "people.find": (Example(_SEARCH, answer({"total_entries": 60, "people": [person()]})),),
        "contacts.search": (
            Example(
                {"keywords": "ada", "stage_ids": ["6095a710bd01d100a506d4ae"], "label_ids": LISTS},
                answer({"pagination": PAGING, "contacts": [contact()["contact"]]}),
            ),
        ),
        "contacts.get": (Example({"id": CONTACT}, answer(contact())),),
        "accounts.search": (
            Example(
                {"name_contains": "engine"},
                answer(
                    {"pagination": PAGING, "accounts": [{"id": "a1", "name": "Engine", "domain": "engine.example"}]}
                ),
            ),
        ),
        "sequences.search": (
            Example(
                {"name_contains": "intro"},
                answer(
                    {"pagination": PAGING, "emailer_campaigns": [{"id": SEQUENCE, "name": "Intro", "active": True}]}
                ),
            ),
        ),
        "email_accounts.list": (
            Example({}, answer({"email_accounts": [{"id": "m1", "email": "me@acme.example", "active": True}]})),
        ),
        "lists.list": (
            Example({}, answer([{"id": LISTS[0], "name": "Pilots", "modality": "contacts"}])),
            Example({}, answer({"labels": [{"id": LISTS[0], "name": "Pilots", "modality": "contacts"}]})),
        ),
        "people.enrich": (
            Example({"email": "ada@engine.example", "reveal_personal_emails": True}, answer({"person": person()})),
            Example({"name": "Ada Lovelace", "domain": "engine.example"}, answer({"person": None})),
        ),
        "people.bulk_enrich": (
            Example(
                {
                    "people": [
                        {"email": "ada@engine.example"},
                        {"name": "Grace Hopper", "organization_name": "Navy"},
                        {"linkedin_url": "http://www.linkedin.com/in/hedy"},
                        {"id": "64a7ff0cc4dfae00013df1a5"},
                    ]
                },
                answer(
                    {
                        "status": "success",
                        "total_requested_enrichments": 4,
                        "unique_enriched_records": 1,
                        "missing_records": 3,
                        "credits_consumed": 1,
                        "matches": [person(), None, None, None],
                    }
                ),
            ),
        ),
        "organizations.search": (
            Example(
                {"name_contains": "engine", "locations": ["london"], "domains": ["engine.example"], "after": "2"},
                answer({"pagination": PAGING, "organizations": [{"id": "o1", "name": "Engine"}]}),
            ),
        ),
        "contacts.add_to_list": (
            Example({"id": CONTACT, "add": ["Q4 pilots"], "keep": ["Pilots"]}, answer(contact()), answer(contact())),
        ),
        "contacts.add_to_sequence": (
            Example(
                {"id": CONTACT, "sequence_id": SEQUENCE, "send_from": "m1", "even_if": ["job_change"]},
                answer({"contacts": [{"id": CONTACT}], "emailer_campaign": {"id": SEQUENCE}}),
                answer(contact()),
            ),
        ),
        "contacts.stop_sequence": (
            Example(
                {"id": CONTACT, "sequence_id": SEQUENCE},
                answer({"contacts": []}),
                answer({"contact": {**contact()["contact"], "emailer_campaign_ids": [SEQUENCE]}}),
            ),
        ),
    },
)
