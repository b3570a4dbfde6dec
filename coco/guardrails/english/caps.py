"""The many ways of saying how much may run: phrases put together from their parts, as in `modes.py`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_MORE = (
    "exceed", "go over", "go above", "go beyond", "blow past", "blow through more than", "spend more than",
    "use more than", "use up more than", "burn more than", "burn through more than", "consume more than",
    "cost more than", "run over", "surpass", "spend over", "send more than", "do more than", "run more than",
    "touch more than", "process more than",
)  # fmt: skip
_GOING = (
    "exceeding", "going over", "going above", "going beyond", "blowing past", "spending more than", "using more than",
    "burning more than", "burning through more than", "consuming more than", "sending more than", "doing more than",
    "surpassing", "spending over",
)  # fmt: skip
_STAY = (
    "stay", "stays", "staying", "keep it", "keep this", "keep spending", "keep the cost", "keep costs",
    "keep the total",
    "keep usage", "remain", "we stay", "it stays", "keep the number", "keeping it",
)  # fmt: skip
_WHO = ("", "we ", "you ", "it ", "that ", "this ", "coco ", "they ")
_NOT = ("don't", "do not", "never", "doesn't", "does not", "won't", "must not", "may not", "should not", "shouldn't")


def cap_phrases() -> Iterator[str]:
    """ "As long as we don't blow past (200 credits a week)", "without going over (20 a day)"."""
    yield from (f"{who}{no} {more}" for who, no, more in product(_WHO, _NOT, _MORE))
    yield from (f"but {no} {more}" for no, more in product(_NOT, _MORE))
    yield from (f"without {going}" for going in _GOING)
    yield from (f"but without {going}" for going in _GOING)
    yield from ("at a rate of", "at a pace of", "total spend", "total spend of", "with a total spend of")
    for stay in _STAY:
        yield from (stay, f"but {stay}", f"{stay} within", f"but {stay} within")
    for noun in ("cap", "limit", "budget", "quota", "ceiling", "maximum"):
        yield from (f"{noun}", f"{noun} of", f"{noun} is", f"with a {noun} of", f"a {noun} of", f"the {noun} is")
        yield from (f"with a {noun}", f"{noun} at", f"up to a {noun} of", f"subject to a {noun} of")


def period_phrases() -> Iterator[str]:
    """ "With a daily limit of (20)", "monthly budget: (200 credits)"."""
    for opening, when, noun in product(
        ("", "a ", "the ", "with a ", "within a ", "my ", "our "),
        ("daily", "hourly", "weekly", "monthly"),
        ("cap", "limit", "budget", "quota", "ceiling", "maximum", "max", "allowance", "spend", "credit limit",
         "credit budget", "credit cap"),
    ):  # fmt: skip
        yield from (f"{opening}{when} {noun}{tail}" for tail in ("", " of", " is", " of at most"))


def free_phrases() -> Iterator[str]:
    """ "As long as it costs nothing": no credits."""
    whats = ("", "it ", "that ", "which ", "this ", "doing so ", "the lookup ", "the enrichment ", "they ", "each one ")
    for what, costs in product(whats, ("cost", "costs")):
        yield from (f"{what}{costs} nothing", f"{what}{costs} no credits", f"{what}{costs} zero credits")
        yield from (f"{what}{costs} us nothing", f"{what}{costs} no credit")
    for what in ("doesn't", "does not", "don't", "do not"):
        yield from (f"{one}{what} cost anything" for one in whats)
        yield from (f"{one}{what} cost any credits" for one in whats)
    yield from ("it is free", "it's free", "that is free", "that's free", "that are free", "which is free",
                "they're free",
                "they are free", "free of charge", "for free", "at no cost", "without costing anything", "without cost",
                "without spending credits", "without spending any credits", "without using credits",
                "without using any credits", "it is free of charge", "it's free of charge", "at zero cost")  # fmt: skip
