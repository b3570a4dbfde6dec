"""Language-model calls: what was asked and answered, read from the requests and answers that the gateway kept.

Two wire formats are known: chat completions (OpenAI and the servers that speak its language) and messages (Anthropic).
Everything here is pure; a model's text is data that a stranger wrote.

Sources: https://platform.openai.com/docs/api-reference/chat, https://docs.anthropic.com/en/api/messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from coco.canonical import parse_json
from coco.errors import InvalidInput
from coco.requests import Frozen, PreparedRequest, ProviderResponse

COMPLETION_PATHS: Mapping[str, str] = MappingProxyType({"anthropic": "/v1/messages", "openai": "/chat/completions"})
"""The path of the one request that has a model write, by connector: the connectors that reach models."""
MAX_KEPT_TEXT = 10_000
"""Characters of what was sent, and of what was returned, that a view or an audit entry shows."""

MIN_KNOWN = 20
"""Characters of the shortest text by which an answer is known again."""

Stop = Literal["end", "cut short", "declined", "other"]
_STOPS: Mapping[str, Stop] = {
    "stop": "end",
    "end_turn": "end",
    "stop_sequence": "end",
    "length": "cut short",
    "max_tokens": "cut short",
    "content_filter": "declined",
    "refusal": "declined",
}


class Completion(Frozen):
    """What a model answered."""

    model: str
    """As the provider names it, which may be more exact than what was asked for."""
    text: str
    input_tokens: int | None
    output_tokens: int | None
    """None where the server does not count."""
    stop: Stop


class ModelCall(Frozen):
    """One call as the gateway attests it. `sent` and `returned` are at most MAX_KEPT_TEXT characters each."""

    read: str
    """Id of the attested read."""
    at: str
    provider: str
    connection: str
    model: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    outcome: str
    """ended, cut short, declined, other; or what was wrong with the answer."""
    sent: str
    returned: str
    request_digest: str
    response_digest: str


def is_completion(connector: str, request: PreparedRequest) -> bool:
    """Whether a request of that connector has a model write."""
    return request.method == "POST" and request.path == COMPLETION_PATHS.get(connector)


def completion(connector: str, response: ProviderResponse) -> Completion:
    """What a model answered, however it ended.

    Raises InvalidInput for a status outside 2xx, and for an answer that is not as the provider documents it.
    """
    if not 200 <= response.status < 300:
        raise InvalidInput(f"the model's provider answered {response.status}")
    body = parse_json(response.body_bytes())
    if not isinstance(body, dict):
        raise InvalidInput("the model's provider answered something that is no object")
    return _messages(body) if connector == "anthropic" else _chat(body)


def described(
    connector: str, request: PreparedRequest, response: ProviderResponse, *, read: str, at: str, connection: str
) -> ModelCall:
    """A kept call for people. Never raises: an answer that cannot be understood is shown as it came."""
    asked = _object(request.body_bytes())
    told = {
        "read": read,
        "at": at,
        "provider": connector,
        "connection": connection,
        "sent": _bounded(_sent(asked)),
        "request_digest": request.digest(),
        "response_digest": response.digest(),
    }
    try:
        found = completion(connector, response)
    except InvalidInput as error:
        raw = response.body if response.encoding == "text" else ""
        return ModelCall(
            model=str(asked.get("model", ""))[:200], outcome=str(error)[:200], returned=_bounded(raw), **told
        )
    return ModelCall(
        model=found.model,
        input_tokens=found.input_tokens,
        output_tokens=found.output_tokens,
        outcome="ended" if found.stop == "end" else found.stop,
        returned=_bounded(found.text),
        **told,
    )


def parts_of(text: str) -> tuple[str, ...]:
    """The texts of an answer, by which it is known in what was made of it: those of its JSON object, or its own whole.

    Without white space around, as a message has them; none that is too short to be known by.
    """
    found = [text]
    value = _object(text.strip().removeprefix("```json").strip("`").encode("utf-8", "replace"))
    if value:
        found = [item for item in value.values() if isinstance(item, str)]
    return tuple(item.strip() for item in found if len(item.strip()) >= MIN_KNOWN)


def _chat(body: dict[str, Any]) -> Completion:
    choices = body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise InvalidInput("the model's provider did not answer exactly one choice")
    [choice] = choices
    message = choice.get("message")
    if not isinstance(message, dict) or message.get("role") != "assistant" or message.get("tool_calls"):
        raise InvalidInput("the model's answer is no message of an assistant")
    refusal, text = message.get("refusal"), message.get("content")
    declined = isinstance(refusal, str) and bool(refusal)
    if declined and text is None:
        text = refusal
    stop = _stop(choice.get("finish_reason"))
    usage = body.get("usage")
    return Completion(
        model=_model(body),
        text=_text(text, stop),
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        stop="declined" if declined else stop,
    )


def _messages(body: dict[str, Any]) -> Completion:
    content = body.get("content")
    if body.get("type") != "message" or body.get("role") != "assistant" or not isinstance(content, list):
        raise InvalidInput("the model's answer is no message of an assistant")
    if not all(isinstance(block, dict) and block.get("type") == "text" for block in content):
        raise InvalidInput("the model's answer has something else than text")
    stop = _stop(body.get("stop_reason"))
    usage = body.get("usage")
    return Completion(
        model=_model(body),
        text="".join(_text(block.get("text"), stop) for block in content),
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        stop=stop,
    )


def _stop(value: Any) -> Stop:
    if not isinstance(value, str) or not value:
        raise InvalidInput("the model's answer does not say why it ends")
    return _STOPS.get(value, "other")


def _text(value: Any, stop: Stop) -> str:
    if value is None and stop != "end":
        return ""
    if not isinstance(value, str):
        raise InvalidInput("the model's answer has no text")
    return value


def _model(body: Mapping[str, Any]) -> str:
    value = body.get("model")
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise InvalidInput("the model's answer does not name its model")
    return value


def _count(usage: Any, name: str) -> int | None:
    """Raises InvalidInput for a count that is none; None where nothing is counted."""
    if usage is None:
        return None
    value = usage.get(name) if isinstance(usage, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise InvalidInput("the model's answer does not count its tokens as documented")
    return value


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = parse_json(data)
    except (InvalidInput, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _sent(asked: Mapping[str, Any]) -> str:
    """The system text and the messages, in the order in which the model read them."""
    lines = [f"system: {asked['system']}"] if isinstance(asked.get("system"), str) else []
    messages = asked.get("messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            content = message.get("content")
            told = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
            lines.append(f"{message.get('role')}: {told}")
    return "\n\n".join(lines)


def _bounded(text: str) -> str:
    """Nothing that Postgres cannot hold, and no more than is shown."""
    clean = "".join(c for c in text if c != "\0" and not "\ud800" <= c <= "\udfff")
    if len(clean) <= MAX_KEPT_TEXT:
        return clean
    return clean[: MAX_KEPT_TEXT - 1] + "…"
