"""Facts of Salesforce's records: contacts, accounts (companies) and opportunities (deals), and what changes of them.

Salesforce tells dates of activity and of closing as days, and amounts without a currency: these give no fact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from activities.connectors.action_facts import ActionFacts, Facts, Proposed, only_one
from activities.connectors.http import http_request
from activities.connectors.salesforce.wire import existing_record, record_path
from coco.requests import PreparedRequest, ProviderResponse

OWNER = "ownerid"
_KINDS = {"contact": "contact", "account": "company", "opportunity": "deal"}
_OBJECTS = {kind: name for name, kind in _KINDS.items()}
_BY_PREFIX = {"003": "contact", "001": "company", "006": "deal"}
"""What kind of record an id is of: https://help.salesforce.com/s/articleView?id=000385203"""
_LEADS_TO = {"contact": ("accountid",), "opportunity": ("accountid",), "task": ("whoid", "whatid")}
"""Fields of a new record that say for which record it is made."""


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _moment(value: Any) -> str | None:
    """Salesforce writes offsets without a colon: 2026-01-01T00:00:00.000+0000."""
    if not isinstance(value, str) or "T" not in value:
        return None
    return re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", value)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _percent(value: Any) -> float | None:
    number = _number(value)
    return None if number is None else number / 100


def _host(value: Any) -> str | None:
    """A website as people write it, with or without its scheme."""
    if not isinstance(value, str):
        return None
    try:
        host = urlsplit(value if "//" in value else f"//{value}").hostname
    except ValueError:
        return None
    return None if host is None else host.removeprefix("www.")


Reading = Callable[[Any], Any]

# fact field -> (field, how its value is read). What is not here is unknown.
_FIELDS: dict[str, dict[str, tuple[str, Reading]]] = {
    "contact": {
        "name": ("Name", _text),
        "first_name": ("FirstName", _text),
        "last_name": ("LastName", _text),
        "created_at": ("CreatedDate", _moment),
        "updated_at": ("LastModifiedDate", _moment),
        "email": ("Email", _text),
        "phone": ("Phone", _text),
        "city": ("MailingCity", _text),
        "country": ("MailingCountry", _text),
        "jobtitle": ("Title", _text),
    },
    "deal": {
        "name": ("Name", _text),
        "stage": ("StageName", _text),
        "amount": ("Amount", _number),
        "probability": ("Probability", _percent),
        "created_at": ("CreatedDate", _moment),
        "updated_at": ("LastModifiedDate", _moment),
    },
    "company": {
        "name": ("Name", _text),
        "domain": ("Website", _host),
        "industry": ("Industry", _text),
        "employees": ("NumberOfEmployees", _number),
        "country": ("BillingCountry", _text),
        "city": ("BillingCity", _text),
        "annual_revenue": ("AnnualRevenue", _number),
        "created_at": ("CreatedDate", _moment),
        "updated_at": ("LastModifiedDate", _moment),
    },
}
_FURTHER = {"deal": ("IsClosed", "IsWon"), "contact": (), "company": ()}
_WRITTEN = {"deal": {"closedate": "close_date"}, "contact": {}, "company": {}}
"""Fields that give no fact and still have a name in the catalogue, where they are changed."""


class SalesforceFacts(ActionFacts):
    """Contacts, opportunities and accounts go by the catalogue's names, every other object by `record.…` and its."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        if action.operation == "opportunities.move_stage":
            return ({"action.operation": "deal.move_stage", "action.stage": action.arguments["stage"]},)
        name, verb = action.arguments["object"].lower(), action.operation.removeprefix("records.")
        kind = _KINDS.get(name)
        if verb == "update":
            return _updates(kind, action)
        if kind is not None:
            return ({"action.operation": f"{kind}.{verb}"},)
        other: Facts = {"action.operation": f"record.{verb}", "action.object": action.arguments["object"]}
        # A task's due date is a day, which is no moment.
        return ({"action.operation": "task.create"}, other) if (name, verb) == ("task", "create") else (other,)

    def wanted(self, action: Proposed, needed: Collection[str]) -> tuple[PreparedRequest, ...]:
        found = _subject(action)
        return () if found is None or found[0] not in needed else (facts_request(*found),)

    def about(self, action: Proposed, answers: Mapping[PreparedRequest, ProviderResponse]) -> Facts:
        found = _subject(action)
        if found is None:
            return {}
        kind, record_id = found
        created = action.operation == "records.create"
        known = {} if created or action.prior is None else {f"{kind}.id": record_id} | _told(kind, action.prior)
        answer = answers.get(facts_request(kind, record_id))
        if answer is None:
            return known
        record = existing_record(answer, _OBJECTS[kind], record_id)
        return {} if record is None else known | {f"{kind}.id": record_id} | _told(kind, record)


def facts_request(kind: str, record_id: str) -> PreparedRequest:
    """The read that shows a record's facts. Exact: an attested response counts only for these very bytes."""
    names = sorted({"Id", *(name for name, _ in _FIELDS[kind].values()), *_FURTHER[kind]})
    path = record_path(_OBJECTS[kind].capitalize(), record_id)
    return http_request("GET", path, query=[("fields", ",".join(names))])


def _subject(action: Proposed) -> tuple[str, str] | None:
    """(kind, id) of the one record that the action is about, or that a new one is made for."""
    given = action.arguments
    if action.operation == "opportunities.move_stage":
        return "deal", given["id"]
    name = given["object"].lower()
    if action.operation != "records.create":
        return (_KINDS[name], given["id"]) if name in _KINDS else None
    leading = _LEADS_TO.get(name, ())
    found = only_one({str(value) for field, value in given["fields"].items() if field.lower() in leading and value})
    if found is None or not re.fullmatch("[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", found):
        return None
    kind = _BY_PREFIX.get(found[:3])
    return None if kind is None else (kind, found)


def _told(kind: str, fields: Mapping[str, Any]) -> Facts:
    """Facts from the fields that are there, whose names do not depend on case."""
    shown = {name.lower(): value for name, value in fields.items()}
    found: Facts = {}
    for fact, (name, read) in _FIELDS[kind].items():
        if name.lower() not in shown:
            continue
        value = shown[name.lower()]
        if value is None or (told := read(value)) is not None:
            found[f"{kind}.{fact}"] = None if value is None else told
    if kind == "deal" and isinstance(shown.get("isclosed"), bool) and isinstance(shown.get("iswon"), bool):
        found["deal.status"] = ("won" if shown["iswon"] else "lost") if shown["isclosed"] else "open"
    return found


def _updates(kind: str | None, action: Proposed) -> tuple[Facts, ...]:
    """As HubSpot's: owners have an operation of their own, and what fills empty fields alone is an enrichment too."""
    changed = {name.lower(): value for name, value in action.arguments["fields"].items()}
    if kind is None:
        if OWNER in changed:
            return ()  # nothing names the giving away of such a record
        named: Facts = {"action.operation": "record.update", "action.object": action.arguments["object"]}
        return (named | {"action.fields": sorted(action.arguments["fields"])},)
    if changed.keys() == {OWNER}:
        return ({"action.operation": f"{kind}.assign", "action.owner": changed[OWNER]},)
    if OWNER in changed or action.prior is None:
        return ()
    names = {name.lower(): fact for fact, (name, _) in _FIELDS[kind].items()} | _WRITTEN[kind]
    fields: Facts = {"action.fields": sorted({names.get(name, name) for name in changed})}
    update = {"action.operation": f"{kind}.update"} | fields
    before = action.prior.values()
    fills = all(value is None or value == "" for value in before) and all(
        value is not None and value != "" for value in changed.values()
    )
    return ({"action.operation": f"{kind}.enrich"} | fields, update) if fills and kind != "deal" else (update,)
