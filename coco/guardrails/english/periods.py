"""From when and until when a rule runs: "until 31 December 2026", "from 1 December 2026 on". Kept as a condition on
the moment of the check."""

from __future__ import annotations

from datetime import datetime, timedelta

from lark import Token

from ..form import Moment, Predicate
from .parts import Node, child, children, span_of, tokens_of
from .problems import Refused
from .windows import WindowReader

NOW = "now"
_DATES = ("date_day", "date_instant", "date_year")
# after these, without a comma, "until …" cannot belong to what stands before it
_DONE = frozenset(
    [
        "QUOTED",
        "VAL",
        "ENT",
        "ENTLC",
        "RPAR",
        "CREDITS",
        "DOMAIN",
        "EMAILADDR",
        "PRON",
        "CONNECTOR",
        "CHANNEL",
        "EMAILN",
        "EMAILOBJ",
        "OBJ",
        "PERRUN",
        "PERHOUR",
        "PERDAY",
        "PERWEEK",
        "PERMONTH",
        "ADAY",
        "AWEEK",
        "AMONTH",
        "AHOUR",
        "ZONE",
        "AUTO",
    ]
)
_PAST = frozenset({"won", "lost", "open"})


class PeriodReader(WindowReader):
    """When a rule begins and ends."""

    _before: dict[int, Token | None] = {}  # the token before the one that begins here
    _forbids: bool = False  # the statement says what must not happen
    _excepted: int | None = None  # where the statement makes its first exception

    def _day(self, date: Node) -> tuple[datetime, datetime]:
        start, end = self._instants(date)
        if end - start > timedelta(days=1, hours=2):
            said = self._text(span_of(date))
            raise Refused(
                span_of(date), f'the beginning or the end of "{said}"? Name the day', "until 31 December 2026"
            )
        return start, end

    def _period(self, node: Node) -> None:
        """A date until or from which the rule runs, told apart from the date of a condition by where it stands."""
        span = span_of(node)
        if (
            (self._forbids and node.data not in {"not_before", "not_after"})
            or self._excluding
            or (self._excepted is not None and self._excepted < span[0])
        ):
            raise Refused(
                span,
                f'"{self._text(span).strip(" ,")}": is that how long the rule runs, or the exception? For the former, '
                "put it in a sentence of its own",
                "" if self._forbids else self._apart(span),
                weak=True,
            )
        if (
            any(one.operation.startswith("event.") for one in self.parts.operations)
            and child(node, "RUNONLY", "RUNSUNTIL", "RUNSFROM") is None
        ):
            said = self._text(span).strip(" ,")
            raise Refused(
                span,
                f'"{said}": is that how long the rule runs, or when the meetings take place? For the former, say "run '
                f'only {said}" in a sentence of its own',
                self._apart(span).replace("Only ", "Run only "),
            )
        at = min(token.start_pos or 0 for token in tokens_of(node))
        prior = self._before.get(at)
        said_so = child(node, "RUNSUNTIL", "RUNSFROM") is not None
        apart = said_so or prior is None or prior.type in {"COMMA", "COLON", "STOP"}
        ends = node.data == "until_date" or child(node, "ONW", "ON") is not None or self._starting(node)
        said = self._text(span_of(prior)).lower() if prior is not None else ""
        if not apart and not (ends and prior is not None and prior.type in _DONE and said not in _PAST):
            raise Refused(
                span,
                f'"{self._text(span).strip(" ,")}": does the rule begin or end then, or did something happen? For the '
                "former, put it in a sentence of its own",
                self._apart(span),
                weak=2,
            )
        dates = children(node, *_DATES)
        found: list[Predicate] = []
        kind = str(node.data)
        if kind in {"until_date", "not_after"}:
            start, end = self._day(dates[0])
            found.append(Moment(fact=NOW, order="<" if end != start else "<=", at=end))
        elif kind == "before_date":
            found.append(Moment(fact=NOW, order="<", at=self._day(dates[0])[0]))
        else:
            start, end = self._day(dates[0])
            after = child(node, "AFTERD") is not None or self._said_after(node)
            begins = end if after else start
            found.append(Moment(fact=NOW, order=">" if after and end == start else ">=", at=begins))
            if len(dates) == 2:
                start, end = self._day(dates[1])
                if child(node, "BEFORE") is not None:
                    end = start
                if not begins < end:
                    raise Refused(span, "this ends before it begins", "")
                found.append(Moment(fact=NOW, order="<", at=end))
        self.parts.conditions.extend(found)
        self.parts.dated = True

    def _starting(self, node: Node) -> bool:
        """ "Starting 1 December 2026": a rule does, where no meeting could."""
        word = child(node, "SINCE")
        return word is not None and self._text(span_of(word)).lower().startswith("starting")

    def _apart(self, span: tuple[int, int]) -> str:
        """The sentence with this in a sentence of its own."""
        said = self._text(span).strip(" ,")
        rest = self.sentence[span[1] :].strip(" .")
        before = self.sentence[: span[0]].rstrip(" ,.")
        return f"{before}{' ' if rest else ''}{rest}. Only {said}."

    def _said_after(self, node: Node) -> bool:
        word = child(node, "OFTHE")
        if word is None:
            return False
        said = self._text(span_of(word)).lower()
        if said not in {"after", "from the"}:
            raise Refused(span_of(node), "from this date on, or until it?", "from 2026-12-01 on", weak=True)
        return said == "after"
