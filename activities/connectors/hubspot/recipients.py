"""Whose address a mail goes to, as HubSpot's own answers tell it: the contact of an address, and that contact's deals.

Pure, as the facts of records are (`facts.py`): from an address to the read that shows its contact, and back to facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from activities.connectors.base import json_of
from activities.connectors.http import http_request
from activities.connectors.hubspot.facts import facts_of_record, shown_properties
from activities.connectors.hubspot.objects import CONTACTS
from activities.connectors.hubspot.wire import item, record_of
from coco.requests import PreparedRequest, ProviderResponse


@dataclass(frozen=True)
class Recipient:
    """The contact that an address belongs to."""

    facts: dict[str, Any]
    deals: tuple[str, ...]
    """Ids of the deals that the contact belongs to."""


def contact_request(address: str) -> PreparedRequest:
    """The read that shows the contact of an address. By the address itself, not by a search: a search's index lags
    behind the records, and would show a tag that is gone."""
    query = [
        ("properties", shown_properties("contact")),
        ("idProperty", "email"),
        ("associations", "deals"),
        ("archived", "false"),
    ]
    return http_request("GET", item(CONTACTS.path, address), query=query)


def contact_at(address: str, response: ProviderResponse) -> Recipient | None:
    """Whose address it is, from a response to `contact_request`; None where no contact has it as its own.

    Raises InvalidInput for a response that cannot be understood.
    """
    if response.status == 404:
        return None
    record = record_of(json_of(response))
    found = record["properties"].get("email")
    # A contact that is found by another address of its is not the one the rule's facts were read for.
    if record["archived"] or not isinstance(found, str) or found.lower() != address.lower():
        return None
    return Recipient(facts_of_record("contact", record), tuple(record["associations"].get("deals", [])))
