"""Playbooks: pure planners. Given a reader, each returns a plan; none of them can act."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from activities.playbooks.base import PlanContext, Playbook, Reader, ReadResult
from activities.playbooks.enrich import EnrichTaggedContacts
from activities.playbooks.follow_up import FollowUpSilentDeals
from coco.errors import InvalidInput

__all__ = ["PLAYBOOKS", "PlanContext", "Playbook", "ReadResult", "Reader", "playbook"]

PLAYBOOKS: Mapping[str, Playbook] = MappingProxyType(
    {entry.name: entry for entry in (FollowUpSilentDeals(), EnrichTaggedContacts())}
)


def playbook(name: str) -> Playbook:
    """The playbook of that name. Raises InvalidInput that lists what there is."""
    found = PLAYBOOKS.get(name)
    if found is None:
        raise InvalidInput(f"There is no playbook {name!r}; there are: {', '.join(sorted(PLAYBOOKS))}.")
    return found
