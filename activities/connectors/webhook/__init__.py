"""A webhook of anybody's: signed messages to one address, each of them gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.manifest import Auth, RateLimit, Scope
from activities.connectors.webhook.facts import WebhookFacts
from activities.connectors.webhook.send import SendWebhook

__all__ = ["WEBHOOK"]

WEBHOOK = Connector(
    "webhook",
    "Webhook",
    (SendWebhook(),),
    auth=Auth(
        scheme="signature",
        header="coco-signature",
        label="Signing secret",
        where="Agreed with the receiver; for another Coco's webhook it is the secret shown when that is made.",
    ),
    scopes=(Scope(name="send", allows="Send signed messages to this address", access="write"),),
    # As many as Coco's own webhooks take in an hour, with room for a burst.
    rate_limit=RateLimit(requests=60, seconds=60, source="none published: the receiver is anybody's"),
    facts=WebhookFacts(),
)
