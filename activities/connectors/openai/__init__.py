"""OpenAI's chat completions, and any server that speaks the same language: the base URL is the connection's."""

from __future__ import annotations

from activities.connectors.manifest import Auth, Check, RateLimit
from activities.connectors.model_api import LIST, SCOPES, ModelConnector
from activities.connectors.openai.reads import ChatComplete, ListOpenAIModels

__all__ = ["OPENAI"]

OPENAI = ModelConnector(
    "openai",
    "OpenAI-compatible model",
    (ListOpenAIModels(), ChatComplete()),
    auth=Auth(
        scheme="bearer",
        label="API key",
        where="OpenAI: Settings, API keys. A server of your own: the key it was started with; any text if it has none.",
    ),
    scopes=SCOPES,
    # Coco's own; OpenAI's differ by account, model and tokens.
    rate_limit=RateLimit(
        requests=60,
        seconds=60,
        source="none published as one number; https://platform.openai.com/docs/guides/rate-limits",
    ),
    check=Check(operation=LIST),
    base_url="https://api.openai.com/v1",
)
