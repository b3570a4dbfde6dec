"""Words that add nothing: greetings, "honestly", "hereby", "however". Where one stands is part of what it is."""

from __future__ import annotations

import re

_START = re.compile(
    r"(?:(?:hey|hi|hello|dear|ok|okay)(?:,?\s+(?:coco|there|team))?|coco)\s*[,!:]\s*"
    r"|(?:(?:honestly|frankly|also|additionally|furthermore|moreover|in addition|so|well|now|finally|however|that said|"
    r"having said that|from now on|going forward|to be clear|to be safe|as a rule|in short|by the way)\s*,\s*)",
    re.I,
)
_AMID = re.compile(r",\s*(?:however|though|of course|by all means)\s*,\s*|(?:hereby|of course)\s+(?=[a-z])", re.I)
_EXISTING = re.compile(
    r"(?:existing)\s+(?=(?:contacts?|customers?|leads?|deals?|companies|company|accounts?|opportunit(?:y|ies)|people|"
    r"subscribers?)\b)",
    re.I,
)
_ANY_TIME = re.compile(r",?\s*(?:at )?any ?time(?: (?:of (?:the )?day|you (?:like|want)))?(?=\s*(?:[.;!]|$))", re.I)
_FRANKLY = re.compile(r",?\s*(?:thanks|thank you|thx|cheers|that's all|okay|ok)(?=\s*[.!]?\s*$)", re.I)


def filler_end(text: str, at: int) -> int | None:
    """Where the filler that begins here ends; None where none begins."""
    starts = not text[:at].strip() or text[:at].rstrip()[-1] in ".;!\n"
    if starts and (match := _START.match(text, at)) is not None:
        return match.end()
    if at and text[at - 1].isalnum() and text[at] != ",":
        return None
    for pattern in (_AMID, _EXISTING):
        if (match := pattern.match(text, at)) is not None:
            return match.end()
    if at and not starts:
        for pattern in (_ANY_TIME, _FRANKLY):
            if (match := pattern.match(text, at)) is not None:
                return match.end()
    return None
