"""What each Outreach action costs, in credits, and what can be done about it afterwards. One table, data only."""

from __future__ import annotations

from coco.actions import Reversibility

CREDITS: dict[str, int] = {
    "prospects.enrol": 5,
    "sequence_states.finish": 1,
}

REVERSIBILITY: dict[str, Reversibility] = {
    "prospects.enrol": Reversibility.COMPENSABLE,  # finish it; what was sent stays sent
    "sequence_states.finish": Reversibility.IRREVERSIBLE,  # which mailbox had sent need not be told
}
