"""What each HubSpot action costs, in credits, and what can be done about it afterwards. One table, data only."""

from __future__ import annotations

from coco.actions import Reversibility

CREDITS: dict[str, int] = {
    "contacts.create": 2,
    "contacts.update": 1,
    "contacts.archive": 2,
    "deals.create": 2,
    "deals.update": 1,
    "deals.move_stage": 1,
    "deals.archive": 2,
    "companies.create": 2,
    "companies.update": 1,
    "companies.archive": 2,
    "notes.create": 1,
    "notes.archive": 1,
    "tasks.create": 1,
    "tasks.archive": 1,
    "lists.add": 1,
    "lists.remove": 1,
}

REVERSIBILITY: dict[str, Reversibility] = {
    "contacts.create": Reversibility.REVERSIBLE,  # archive it again
    "contacts.update": Reversibility.REVERSIBLE,
    "contacts.archive": Reversibility.COMPENSABLE,  # made anew; its history is in HubSpot's recycling bin for 90 days
    "deals.create": Reversibility.REVERSIBLE,
    "deals.update": Reversibility.REVERSIBLE,
    "deals.move_stage": Reversibility.REVERSIBLE,
    "deals.archive": Reversibility.COMPENSABLE,
    "companies.create": Reversibility.REVERSIBLE,
    "companies.update": Reversibility.REVERSIBLE,
    "companies.archive": Reversibility.COMPENSABLE,
    "notes.create": Reversibility.REVERSIBLE,
    "notes.archive": Reversibility.IRREVERSIBLE,  # what it hung on is not known any more
    "tasks.create": Reversibility.REVERSIBLE,
    "tasks.archive": Reversibility.IRREVERSIBLE,
    "lists.add": Reversibility.REVERSIBLE,
    "lists.remove": Reversibility.REVERSIBLE,
}
