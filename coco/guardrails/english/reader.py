"""What every part of the builder shares: the sentence, what it said so far, and which record it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lark import Token

from ..catalogue import Catalogue, Fact
from ..form import (
    Order,
    Predicate,
)
from .parts import Node, Parts, Target, plural
from .problems import Refused

# (rule, other): the other record of which there is one in the facts
_ONE_OF = frozenset({("deal", "contact"), ("deal", "company"), ("contact", "company")})


# facts of an action that say what it writes, not what it is
_ARGUMENTS = frozenset({"owner", "stage", "list", "sequence"})


class Reader:
    """What every part of the builder shares: the sentence, what it said so far, and which record it speaks of."""

    def __init__(self, catalogue: Catalogue, sentence: str, parts: Parts | None = None) -> None:
        self.catalogue = catalogue
        self.sentence = sentence
        self.parts = parts or Parts()
        self._subject: str | None = None  # the entity the present condition speaks of
        self._excluding = False
        self._leading = False  # within "if a deal over $20k has no activity, …"
        self._introduced = False  # "when a deal over $20k is won": the rule's own record, met again
        self._last_number: Fact | None = None  # for "a score under 10 or over 90"
        self._last_list: str | None = None  # (fact, kind) for "but not …"

    def _text(self, span: tuple[int, int]) -> str:
        return self.sentence[span[0] : span[1]]

    @property
    def _plural(self) -> str:
        return plural(self.parts.target or "record")

    def _allow(self, entity: str, span: tuple[int, int]) -> None:
        """Refuse a condition on a record of which the rule's own may have several."""
        target = self.parts.target
        if target == "action":
            raise Refused(
                span,
                f"the rule names no {plural(entity)}: say for which records it may run, right after the operation",
                f"… for {plural(entity)} …",
            )
        if target is not None and entity != target and (target, entity) not in _ONE_OF:
            raise Refused(
                span,
                f"a {target} may have several {plural(entity)}; a rule about {plural(target)} cannot say which",
                f"Write the rule about {plural(entity)}",
            )

    @property
    def _an_entity(self) -> str:
        return "an action" if self._entity == "action" else f"a {self._entity}"

    @property
    def _entity(self) -> str:
        return self._subject or self.parts.target or "contact"

    def _only_tasks_are_due(self) -> bool:
        """A contact or a company is never due, so that the task is."""
        made = {covered.operation for covered in self.parts.operations}
        return self._entity in {"contact", "company"} and made == {"task.create"}

    def _own(self, field_name: str, span: tuple[int, int]) -> str:
        name = f"{self._entity}.{field_name}"
        if field_name == "starts_at":
            self.parts.start_span = span
        if self._entity == "action" and field_name in _ARGUMENTS:
            raise Refused(
                span,
                f"an action has no {field_name} of its own; say it of the records, right after them",
                "",
                weak=True,
            )
        if name not in self.catalogue.facts and f"action.{field_name}" in self.catalogue.facts:
            if field_name == "due_at" and self._only_tasks_are_due():
                return f"action.{field_name}"
            if field_name == "due_at" and self._entity != "action":
                raise Refused(
                    span,
                    f"is the task due, or the {self._entity}? Say it next to the task, or say when the {self._entity} "
                    "closes",
                    f"Create tasks {self._text(span)} for …",
                )
            return f"action.{field_name}"  # when the meeting starts, when the task is due
        if name not in self.catalogue.facts:
            raise Refused(
                span,
                f"there is no {name} in the catalogue of facts, so this cannot be checked for {self._an_entity}",
                "",
            )
        return name

    def _excluded(self, make: Callable[[], list[Predicate]]) -> list[Predicate]:
        before, self._excluding = self._excluding, True
        try:
            return make()
        finally:
            self._excluding = before

    @staticmethod
    def _order(node: Node) -> Order:
        return {"GT": ">", "GE": ">=", "LT": "<", "LE": "<=", "EQ": "=="}[node.children[0].type]  # type: ignore[return-value]

    def _whole(self, token: Token) -> int:
        if token.value != int(token.value) or token.value > 1_000_000_000:
            raise Refused((token.start_pos or 0, token.end_pos or 0), "a whole number is needed here", "")
        return int(token.value)

    def _condition(self, node: Node) -> Predicate:
        """One condition; see conditions.py."""
        raise NotImplementedError

    def _entity_of(self, np: Node) -> Target:
        """The kind of record that a noun phrase names; see build.py."""
        raise NotImplementedError

    def _own_verb(self, piece: Node) -> bool:
        """Whether a condition brings its own verb; see grouping.py."""
        raise NotImplementedError

    def _check_attachment(self, foreign: str | None, piece: Node, predicate: Predicate) -> str | None:
        """Refuse a condition that could speak of another record; see grouping.py."""
        raise NotImplementedError

    def _check_dates(self, before: Node, after: Node) -> None:
        """Refuse a time that could be said of both conditions; see grouping.py."""
        raise NotImplementedError

    def _joined_items(self, items: Sequence[Node]) -> list[Predicate]:
        """Items in parentheses, as conjuncts; see grouping.py."""
        raise NotImplementedError
