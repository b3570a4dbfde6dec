"""Who may, who may not, and how: phrases made of their parts ("the workflow" + "is authorised to")."""

from __future__ import annotations

from collections.abc import Iterator

_NOUNS = (
    "workflow",
    "agent",
    "bot",
    "assistant",
    "automation",
    "system",
    "ai",
    "office bot",
    "ai agent",
    "ai assistant",
)
_SINGULAR = (
    "it", "coco", *(f"{article} {noun}" for article in ("the", "this", "our", "my") for noun in _NOUNS),
)  # fmt: skip
_PLURAL = ("you", "they")
_ABLE = ("may", "can", "could", "shall", "should", "will", "is to", "needs to", "has to")
_GIVEN = ("permitted", "allowed", "authorised", "authorized", "cleared", "free", "welcome", "entitled", "at liberty",
          "pre-approved", "trusted", "supposed", "meant")  # fmt: skip
_OWNED = ("permission", "my permission", "our permission", "my ok", "my okay", "my blessing", "the go-ahead",
          "clearance", "approval", "my approval", "the green light", "authority", "the right")  # fmt: skip
_FINE = ("fine", "ok", "okay", "happy", "comfortable", "cool", "good")
_NOT = ("may not", "must not", "mustn't", "may never", "must never", "shall not", "shall never", "should not",
        "shouldn't", "should never", "can't", "cannot", "can not", "can never", "will not", "won't", "will never",
        "is not to", "isn't to", "is never to", "is not allowed to", "isn't allowed to", "is never allowed to",
        "is not permitted to", "isn't permitted to", "is not authorised to", "is not authorized to")  # fmt: skip
_AT_NO_TIME = ("under no circumstances", "in no case", "at no time", "on no account")


def _agree(verb: str, subject: str) -> str:
    """ "is" and "has" as they stand after "you" and "they"."""
    if subject not in _PLURAL:
        return verb
    for one, other in (("is ", "are "), ("isn't ", "aren't "), ("has ", "have "), ("needs ", "need ")):
        if verb.startswith(one):
            return other + verb.removeprefix(one)
    return verb


def permitting() -> Iterator[str]:
    """What stands before a verb and says that it may be done."""
    able = [
        *_ABLE,
        *(f"is {how}{one} to" for one in _GIVEN for how in ("", "hereby ")),
        *(f"has {one} to" for one in _OWNED),
    ]
    for subject in (*_SINGULAR, "you"):
        yield from (f"{subject} {_agree(one, subject)}" for one in able)
        yield f"let {subject}"
        if subject not in {"it", "you"}:
            yield f"have {subject}"
        for verb in ("allow", "permit", "authorise", "authorize", "enable", "get", "ask", "want", "i want", "i'd like"):
            yield f"{verb} {subject} to"
    for one in _GIVEN:
        yield f"it's {one} to"
        yield f"you're {one} to"
    for who in ("i'm", "i am", "we're", "we are", ""):
        for fine in _FINE:
            for subject in (*_SINGULAR, "you"):
                yield f"{who} {fine} for {subject} to".strip()


def permitting_doing() -> Iterator[str]:
    """What stands before a verb in "-ing" and says that it may be done."""
    for who in ("i'm", "i am", "we're", "we are", ""):
        for fine in _FINE:
            yield from (f"{who} {fine} with {whom}".strip() for whom in (*_SINGULAR, "you", "your", "its"))
            if who:
                yield f"{who} {fine} with"
    for refusal in ("i don't mind", "we don't mind", "i have no problem with", "no problem with", "no objection to",
                    "i have no objection to"):  # fmt: skip
        yield refusal
        yield from (f"{refusal} {whom}" for whom in (*_SINGULAR, "you", "your", "its"))


def forbidding() -> Iterator[str]:
    """What stands before a verb and says that it must not be done."""
    for subject in (*_SINGULAR, "you"):
        yield from (f"{subject} {_agree(one, subject)}" for one in _NOT)
        for when in _AT_NO_TIME:
            yield from (f"{when} {modal} {subject}" for modal in ("may", "should", "must", "can", "shall", "will"))
        yield from (f"{verb} {subject}" for verb in ("don't let", "do not let", "never let", "please don't let"))
        yield from (f"{verb} {subject} to" for verb in ("don't allow", "do not allow", "never allow"))
    yield from _AT_NO_TIME


def by_itself() -> Iterator[str]:
    """What says that nobody is asked."""
    yield from ("by itself", "by yourself", "on your own", "freely", "by you", "unattended", "independently")
    yield from (f"by {subject}" for subject in _SINGULAR if subject != "it")
