"""What the operator of a deployment keeps in the gateway's environment: teams' credentials, and OAuth clients.

Names are made of the team's and the connector's, in capitals, with `_` for `-`:

    COCO_TEAM_<TEAM>_MEMBERS                    ids of the accounts that may use it, comma-separated
    COCO_TEAM_<TEAM>_<CONNECTOR>_SECRET         or _SECRET_FILE; with _USERNAME for a password
    COCO_TEAM_<TEAM>_<CONNECTOR>_BASE_URL       where it leads, if not to the provider's own address
    COCO_OAUTH_<CONNECTOR>_CLIENT_ID            the API and the gateway need it
    COCO_OAUTH_<CONNECTOR>_CLIENT_SECRET        or _CLIENT_SECRET_FILE; the gateway alone
    COCO_OAUTH_<CONNECTOR>_AUTHORIZE_URL        and _TOKEN_URL, where the provider's differ (a region, a test account)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

_TEAM = re.compile(r"[a-z0-9]{1,40}")
"""Without `_`, so that a team's name ends where the connector's begins."""
SECRETS = re.compile(r"COCO_(TEAM_.*|OAUTH_.*_CLIENT_SECRET(_FILE)?)")
"""Variables that the gateway alone is given."""


@dataclass(frozen=True)
class TeamCredential:
    """A team's credential for one connector, and where alone it may be sent."""

    secret: str = field(repr=False)
    username: str
    base_url: str
    """Empty: the provider's own."""


@dataclass(frozen=True)
class OAuthClient:
    """The deployment's registration with a provider."""

    client_id: str
    client_secret: str = field(repr=False)
    """Empty for a public client, and everywhere but in the gateway."""
    authorize_url: str
    token_url: str


def is_team(name: str) -> bool:
    return _TEAM.fullmatch(name) is not None


def team_credential(environment: Mapping[str, str], team: str, connector: str, account: UUID) -> TeamCredential | None:
    """None unless the operator configured it and named this account among the team's: the same for every reason.

    Accounts are named by their ids. Nobody proves at sign-up that an address is theirs, so an address names nobody.
    """
    if not is_team(team):
        return None
    prefix = f"COCO_TEAM_{team.upper()}"
    members = {item.strip().lower() for item in environment.get(f"{prefix}_MEMBERS", "").split(",")}
    own = f"{prefix}_{_upper(connector)}"
    secret = _secret(environment, f"{own}_SECRET")
    if str(account) not in members or not secret:
        return None
    return TeamCredential(secret, environment.get(f"{own}_USERNAME", ""), environment.get(f"{own}_BASE_URL", ""))


def oauth_client(
    environment: Mapping[str, str], connector: str, authorize_url: str, token_url: str
) -> OAuthClient | None:
    """None where the operator registered none; the addresses given are the manifest's."""
    own = f"COCO_OAUTH_{_upper(connector)}"
    client_id = environment.get(f"{own}_CLIENT_ID", "")
    if not client_id:
        return None
    return OAuthClient(
        client_id,
        _secret(environment, f"{own}_CLIENT_SECRET"),
        environment.get(f"{own}_AUTHORIZE_URL") or authorize_url,
        environment.get(f"{own}_TOKEN_URL") or token_url,
    )


def _upper(connector: str) -> str:
    return connector.upper().replace("-", "_")


def _secret(environment: Mapping[str, str], name: str) -> str:
    """The variable's value, or the content of the file that `<name>_FILE` names, less the line end that editors add: a
    space at an end may be part of a password. Raises OSError."""
    path = environment.get(f"{name}_FILE", "")
    return Path(path).read_text().rstrip("\r\n") if path else environment.get(name, "")
