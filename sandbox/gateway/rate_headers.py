"""What a provider's headers say about when to ask again. Pure.

Retry-After: RFC 9110, section 10.2.3 (seconds or an HTTP date). X-RateLimit-Remaining and -Reset: a convention of
GitHub's and others', the reset in seconds from now, or in seconds or milliseconds since 1970. RateLimit: the drafts of
draft-ietf-httpapi-ratelimit-headers (`RateLimit-Remaining` and `RateLimit-Reset`; `limit=, remaining=, reset=`; and
`"policy";r=;t=`). X-HubSpot-RateLimit-*: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DEFAULT_SECONDS = 10.0
"""How long to wait after a 429 that does not say."""
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")

HEADERS = frozenset(
    {
        "retry-after",
        "ratelimit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-rate-limit-remaining",
        "x-rate-limit-reset",
        "x-hubspot-ratelimit-remaining",
        "x-hubspot-ratelimit-interval-milliseconds",
        "x-hubspot-ratelimit-secondly-remaining",
        "x-hubspot-ratelimit-daily-remaining",
    }
)
"""Lower case; the gateway keeps them of an answer for this."""


def pause_asked(
    status: int, headers: Iterable[tuple[str, str]], now: datetime, *, limited: bool = False
) -> float | None:
    """Seconds until the provider wants to be asked again; None where it does not ask for a pause.

    A 429 always does, as does `limited`: what some say in its place. A 503 does where it says for how long, and any
    answer that says that nothing remains.
    """
    told = {name.lower(): value.strip() for name, value in headers}
    after = _retry_after(told.get("retry-after", ""), now)
    if status == 429 or limited:
        return after if after is not None else _exhausted(told, now) or DEFAULT_SECONDS
    if status == 503:
        return after
    return _exhausted(told, now)


def _exhausted(told: Mapping[str, str], now: datetime) -> float | None:
    """The longest wait of the windows in which nothing remains."""
    waits = [_ratelimit_field(told.get("ratelimit", ""))]
    for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit"):
        if _number(told.get(f"{prefix}-remaining", "")) == 0:
            waits.append(_reset(told.get(f"{prefix}-reset", ""), now))
    if _number(told.get("x-hubspot-ratelimit-remaining", "")) == 0:
        interval = _number(told.get("x-hubspot-ratelimit-interval-milliseconds", ""))
        waits.append(10.0 if interval is None else interval / 1000)
    if _number(told.get("x-hubspot-ratelimit-secondly-remaining", "")) == 0:
        waits.append(1.0)
    # What remains of HubSpot's day is not looked at: it ends at midnight of the account's own time zone, which no
    # header tells. Its 429 is.
    found = [wait for wait in waits if wait is not None and wait > 0]
    return max(found) if found else None


def _retry_after(value: str, now: datetime) -> float | None:
    if _NUMBER.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _reset(value: str, now: datetime) -> float | None:
    number = _number(value)
    if number is None:
        return None
    if number > 1e11:
        return number / 1000 - now.timestamp()
    return number - now.timestamp() if number > 1e9 else number


def _ratelimit_field(value: str) -> float | None:
    """Either draft's `RateLimit` field; several policies are separated by commas."""
    waits = []
    if re.search(r"\bremaining=", value):
        fields = dict(re.findall(r"(\w+)=(\d{1,15})", value))
        if fields.get("remaining") == "0" and "reset" in fields:
            waits.append(float(fields["reset"]))
    else:
        for policy in value.split(","):
            fields = dict(re.findall(r";\s*([rt])=(\d{1,15})", policy))
            if fields.get("r") == "0" and "t" in fields:
                waits.append(float(fields["t"]))
    return max(waits) if waits else None


def _number(value: str) -> float | None:
    return float(value) if _NUMBER.fullmatch(value) else None
