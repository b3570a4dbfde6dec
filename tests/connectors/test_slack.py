"""Slack: failures with status 200, whom a message calls, and who is written to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.connectors.slack import SLACK
from coco.errors import Code, InvalidInput, Refused
from coco.requests import PreparedRequest, ProviderResponse
from tests.connectors.examples import answer
from tests.connectors.examples.slack import ADA, CHANNEL, EXAMPLES

CHAT = EXAMPLES.connection
POST = SLACK.gated("messages.post")
DIRECT = SLACK.gated("messages.direct")
HELLO = {"channel": "C0123456789", "text": "Hello"}
IN_SALES = answer({"ok": True, "channel": CHANNEL})


@pytest.mark.parametrize(
    ("response", "succeeded", "refused"),
    [
        (answer({"ok": True, "ts": "1.2"}), True, False),
        (answer({"ok": False, "error": "not_in_channel"}), False, False),
        (answer({"ok": False, "error": "missing_scope"}), False, False),
        (answer({"ok": False, "error": "ratelimited"}), False, False),
        (answer({"ok": False, "error": "invalid_auth"}), False, True),
        (answer({"ok": False, "error": "token_revoked"}), False, True),
        (answer({"ok": False, "error": "token_expired"}), False, True),
        (answer({"ok": False, "error": "account_inactive"}), False, True),
        (answer({"ok": False, "error": "internal_error"}), None, False),
        (answer({"ok": False, "error": "fatal_error"}), None, False),
        (answer({"ok": False}), None, False),
        (answer({"ok": "true"}), None, False),
        (answer({"error": "invalid_auth"}), None, False),
        (answer([]), None, False),
        (ProviderResponse.of(200, [], b""), None, False),
        (ProviderResponse.of(200, [], b"<html>"), None, False),
        (ProviderResponse.of(200, [], b'{"ok": true, "ok": false}'), None, False),
        (answer({}, 401), None, True),
    ],
)
def test_what_an_answer_says(response: ProviderResponse, succeeded: bool | None, refused: bool) -> None:
    for operation in (POST, DIRECT):
        assert operation.succeeded(response) is succeeded
    assert SLACK.credential_refused(response) is refused


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("Hello", None),
        ("<!channel> look", "everyone in the channel"),
        ("<!here|here>", "everyone in the channel"),
        ("<!everyone>", "everyone in the channel"),
        ("<!subteam^S123> look", "a group of people"),
        ("<@U0123456789>", "the people mentioned"),
        ("<@U0123456789> and <!here>", "everyone in the channel, the people mentioned"),
        ("@channel is only a word: names are not looked up", None),
    ],
)
def test_the_card_says_whom_a_message_calls(text: str, called: str | None) -> None:
    action = POST.build(CHAT, {**HELLO, "text": text}, IN_SALES)
    assert action.preview.after.get("notifies") == called
    assert action.preview.body == text
    sent = json.loads(action.request.body)
    assert (sent["link_names"], sent["parse"], sent["text"]) == (False, "none", text)


def test_the_card_names_the_channel_and_who_can_see_it() -> None:
    action = POST.build(CHAT, HELLO, IN_SALES)
    assert action.preview.summary == "Post to #sales: “Hello”"
    assert action.preview.after["channel"] == "#sales (public)"
    private = answer({"ok": True, "channel": {**CHANNEL, "is_private": True}})
    hidden = POST.build(CHAT, HELLO, private)
    assert hidden.preview.after["channel"] == "#sales (private)"
    assert hidden.prior_digest() != action.prior_digest()
    renamed = answer({"ok": True, "channel": {**CHANNEL, "name": "everyone"}})
    assert POST.build(CHAT, HELLO, renamed).prior_digest() != action.prior_digest()


def test_the_card_names_the_person() -> None:
    action = DIRECT.build(CHAT, {"user": "U0123456789", "text": "Hello"}, answer({"ok": True, "user": ADA}))
    assert action.preview.summary == "Write to Ada Lovelace: “Hello”"
    assert json.loads(action.request.body)["channel"] == "U0123456789"


@pytest.mark.parametrize(
    ("operation", "arguments", "before", "problem"),
    [
        (POST, HELLO, {"ok": True, "channel": {**CHANNEL, "is_archived": True}}, "archived"),
        (POST, HELLO, {"ok": True, "channel": {**CHANNEL, "id": "C0123456780"}}, "not C0123456789"),
        (POST, HELLO, {"ok": False, "error": "channel_not_found"}, "channel_not_found"),
        (DIRECT, {"user": "U0123456789", "text": "x"}, {"ok": True, "user": {**ADA, "deleted": True}}, "deactivated"),
        (DIRECT, {"user": "U0123456780", "text": "x"}, {"ok": True, "user": ADA}, "not U0123456780"),
        (DIRECT, {"user": "U0123456789", "text": "x"}, {"ok": False, "error": "user_not_found"}, "user_not_found"),
    ],
)
def test_nobody_is_written_to_who_is_not_there(operation: Any, arguments: Any, before: Any, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        operation.build(CHAT, arguments, answer(before))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("messages.post", {**HELLO, "channel": "U0123456789"}),
        ("messages.post", {**HELLO, "channel": "D0123456789"}),
        ("messages.post", {**HELLO, "channel": "#sales"}),
        ("messages.post", {**HELLO, "text": ""}),
        ("messages.post", {**HELLO, "text": "x" * 4001}),
        ("messages.post", {**HELLO, "text": "a\u202eb"}),
        ("messages.post", {**HELLO, "thread": "yesterday"}),
        ("messages.post", {**HELLO, "also_to_channel": True}),
        ("messages.post", {**HELLO, "username": "CEO"}),
        ("messages.direct", {"user": "C0123456789", "text": "x"}),
        ("messages.direct", {"user": "U0123456789,U0123456780", "text": "x"}),
        ("channels.history", {"channel": "C0123456789", "after": "x&token=y"}),
        ("channels.list", {"limit": 1000}),
    ],
)
def test_refused(operation: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=operation.replace(".", r"\.")):
        SLACK.operations[operation].parse(arguments)


def test_nobody_with_that_address_is_an_answer() -> None:
    find = SLACK.read("users.find")
    parsed = find.parse({"email": "no@engine.example"})
    assert find.facts(parsed, answer({"ok": False, "error": "users_not_found"})) == {"user": None}
    with pytest.raises(InvalidInput, match="missing_scope"):
        find.facts(parsed, answer({"ok": False, "error": "missing_scope"}))


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/api/chat.postMessage?channel=C0123456789&text=x"),
        ("GET", "/api/auth.revoke"),
        ("GET", "/api/conversations.list?token=xoxb-another"),
        ("POST", "/api/chat.delete"),
        ("POST", "/api/conversations.list"),
        ("POST", "/api/chat.postMessage?username=CEO"),
        ("GET", "/api/search.messages"),
    ],
)
def test_what_no_route_names_is_refused(method: Any, target: str) -> None:
    with pytest.raises(Refused) as refusal:
        SLACK.classify(PreparedRequest(protocol="http", method=method, target=target))
    assert refusal.value.code is Code.NOT_IN_MANIFEST
