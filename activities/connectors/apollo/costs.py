"""What each Apollo action costs, in Coco's credits, and what can be done about it afterwards. One table, data only.

Apollo's own credits come on top: one per person or page found (https://docs.apollo.io/docs/api-pricing).
"""

from __future__ import annotations

from coco.actions import Reversibility

CREDITS: dict[str, int] = {
    "people.enrich": 5,
    "people.bulk_enrich": 5,  # per person
    "organizations.search": 5,
    "contacts.add_to_list": 1,
    "contacts.add_to_sequence": 5,
    "contacts.stop_sequence": 1,
}

REVERSIBILITY: dict[str, Reversibility] = {
    "people.enrich": Reversibility.IRREVERSIBLE,  # Apollo's credits are spent
    "people.bulk_enrich": Reversibility.IRREVERSIBLE,
    "organizations.search": Reversibility.IRREVERSIBLE,
    "contacts.add_to_list": Reversibility.IRREVERSIBLE,  # there is no operation that takes a contact off lists
    "contacts.add_to_sequence": Reversibility.COMPENSABLE,  # stop it; what was sent stays sent
    "contacts.stop_sequence": Reversibility.IRREVERSIBLE,  # which mailbox had sent is not told
}
