"""Gmail's scopes in plain words. The narrowest that the operations work with."""

from __future__ import annotations

from activities.connectors.google import SCOPE
from activities.connectors.manifest import Scope

READ = f"{SCOPE}gmail.readonly"
COMPOSE = f"{SCOPE}gmail.compose"
SEND = f"{SCOPE}gmail.send"

SCOPES = (
    Scope(name=READ, allows="Read your mail and your drafts", access="read", preselected=True),
    Scope(name=COMPOSE, allows="Save and delete drafts, and send mail", access="write"),
    Scope(name=SEND, allows="Send mail as you", access="write"),
)
