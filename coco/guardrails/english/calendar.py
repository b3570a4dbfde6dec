"""Days, weeks, months, quarters and years of the calendar: "created today", "closing next month"."""

from __future__ import annotations

from ..catalogue import Fact
from ..form import Age, Calendar, Predicate, Unit, conjunction, negation
from .doubts import LAST_ONLY
from .numbers import NumberReader
from .parts import Node, child, span_of
from .problems import Refused


class CalendarReader(NumberReader):
    """Conditions on a unit of the calendar, seen from the moment the rule runs."""

    def _cal(self, node: Node) -> tuple[Unit, int, str, str]:
        """Unit, offset from the present one, part of it ("earlier", "later", "end", "start" or ""), and zone."""
        token, zone = child(node, "CAL", "CALEDGE"), child(node, "ZONE")
        unit, offset, part = token.value
        if zone is None:
            self._note(
                f'"{self._text(span_of(token))}" is counted in UTC; add a zone to change that, such as '
                f'"{self._text(span_of(token))} Europe/Berlin".'
            )
        if unit == "week":
            self._note("Weeks begin on Monday.")
        return unit, offset, part, zone.value if zone is not None else "UTC"

    def _note(self, note: str) -> None:
        if note not in self.parts.notes:
            self.parts.notes.append(note)

    def _side(self, node: Node) -> str:
        """The word before the day or unit, as one of since, before, by, after, in, or nothing."""
        word = child(node, "SINCE", "BEFORE", "UNTIL", "AFTERD", "OFTHE", "PREP", "ON")
        if word is None:
            return ""
        said = self._text(span_of(word)).lower()
        known = {"SINCE": "since", "BEFORE": "before", "UNTIL": "by", "AFTERD": "after", "ON": "in"}
        if word.type in known:
            return known[word.type]
        if said == "after":
            return "after"
        if said in {"in", "during", "within"}:
            return "in"
        raise Refused(
            span_of(word), f'"{said}": in that time, since then, or before it?', "since yesterday", fatal=True
        )

    def _calendar_when(self, fact: Fact, node: Node, negated: bool) -> Predicate:
        span = span_of(node)
        unit, offset, part, zone = self._cal(child(node, "cal", "caledge"))
        side = self._side(node)
        if fact.past and (offset > 0 or part == "later"):
            raise Refused(span, f"{fact.name} always lies in the past", "")
        first: int | None = None
        last: int | None = None
        match str(node.data), side, part:
            case "w_cal", _, _:
                if fact.name.endswith(LAST_ONLY) and offset < 0 and (negated or self._excluding):
                    raise Refused(
                        span, "only the last time is recorded, which may be later. Say since when", "", weak=2
                    )
                first = last = offset
            case "w_cal_edge", ("before" | "by"), "end":
                last = offset
            case "w_cal_edge", "before", "start":
                last = offset - 1
            case "w_cal_edge", "since", "start":
                first = offset
            case "w_cal_edge", "after", "end":
                first = offset + 1
            case "w_cal_side", "since", "" if unit == "day" or offset >= 0:
                first = offset
            case "w_cal_side", "before", "" if unit == "day" or offset >= 0:
                last = offset - 1
            case "w_cal_side", "by", "" if unit == "day":
                last = offset
            case "w_cal_side", "after", "" if unit == "day" or offset >= 0:
                first = offset + 1
            case _:
                raise Refused(
                    span,
                    f'does "{self._text(span)}" count its start or its end? Say which',
                    f"before the end of {'this' if offset == 0 else 'next'} {unit}"
                    if offset >= 0
                    else f"since the start of last {unit}",
                    fatal=True,
                )
        if (first is not None and first > 1) or (last is not None and not -2 <= last <= 1):
            raise Refused(span, "that is further away than a rule counts in days, weeks or months; give a length", "")
        found: Predicate = Calendar(fact=fact.name, unit=unit, first=first, last=last, zone=zone)
        if part in {"earlier", "later"} and not fact.past:
            passed = Age(fact=fact.name, order=">", seconds=0)
            found = conjunction([passed if part == "earlier" else negation(passed), found])
        if not negated:
            return found
        if fact.past and first == last == 0:  # what is not in this week, and not ahead, lies before it
            return Calendar(fact=fact.name, unit=unit, first=None, last=-1, zone=zone)
        return negation(found)

    def _calendar_silence(self, fact: str, node: Node) -> Predicate:
        """ "Not contacted this week": the last time lies before it."""
        if not self.catalogue.fact(fact).past or not fact.endswith(LAST_ONLY):
            raise Refused(span_of(node), "in that time, or before it?", "", weak=True)  # read as "not then"
        unit, offset, zone, _ = self._up_to_now(node, "none")
        return Calendar(fact=fact, unit=unit, first=None, last=offset - 1, zone=zone)

    def _calendar_presence(self, fact: str, node: Node) -> Predicate:
        """ "Activity this week": the last one lies in it, as it cannot lie ahead."""
        unit, offset, zone, since = self._up_to_now(node, "any")
        return Calendar(fact=fact, unit=unit, first=offset, last=None if since else offset, zone=zone)

    def _up_to_now(self, node: Node, many: str) -> tuple[Unit, int, str, bool]:
        """Unit, offset, zone, and whether "since" was said, of a time that lasts until now: of one that ended before,
        the last time tells nothing."""
        unit, offset, part, zone = self._cal(child(node, "cal"))
        since = self._side(node) == "since"
        if part or offset > 0 or (offset < 0 and (not since or unit != "day")):
            raise Refused(
                span_of(node),
                f"only the last time is recorded. Say since when there was {many}",
                "since yesterday" if unit == "day" or many == "any" else f"since the start of the {unit}",
                fatal=True,
            )
        return unit, offset, zone, since
