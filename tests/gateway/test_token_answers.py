"""What a provider's token address answers, however odd."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from activities.connectors.registry import connector
from sandbox.gateway.egress_oauth import Granted, _granted
from store.tables import utc_now


@pytest.mark.parametrize("seconds", [10**400, 1e308, "9" * 400])
def test_a_life_beyond_all_numbers_is_a_long_one(seconds: Any) -> None:
    body = json.loads(json.dumps({"access_token": "abc-123", "token_type": "Bearer", "expires_in": seconds}))
    found = _granted(connector("hubspot"), body, None)
    assert isinstance(found, Granted)
    assert found.tokens.expires_at is not None
    assert found.tokens.expires_at < utc_now() + timedelta(days=401)
