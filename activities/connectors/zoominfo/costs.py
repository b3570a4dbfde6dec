"""What each ZoomInfo action costs, in Coco's credits per record, and what can be done about it afterwards.

ZoomInfo's own credits come on top: one per record that was not looked up in the twelve months before.
"""

from __future__ import annotations

from coco.actions import Reversibility

CREDITS: dict[str, int] = {
    "contacts.enrich": 5,
    "companies.enrich": 5,
}

REVERSIBILITY: dict[str, Reversibility] = {
    "contacts.enrich": Reversibility.IRREVERSIBLE,  # ZoomInfo's credits are spent
    "companies.enrich": Reversibility.IRREVERSIBLE,
}
