"""HubSpot's actions in the words of guardrails: which record each is about, and what it changes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from activities.connectors.action_facts import ActionFacts, Facts, Proposed
from activities.connectors.http import as_object, object_of, text_in
from activities.connectors.hubspot.facts import FIELD_OF, KINDS, OWNER, TAGS, facts, facts_request, listed_in
from activities.connectors.hubspot.lists import list_request
from activities.connectors.hubspot.objects import stage_label
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

_ON_LISTS = {"lists.add": "contact.add_to_list", "lists.remove": "contact.remove_from_list"}
_LINKS = {"contact_ids": "contact", "company_ids": "company", "deal_ids": "deal", "company_id": "company"}


class HubSpotFacts(ActionFacts):
    """Records are read by their ids; a list's name too."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        given = action.arguments
        if action.operation in _ON_LISTS:
            return ({"action.operation": _ON_LISTS[action.operation]},) if given["object"] == "contacts" else ()
        if action.operation == "notes.create":
            return ({"action.operation": "note.create"},)
        if action.operation == "tasks.create":
            return ({"action.operation": "task.create", "action.due_at": given["at"]},)
        plural, _, verb = action.operation.partition(".")
        if plural not in KINDS:
            return ()
        if verb in {"archive", "create"}:
            return ({"action.operation": f"{KINDS[plural].singular}.{verb}"},)
        if verb == "move_stage":
            return ({"action.operation": "deal.move_stage", "action.stage": stage_label(given["stage"])},)
        if verb != "update" or action.prior is None:
            return ()
        return _changes(KINDS[plural].singular, given["properties"], action.prior)

    def wanted(self, action: Proposed, needed: Collection[str]) -> tuple[PreparedRequest, ...]:
        found = []
        about = subject(action.operation, action.arguments)
        if about is not None and about[0] in needed:
            found.append(facts_request(*about))
        if action.operation in _ON_LISTS and "action.list" in needed:
            found.append(_list_request(action))
        return tuple(found)

    def about(self, action: Proposed, answers: Mapping[PreparedRequest, ProviderResponse]) -> Facts:
        found: Facts = {}
        about = subject(action.operation, action.arguments)
        if about is not None and (answer := answers.get(facts_request(*about))) is not None:
            found |= facts(*about, answer)
        if action.operation in _ON_LISTS and (answer := answers.get(_list_request(action))) is not None:
            found["action.list"] = _list_name(action, answer)
        return found


def subject(operation: str, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """(kind, id) of the one record that an operation changes, or that something new is made for.

    None where there is none, and where a note, a task or a new record hangs on several: a rule that one of them fits
    says nothing of the others.
    """
    plural, _, verb = operation.partition(".")
    if operation in _ON_LISTS:
        return KINDS[arguments["object"]].singular, arguments["id"]
    if verb != "create":
        return (KINDS[plural].singular, arguments["id"]) if plural in KINDS else None
    linked: list[tuple[str, str]] = []
    for name, kind in _LINKS.items():
        value = arguments.get(name) or ()
        linked += [(kind, record_id) for record_id in ([value] if isinstance(value, str) else value)]
    return linked[0] if len(linked) == 1 else None


def _list_request(action: Proposed) -> PreparedRequest:
    return list_request(action.arguments["list_id"])


def _list_name(action: Proposed, answer: ProviderResponse) -> str:
    """The list's name. Raises InvalidInput for another list's answer."""
    told = as_object(object_of(answer, "a list").get("list"), "a list")
    if text_in(told, "listId", "list") != action.arguments["list_id"]:
        raise InvalidInput("the value read is of another list")
    return text_in(told, "name", "list")


def _changes(kind: str, changed: Mapping[str, str], prior: Mapping[str, Any]) -> tuple[Facts, ...]:
    """A change of fields that were all empty is both an enrichment and an update. Tags and owners have operations of
    their own, so a rule about updates never reaches them; a change that mixes them has no name, and no rule covers it.
    """
    if changed.keys() == {TAGS}:
        return _tagging(kind, prior.get(TAGS), changed[TAGS])
    if changed.keys() == {OWNER}:
        return ({"action.operation": f"{kind}.assign", "action.owner": changed[OWNER]},)
    if changed.keys() & {TAGS, OWNER}:
        return ()
    fields = {"action.fields": sorted({FIELD_OF[kind].get(name, name) for name in changed})}
    update = {"action.operation": f"{kind}.update"} | fields
    if kind != "deal" and all(not prior.get(name) for name in changed) and all(changed.values()):
        return ({"action.operation": f"{kind}.enrich"} | fields, update)
    return (update,)


def _tagging(kind: str, before: str | None, after: str) -> tuple[Facts, ...]:
    had, has = set(listed_in(before or "")), set(listed_in(after))
    added, removed = has - had, had - has
    if len(added) == 1 and not removed:
        return ({"action.operation": f"{kind}.add_tag", "action.tag": added.pop()},)
    if len(removed) == 1 and not added:
        return ({"action.operation": f"{kind}.remove_tag", "action.tag": removed.pop()},)
    return ()
