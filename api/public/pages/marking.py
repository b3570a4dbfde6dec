"""A refused sentence with the places of its problems marked."""

from __future__ import annotations

from collections.abc import Sequence

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
