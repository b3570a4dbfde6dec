"""What the Google connectors share: signing in, and where scopes have their names from."""

from __future__ import annotations

from activities.connectors.manifest import Auth, OAuth2

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
