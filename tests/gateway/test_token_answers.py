"""What providers' token addresses answer, in the forms that are in use."""

from __future__ import annotations

import pytest

from activities.connectors.registry import connector
from sandbox.gateway.egress_oauth import Denied, Granted, _granted


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "bot"])
def test_bearer_tokens_are_taken_whatever_they_are_called(kind: str) -> None:
    answer = {"ok": True, "access_token": "xoxb-1", "token_type": kind, "scope": "channels:read,chat:write"}
    granted = _granted(connector("slack"), answer, None)
    assert isinstance(granted, Granted)
    assert granted.tokens.credential.secret == "xoxb-1"
    assert granted.scopes == ("channels:read", "chat:write")


@pytest.mark.parametrize(
    "answer", [{"access_token": "a", "token_type": "mac"}, {"token_type": "bearer"}, {"ok": False}]
)
def test_another_kind_of_token_or_none_is_refused(answer: dict[str, object]) -> None:
    assert isinstance(_granted(connector("slack"), answer, None), Denied)
