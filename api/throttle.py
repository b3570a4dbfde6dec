"""Throttling of sign-ins and sign-ups, in memory: each API process counts for itself, and forgets at its restart.

Failed sign-ins have three counts, so that guessing one password, spraying many accounts, and many machines at one
account are each slowed, while somebody else's failures from elsewhere do not lock an owner out at once.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from api.errors import TooManyRequests

WINDOW_SECONDS = 15 * 60
PER_ACCOUNT_AND_ADDRESS = 10
PER_ADDRESS = 60
PER_ACCOUNT = 100
SIGN_UPS_PER_ADDRESS = 60
MAX_KEYS = 20_000

Limit = tuple[tuple[str, str, str], int]
"""What is counted, and how many of it the window holds."""


def sign_in_limits(account: str, address: str) -> tuple[Limit, ...]:
    """The counts that a failed sign-in adds to; the first is the one a success clears."""
    account = account.strip().lower()[:320]
    return (
        (("both", account, address), PER_ACCOUNT_AND_ADDRESS),
        (("address", "", address), PER_ADDRESS),
        (("account", account, ""), PER_ACCOUNT),
    )


def sign_up_limits(address: str) -> tuple[Limit, ...]:
    """Every attempt counts: making accounts in bulk and probing which addresses have one are slowed alike."""
    return ((("sign-up", "", address), SIGN_UPS_PER_ADDRESS),)


class Throttle:
    """Counts in a sliding window."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[tuple[str, str, str], deque[float]] = {}

    def check(self, limits: Iterable[Limit]) -> None:
        """Raises TooManyRequests, with the seconds to wait, where one of the counts is full."""
        now = self._clock()
        for key, limit in limits:
            times = self._recent(key, now)
            if len(times) >= limit:
                raise TooManyRequests(int(times[-limit] + WINDOW_SECONDS - now) + 1)

    def count(self, limits: Iterable[Limit]) -> None:
        """Adds one to each count."""
        now = self._clock()
        for key, limit in limits:
            self._recent(key, now)
            if key not in self._times and len(self._times) >= MAX_KEYS:
                self._make_room(now)
            self._times.setdefault(key, deque(maxlen=limit)).append(now)

    def clear(self, limit: Limit) -> None:
        """Forgets one count."""
        self._times.pop(limit[0], None)

    def _recent(self, key: tuple[str, str, str], now: float) -> deque[float]:
        times = self._times.get(key, deque())
        while times and times[0] <= now - WINDOW_SECONDS:
            times.popleft()
        if not times:
            self._times.pop(key, None)
        return times

    def _make_room(self, now: float) -> None:
        for key in list(self._times):
            self._recent(key, now)
        while len(self._times) >= MAX_KEYS:
            self._times.pop(next(iter(self._times)))
