"""What frames a rule: windows, caps, mode."""

from __future__ import annotations

import re
from typing import Any

from ..catalogue import Fact, FactType
from ..form import (
    Clock,
    Order,
    Per,
    Predicate,
    Weekly,
    Within,
)
from .conditions import ConditionReader
from .parts import Node, Parts, child, children, span_of, tokens_of
from .problems import Refused

DEFAULT_WAIT_HOURS = 24.0


def _starting(said: str, zoned: bool) -> str:
    """Days and hours said of the start of a meeting: "weekdays only" -> "starting on weekdays Europe/Berlin"."""
    plain = re.sub(r"\s*\bonly\b\s*", " ", said, flags=re.I).strip(" ,")
    on = "" if re.match(r"(on|at|between|from|before|after)\b", plain, re.I) or plain[:1].isdigit() else "on "
    return f"starting {on}{plain}{'' if zoned else ' Europe/Berlin'}"


_HALF = re.compile(r"\b0|\d\s*([:.h]|[ap]\.?m)|\bnoon\b|\bmidnight\b", re.I)  # which half of the day is said


class FrameReader(ConditionReader):
    """What frames a rule: windows, caps, mode."""

    _pending: tuple[Order, int, tuple[int, int]] | None = None  # a cap that still waits for its period

    def _within(self, node: Node) -> None:
        span = span_of(node)
        dur, what = child(node, "dur"), child(node, "since_what")
        tv = child(what, "TV")
        entity = self.parts.target
        subject = child(what, "subject")
        if (
            subject is not None
            and (plain := child(subject, "e_plain")) is not None
            and plain.children[0].value != entity
        ):
            raise Refused(span, f"the rule is about {entity}s", "")
        previous, self._subject = self._subject, entity
        try:
            fact = (
                self.catalogue.fact(self._own(tv.value, span))
                if tv is not None
                else self._fn(child(what, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count"))
            )
        finally:
            self._subject = previous
        if fact.type is not FactType.TIMESTAMP or not fact.past:
            raise Refused(
                span,
                f"{fact.name} is not a moment in the past that time could be counted from",
                "within 24 hours of being created",
            )
        self._set_within(Within(fact=fact.name, seconds=self._seconds(dur, "<=")), span)

    def _within_bare(self, node: Node) -> None:
        span = span_of(node)
        if self.parts.new_span is None:
            said = self._text(span)
            raise Refused(
                span, f"{said} of what? Of being created, of the last activity, …", f"{said} of being created"
            )
        entity = self.parts.target or "contact"
        self._set_within(Within(fact=f"{entity}.created_at", seconds=self._seconds(child(node, "dur"), "<=")), span)

    def _set_within(self, within: Within, span: tuple[int, int]) -> None:
        if any(c.operation in {"event.create", "event.update"} for c in self.parts.operations):
            said = self._text(span).strip(" ,")
            raise Refused(
                span,
                f'is "{said}" when the rule may run, or when the meeting takes place? For the former, say when the '
                "records were created; for the latter, when it starts",
                "starting in the next 7 days",
            )
        if self.parts.within not in (None, within):
            raise Refused(span, "the rule already has such a window; give one", "")
        self.parts.within = within

    def _limit(self, node: Node) -> None:
        span = span_of(node)
        per = self._per(node)
        number = self._whole(child(node, "NUM"))
        cmp_node = child(node, "cmp")
        limit_word = child(node, "LIMITTO")
        order = (
            self._order(cmp_node)
            if cmp_node is not None
            else "<="
            if limit_word is not None or child(node, "WLE")
            else None
        )
        if order in {">", ">="}:
            raise Refused(
                span,
                "a rule caps what runs; it cannot demand a minimum",
                f"at most {number} {self._text(span_of(child(node, 'per')))}",
            )
        sends = all(c.operation.startswith(("email.", "message.")) for c in self.parts.operations)
        if limit_word is not None and re.search(r"\bsend\b", self._text(span_of(limit_word)), re.I) and not sends:
            raise Refused(span, "the rule sends nothing, so this would cap nothing", f"at most {number} per day")
        if order is None:  # "20 a day": a rule permits, so it can only be the most that may run
            order = "<="
            self._note_cap(number)
        if order == "==":
            raise Refused(
                span,
                "exactly this many, or up to this many? A rule can only cap",
                f"at most {number} {self._text(span_of(child(node, 'per')))}",
            )
        most = number - 1 if order == "<" else number
        counted = child(node, "counted")
        if counted is not None:
            what = [token for token in tokens_of(counted) if token.type in {"ENT", "ENTLC"}]
            if what and what[0].type == "ENT" and what[0].value != self.parts.target and self.parts.target is not None:
                raise Refused(span_of(counted), f"the rule is about {self._plural}", f"{self._plural}")
        if per == "action":
            raise Refused(span, "a cap on actions needs a period", f"at most {number} per day")
        if self.parts.each and re.search(r"\b(once|twice|times)\b", self._text(span).lower()):
            said = self._text(span).strip(" ,")
            raise Refused(
                span,
                f'"each … {said}": a cap counts what the whole rule does, not what is done to each record. What is '
                "known of a record is when it was last contacted",
                f"that have not been contacted in the last {'7 days' if per == 'week' else '31 days'}",
                fatal=True,
            )
        if most < 1:
            raise Refused(span, "this cap lets nothing run", "at most 1 per day")
        known = self.parts.actions.setdefault(per, most)
        if known != most:
            raise Refused(
                span, f"the rule already says at most {known} per {per}", f"at most {min(known, most)} per {per}"
            )

    def _note_cap(self, number: int) -> None:
        note = f"{number} is read as at most {number}: a rule permits, it does not demand."
        if note not in self.parts.notes:
            self.parts.notes.append(note)

    def _limit_each(self, node: Node) -> None:
        span = span_of(node)
        said = self._text(span).strip(" ,")
        number = child(node, "NUM")
        if any(token.type == "CREDITS" for token in tokens_of(node)) and number is not None:
            raise Refused(
                span,
                "what one record costs over all its actions is not counted; what one action costs is",
                f"at most {number.value:g} credits per action",
                fatal=True,
            )
        rest = re.match(r"\s*(?:(?:per|a|each|every|in any)\s+)?(hour|day|week|month)\b", self.sentence[span[1] :])
        period = rest.group(1) if rest else next((p for p in ("day", "week", "month") if p in said), "month")
        length = {"hour": "60 minutes", "day": "24 hours", "week": "7 days", "month": "31 days"}[period]
        before = re.sub(r"[\s,]*(but|and)?$", "", self.sentence[: span[0]])
        after = self.sentence[span[1] + (rest.end() if rest else 0) :].strip()
        mails = all(c.operation.startswith("email.") for c in self.parts.operations)
        raise Refused(
            span,
            f'"{said}": a cap counts what the whole rule does, not what is done to each record. What is known of a '
            "record is when it was last contacted; or cap the rule, such as at most 20 per day",
            f"{before} that have not been contacted in the last {length}{after}"
            if mails and self.parts.target in {"contact", "deal"} and after in {"", "."}
            else f"Send messages to all contacts that have not been contacted in the last {length}."
            if mails and self.parts.target == "action"
            else f"at most {self._whole(number) if number is not None else 20} per {period}",
            fatal=True,
        )

    def _weekly_zone(self, node: Node) -> None:
        self.parts.weekly_zones.update(token.value for token in tokens_of(node) if token.type == "ZONE")
        self.parts.zone_span = span_of(node)

    def _limit_per(self, node: Node) -> None:
        span = span_of(node)
        if self._pending is None:
            raise Refused(
                span,
                f'"{self._text(span)}" is a period: of what? How often a rule runs is set by its schedule; a cap '
                "is written with a number",
                f"{self.sentence[: span[0]].rstrip()}{self.sentence[span[1] :]}",
                weak=True,
            )
        order, number, where = self._pending
        self._pending = None
        per = self._per(node)
        if per == "action" or order not in {"<", "<="}:
            raise Refused((where[0], span[1]), "a rule caps what runs", f"at most {number} per day")
        most = number - 1 if order == "<" else number
        if most < 1:
            raise Refused(where, "this cap lets nothing run", "at most 1 per day")
        self.parts.actions[per] = most

    def _per(self, node: Node) -> Any:
        per = child(node, "per")
        kind = per.children[0].type
        return {
            "PERRUN": "run",
            "PERHOUR": "hour",
            "PERDAY": "day",
            "PERWEEK": "week",
            "PERMONTH": "month",
            "PERACTION": "action",
            "ADAY": "day",
            "AWEEK": "week",
            "AMONTH": "month",
            "AHOUR": "hour",
            "EACH": "action",
        }[kind]

    def _limit_credits(self, node: Node) -> None:
        span = span_of(node)
        number = float(child(node, "NUM").value)
        cmp_node = child(node, "cmp")
        order = (
            self._order(cmp_node)
            if cmp_node is not None
            else "<="
            if child(node, "LIMITTO", "WLE") is not None or node.data == "l_credits"
            else None
        )
        if order not in {"<", "<="}:
            raise Refused(span, "a rule caps what it spends; say at most", f"at most {number:g} credits per action")
        if order == "<":
            if number != int(number):
                raise Refused(span, "say at most, with the exact number", f"at most {number:g} credits")
            number -= 1
            self.parts.notes.append(f"Fewer than {number + 1:g} credits is read as at most {number:g}.")
        per: Any = "action" if node.data == "l_credits_action" else self._per(node)
        if per == "hour":
            raise Refused(
                span, "credits are capped per action, run, day, week or month", f"at most {number:g} credits per day"
            )
        if number < 0:
            raise Refused(span, "this cap lets nothing run", "")
        if per == "action":
            if self.parts.credits_per_action not in (None, number):
                raise Refused(span, "the rule already has such a cap", "")
            self.parts.credits_per_action = number
            return
        period: Per = per
        if self.parts.credits.setdefault(period, number) != number:
            raise Refused(span, "the rule already has such a cap", "")

    def _limit_total(self, node: Node) -> None:
        raise Refused(span_of(node), "in total over what time? A cap needs a period", "at most 100 credits per month")

    def _limit_credits_noper(self, node: Node) -> None:
        number = child(node, "NUM").value
        raise Refused(
            span_of(node),
            "per action, or in what time? A cap needs a period",
            f"at most {number:g} credits per day",
            weak=True,
        )

    def _limit_batch(self, node: Node) -> None:
        raise Refused(span_of(node), "a cap needs a period", f"at most {self._whole(child(node, 'NUM'))} per run")

    def _limit_noper(self, node: Node) -> None:
        raise Refused(
            span_of(node),
            "in what time? A cap needs a period",
            f"at most {self._whole(child(node, 'NUM'))} per day",
            weak=True,
        )

    def _pending_limit(self, limit: Node) -> None:
        if limit.data == "limit_exact":
            number = self._whole(child(limit, "NUM"))
            self._note_cap(number)
            self._pending = ("<=", number, span_of(limit))
            return
        order = self._order(child(limit, "cmp"))
        self._pending = (order, self._whole(child(limit, "NUM")), span_of(limit))

    def _falls(self, fact: Fact, node: Node) -> Predicate:
        """ "Starting on weekdays between 9:00 and 17:00 Europe/Berlin": the days and hours of the meeting itself."""
        span = span_of(node)
        if fact.name != "action.starts_at":
            raise Refused(span, f"on which days {fact.name} falls is not looked at", "", weak=True)
        hours = child(node, "weekhours")
        said = child(hours, "days", "day_span")
        days = tuple(sorted(set(self._days(said)))) if said is not None else tuple(range(7))
        between = child(hours, "timerange", "time_until", "time_from", "time_both")
        start, end = self._time_range(between) if between is not None else (0, 1440)
        zones = {token.value for token in tokens_of(hours) if token.type == "ZONE"}
        if len(zones) != 1:
            text = self._text(span_of(hours))
            raise Refused(
                span_of(hours),
                "in which time zone? Days and hours differ from place to place" if not zones else "give one time zone",
                f"{text} Europe/Berlin",
            )
        return Clock(fact=fact.name, days=days, start=start, end=end, zone=zones.pop())

    def _weekly(self, node: Node) -> None:
        self._set_weekly(node, False)

    def _weekly_not(self, node: Node) -> None:
        self._set_weekly(node, True)

    def _set_weekly(self, node: Node, negated: bool) -> None:
        """Collect days, hours and zone; `weekly` puts them together when all statements are read."""
        events = [c.operation for c in self.parts.operations if c.operation.startswith("event.")]
        if events and child(node, "RUNONLY") is None:
            said = self._text(span_of(node)).strip(" ,")
            zoned = [token for token in tokens_of(node) if token.type == "ZONE"] or self.parts.weekly_zones
            raise Refused(
                span_of(node),
                f'does "{said}" say when the rule may run, or when the meeting takes place? A rule can say when it '
                "runs, and when the meeting starts",
                _starting(said, bool(zoned)),
            )
        det = child(node, "DET")
        if det is not None and det.value not in {"every", "any", "each"}:
            raise Refused(span_of(node), "every one of these days?", "on Mondays Europe/Berlin", weak=True)
        days: tuple[int, ...] = ()
        for one in children(node, "days", "day_span"):
            if days:
                raise Refused(span_of(node), "the days are given twice", "")
            days = self._days(one)
        if negated:
            days = tuple(day for day in range(7) if day not in days)
        if days:
            self.parts.weekly_days = tuple(day for day in self.parts.weekly_days if day in days)
        timerange = child(node, "timerange", "time_until", "time_from", "time_both")
        if timerange is not None:
            start, end = self._time_range(timerange)
            before = self.parts.weekly_hours
            self.parts.weekly_hours = (max(before[0], start), min(before[1], end))
        self.parts.weekly_zones.update(token.value for token in tokens_of(node) if token.type == "ZONE")
        start, end = self.parts.weekly_span or span_of(node)
        self.parts.weekly_span = (min(start, span_of(node)[0]), max(end, span_of(node)[1]))

    @staticmethod
    def weekly(parts: Parts, sentence: str) -> Weekly | None:
        """The weekly window of a whole sentence, None where it has none."""
        span = parts.weekly_span
        if span is None:
            if parts.zone_span is not None:
                raise Refused(
                    parts.zone_span,
                    "a time zone of what? Give the days or hours it is for",
                    "Only on weekdays between 9:00 and 17:00 Europe/Berlin.",
                )
            return None
        said = sentence[slice(*span)]
        if not parts.weekly_zones:
            raise Refused(
                span, "in which time zone? Days and hours differ from place to place", f"{said} Europe/Berlin"
            )
        if len(parts.weekly_zones) > 1:
            raise Refused(span, "two time zones; give one", "")
        (zone,) = parts.weekly_zones
        start, end = parts.weekly_hours
        if not parts.weekly_days or start >= end:
            raise Refused(span, "the time windows never meet, so the rule would never apply", "")
        return Weekly(days=tuple(sorted(set(parts.weekly_days))), start=start, end=end, zone=zone)

    def _days(self, node: Node) -> tuple[int, ...]:
        if node.data == "day_span":
            first, last = (one.children[0].value for one in children(node, "dayname"))
            return tuple((first + step) % 7 for step in range((last - first) % 7 + 1))
        if child(node, "WEEKDAYS") is not None:
            return (0, 1, 2, 3, 4)
        if child(node, "WEEKENDS") is not None:
            return (5, 6)
        return tuple(one.children[0].value for one in children(node, "dayname"))

    def _time_range(self, node: Node) -> tuple[int, int]:
        span = span_of(node)
        token = child(node, "TIMERANGE")
        if node.data in {"time_until", "time_from"}:
            moment = child(node, "TIME").value
            start, end = (0, moment) if node.data == "time_until" else (moment, 1440)
        elif node.data == "time_both":
            start, end = (one.value for one in children(node, "TIME"))
        elif token is not None:
            start, end, _ = token.value
        else:
            values = []
            for one in children(node, "clock"):
                value = one.children[0]
                if value.type == "NUM":
                    hours = self._whole(value)
                    if hours > 24:
                        raise Refused(span_of(one), "this is no time of day", "9:00")
                    values.append(hours * 60)
                else:
                    values.append(value.value)
            start, end = values
        if 60 <= start < 480 and start < end <= 720 and not _HALF.search(self._text(span)):
            raise Refused(
                span,
                "in the morning, or in the afternoon?",
                f"{start // 60 + 12}:00-{end // 60 + 12}:00",
                fatal=True,
            )
        if start >= end:
            said = (
                f"{start // 60}:{start % 60:02}-{end // 60 + 12}:{end % 60:02}"
                if end <= 720 and end + 720 > start
                else "9:00-17:00"
            )
            raise Refused(span, "this window ends before it begins (a window cannot run past midnight)", said)
        return start, end

    def _mode(self, node: Node) -> None:
        kind, span = str(node.data), span_of(node)
        parts = self.parts
        if kind in {"auto", "ask_else"}:
            return  # "… automatically", "ask me otherwise": what a rule is for, and what the gate does anyway
        if kind == "other_fields":
            parts.other_fields_span = span
            return
        if kind == "ask":
            dur = child(node, "DUR", "dur")
            wait = f" and wait {self._text(span_of(dur))}" if dur is not None else ""
            raise Refused(
                span,
                "to be asked for approval is what happens without any guardrail; a guardrail says what may run "
                "without asking. To be told and to have time to stop it, say so",
                f"notify me first{wait}",
            )
        if kind == "note_bare":
            raise Refused(span, "before or after it has happened? To be told first, say so", "Notify me first.")
        if kind == "q":
            parts.modes.setdefault("draft_only", span)
        elif kind == "ns":
            parts.modes.setdefault("no_send", span)
        elif kind == "rn":
            parts.modes.setdefault("run", span)
        elif kind == "stop":
            parts.modes.setdefault("stop", span)
        elif kind in {"off_ok", "off_no"}:
            value = kind == "off_ok"
            if parts.offline not in (None, value):
                raise Refused(span, "the rule says both that it may and that it may not run while you are offline", "")
            parts.offline = value
            parts.modes.setdefault("offline", span)
        else:
            if kind == "note":
                parts.modes.setdefault("notify_first", span)
            else:
                parts.modes.setdefault("wait", span)
            dur = child(node, "dur")
            if dur is not None:
                hours = self._seconds(dur, ">=") / 3600
                if parts.wait_hours not in (None, hours):
                    raise Refused(span, "two lengths of waiting; give one", "")
                if hours > 24 * 90:
                    raise Refused(span, "waiting is at most 90 days", "24 hours")
                parts.wait_hours = hours
                cmp = child(node, "cmp")
                if cmp is not None and self._order(cmp) not in {">=", "=="}:
                    raise Refused(span, "say how long to wait", "wait 24 hours")
