"""What providers' token addresses answer, in the forms that are in use."""

from __future__ import annotations

import pytest

from activities.connectors.registry import connector
from coco.gateway_protocol import RefreshToken
from coco.operator_credentials import OAuthClient
from sandbox.gateway.delivery.addresses import AddressPolicy
from sandbox.gateway.egress_oauth import Denied, Granted, _granted, refresh_tokens
from tests.gateway.harness import Provider, answer


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "bot"])
def test_bearer_tokens_are_taken_whatever_they_are_called(kind: str) -> None:
    answer = {"ok": True, "access_token": "xoxb-1", "token_type": kind, "scope": "channels:read,chat:write"}
    granted = _granted(connector("slack"), answer, None)
    assert isinstance(granted, Granted)
    assert granted.tokens.credential.secret == "xoxb-1"
    assert granted.scopes == ("channels:read", "chat:write")


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "a", "token_type": "mac"},
        {"token_type": "bearer"},
        {"ok": False},
        {"access_token": "a\r\nx-injected: 1"},
        {"access_token": "two words"},
        {"access_token": "schl\u00fcssel"},
        {"access_token": "x" * 8193},
    ],
)
def test_another_kind_of_token_or_none_is_refused(answer: dict[str, object]) -> None:
    assert isinstance(_granted(connector("slack"), answer, None), Denied)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer(400, {"error": "invalid_grant"}), "invalid"),
        (answer(401, b"no"), "invalid"),
        (answer(401, {"error": "invalid_client"}), "setup"),
        (answer(200, b"<html>sign in to the hotel's network</html>"), "setup"),
        (answer(302, None, "location: https://elsewhere.example/token\r\n"), "setup"),
        (answer(404, b"<html>"), "setup"),
        (answer(429, {"error": "slow_down"}, "retry-after: 5\r\n"), "away"),
        (answer(503, b"<html>"), "away"),
        (b"", "away"),
    ],
    ids=["invalid", "401", "client", "page", "redirect", "404", "429", "503", "nothing"],
)
async def test_only_the_providers_own_refusal_gives_a_refresh_token_up(
    provider: Provider, said: bytes, kind: str
) -> None:
    provider.answers = [said]
    client = OAuthClient("id", "secret", "", f"{provider.url}/below/a/path/token?tenant=7")
    old = RefreshToken(refresh_token="refresh+one/=")
    told = await refresh_tokens(client, connector("slack"), old, AddressPolicy(private=True), 3)
    assert isinstance(told, Denied)
    assert (told.kind, told.pause) == (kind, 5 if b" 429 " in said else None)
    [seen] = provider.seen
    assert seen.line == "POST /below/a/path/token?tenant=7 HTTP/1.1"
    assert b"refresh_token=refresh%2Bone%2F%3D" in seen.body
