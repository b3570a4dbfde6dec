"""What the CRM knows about its own data: object types, their properties, the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

STAGES: dict[str, str] = {
    "appointmentscheduled": "Appointment scheduled",
    "qualifiedtobuy": "Qualified to buy",
    "presentationscheduled": "Presentation scheduled",
    "decisionmakerboughtin": "Decision maker bought-in",
    "contractsent": "Contract sent",
    "closedwon": "Closed won",
    "closedlost": "Closed lost",
}
TAGS = ("design partner candidate", "customer", "newsletter", "event lead", "partner", "press")
LIFECYCLE = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "other")


@dataclass(frozen=True)
class Property:
    """One property of an object type."""

    name: str
    type: Literal["string", "number", "datetime", "enumeration", "bool"] = "string"
    options: tuple[str, ...] = ()
    multiple: bool = False
    """Several options, separated by semicolons."""
    read_only: bool = False


@dataclass(frozen=True)
class Kind:
    """One object type."""

    name: str
    type_id: str
    defaults: tuple[str, ...]
    """Returned where a request names no properties."""
    searchable: tuple[str, ...]
    modified: str
    """Name of the property that holds the time of the last change."""
    properties: dict[str, Property] = field(default_factory=dict)


def _kind(name: str, type_id: str, modified: str, defaults: str, searchable: str, text: str, *others: Property) -> Kind:
    properties = {p: Property(p) for p in text.split()}
    properties |= {p.name: p for p in others}
    properties["hs_object_id"] = Property("hs_object_id", "number", read_only=True)
    for stamp in ("createdate", modified):
        properties[stamp] = Property(stamp, "datetime", read_only=True)
    return Kind(name, type_id, tuple(defaults.split()), tuple(searchable.split()), modified, properties)


CONTACTS = _kind(
    "contacts",
    "0-1",
    "lastmodifieddate",
    "createdate email firstname hs_object_id lastmodifieddate lastname",
    "firstname lastname email phone company",
    "email firstname lastname jobtitle company phone mobilephone address city state country zip industry website "
    "hubspot_owner_id",
    Property("lifecyclestage", "enumeration", LIFECYCLE),
    Property("hs_lead_status", "enumeration", ("NEW", "OPEN", "IN_PROGRESS", "CONNECTED", "UNQUALIFIED")),
    Property("tags", "enumeration", TAGS, multiple=True),
    Property("hs_email_optout", "bool", read_only=True),
    Property("hs_email_bounce", "number", read_only=True),
    Property("hs_email_hard_bounce_reason_enum", read_only=True),
    Property("notes_last_contacted", "datetime", read_only=True),
    Property("notes_last_updated", "datetime", read_only=True),
    Property("associatedcompanyid", "number"),
)
DEALS = _kind(
    "deals",
    "0-3",
    "hs_lastmodifieddate",
    "amount closedate createdate dealname dealstage hs_lastmodifieddate hs_object_id pipeline",
    "dealname description dealtype",
    "dealname description hs_next_step hubspot_owner_id deal_currency_code",
    Property("amount", "number"),
    Property("closedate", "datetime"),
    Property("dealstage", "enumeration", tuple(STAGES)),
    Property("pipeline", "enumeration", ("default",)),
    Property("dealtype", "enumeration", ("newbusiness", "existingbusiness")),
    Property("hs_priority", "enumeration", ("low", "medium", "high")),
    Property("notes_last_contacted", "datetime", read_only=True),
    Property("notes_last_updated", "datetime", read_only=True),
    Property("num_associated_contacts", "number", read_only=True),
    Property("hs_is_closed", "bool", read_only=True),
)
COMPANIES = _kind(
    "companies",
    "0-2",
    "hs_lastmodifieddate",
    "createdate domain hs_lastmodifieddate hs_object_id name",
    "name domain phone website",
    "name domain phone address city state country zip industry website description hubspot_owner_id",
    Property("numberofemployees", "number"),
    Property("lifecyclestage", "enumeration", LIFECYCLE),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in (CONTACTS, DEALS, COMPANIES)}
BY_PATH: dict[str, Kind] = KINDS | {kind.type_id: kind for kind in KINDS.values()}
"""By either spelling of a path segment: `deals` or `0-3`."""

ASSOCIATION_TYPES: dict[int, tuple[str, str]] = {
    1: ("contacts", "companies"),
    279: ("contacts", "companies"),
    280: ("companies", "contacts"),
    3: ("deals", "contacts"),
    4: ("contacts", "deals"),
    5: ("deals", "companies"),
    341: ("deals", "companies"),
    342: ("companies", "deals"),
}
SINGULAR = {"contacts": "contact", "deals": "deal", "companies": "company"}
