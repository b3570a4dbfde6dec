"""Facts of mail, over SMTP and over a mailbox's own API: whom a message goes to."""

from __future__ import annotations

from activities.connectors.action_facts import ActionFacts, Facts, Proposed


class MailFacts(ActionFacts):
    """A message's recipients are in its arguments; nothing else of it is a fact."""

    names = {"email.send": "email.send"}
    """Operations whose arguments are a message, and how rules call them."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        name = self.names.get(action.operation)
        return () if name is None else ({"action.operation": name, "action.recipients": list(self.people(action))},)

    def people(self, action: Proposed) -> tuple[str, ...]:
        if action.operation not in self.names:
            return ()
        return (*action.arguments["to"], *action.arguments["cc"])
