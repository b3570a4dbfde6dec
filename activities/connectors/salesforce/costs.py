"""What each Salesforce action costs, in credits, and what can be done about it afterwards. One table, data only."""

from __future__ import annotations

from coco.actions import Reversibility

CREDITS: dict[str, int] = {
    "records.create": 2,
    "records.update": 1,
    "records.delete": 2,
    "opportunities.move_stage": 1,
}

REVERSIBILITY: dict[str, Reversibility] = {
    "records.create": Reversibility.COMPENSABLE,  # delete it again; what it set off in the org stays
    "records.update": Reversibility.REVERSIBLE,
    "records.delete": Reversibility.IRREVERSIBLE,  # by hand: the recycle bin keeps it for 15 days
    "opportunities.move_stage": Reversibility.REVERSIBLE,
}
