"""How much one sandbox may ask for: it is hostile, and it shares the gateway with others."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Largest message in either direction; Temporal's own limit as well."""
MAX_STREAMS = 64
"""Calls at once on one connection."""
MAX_CALLS = 64
"""Calls at once of one user, over all connections."""
MAX_CONNECTIONS = 32
MAX_POLLS = 8
MAX_READS = 8
MAX_SENDS = 4
MAX_WATCHES = 2
MAX_CHECKS = 4
CALLS_PER_SECOND = 200.0
CALLS_BURST = 400.0
BYTES_PER_SECOND = 1_000_000.0
BYTES_BURST = 24_000_000.0
"""Of messages received: taking one apart costs everybody's time."""
POLL_SECONDS = 90.0
"""Longest a poll is held; Temporal's own long poll ends after 60 s."""
CALL_SECONDS = 30.0
"""Longest any other Temporal call is held."""


class Busy(Exception):
    """The user has as many of these calls under way as it may have."""


class Slots:
    """At most `limit` at once; more are turned away, not queued."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Raises Busy."""
        if self._left <= 0:
            raise Busy
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


class Bucket:
    """A token bucket: `burst` at once, then `rate` per second."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._level, self._at = burst, clock()

    def take(self, amount: float = 1) -> bool:
        """Whether there was that much left, and it is taken."""
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < amount:
            return False
        self._level -= amount
        return True


class UserLimits:
    """One user's limits on this gateway."""

    def __init__(self) -> None:
        self.calls = Bucket(CALLS_PER_SECOND, CALLS_BURST)
        self.volume = Bucket(BYTES_PER_SECOND, BYTES_BURST)
        self.polls = Slots(MAX_POLLS)
        self.reads = Slots(MAX_READS)
        self.sends = Slots(MAX_SENDS)
        self.watches = Slots(MAX_WATCHES)
        self.checks = Slots(MAX_CHECKS)


def channel_options() -> list[tuple[str, int]]:
    """gRPC options of a user's server. Workers ping idle connections every half minute; more often is cut off."""
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.max_allowed_incoming_connections", MAX_CONNECTIONS),
        ("grpc.max_metadata_size", 16 * 1024),
        # See unpacking: a few kilobytes could unpack to gigabytes before any size limit sees them.
        ("grpc.per_message_decompression", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.server_handshake_timeout_ms", 10_000),
    ]
