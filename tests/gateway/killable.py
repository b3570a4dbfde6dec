"""Runs the real gateway as a process that kills itself at a chosen point. Only tests have such points: the gateway's
own code knows of none.

`python -m tests.gateway.killable POINT`
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import sandbox.gateway.__main__ as gateway
from sandbox.gateway import egress_sending
from sandbox.gateway.delivery.http_link import HttpLink
from sandbox.gateway.delivery.link import Delivery
from sandbox.gateway.delivery.smtp_link import SmtpLink
from store import effects


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> None:
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def killed(*args: Any, **kwargs: Any) -> Any:
        die()
        return await real(*args, **kwargs)

    setattr(owner, name, killed)


def after(owner: Any, name: str) -> None:
    real: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def killed(*args: Any, **kwargs: Any) -> Any:
        result = await real(*args, **kwargs)
        die()
        return result

    setattr(owner, name, killed)


def in_the_spending_transaction() -> None:
    """The grant is spent, and the transaction never commits."""
    after(effects, "begin")


def between_spending_and_sending() -> None:
    before(egress_sending.Sending, "_deliver")


def after_the_answer_before_it_is_kept() -> None:
    for link in (HttpLink, SmtpLink):
        real = link.send

        async def send(self: Any, request: Any, seconds: float, real: Any = real) -> Delivery:
            delivery: Delivery = await real(self, request, seconds)
            die()
            return delivery

        link.send = send  # type: ignore[method-assign]


def in_the_keeping_transaction() -> None:
    after(effects, "keep")


def after_it_is_kept() -> None:
    after(egress_sending.Sending, "_keep")


POINTS: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "before the prior read": lambda: before(egress_sending.Sending, "_prior"),
    "after the prior read": lambda: after(egress_sending.Sending, "_prior"),
    "in the spending transaction": in_the_spending_transaction,
    "between spending and sending": between_spending_and_sending,
    "after the answer, before it is kept": after_the_answer_before_it_is_kept,
    "in the keeping transaction": in_the_keeping_transaction,
    "after it is kept": after_it_is_kept,
}

if __name__ == "__main__":
    POINTS[sys.argv[1]]()
    sys.exit(gateway.run())
