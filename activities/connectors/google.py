"""What the Google connectors share: signing in, scopes' names, and how Google says that it was asked too often."""

from __future__ import annotations

from activities.connectors.base import Connector
from activities.connectors.http import readable_json
from activities.connectors.manifest import Auth, OAuth2
from coco.requests import ProviderResponse

SCOPE = "https://www.googleapis.com/auth/"

AUTH = Auth(
    scheme="bearer",
    label="Access token",
    where="Use “Connect with Google”. A token made by hand works for an hour.",
)

# https://developers.google.com/identity/protocols/oauth2/web-server: a refresh token comes only with offline access,
# and again only with the consent page.
OAUTH = OAuth2(
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",  # noqa: S106  (an address)
    revoke_url="https://oauth2.googleapis.com/revoke",
    extra={"access_type": "offline", "prompt": "consent"},
)

TOO_OFTEN = frozenset(
    {"RATE_LIMIT_EXCEEDED", "dailyLimitExceeded", "quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"}
)
"""Reasons for which Google answers 403: https://developers.google.com/workspace/calendar/api/guides/errors and, in
capitals, those of google.rpc.ErrorInfo: https://docs.cloud.google.com/apis/design/errors"""


class GoogleConnector(Connector):
    """Which answers a limit with 429, or with 403 and a reason."""

    def limited(self, response: ProviderResponse) -> bool:
        return super().limited(response) or (response.status == 403 and bool(reasons(response) & TOO_OFTEN))


def reasons(response: ProviderResponse) -> frozenset[str]:
    """The reasons that an error's answer gives; none where it cannot be read."""
    value = readable_json(response)
    error = value.get("error") if isinstance(value, dict) else None
    lists = [error.get("errors"), error.get("details")] if isinstance(error, dict) else []
    items = [item for found in lists if isinstance(found, list) for item in found]
    given = [item.get("reason") for item in items if isinstance(item, dict)]
    return frozenset(reason for reason in given if isinstance(reason, str))
