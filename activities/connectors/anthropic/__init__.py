"""Anthropic's messages."""

from __future__ import annotations

from activities.connectors.anthropic.reads import ListAnthropicModels, MessagesComplete
from activities.connectors.manifest import Auth, Check, RateLimit
from activities.connectors.model_api import LIST, SCOPES, ModelConnector

__all__ = ["ANTHROPIC"]

ANTHROPIC = ModelConnector(
    "anthropic",
    "Anthropic model",
    (ListAnthropicModels(), MessagesComplete()),
    auth=Auth(scheme="header", header="x-api-key", label="API key", where="Claude Console: Settings, API keys."),
    scopes=SCOPES,
    # Of the first tier.
    rate_limit=RateLimit(requests=50, seconds=60, source="https://docs.anthropic.com/en/api/rate-limits"),
    check=Check(operation=LIST),
    base_url="https://api.anthropic.com",
)
