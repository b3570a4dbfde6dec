"""ZoomInfo."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from tests.connectors.examples import Example, Examples, answer


def found(*records: dict[str, Any] | None) -> dict[str, Any]:
    """A look-up's answer: one entry per record asked for, None for one that ZoomInfo does not know."""
    result: list[dict[str, Any]] = [
        {"input": {}, "data": [record] if record else [], "matchStatus": "FULL_MATCH" if record else "NO_MATCH"}
        for record in records
    ]
    return {"success": True, "data": {"outputFields": [["id", "email"]], "result": result}}


ADA = {
    "id": 1584305636,
    "firstName": "Ada",
    "lastName": "Lovelace",
    "email": "ada@engine.example",
    "company": {"id": 7},
}
_CONTACTS = {
    "maxResults": 60,
    "totalResults": 60,
    "currentPage": 1,
    "data": [{"id": 1584305636, "firstName": "Ada", "hasEmail": True, "company": {"id": 7, "name": "Engine"}}],
}
_COMPANIES = {"maxResults": 1, "totalResults": 1, "currentPage": 1, "data": [{"id": 7, "name": "Engine"}]}

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=6), connector="zoominfo", title="ZoomInfo"),
    {
        "contacts.lookup": (
            Example(
                {
                    "first_name": "Ada",
                    "last_name": "Lovelace",
                    "email": "ada@engine.example",
                    "job_title": "Analyst",
                    "company_id": "7",
                    "company_website": "engine.example",
                    "country": "United Kingdom",
                    "after": "2",
                },
                answer(_CONTACTS),
            ),
        ),
        "companies.lookup": (
            Example({"name": "Engine", "website": "engine.example", "employees_min": 10}, answer(_COMPANIES)),
            Example({"name": "Engine", "limit": 1}, answer({**_COMPANIES, "maxResults": 30, "totalResults": 30})),
        ),
        "contacts.enrich": (
            Example(
                {
                    "contacts": [
                        {"id": "1584305636"},
                        {"email": "bo@engine.example"},
                        {"first_name": "Grace", "last_name": "Hopper", "company_name": "Navy"},
                    ],
                    "fields": ["id", "email"],
                },
                answer(found(ADA, None, None)),
            ),
        ),
        "companies.enrich": (
            Example(
                {"companies": [{"website": "engine.example"}, {"name": "Navy"}, {"id": "7"}], "fields": ["id", "name"]},
                answer(found({"id": 7, "name": "Engine"}, None, {"id": 7, "name": "Engine"})),
            ),
        ),
    },
)
