"""ZoomInfo: searches are free, look-ups cost its credits and are gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.manifest import Auth, Check, RateLimit
from activities.connectors.zoominfo.enriching import EnrichCompanies, EnrichContacts
from activities.connectors.zoominfo.facts import ZoomInfoFacts
from activities.connectors.zoominfo.reads import LookupCompanies, LookupContacts
from activities.connectors.zoominfo.scopes import SCOPES

__all__ = ["ZOOMINFO"]

ZOOMINFO = Connector(
    "zoominfo",
    "ZoomInfo",
    (LookupContacts(), LookupCompanies(), EnrichContacts(), EnrichCompanies()),
    auth=Auth(
        scheme="bearer",
        label="Access token (JWT)",
        where="ZoomInfo: what its authenticate call gives for a user name and password or a private key. It "
        "lasts an hour, and cannot be renewed without those, which Coco does not keep: then runs wait for a new one.",
    ),
    scopes=SCOPES,
    # That of the smallest package. Beyond it a request is rejected, and counts for nothing.
    rate_limit=RateLimit(
        requests=5, seconds=1, not_carried_out=True, source="https://docs.zoominfo.com/docs/rate-limits"
    ),
    check=Check(operation="companies.lookup", arguments={"website": "zoominfo.com", "limit": 1}),
    base_url="https://api.zoominfo.com",
    record_url="https://app.zoominfo.com",
    facts=ZoomInfoFacts(),
)
