"""Salesforce over its REST API: queries and records are read freely, every change of a record is gated."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.manifest import Auth, Check, RateLimit
from activities.connectors.salesforce.changes import CreateRecord, DeleteRecord, MoveStage, UpdateRecord
from activities.connectors.salesforce.facts import SalesforceFacts
from activities.connectors.salesforce.reads import DescribeObject, GetRecord, Query
from activities.connectors.salesforce.scopes import OAUTH, SCOPES
from activities.connectors.salesforce.wire import RECORD_URL, error_codes
from coco.requests import ProviderResponse

__all__ = ["SALESFORCE"]


class _Salesforce(Connector):
    """Which answers a limit with 403 and a code of its own."""

    def limited(self, response: ProviderResponse) -> bool:
        return super().limited(response) or (
            response.status == 403 and "REQUEST_LIMIT_EXCEEDED" in error_codes(response)
        )


SALESFORCE = _Salesforce(
    "salesforce",
    "Salesforce",
    (Query(), GetRecord(), DescribeObject(), CreateRecord(), UpdateRecord(), DeleteRecord(), MoveStage()),
    auth=Auth(
        scheme="bearer",
        label="Access token",
        where="Sign in with Salesforce, or give the access token of a connected app and your org's own address.",
    ),
    oauth=OAUTH,
    scopes=SCOPES,
    # That of the smallest edition (Developer), per org and day; beyond it a request is refused.
    rate_limit=RateLimit(
        requests=15_000,
        seconds=86_400,
        not_carried_out=True,
        source="https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/"
        "salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm",
    ),
    check=Check(operation="records.query", arguments={"object": "User", "fields": ["Id"], "limit": 1}),
    record_url=RECORD_URL,
    facts=SalesforceFacts(),
)
