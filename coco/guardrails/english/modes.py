"""The many ways of saying how a rule runs: told first, only drafted. Phrases are put together here from their parts;
those that follow no pattern stand in `phrases.toml`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_TELL = (
    "notify me", "tell me", "let me know", "warn me", "alert me", "ping me", "inform me", "message me", "notify us",
    "tell us", "let us know", "give me a heads up",
    "send me a heads up", "send me a notification", "send me a note", "send me a message", "send me a warning",
    "drop me a note", "give me a warning", "give me a shout", "shoot me a message",
)  # fmt: skip
_TELLING = (
    "notifying me", "telling me", "letting me know", "warning me", "informing me", "alerting me", "pinging me",
    "messaging me", "giving me a heads up",
)  # fmt: skip
_TOLD = ("notified", "told", "informed", "warned", "alerted", "pinged")
_TOLD_ME = (
    "notified me", "told me", "let me know", "informed me", "warned me", "alerted me", "pinged me",
    "given me a heads up",
)  # fmt: skip
_BEFORE = (
    "first", "beforehand", "in advance", "up front", "ahead of time", "before", "before you", "before you do",
    "before you do it", "before you do so", "before you do that", "before you do this", "before you do anything",
    "before you go ahead", "before you act", "before it happens", "before anything happens", "before anything runs",
    "before doing anything", "before that", "before it's done", "before any of them",
    "before each one", "before every one", "before each", "before each of them",
)  # fmt: skip
_MUST = (
    "", "but ", "but please ", "please ", "always ", "you must ", "you have to ", "you need to ", "you should ",
    "make sure to ", "be sure to ", "make sure you ", "but you must ", "but always ", "please always ", "but first ",
)  # fmt: skip
_OPENINGS = ("", "but ", "but only ", "only ", "run ", "run only ", "do it ", "and only ")


def notify_phrases() -> Iterator[str]:
    """ "Tell me before you do", "only after you notify me", "once I've been told": told first."""
    for opening, tell, before in product(_MUST, _TELL, _BEFORE):
        yield f"{opening}{tell} {before}"
    told = [*(f"after {one}" for one in _TELLING)]
    for when in ("after", "once"):
        told += [f"{when} you {one}" for one in _TELL]
        told += [f"{when} {you} {one}" for you in ("you've", "you have") for one in _TOLD_ME]
        told += [f"{when} {me} {one}" for me in ("i've been", "i have been", "i was", "i'm", "i am") for one in _TOLD]
    for opening, one in product(_OPENINGS, told):
        yield f"{opening}{one}"
        yield f"{opening}{one} first"
    for want in ("i want", "i'd like", "i would like", "i need", "i get", "with"):
        yield from (f"{want} a heads up first", f"{want} a heads up beforehand", f"{want} a warning first")
    for want, one in product(("i want to be", "i'd like to be", "i would like to be", "i need to be"), _TOLD):
        yield from (f"{want} {one} first", f"{want} {one} beforehand", f"{want} {one} before")
    for one in _TELLING:
        yield from (f"not without {one}", f"not without {one} first", f"but not without {one}")
        yield from (f"but not without {one} first", f"but never without {one}", f"but never without {one} first")
    yield from ("heads up first", "heads up to me first", "a heads up first", "notice first", "warning first")


def told_phrases() -> Iterator[str]:
    """ "I want to be told (a day ahead)": when, must follow."""
    wants = ("i want to be", "i'd like to be", "i would like to be", "i need to be", "i have to be", "i must be")
    yield from (f"{want} {one}" for want, one in product((*wants, "i should be"), _TOLD))
    for opening, tell in product(_MUST[1:], _TELL):
        yield f"{opening}{tell}"
    yield from _TELL


def since_told_phrases() -> Iterator[str]:
    """ "(Unless I object within 12 hours) of being notified"."""
    for word in ("of", "from", "after"):
        yield from (f"{word} being {one}" for one in _TOLD)
        yield from (f"{word} {one}" for one in _TELLING)
        yield from (
            f"{word} {one}" for one in ("the notice", "the notification", "your notice", "your message", "that")
        )


def notice_phrases() -> Iterator[str]:
    """What is said before a length of time to step in: "give me at least (a day to object)"."""
    for gives in ("i want", "i need", "i'd like", "i would like", "i get", "i have", "once i've had", "after i've had",
                  "give me", "giving me", "leave me", "leaving me", "allow me", "that gives me"):  # fmt: skip
        for opening in ("", "and ", "but "):
            yield f"{opening}{gives}"
            yield f"{opening}{gives} at least"


def approval_phrases() -> Iterator[str]:
    """ "(Notify me first) and wait for my OK": asked, which is what happens without a rule."""
    for what in ("ok", "okay", "approval", "go ahead", "confirmation", "permission", "answer", "reply", "yes"):
        yield from (f"wait for my {what}", f"and wait for my {what}", f"then wait for my {what}", f"needs my {what}")
        yield from (f"need my {what}", f"only with my {what}", f"not without my {what}", f"but not without my {what}")
        yield from (f"requires my {what}", f"require my {what}", f"needs my explicit {what}", f"waits for my {what}")
        yield from (f"wait for my {what} first", f"must wait for my {what}", f"must have my {what}")


_SENDS = ("send them", "send it", "send", "hit send", "press send", "do the sending", "send each one", "send them off")
_LOOKS = (
    "review it", "review them", "review", "review each one", "review everything", "check it", "check them",
    "take a look", "have a look", "look at it", "look at them", "look them over", "approve them", "read them",
)  # fmt: skip
_PLACES = (
    "in my queue", "in the queue", "in my review queue", "in the review queue", "in my drafts", "in drafts",
    "in my drafts folder", "in the drafts folder", "in my inbox", "in the inbox", "as a draft", "as drafts",
    "as a draft for me", "as drafts for me", "in draft", "unsent", "for me to send", "for me to review",
    "for me to approve", "for me to look at", "for me to check", "for my review", "for my approval", "for review",
)  # fmt: skip
_DRAFTS = ("it", "them", "these", "everything", "the draft", "the drafts", "drafts", "each draft", "all drafts")


def queue_phrases() -> Iterator[str]:
    """ "I'll hit send", "leave them in my queue", "drafts only": written, and left for a person to send."""
    for will, does, tail in product(("i'll", "i will", "so i can", "and i'll", "i want to"), _SENDS, ("", " myself")):
        yield f"{will} {does}{tail}"
    for will, does in product(("i'll", "i will", "so i can", "and i'll", "i want to", "i'd like to"), _LOOKS):
        for tail in ("", " first", " myself", " before sending", " before they go out", " before it goes out",
                     " before anything goes out", " and send", " and send them", " and send it"):  # fmt: skip
            yield f"{will} {does}{tail}"
    for verb, what, place in product(
        ("leave", "keep", "put", "save", "queue", "hold", "store", "park"), _DRAFTS, _PLACES
    ):
        yield f"{verb} {what} {place}"
        yield f"and {verb} {what} {place}"
    yield from ("draft it", "draft them", "just draft it", "just draft them", "only draft it", "only draft them",
                "draft it only", "draft them only", "in draft only", "as drafts only", "as a draft only",
                "only as a draft", "only as drafts", "draft mode only", "in draft form only")  # fmt: skip


def no_send_phrases() -> Iterator[str]:
    """ "Never send it without me", "send nothing"."""
    nots = ("don't", "do not", "never", "but don't", "but do not", "but never", "and don't", "and never")
    whats = ("send", "send it", "send them", "send anything", "send any", "send any of them", "send one")
    withouts = (
        "without me", "without my ok", "without my okay", "without my approval", "without asking me",
        "without my permission", "without my say so", "without checking with me", "without my review",
        "without my go ahead", "without my confirmation", "on your own", "yourself", "by yourself", "until i say so",
        "until i approve", "until i've reviewed them", "until i've reviewed it", "until i have reviewed them",
    )  # fmt: skip
    yield from (f"{no} {what} {without}" for no, what, without in product(nots, whats, withouts))
    yield from ("send nothing", "nothing is to be sent", "nothing gets sent out", "send nothing yourself",
                "nothing gets sent without me", "nothing goes out without me", "nothing is sent without me",
                "nothing goes out without my ok", "nothing is sent without my ok")  # fmt: skip
