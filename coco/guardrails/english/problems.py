"""What is wrong with a sentence, said so that its author can put it right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """`span` is [start, end) in characters of the sentence; `suggestion` is a phrasing that is accepted."""

    span: tuple[int, int]
    text: str
    message: str
    suggestion: str = ""

    def as_json(self) -> dict[str, object]:
        return {"span": list(self.span), "text": self.text, "message": self.message, "suggestion": self.suggestion}


class Refused(Exception):
    """Raised inside the compiler with one problem at a span."""

    def __init__(
        self, span: tuple[int, int], message: str, suggestion: str = "", *, fatal: bool = False, weak: int = 0
    ) -> None:
        super().__init__(message)
        self.span = span
        self.message = message
        self.suggestion = suggestion
        self.weak = weak  # an unlikely explanation (2: the least): reported when no derivation gives a better one
        self.fatal = fatal  # refuses the sentence even where another derivation would do

    def problem(self, sentence: str) -> Problem:
        start, end = self.span
        return Problem((start, end), sentence[start:end], self.message, self.suggestion)
