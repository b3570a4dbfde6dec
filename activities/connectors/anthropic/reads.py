"""The two requests of the messages API (https://docs.anthropic.com/en/api/messages)."""

from __future__ import annotations

from typing import Any

from activities.connectors.model_api import COMPLETE, LIST, Complete, CompleteArguments, ListModels, read_route, turns

_VERSION = ("anthropic-version", "2023-06-01")


class ListAnthropicModels(ListModels):
    route = read_route("GET", "/v1/models", LIST)
    headers = (_VERSION,)


class MessagesComplete(Complete):
    """One message, whole, at temperature 0."""

    provider = "anthropic"
    route = read_route("POST", "/v1/messages", COMPLETE)
    headers = (_VERSION, *Complete.headers)

    def body(self, arguments: CompleteArguments) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": arguments.model,
            "max_tokens": arguments.max_tokens,
            "messages": [{"role": message.role, "content": message.text} for message in arguments.messages],
        }
        if arguments.system:
            body["system"] = arguments.system
        if arguments.sampling:
            body["temperature"] = 0
        return body

    def arguments_of(self, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": body["model"],
            "system": body.get("system", ""),
            "messages": turns(body["messages"]),
            "max_tokens": body["max_tokens"],
            "sampling": "temperature" in body,
        }
