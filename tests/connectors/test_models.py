"""What only the connectors to language models do: exact requests, answers that give no text, nothing but text asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.connectors.model_api import COMPLETE
from activities.connectors.registry import connector
from coco.errors import InvalidInput, Refused
from coco.model_calls import COMPLETION_PATHS, MAX_KEPT_TEXT, described, is_completion
from coco.requests import PreparedRequest
from tests.connectors.examples import answer, anthropic, examples_of, openai

NAMES = sorted(COMPLETION_PATHS)
each_provider = pytest.mark.parametrize("name", NAMES)


def request_of(name: str, **changed: Any) -> PreparedRequest:
    examples, operation = examples_of(name), connector(name).read(COMPLETE)
    [first, *_] = examples.operations[COMPLETE]
    return operation.request(examples.connection, operation.parse({**first.arguments, **changed}))


def facts_of(name: str, value: Any, status: int = 200) -> Any:
    operation = connector(name).read(COMPLETE)
    [first, *_] = examples_of(name).operations[COMPLETE]
    return operation.facts(operation.parse(first.arguments), answer(value, status))


def test_what_is_sent() -> None:
    assert json.loads(request_of("openai").body) == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Write one short paragraph."},
            {"role": "user", "content": "Say hello."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Again."},
        ],
        "max_tokens": 300,
        "temperature": 0,
        "stream": False,
    }
    reasoning = json.loads(request_of("openai", sampling=False).body)
    assert reasoning["max_completion_tokens"] == 300
    assert not {"temperature", "max_tokens"} & reasoning.keys()
    request = request_of("anthropic")
    assert request.header_values("anthropic-version") == ("2023-06-01",)
    assert json.loads(request.body) == {
        "model": "claude-sonnet-4-5",
        "system": "Write one short paragraph.",
        "messages": [
            {"role": "user", "content": "Say hello."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Again."},
        ],
        "max_tokens": 300,
        "temperature": 0,
    }


@pytest.mark.parametrize(
    ("name", "value", "model"),
    [
        ("openai", openai.said("Hello."), "gpt-4o-mini-2024-07-18"),
        ("anthropic", anthropic.said("Hel", "lo."), "claude-sonnet-4-5-20250929"),
    ],
    ids=NAMES[::-1],
)
def test_what_is_understood(name: str, value: Any, model: str) -> None:
    assert facts_of(name, value) == {"model": model, "text": "Hello.", "input_tokens": 21, "output_tokens": 4}


NO_TEXT = [
    ("openai", openai.said("Hel", finish="length"), "cut short"),
    ("openai", openai.said(None, refusal="I cannot help with that."), "declined"),
    ("openai", openai.said("", finish="content_filter"), "declined"),
    ("openai", openai.said(None, finish="tool_calls"), "did not answer with a text"),
    ("openai", openai.said(None), "has no text"),
    ("openai", openai.said(" \n"), "did not answer with a text"),
    ("openai", openai.said("Hi", tool_calls=[{"id": "1"}]), "no message of an assistant"),
    ("openai", {**openai.said("Hi"), "choices": []}, "exactly one choice"),
    ("openai", {**openai.said("Hi"), "choices": openai.said("Hi")["choices"] * 2}, "exactly one choice"),
    ("openai", {**openai.said("Hi"), "usage": {"prompt_tokens": -1}}, "count its tokens"),
    ("openai", {**openai.said("Hi"), "model": ""}, "name its model"),
    ("anthropic", anthropic.said("Hel", stop="max_tokens"), "cut short"),
    ("anthropic", anthropic.said(stop="refusal"), "declined"),
    ("anthropic", anthropic.said("Hi", stop="pause_turn"), "did not answer with a text"),
    ("anthropic", anthropic.said(), "did not answer with a text"),
    ("anthropic", {**anthropic.said(), "content": [{"type": "tool_use", "id": "1"}]}, "something else than text"),
    ("anthropic", {**anthropic.said("Hi"), "stop_reason": None}, "why it ends"),
    ("anthropic", {"type": "error", "error": {"type": "overloaded_error"}}, "no message of an assistant"),
]


@pytest.mark.parametrize(("name", "value", "why"), NO_TEXT, ids=[f"{row[0]}-{i}" for i, row in enumerate(NO_TEXT)])
def test_an_answer_that_is_not_whole_gives_no_text(name: str, value: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        facts_of(name, value)


def test_a_server_may_count_no_tokens() -> None:
    value = openai.said("Hi")
    del value["usage"]
    assert facts_of("openai", value)["input_tokens"] is None


MORE: list[dict[str, Any]] = [
    {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]},
    {"tools": []},
    {"mcp_servers": [{"type": "url", "url": "https://evil.example/mcp", "name": "x"}]},
    {"store": True},
    {"stream": True},
    {"web_search_options": {}},
    {"metadata": {"user_id": "ada@engine.example"}},
    {"temperature": 1},
    {"max_tokens": 100_000},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://evil.example"}}]}]},
    {"messages": [{"role": "tool", "content": "x"}]},
    {"messages": []},
    {"messages": "x"},
    {"model": "../admin?x"},
]


@each_provider
@pytest.mark.parametrize("more", MORE, ids=[f"{'-'.join(more)}-{number}" for number, more in enumerate(MORE)])
def test_nothing_but_text_may_be_asked(name: str, more: dict[str, Any]) -> None:
    """A completion is a read only as long as the provider does nothing else for it."""
    request = request_of(name)
    assert connector(name).classify(request).access == "read"
    body = json.dumps(json.loads(request.body) | more)
    with pytest.raises(Refused, match="nothing else"):
        connector(name).classify(request.model_copy(update={"body": body}))


@each_provider
def test_a_request_spelled_otherwise_does_not_pass(name: str) -> None:
    request = request_of(name)
    others = [
        request.model_copy(update={"body": json.dumps(json.loads(request.body), indent=1)}),
        request.model_copy(update={"body": request.body[:-1] + ',"model":"other"}'}),
        request.model_copy(update={"body": ""}),
        request.model_copy(update={"headers": (*request.headers, ("accept", "text/event-stream"))}),
    ]
    for other in others:
        with pytest.raises(Refused):
            connector(name).classify(other)


@each_provider
def test_turns_alternate_and_begin_with_the_users(name: str) -> None:
    with pytest.raises(InvalidInput, match="turns alternate"):
        request_of(name, messages=[{"role": "assistant", "text": "Hello."}])


def test_an_empty_account_is_not_asked_again() -> None:
    known = connector("openai")
    assert known.limited(answer({"error": {"code": "rate_limit_exceeded"}}, 429))
    assert not known.limited(answer({"error": {"code": "insufficient_quota", "type": "insufficient_quota"}}, 429))
    assert connector("anthropic").limited(answer({"type": "error", "error": {"type": "rate_limit_error"}}, 429))


@each_provider
def test_a_kept_call_is_described_whatever_was_answered(name: str) -> None:
    request = request_of(name)
    assert is_completion(name, request)
    told = {"read": "r", "at": "2026-01-01T00:00:00+00:00", "connection": "c"}
    good = {"openai": openai, "anthropic": anthropic}[name].said("Hello.")
    call = described(name, request, answer(good), **told)
    assert (call.provider, call.outcome, call.returned) == (name, "ended", "Hello.")
    assert (call.input_tokens, call.output_tokens) == (21, 4)
    assert call.sent.startswith("system: Write one short paragraph.\n\nuser: Say hello.")
    assert call.request_digest == request.digest()
    cut = {"openai": openai.said("He", finish="length"), "anthropic": anthropic.said("He", stop="max_tokens")}[name]
    assert described(name, request, answer(cut), **told).outcome == "cut short"
    odd = described(name, request, answer({"error": "x" * 50_000}), **told)
    assert "not" in odd.outcome or "no " in odd.outcome
    assert len(odd.returned) == MAX_KEPT_TEXT
    assert odd.model == json.loads(request.body)["model"]
    assert described(name, request, answer({}, 500), **told).outcome == "the model's provider answered 500"
