"""The two requests of the chat completions API (https://platform.openai.com/docs/api-reference)."""

from __future__ import annotations

from typing import Any

from activities.connectors.model_api import COMPLETE, LIST, Complete, CompleteArguments, ListModels, read_route, turns


class ListOpenAIModels(ListModels):
    route = read_route("GET", "/models", LIST)


class ChatComplete(Complete):
    """One choice, whole, at temperature 0."""

    provider = "openai"
    route = read_route("POST", "/chat/completions", COMPLETE)

    def body(self, arguments: CompleteArguments) -> dict[str, Any]:
        system = [{"role": "system", "content": arguments.system}] if arguments.system else []
        said = [{"role": message.role, "content": message.text} for message in arguments.messages]
        body: dict[str, Any] = {"model": arguments.model, "messages": [*system, *said], "stream": False}
        # The older name is the one that servers of one's own know; reasoning models take the newer one alone.
        if arguments.sampling:
            return body | {"max_tokens": arguments.max_tokens, "temperature": 0}
        return body | {"max_completion_tokens": arguments.max_tokens}

    def arguments_of(self, body: dict[str, Any]) -> dict[str, Any]:
        messages, sampling = body["messages"], "temperature" in body
        system = messages[0]["role"] == "system"
        return {
            "model": body["model"],
            "system": messages[0]["content"] if system else "",
            "messages": turns(messages[1:] if system else messages),
            "max_tokens": body["max_tokens" if sampling else "max_completion_tokens"],
            "sampling": sampling,
        }
