"""Routes, pages and people of Apollo's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from activities.connectors.apollo.scopes import READ
from activities.connectors.base import Route
from activities.connectors.cards import plain
from activities.connectors.http import (
    as_object,
    http_request,
    kept_text,
    object_of,
    objects_in,
    segment,
    text_in,
    whole_number,
)
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

CONTACT = "/contacts/{id}"
RECORD_URL = "https://app.apollo.io"

_TEXTS = (
    "name",
    "first_name",
    "last_name",
    "last_name_obfuscated",
    "title",
    "headline",
    "seniority",
    "email",
    "email_status",
    "linkedin_url",
    "city",
    "state",
    "country",
    "organization_id",
    "organization_name",
    "account_id",
    "contact_stage_id",
    "updated_at",
)
_COMPANY_TEXTS = ("id", "name", "primary_domain", "website_url", "industry", "phone", "city", "state", "country")


def read_route(method: Literal["GET", "POST"], path: str, operation: str) -> Route:
    return Route(method=method, path=path, access="read", operation=operation, scopes=(READ,), query=())


def gated_route(method: Literal["POST", "PATCH"], path: str, operation: str, scope: str) -> Route:
    return Route(method=method, path=path, access="gated", operation=operation, scopes=(READ, scope), query=())


def without_empty(body: Mapping[str, Any]) -> dict[str, Any]:
    """Apollo takes an empty filter for a filter, so one that is not given is left out."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in body.items() if value}


def person_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, name, title, email, …, organization}` of a person or contact; what is not told is left out."""
    found: dict[str, Any] = {"id": text_in(value, "id", "person")}
    found |= {name: value[name] for name in _TEXTS if isinstance(value.get(name), str)}
    labels, sequences = value.get("label_ids"), value.get("emailer_campaign_ids")
    if isinstance(labels, list):
        found["label_ids"] = ids_in(labels)
    if isinstance(sequences, list):
        found["sequence_ids"] = ids_in(sequences)
    if isinstance(value.get("organization"), dict):
        found["organization"] = company_of(value["organization"])
    return found


def company_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a company."""
    found: dict[str, Any] = {name: value[name] for name in _COMPANY_TEXTS if isinstance(value.get(name), str)}
    employees = whole_number(value.get("estimated_num_employees"))
    return found | ({"employees": employees} if employees is not None else {})


def ids_in(value: list[Any]) -> list[str]:
    return sorted({item for item in value if isinstance(item, str)})


def page_of(response: ProviderResponse, lists: tuple[str, ...], read: Any, page: int, limit: int) -> dict[str, Any]:
    """`{results, after, total}` of a page whose records are in the first of `lists` that is there, and in the others.

    Raises InvalidInput.
    """
    value = object_of(response, "a page of records")
    there = [name for name in lists if isinstance(value.get(name), list)]
    if not there:
        raise InvalidInput(f"Apollo answered something that is not a page of {lists[0]}")
    results = [read(item) for name in there for item in objects_in(value, name, "page")]
    paging = value.get("pagination")
    told = paging if isinstance(paging, dict) else value
    total, pages = whole_number(told.get("total_entries")), whole_number(told.get("total_pages"))
    if pages is None and total is not None:
        pages = -(-total // limit)
    more = bool(results) and pages is not None and page < pages
    return {"results": results, "after": str(page + 1) if more else None, "total": total}


def contact_request(contact_id: str) -> PreparedRequest:
    """The read of a contact. Operations before a change and facts make this very one, so that one read serves both."""
    return http_request("GET", f"/contacts/{segment(contact_id)}")


def contact_in(response: ProviderResponse, contact_id: str) -> dict[str, Any] | None:
    """The contact, as `person_of` gives it, or None where there is none.

    Raises InvalidInput for any other answer and for another contact's.
    """
    if response.status == 404:
        return None
    contact = person_of(as_object(object_of(response, "a contact").get("contact"), "a contact"))
    if contact["id"] != contact_id:
        raise InvalidInput(f"the value read is of contact {contact['id']}, not of {contact_id}; read that one first")
    return contact


def described(contact: Mapping[str, Any], contact_id: str) -> tuple[str, str]:
    """(name, name with kind and id) of a contact."""
    fallback = f"contact {contact_id}"
    name = plain(contact.get("name")) or plain(contact.get("email"))
    return (name, f"{name} ({fallback})") if name else (fallback, fallback)


def kept_person(value: Any) -> dict[str, Any]:
    """What the log keeps of a person who was looked up; empty for nobody."""
    if not isinstance(value, dict):
        return {}
    names = ("id", "name", "title", "email", "email_status", "linkedin_url", "city", "country")
    kept: dict[str, Any] = {name: text for name in names if (text := kept_text(value.get(name)))}
    company = value.get("organization")
    if isinstance(company, dict) and (called := kept_text(company.get("name"))):
        kept["organization"] = called
    emails = value.get("personal_emails")
    if isinstance(emails, list):
        kept["personal_emails"] = [text for item in emails[:10] if (text := kept_text(item))]
    return kept
