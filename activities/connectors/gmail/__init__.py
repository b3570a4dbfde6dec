"""Gmail v1: mail is read freely; saving and deleting drafts in the mailbox, and sending, are gated."""

from __future__ import annotations

from activities.connectors.gmail.drafts import CreateDraft, DeleteDraft
from activities.connectors.gmail.facts import GmailFacts
from activities.connectors.gmail.reads import GetDraft, GetMessage, GetThread, ListDrafts, SearchMessages
from activities.connectors.gmail.scopes import SCOPES
from activities.connectors.gmail.send import SendEmail
from activities.connectors.google import AUTH, OAUTH, GoogleConnector
from activities.connectors.manifest import Check, RateLimit

__all__ = ["GMAIL"]

GMAIL = GoogleConnector(
    "gmail",
    "Gmail",
    (
        SearchMessages(),
        GetMessage(),
        GetThread(),
        ListDrafts(),
        GetDraft(),
        CreateDraft(),
        DeleteDraft(),
        SendEmail(),
    ),
    auth=AUTH,
    oauth=OAUTH,
    scopes=SCOPES,
    # 6,000 units a minute for each user; the dearest call, sending, takes 100. Google does not say that mail answered
    # with 429 was not sent.
    rate_limit=RateLimit(
        requests=60, seconds=60, source="https://developers.google.com/workspace/gmail/api/reference/quota"
    ),
    check=Check(operation="messages.search", arguments={"limit": 1}),
    base_url="https://gmail.googleapis.com",
    record_url="https://mail.google.com",
    facts=GmailFacts(),
)
