"""Facts of webhooks: the host that the owner connected."""

from __future__ import annotations

from urllib.parse import urlsplit

from activities.connectors.action_facts import ActionFacts, Facts, Proposed


class WebhookFacts(ActionFacts):
    """Where it goes is the connection's, and not among the arguments."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        try:
            host = urlsplit(action.base_url).hostname
        except ValueError:
            host = None
        named: Facts = {"action.operation": "webhook.send"}
        return (named | ({"action.host": host} if host else {}),)
