"""The records behind a mail, a meeting or a look-up: the contact whose address it names, and the deal that this contact
is in. Pure.

A mail names no record, so nothing that a plan says about one is looked at: the address in the mail leads to the contact
that has it, and the contact to its deals, each by the gateway's attested answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from activities.attested import NOT_READ, About, Answers, Attested, Wanted
from activities.connectors.hubspot import facts as hubspot
from activities.connectors.hubspot.recipients import Recipient, contact_at, contact_request
from activities.connectors.hubspot.wire import existing_record
from activities.connectors.registry import connector
from coco.errors import CocoError

MAX_DEALS = 5
"""Of one contact. Where there are more, none is taken for the one that the mail is about."""


def only_address(people: Sequence[str]) -> str | None:
    """The one address that an action goes to, in lower case; None where it goes to several, or to none."""
    return people[0].lower() if len(people) == 1 else None


def wanted(address: str, crm: str, kinds: Collection[str], answers: Answers) -> tuple[Wanted, ...]:
    """The contact's read, and once it is answered and a rule speaks of deals, its deals'."""
    if not {"contact", "deal"} & set(kinds):
        return ()
    first = Wanted(crm, contact_request(address))
    if "deal" not in kinds or first not in answers:
        return (first,)
    try:
        found = contact_at(address, answers[first])
    except CocoError:
        return (first,)
    return (first, *_deal_reads(found, crm))


def _deal_reads(found: Recipient | None, crm: str) -> tuple[Wanted, ...]:
    if found is None or len(found.deals) > MAX_DEALS:
        return ()
    return tuple(Wanted(crm, hubspot.facts_request("deal", deal_id)) for deal_id in found.deals)


def about(people: Sequence[str], crm: str | None, kinds: Collection[str], answers: Answers) -> About:
    """The facts of the contact and of its one deal. What is not certain is left out."""
    address = only_address(people)
    if address is None:
        return About({}, "it goes to more than one address, so no one record stands behind it")
    if crm is None:
        return About({}, "its workflow has no single CRM in which the recipient could be looked up")
    answer = answers.get(Wanted(crm, contact_request(address)))
    if answer is None:
        return About({}, NOT_READ)
    try:
        found = contact_at(address, answer)
        if found is None:
            return About({}, f"no contact has the address {address}")
        if "deal" not in kinds:
            return About(found.facts)
        deal, missing = _deal(found, crm, answers)
    except CocoError as error:
        return About({}, f"the recipient's read cannot be used: {error}")
    return About(found.facts | deal, missing)


def _deal(found: Recipient, crm: str, answers: Answers) -> tuple[dict[str, Any], str]:
    """(facts of the one deal, why there are none): the only open one, or the only one at all."""
    if not found.deals:
        return {}, "the recipient is in no deal"
    if len(found.deals) > MAX_DEALS:
        return {}, f"the recipient is in more than {MAX_DEALS} deals"
    records: list[dict[str, Any]] = []
    for deal_id, read in zip(found.deals, _deal_reads(found, crm), strict=True):
        answer = answers.get(read)
        if answer is None:
            return {}, "a deal of the recipient was not read, or too long ago"
        record = existing_record(answer, deal_id)
        if record is not None:
            records.append(record)
    # Where a deal does not say whether it is closed, it may be the one.
    chosen = [one for one in records if one["properties"].get("hs_is_closed") != "true"]
    if not chosen and len(records) == 1:
        chosen = records
    if len(chosen) != 1:
        return {}, "no one deal of the recipient is the only open one"
    return hubspot.facts_of_record("deal", chosen[0]), ""


def recorded(people: Sequence[str], reads: Iterable[Attested]) -> dict[str, Any]:
    """What a run had read of a mail's recipient, from every kind of read: for looking back only (a backtest)."""
    address = only_address(people)
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    linked_to: dict[str, list[str]] = {}
    for read in sorted(reads, key=lambda one: one.at):
        kind = _kind_read(read)
        if kind is None:
            continue
        for record in hubspot.records_in(read.response):
            known = seen.setdefault((kind, record["id"]), {})
            known |= record["properties"]
            if "contacts" in record["associations"]:
                linked_to[record["id"]] = record["associations"]["contacts"]
    contacts = [
        record_id
        for (kind, record_id), properties in seen.items()
        if kind == "contact" and address is not None and (properties.get("email") or "").lower() == address
    ]
    if len(contacts) != 1:
        return {}
    [contact] = contacts
    found = hubspot.facts_of_record("contact", {"id": contact, "properties": seen["contact", contact]})
    deals = [deal_id for deal_id, linked in linked_to.items() if contact in linked and ("deal", deal_id) in seen]
    if len(deals) == 1:
        found |= hubspot.facts_of_record("deal", {"id": deals[0], "properties": seen["deal", deals[0]]})
    return found


def _kind_read(read: Attested) -> str | None:
    """The kind of record that a successful read shows; None for any other read."""
    if not 200 <= read.response.status < 300:
        return None
    try:
        route = connector("hubspot").classify(read.request)
    except CocoError:
        return None
    plural = route.operation.partition(".")[0]
    return {"contacts": "contact", "deals": "deal"}.get(plural) if route.access == "read" else None
