"""E-mail over SMTP: drafts are free and stay inside, sending is gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.manifest import PASSWORD, Scope
from activities.connectors.smtp.facts import MailFacts
from activities.connectors.smtp.send import SendEmail

__all__ = ["SMTP"]

SMTP = Connector(
    "smtp",
    "E-mail (SMTP)",
    (SendEmail(),),
    protocol="smtp",
    auth=PASSWORD,
    scopes=(Scope(name="send", allows="Send mail from your address", access="write"),),
    facts=MailFacts(),
)
