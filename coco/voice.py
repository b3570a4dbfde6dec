"""How somebody writes: a few plain features of their own sent messages, found by a pure function.

Nothing here is learned by a model. What others wrote is cut away first, and what could carry more than a way of writing
(links, addresses, numbers, markup) is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from coco.errors import InvalidInput
from coco.requests import Frozen

MAX_MESSAGES = 20
"""Sent messages that are read, the newest."""
MIN_MESSAGES = 3
MAX_TEXT = 4000
"""Characters of one message that are looked at."""
MAX_EXCERPTS = 3
MAX_PHRASES = 5

Formality = Literal["formal", "neutral", "casual"]
Line = Annotated[str, Field(max_length=60)]


class Voice(Frozen):
    """A way of writing."""

    greeting: Line = ""
    """As in `Hi`; a name and a comma follow. Empty where there is no usual one."""
    sign_off: Line = ""
    """As in `Cheers`; empty where there is no usual one."""
    words_per_sentence: Annotated[int, Field(ge=1, le=100)] = 12
    formality: Formality = "neutral"
    phrases: Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Field(max_length=MAX_PHRASES)] = ()
    """Runs of three or four words that come again in other messages."""
    excerpts: Annotated[tuple[Annotated[str, Field(max_length=240)], ...], Field(max_length=MAX_EXCERPTS)] = ()
    """Whole sentences, to be confirmed one by one."""


_QUOTED = re.compile(
    r"^\s*(>|-{2,}\s*(original message|forwarded message|ursprüngliche nachricht)|on .{5,200} wrote:"
    r"|am .{5,200} schrieb"
    r"|from:\s|von:\s|_{5,}\s*$)",
    re.IGNORECASE,
)
"""Where somebody else's words begin."""
_SIGNATURE = re.compile(r"^--\s*$")
_GREETING = re.compile(
    r"^(hi there|hi|hey|hello|dear|good (?:morning|afternoon|evening)|hallo|moin|guten (?:tag|morgen)|liebe[r]?"
    r"|sehr geehrte[r]?)\b",
    re.IGNORECASE,
)
_SIGN_OFF = re.compile(
    r"^((?:kind|best|warm|warmest|many)?\s*(?:regards|wishes|thanks)|best|cheers|thanks(?: a lot| so much)?|thank you"
    r"|yours(?: sincerely| faithfully| truly)?|sincerely|all the best|take care|talk soon"
    r"|(?:viele|liebe|beste|freundliche|mit freundlichen)\s+grü(?:ß|ss)en?|lg|vg)[,.!]*$",
    re.IGNORECASE,
)
_NOT_PLAIN = re.compile(r"://|www\.|@|[<>\[\]{}`|\\]|\d{3,}|\b[a-z0-9-]+\.[a-z]{2,24}\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_CASUAL = re.compile(r"\b\w+['’](?:m|re|ve|ll|d|s|t)\b|!|\b(?:hey|cheers|thanks|yeah|ok|okay|btw)\b", re.IGNORECASE)
_FORMAL = re.compile(
    r"\b(?:dear|sincerely|regarding|pursuant|kindly|enclosed|hereby|furthermore|sehr geehrte\w*)\b", re.IGNORECASE
)


def own_words(text: str) -> list[str]:
    """The lines that the sender wrote: without what was quoted, forwarded or signed automatically."""
    lines: list[str] = []
    for line in text[:MAX_TEXT].replace("\r\n", "\n").split("\n"):
        if _QUOTED.match(line) or _SIGNATURE.match(line):
            break
        lines.append(" ".join("".join(one for one in line if one.isprintable()).split()))
    return lines


def learned(texts: Iterable[str]) -> Voice:
    """The voice of messages, the newest first; the same messages give the same voice.

    Raises InvalidInput where fewer than MIN_MESSAGES of them say anything.
    """
    messages = [lines for text in list(texts)[:MAX_MESSAGES] if len(" ".join(lines := own_words(text))) >= 20]
    if len(messages) < MIN_MESSAGES:
        raise InvalidInput(f"there are fewer than {MIN_MESSAGES} messages of your own words to learn from")
    greetings = [found for lines in messages if (found := _greeting(lines))]
    sign_offs = [found for lines in messages if (found := _sign_off(lines))]
    sentences = [_sentences(lines) for lines in messages]
    lengths = [len(_WORD.findall(one)) for some in sentences for one in some]
    everything = "\n".join("\n".join(lines) for lines in messages)
    return Voice(
        greeting=_usual(greetings, len(messages)),
        sign_off=_usual(sign_offs, len(messages)),
        words_per_sentence=min(100, max(1, round(sum(lengths) / len(lengths)))) if lengths else 12,
        formality=_formality(everything, len(messages)),
        phrases=_phrases(sentences),
        excerpts=_excerpts(sentences),
    )


def greeted(voice: Voice | None, first_name: str) -> str:
    """The first line of a mail."""
    word = voice.greeting if voice and voice.greeting else "Hello"
    return f"{word} {first_name}," if first_name else f"{word},"


def signed(voice: Voice | None, signature: str) -> str:
    """The last lines of a mail."""
    closing = voice.sign_off if voice and voice.sign_off else "Best regards"
    return f"{closing}\n{signature}".rstrip()


def _greeting(lines: Sequence[str]) -> str:
    first = next((line for line in lines if line), "")
    found = _GREETING.match(first)
    return found[1] if found and len(first) <= 60 else ""


def _sign_off(lines: Sequence[str]) -> str:
    last = [line for line in lines if line][-4:]
    return next((line.rstrip(",.! ") for line in last if len(line) <= 40 and _SIGN_OFF.match(line)), "")


def _usual(found: Sequence[str], of: int) -> str:
    """What at least a third of the messages have, as it is most often spelled."""
    if not found:
        return ""
    [(word, count)] = Counter(one.casefold() for one in found).most_common(1)
    if count * 3 < of:
        return ""
    return Counter(one for one in found if one.casefold() == word).most_common(1)[0][0]


def _sentences(lines: Sequence[str]) -> list[str]:
    body = [line for line in lines if line and not _GREETING.match(line) and not _SIGN_OFF.match(line)]
    found = re.split(r"(?<=[.!?])\s+", " ".join(body))
    return [one.strip() for one in found if len(_WORD.findall(one)) >= 3]


def _formality(text: str, messages: int) -> Formality:
    casual, formal = len(_CASUAL.findall(text)), len(_FORMAL.findall(text))
    if formal > casual:
        return "formal"
    return "casual" if casual >= messages else "neutral"


def _phrases(sentences: Sequence[Sequence[str]]) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for some in sentences:
        seen: set[str] = set()
        for sentence in some:
            words = [word.casefold() for word in _WORD.findall(sentence)]
            for size in (4, 3):
                seen |= {" ".join(words[at : at + size]) for at in range(len(words) - size + 1)}
        counts.update(seen)
    result: list[str] = []
    for phrase, count in sorted(counts.items(), key=lambda one: (-one[1], -len(one[0]), one[0])):
        if count < 2 or len(result) == MAX_PHRASES:
            break
        if len(phrase) <= 80 and not any(phrase in other for other in result):
            result.append(phrase)
    return tuple(result)


def _excerpts(sentences: Sequence[Sequence[str]]) -> tuple[str, ...]:
    plain = [
        next((one for one in some if 40 <= len(one) <= 240 and not _NOT_PLAIN.search(one)), "") for some in sentences
    ]
    return tuple(dict.fromkeys(one for one in plain if one))[:MAX_EXCERPTS]
