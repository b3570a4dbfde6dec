"""What a ZoomInfo sign-in is used for, in plain words. ZoomInfo's own tokens know no scopes."""

from __future__ import annotations

from activities.connectors.manifest import Scope

READ = "search"
ENRICH = "enrich"

SCOPES = (
    Scope(name=READ, allows="Search contacts and companies", access="read", preselected=True),
    Scope(name=ENRICH, allows="Spend your ZoomInfo credits on looking up contacts and companies", access="write"),
)
