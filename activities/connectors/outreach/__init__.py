"""Outreach: prospects, sequences and mailboxes are read freely; putting somebody into a sequence is gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.manifest import Auth, Check, RateLimit
from activities.connectors.outreach.enrolling import EnrolProspect, FinishState
from activities.connectors.outreach.facts import OutreachFacts
from activities.connectors.outreach.reads import (
    GetProspect,
    GetState,
    ListMailboxes,
    ListProspects,
    ListSequences,
    ListStates,
)
from activities.connectors.outreach.scopes import OAUTH, SCOPES
from activities.connectors.outreach.wire import RECORD_URL

__all__ = ["OUTREACH"]

OUTREACH = Connector(
    "outreach",
    "Outreach",
    (
        ListProspects(),
        GetProspect(),
        ListSequences(),
        ListMailboxes(),
        ListStates(),
        GetState(),
        EnrolProspect(),
        FinishState(),
    ),
    auth=Auth(
        scheme="bearer",
        label="Access token",
        where="Sign in with Outreach, or give an access token of your own Outreach app; it lasts two hours.",
    ),
    oauth=OAUTH,
    scopes=SCOPES,
    # Beyond it a request is answered with an error and when to try it again.
    rate_limit=RateLimit(
        requests=10_000,
        seconds=3600,
        not_carried_out=True,
        source="https://developers.outreach.io/api/getting-started#rate-limiting",
    ),
    check=Check(operation="prospects.list", arguments={"limit": 1}),
    base_url="https://api.outreach.io/api/v2",
    record_url=RECORD_URL,
    facts=OutreachFacts(),
)
