"""ZoomInfo: searches are free, look-ups cost its credits and are gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.manifest import Auth, Check, Exchange, RateLimit
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
        label="Password or access token",
        where="With the user name of an API user of ZoomInfo, its password, by which Coco gets a new token each hour. "
        "Without a user name, a token (JWT) of your own: it lasts an hour at most, and then runs wait for another.",
        exchange=Exchange(
            path="/authenticate", seconds=3600, source="https://api-docs.zoominfo.com/#authentication-and-security"
        ),
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
