"""Facts of Gmail's actions."""

from __future__ import annotations

from activities.connectors.action_facts import Facts, Proposed
from activities.connectors.smtp.facts import MailFacts


class GmailFacts(MailFacts):
    """A draft has its recipients as a message has. Of one that is deleted they are no facts: Gmail does not show who
    would get it as a blind copy, so the list would not be whole."""

    names = {"email.send": "email.send", "drafts.create": "email.draft"}

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        if action.operation == "drafts.delete":
            return ({"action.operation": "draft.delete"},)
        return super().proposed(action)
