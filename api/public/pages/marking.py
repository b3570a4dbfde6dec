"""A refused sentence: the places of its problems, and the sentence put right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.english.problems import Problem


def marked(sentence: str, problems: Sequence[Problem]) -> list[tuple[str, bool]]:
    """The sentence in pieces, (text, whether it is part of a problem); together they are the sentence.

    A problem between two characters (something is missing there) marks the word before it.
    """
    wrong = [False] * len(sentence)
    for problem in problems:
        start, end = problem.span
        if start >= end:
            start = len(sentence[:end].rstrip())
            end = start
            while start > 0 and not sentence[start - 1].isspace():
                start -= 1
        for index in range(max(start, 0), min(end, len(sentence))):
            wrong[index] = True
    pieces: list[tuple[str, bool]] = []
    begun = 0
    for index in range(1, len(sentence) + 1):
        if index == len(sentence) or wrong[index] != wrong[begun]:
            pieces.append((sentence[begun:index], wrong[begun]))
            begun = index
    return pieces


def repaired(sentence: str, problem: Problem) -> str:
    """The whole sentence with a problem's suggestion taken up, where that is accepted or leaves fewer problems; or "".

    A suggestion is a sentence of its own, or stands for the words of the problem. Takes a while; call it in a thread.
    """
    if not problem.suggestion:
        return ""
    if compile_sentence(problem.suggestion, suggesting=False).ok:
        return problem.suggestion
    fewer = len(compile_sentence(sentence, suggesting=False).problems)
    for candidate in _candidates(sentence, problem):
        found = compile_sentence(candidate, suggesting=False)
        if found.ok or len(found.problems) < fewer:
            return candidate
    return ""


def _candidates(sentence: str, problem: Problem) -> Iterator[str]:
    """The suggestion in the place of the problem, and after the word that follows it: "important contacts" is to become
    "contacts tagged …"."""
    start, end = problem.span
    before, after = sentence[:start], sentence[end:]
    yield f"{before}{problem.suggestion}{after}"
    if following := re.match(r"\s+[\w-]+", after):
        yield f"{before}{following[0].strip()} {problem.suggestion}{after[following.end() :]}"
