"""What HubSpot's own answers say in the words of guardrails: pure functions from an action to the read that shows its
record, and from that read's response to facts.

A property that HubSpot leaves out, or says in a form that cannot be told for sure, gives no fact: unknown, never
guessed. A property that is there and empty gives null: known to be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from activities.connectors.base import json_of
from activities.connectors.http import http_request
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, ObjectType, stage_label
from activities.connectors.hubspot.wire import existing_record, item, joined, page_of, record_of
from coco.errors import CocoError
from coco.requests import PreparedRequest, ProviderResponse

TAGS = "tags"
OWNER = "hubspot_owner_id"

KINDS = {kind.plural: kind for kind in (CONTACTS, DEALS, COMPANIES)}


def _text(value: str) -> str:
    return value


def listed_in(value: str) -> list[str]:
    return [part.strip() for part in value.split(";") if part.strip()]


def _moment(value: str) -> str | None:
    """RFC 3339; HubSpot also writes dates alone, which are no moment."""
    return value if "T" in value else None


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _yes_no(value: str) -> bool | None:
    return {"true": True, "false": False}.get(value)


Reading = Callable[[str], Any]

# fact field -> (property, how its text is read). What is not here is unknown.
_FIELDS: dict[str, dict[str, tuple[str, Reading]]] = {
    "contact": {
        "first_name": ("firstname", _text),
        "last_name": ("lastname", _text),
        "tags": (TAGS, listed_in),
        "created_at": ("createdate", _moment),
        "updated_at": ("lastmodifieddate", _moment),
        "last_activity_at": ("notes_last_updated", _moment),
        "last_contacted_at": ("notes_last_contacted", _moment),
        "last_reply_at": ("hs_sales_email_last_replied", _moment),
        "email": ("email", _text),
        "phone": ("phone", _text),
        "lifecycle_stage": ("lifecyclestage", _text),
        "country": ("country", _text),
        "city": ("city", _text),
        "company": ("company", _text),
        "jobtitle": ("jobtitle", _text),
        "unsubscribed": ("hs_email_optout", _yes_no),
        "score": ("hubspotscore", _number),
    },
    "deal": {
        "name": ("dealname", _text),
        "stage": ("dealstage", stage_label),
        "amount": ("amount", _number),
        "currency": ("deal_currency_code", _text),
        "probability": ("hs_deal_stage_probability", _number),
        "close_date": ("closedate", _moment),
        "created_at": ("createdate", _moment),
        "updated_at": ("hs_lastmodifieddate", _moment),
        "stage_entered_at": ("hs_v2_date_entered_current_stage", _moment),
        "last_activity_at": ("notes_last_updated", _moment),
        "last_contacted_at": ("notes_last_contacted", _moment),
    },
    "company": {
        "name": ("name", _text),
        "domain": ("domain", _text),
        "industry": ("industry", _text),
        "employees": ("numberofemployees", _number),
        "country": ("country", _text),
        "city": ("city", _text),
        "created_at": ("createdate", _moment),
        "updated_at": ("hs_lastmodifieddate", _moment),
        "last_activity_at": ("notes_last_updated", _moment),
    },
}
FIELD_OF = {kind: {name: field for field, (name, _) in fields.items()} for kind, fields in _FIELDS.items()}
"""Property -> fact field, for each kind of record."""
_FURTHER = {
    "contact": ("hs_email_bounce", "hs_email_delivered", OWNER),
    "deal": ("hs_is_closed", "hs_is_closed_won", OWNER),
    "company": (OWNER,),
}
_NEVER_NULL = frozenset({"tags"})
"""Facts whose empty value is a value of its own, not null."""


def facts_request(kind: str, record_id: str) -> PreparedRequest:
    """The read that shows a record's facts. Exact: an attested response counts only for these very bytes."""
    query = [("properties", shown_properties(kind)), ("archived", "false")]
    return http_request("GET", item(_kind(kind).path, record_id), query=query)


def shown_properties(kind: str) -> str:
    """The properties that facts of this kind of record come from, as a query names them."""
    return joined([name for name, _ in _FIELDS[kind].values()] + list(_FURTHER[kind]))


def facts(kind: str, record_id: str, response: ProviderResponse) -> dict[str, Any]:
    """Facts of a record from a response to `facts_request`; empty where the record is gone.

    Raises InvalidInput for a response that cannot be understood or is about another record.
    """
    record = existing_record(response, record_id)
    return {} if record is None else facts_of_record(kind, record)


def facts_of_record(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of one record (as `wire.record_of` gives it), from the properties that it shows."""
    properties: Mapping[str, str | None] = record["properties"]
    found: dict[str, Any] = {f"{kind}.id": record["id"]}
    for field, (name, read) in _FIELDS[kind].items():
        if name not in properties:
            continue
        value = properties[name]
        if value is None:
            found[f"{kind}.{field}"] = [] if field in _NEVER_NULL else None
        elif (told := read(value)) is not None:
            found[f"{kind}.{field}"] = told
    if OWNER in properties and properties[OWNER] is None:
        # An owner comes as a number of the account, which is not the name that a rule speaks of.
        found[f"{kind}.owner"] = None
    if kind == "contact":
        found |= _of_contact(properties)
    elif kind == "deal":
        found |= _of_deal(properties)
    return found


def records_in(response: ProviderResponse) -> list[dict[str, Any]]:
    """The records of any answer, one or a page; none of one that cannot be understood."""
    try:
        value = json_of(response)
        return page_of(response)["results"] if isinstance(value, dict) and "results" in value else [record_of(value)]
    except CocoError:
        return []


def _of_contact(properties: Mapping[str, str | None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if {"firstname", "lastname"} <= properties.keys():
        found["contact.name"] = " ".join(filter(None, (properties["firstname"], properties["lastname"]))) or None
    bounced, delivered = (_number(properties.get(name) or "") for name in ("hs_email_bounce", "hs_email_delivered"))
    if bounced is not None and delivered is not None and 0 <= bounced + delivered <= 10_000:
        found["email.bounced"] = [True] * int(bounced) + [False] * int(delivered)
    return found


def _of_deal(properties: Mapping[str, str | None]) -> dict[str, Any]:
    closed, won = (_yes_no(properties.get(name) or "") for name in ("hs_is_closed", "hs_is_closed_won"))
    if closed is False:
        return {"deal.status": "open"}
    if closed and won is not None:
        return {"deal.status": "won" if won else "lost"}
    return {}


def _kind(singular: str) -> ObjectType:
    return next(kind for kind in KINDS.values() if kind.singular == singular)
