"""Lengths of time, dates, and how long ago something happened."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from lark import Token

from ..catalogue import Fact, FactType
from ..form import (
    Age,
    Ahead,
    And,
    Empty,
    Is,
    Moment,
    Order,
    Predicate,
    atoms,
    conjunction,
    negation,
)
from .calendar import CalendarReader
from .doubts import earlier_times, who_answers, within_a_time
from .literals import Length, length
from .parts import LENGTHS, Node, child, children, span_of
from .problems import Refused

_IN_IT = re.compile(r"(in|during|throughout) (?!.*\b(start|beginning|end) of\b)", re.I)
_BE = re.compile(r"(?:that |who |which )?(?:is|are)\b", re.I)
_OPEN_ENDS = frozenset({"by", "until", "till", "up until"})
_SILENCES = ("sil_len", "sil_last", "sil_since", "sil_cal")


class TimeReader(CalendarReader):
    """Lengths of time, dates, and how long ago something happened."""

    def _dur(self, node: Node) -> Length:
        return node.children[0].value  # type: ignore[no-any-return]

    def _seconds(self, node: Node, order: Order) -> int:
        """Seconds for a comparison: months are as long (for "older") or as short (for "newer") as they can be."""
        return self._in_seconds(self._dur(node), order, span_of(node))

    def _age(self, fact: str, order: Order, dur: Node) -> Predicate:
        return Age(fact=fact, order=order, seconds=self._seconds(dur, order))

    def _length(self, fact: str, node: Node, make: type[Age] | type[Ahead] = Age) -> Predicate:
        """A length comparison; a bare length means more than it."""
        match str(node.data):
            case "len_ge":
                order: Order = ">="
            case "len_le":
                order = "<="
            case "len_range" | "len_range_n" | "len_range_u":
                first, second = children(node, "cmp")
                (low, low_node), (high, high_node) = self._ends(node)
                orders = (self._order(first), self._order(second))
                if orders[0] in {"<", "<="} and orders[1] in {">", ">="}:  # "less than 30 but more than 10 days"
                    orders = (orders[1], orders[0])
                    (low, low_node), (high, high_node) = (high, high_node), (low, low_node)
                if orders[0] not in {">", ">="} or orders[1] not in {"<", "<="}:
                    raise Refused(span_of(node), "write the range from its start", "between 30 days and 60 days")
                a = self._in_seconds(low, orders[0], span_of(low_node))
                b = self._in_seconds(high, orders[1], span_of(high_node))
                if a >= b:
                    raise Refused(span_of(node), "the range is empty", "between 30 days and 60 days")
                return conjunction(
                    [make(fact=fact, order=orders[0], seconds=a), make(fact=fact, order=orders[1], seconds=b)]
                )
            case "len_between" | "len_between_n" | "len_to":
                return self._length_between(fact, node, make)
            case _:
                cmp = child(node, "cmp")
                bare: Order = "<=" if make is Ahead else ">=" if self._excluding else ">"
                order = self._order(cmp) if cmp is not None else bare
        if order == "==":
            raise Refused(
                span_of(node),
                "an exact length is never met to the microsecond; say more than, at least, less than or at most",
                f"at least {self._dur(child(node, 'dur')).said}",
            )
        return make(fact=fact, order=order, seconds=self._seconds(child(node, "dur"), order))

    def _shared(self, number: Token, dur: Node) -> Length:
        """The number in "between 30 and 60 days": in the unit of the other."""
        said = self._dur(dur).said
        unit = re.search(r"[^\W\d_]+$", said)
        span = (number.start_pos or 0, number.end_pos or 0)
        if unit is None:
            raise Refused(span, "write both ends with their unit", "between 30 days and 60 days")
        return length(float(number.value), unit.group(), f"{number.value:g} {unit.group()}", span)

    def _ends(self, node: Node) -> list[tuple[Length, Node | Token]]:
        """Two lengths of which one may leave its unit to the other."""
        durs = children(node, "dur")
        if len(durs) == 2:
            return [(self._dur(one), one) for one in durs]
        number = child(node, "NUM")
        lone = (self._shared(number, durs[0]), number)
        full = (self._dur(durs[0]), durs[0])
        return [full, lone] if node.data == "len_range_u" else [lone, full]

    def _in_seconds(self, found: Length, order: Order, span: tuple[int, int]) -> int:
        seconds = found.longest if order in {">", ">="} else found.shortest
        if found.longest != found.shortest:
            if order == "==" or self._excluding:
                raise Refused(
                    span,
                    f'"{found.said}" has no exact length, which matters here; write it in days',
                    f"{found.longest // 86_400} days",
                )
            side = "longest" if order in {">", ">="} else "shortest"
            note = f'"{found.said}" is read as {seconds // 86_400} days, the {side} it can be.'
            if note not in self.parts.notes:
                self.parts.notes.append(note)
        return seconds

    def _length_between(self, fact: str, node: Node, make: type[Age] | type[Ahead]) -> Predicate:
        (low, first), (high, second) = self._ends(node)
        least, most = self._in_seconds(low, ">=", span_of(first)), self._in_seconds(high, "<=", span_of(second))
        if not 0 < least < most:
            raise Refused(span_of(node), "the range is empty, or one end has no unit", "between 30 days and 60 days")
        return conjunction([make(fact=fact, order=">=", seconds=least), make(fact=fact, order="<=", seconds=most)])

    def _time(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        lengthcmp = child(node, *LENGTHS)
        dur = child(node, "dur")
        verb = child(node, "TV", "REPLYW")
        if verb is not None and self._tv(node) == "last_reply_at":
            until = (self._said_from(span), span_of(verb)[1])
            if (doubt := who_answers(self.sentence, until)) is not None:
                raise doubt
        self._check_who_wrote(node)
        match kind:
            case "silent":
                return self._length(self._own("last_activity_at", span), lengthcmp)
            case "went_silent":
                if not re.match(r"(goes|went|gone|falls)\b", self._text(span_of(child(node, "SILENT"))), re.I):
                    raise Refused(span, "silent then, or since then? Say for how long", "silent for more than 14 days")
                if lengthcmp.data == "lengthcmp" and child(lengthcmp, "cmp") is None:
                    raise Refused(
                        span,
                        "more than, or less than this long ago?",
                        f"{self._text(span_of(child(node, 'SILENT')))} more than {self._text(span_of(lengthcmp))} ago",
                    )
                return self._length(self._own("last_activity_at", span), lengthcmp)
            case "silent_bare":
                return self._age(self._own("last_activity_at", span), ">", dur)
            case "silent_since":
                return self._since(
                    self._own("last_activity_at", span), child(node, "date_day", "date_instant", "date_year"), True
                )
            case "not_silent":
                return negation(
                    conjunction(self._excluded(lambda: [self._length(self._own("last_activity_at", span), lengthcmp)]))
                )
            case "no_act":
                return self._silence(self._own("last_activity_at", span), child(node, *_SILENCES))
            case "not_tv":
                whom = child(node, "ENT")
                if whom is not None and whom.value != self._entity:
                    raise Refused(span_of(whom), f"this speaks of a {whom.value}, the rule of a {self._entity}", "")
                field_name, silence = self._tv(node), child(node, *_SILENCES)
                if field_name in {"last_reply_at", "last_contacted_at"}:
                    self._no_within(field_name, silence)
                fact = self._own(field_name, span)
                if not self.catalogue.fact(fact).past:
                    raise Refused(span, "in the time ahead, or in the time that has passed?", "", weak=True)
                return self._silence(fact, silence)
            case "not_updated":
                return self._silence(self._own("updated_at", span), child(node, *_SILENCES))
            case "never_tv":
                field_name = self._tv(node)
                if field_name != "last_reply_at" and field_name != "last_contacted_at":
                    raise Refused(span, "since when? Give a length of time", f"{self._text(span)} in 30 days")
                return Empty(fact=self._own(field_name, span))
            case "not_opp":
                said = self._text(span_of(child(node, "OPP")))
                rest = self._text(span_of(child(node, *_SILENCES)))
                raise Refused(
                    span,
                    f"when a record was last {said} is not recorded; when it was last updated, contacted or active is",
                    f"{self._text((span[0], span_of(child(node, 'OPP'))[0]))}updated {rest}",
                )
            case "ever_replied":
                if child(node, "TV") is not None and self._tv(node) != "last_reply_at":
                    raise Refused(span, "before which date?", f"{self._text(span)} 2026-03-01", weak=True)
                return negation(Empty(fact=self._own("last_reply_at", span)))
            case "act_bare":
                raise Refused(
                    span, "activity in what time? Say how long", f"{self._text(span)} in the last 90 days", weak=True
                )
            case "act":
                inner = child(node, "pres_last", "pres_since", "pres_cal")
                fact = self._own("last_activity_at", span)
                if inner.data == "pres_cal":
                    return self._calendar_presence(fact, inner)
                if inner.data == "pres_since":
                    return self._since(fact, child(inner, "date_day", "date_instant", "date_year"), False)
                return self._age(fact, "<=", child(inner, "dur"))
            case "tv" | "tv_not":
                return self._when(
                    self.catalogue.fact(self._own(self._tv(node), span)), node.children[-1], kind == "tv_not"
                )
            case "overdue":
                raise Refused(
                    span,
                    f'"{self._text(span)}" could mean several things. If it is the close date that has passed, say so',
                    "has a close date in the past",
                    weak=True,
                )
            case "past_due":
                return Age(fact=self._own("close_date", span), order=">", seconds=0)
            case "starting":
                if str(child(node, "SINCE").value) != "starting":
                    raise Refused(span, "since when did what happen?", "created since 2026-03-01", weak=True)
                return self._when(self.catalogue.fact(self._own("starts_at", span)), node.children[-1], False)
            case "tv_falls":
                word = child(node, "TV", "SINCE")
                if word.value != ("starts_at" if word.type == "TV" else "starting"):
                    raise Refused(span, "days and hours are looked at for the start of a meeting only", "", weak=True)
                return self._falls(self.catalogue.fact(self._own("starts_at", span)), node)
            case "tv_for" if self._text(span_of(child(node, "TV"))).lower().endswith(("crm", "system", "file")):
                return self._length(self._own("created_at", span), lengthcmp)
            case "tv_for":
                if self._tv(node) != "stage_entered_at":
                    raise Refused(span, "in the last, or ago?", f"{self._text(span)} ago", weak=True)
                return self._length(self._own("stage_entered_at", span), lengthcmp)
            case "tv_bare":
                if self._tv(node) == "last_reply_at":
                    return negation(Empty(fact=self._own("last_reply_at", span)))  # "who replied": at any time
                if self._tv(node) == "close_date":
                    raise Refused(
                        span,
                        "is it about to close, or has it closed? A rule looks at how things stand when it runs",
                        "is closed",
                    )
                if self._tv(node) != "created_at" or self._entity != (self.parts.target or self._entity):
                    raise Refused(
                        span, "when? Give a length of time", f"{self._text(span)} in the last 7 days", weak=True
                    )
                self.parts.new_span = span
                return And(items=())
            case "updated":
                return self._when(self.catalogue.fact(self._own("updated_at", span)), node.children[-1], False)
            case "older":
                self._since_when(node)
                return self._age(self._own("created_at", span), ">", dur)
            case "newer":
                self._since_when(node)
                return self._age(self._own("created_at", span), "<", dur)
            case "older_date":
                raise Refused(
                    span,
                    "older than a date? Say created before it",
                    f"created before {self._text(span_of(child(node, 'datemark')))}",
                )
            case "age_old":
                cmp = child(lengthcmp, "cmp")
                if lengthcmp.data == "lengthcmp" and cmp is None:
                    raise Refused(
                        span,
                        "more than, at least, or less than this old?",
                        f"at least {self._text(span_of(lengthcmp))} old",
                    )
                return self._length(self._own("created_at", span), lengthcmp)
            case "no_reply" | "no_reply_ever":
                if str(child(node, "EMAILOBJ").value) not in {"reply", "replies", "response", "responses"}:
                    raise Refused(
                        span, "which of these were received is not recorded; replies are", "with no reply in 30 days"
                    )
                last = self._own("last_reply_at", span)
                if kind == "no_reply_ever":
                    return Empty(fact=last)
                self._no_within("last_reply_at", child(node, *_SILENCES))
                return self._silence(last, child(node, *_SILENCES))
            case "in_next":
                if not any(c.operation.startswith("event.") for c in self.parts.operations):
                    raise Refused(span, "what happens then? Say it", f"closing {self._text(span)}", weak=True)
                self.parts.start_span = span
                return Ahead(fact="action.starts_at", order="<=", seconds=self._seconds(dur, "<="))
            case "act_len":
                cmp = child(lengthcmp, "cmp")
                if lengthcmp.data == "len_le" or (cmp is not None and self._order(cmp) in {"<", "<="}):
                    raise Refused(span, "no activity for less than a length of time can be read in two ways", "")
                return self._length(self._own("last_activity_at", span), lengthcmp)
            case "after_tv":
                return self._long_after(child(node, "since_what"), lengthcmp)
            case "lasting":
                if not any(c.operation.startswith("event.") for c in self.parts.operations):
                    raise Refused(
                        span,
                        "what lasts this long? Say what happened, or did not, in that time",
                        "with no activity for 30 days",
                        weak=True,
                    )
                return self._lasting(lengthcmp)
            case "is_new":
                self.parts.new_span = span
                return And(items=())
        raise Refused(span, "this says nothing that can be checked", "")

    def _since_when(self, node: Node) -> None:
        """ "Lost deals older than 18 months": since they were created, or lost?"""
        said = self._text(span_of(node))
        ended = next((one for one in self.parts.conditions if isinstance(one, Is) and one.fact == "deal.status"), None)
        if self._entity == "deal" and ended is not None and "open" not in ended.values and not _BE.match(said):
            how = "more" if "older" in said.lower() else "less"
            raise Refused(
                span_of(node),
                f'"{said}": since they were created, or since they were closed? Say which',
                f"closed {how} than {self._dur(child(node, 'dur')).said} ago",
                fatal=True,
            )

    def _said_from(self, span: tuple[int, int]) -> int:
        """Where the clause of a condition begins: "we" may stand before its verb."""
        before = re.search(r"\b(?:we|i|our team|the team)\s*$", self.sentence[: span[0]], re.I)
        return before.start() if before is not None else span[0]

    def _no_within(self, verb: str, silence: Node) -> None:
        if silence.data != "sil_len":
            return
        lengthcmp = child(silence, "lengthcmp")
        length = self._dur(child(lengthcmp, "dur")).said if lengthcmp is not None else ""
        if (doubt := within_a_time(verb, self.sentence, span_of(silence), length)) is not None:
            raise doubt

    def _check_who_wrote(self, node: Node) -> None:
        """Who wrote to whom; see everyday.py."""
        raise NotImplementedError

    @staticmethod
    def _tv(node: Node) -> str:
        token = child(node, "TV", "REPLYW")
        return "last_reply_at" if token.type == "REPLYW" else str(token.value)

    def _silence(self, fact: str, node: Node) -> Predicate:
        """ "No activity in 90 days": the last one is more than 90 days ago."""
        match str(node.data):
            case "sil_cal":
                return self._calendar_silence(fact, node)
            case "sil_last":
                return self._age(fact, ">", child(node, "dur"))
            case "sil_since":
                return self._since(fact, child(node, "date_day", "date_instant", "date_year"), True)
        lengthcmp = child(node, *LENGTHS)
        cmp = child(lengthcmp, "cmp")
        if lengthcmp.data == "len_le" or (cmp is not None and self._order(cmp) in {"<", "<="}):
            raise Refused(
                span_of(node),
                "no activity for less than a length of time can be read in two ways",
                f"activity in the last {self._dur(child(lengthcmp, 'dur')).said}",
            )
        return self._length(fact, lengthcmp)

    def _long_after(self, what: Node, lengthcmp: Node) -> Predicate:
        """ "30 days after they were created": from then on."""
        word, moment = child(what, "FIRSTOF", "OFTHE"), child(what, "TV")
        said = self._text(span_of(word)).lower() if word is not None else ""
        subject = child(what, "subject")
        plain = child(subject, "e_plain") if subject is not None else None
        other = subject is not None and child(subject, "PRON") is None
        if plain is not None and plain.children[0].value == self._entity:
            other = False
        if not said.startswith(("after", "following", "from when", "from the")) or other:
            raise Refused(span_of(what), "how long after what?", "30 days after being created", weak=3)
        if moment is not None:
            fact = self.catalogue.fact(self._own(str(moment.value), span_of(what)))
        else:
            fact = self._fn(child(what, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count"))
        if fact.type is not FactType.TIMESTAMP:
            raise Refused(span_of(what), f"{fact.name} is a {fact.type.value}, not a time", "")
        return self._length(fact.name, lengthcmp)

    def _instants(self, node: Node) -> tuple[datetime, datetime]:
        """First and (exclusive) last instant of a date, or one instant twice."""
        if node.data == "date_instant":
            moment = node.children[0].value
            return moment, moment
        if node.data == "date_year":
            year = self._whole(child(node, "NUM"))
            if not 1970 <= year <= 2200:
                raise Refused(span_of(node), "a date is needed here", "2026-03-01")
            day, after = date(year, 1, 1), date(year + 1, 1, 1)
        else:
            day, after = child(node, "DATE").value
        zone_token = child(node, "ZONE")
        zone = ZoneInfo(zone_token.value if zone_token is not None else "UTC")
        if zone_token is None:
            note = 'Dates are days in UTC; add a zone to change that, such as "2026-03-01 Europe/Berlin".'
            if note not in self.parts.notes:
                self.parts.notes.append(note)
        start = datetime(day.year, day.month, day.day, tzinfo=zone)
        return start.astimezone(UTC), datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)

    def _falls(self, fact: Fact, node: Node) -> Predicate:
        """Days and hours on which a moment falls; see frame.py."""
        raise NotImplementedError

    def _lasting(self, node: Node) -> Predicate:
        """How long an event lasts; see acts.py."""
        raise NotImplementedError

    def _since(self, fact: str, node: Node, none: bool) -> Predicate:
        start, _ = self._instants(node)
        if none:  # nothing since the day: the last one lies before that day
            return Moment(fact=fact, order="<", at=start)
        return Moment(fact=fact, order=">=", at=start)

    def _when(self, fact: Fact, node: Node, negated: bool) -> Predicate:
        if node.data == "w_cmp" and child(node, "date_year") is not None:
            year = child(child(node, "date_year"), "NUM").value
            if fact.type is not FactType.TIMESTAMP or not 1970 <= year <= 2200:
                raise Refused(span_of(node), "compared with what?", "", weak=2)  # "score > 5"
        if fact.type is not FactType.TIMESTAMP:
            raise Refused(span_of(node), f"{fact.name} is a {fact.type.value}, not a time", "")
        if (
            negated
            and node.data == "w_ago"
            and fact.name.endswith(("last_activity_at", "last_contacted_at", "last_reply_at"))
        ):
            lengthcmp = child(node, "lengthcmp", "len_ge")
            said = self._dur(child(lengthcmp, "dur")).said if lengthcmp is not None else "30 days"
            raise Refused(
                span_of(node),
                f"not since {said} ago, or not before? Say in which time",
                f"in the last {said}",
                fatal=True,
            )
        if negated or self._excluding:
            self._only_last(fact, node)
        if node.data in {"w_cal", "w_cal_side", "w_cal_edge"}:
            return self._calendar_when(fact, node, negated)
        if negated:
            return negation(conjunction(self._excluded(lambda: [self._when_plain(fact, node)])))
        return self._when_plain(fact, node)

    def _only_last(self, fact: Fact, node: Node) -> None:
        """Refuse what would take "the last time was not then" for "it was never then"."""
        lengthcmp = child(node, "lengthcmp", "len_ge", "len_le", "len_between", "len_between_n", "len_range")
        dur = child(lengthcmp, "dur") if lengthcmp is not None else None
        match str(node.data):
            case "w_before" | "w_until" | "w_on" | "w_in_date" | "w_between" | "w_range":
                length = None
            case "w_ago" | "w_past":
                cmp = child(lengthcmp, "cmp")
                if lengthcmp.data == "len_le" or (cmp is not None and self._order(cmp) in {"<", "<="}):
                    return
                length = self._dur(dur).said if dur is not None else None
            case "w_cal_side" | "w_cal_edge" if self._side(node) in {"before", "by"}:
                length = None
            case _:
                return
        if (doubt := earlier_times(fact.name, self.sentence, span_of(node), length)) is not None:
            raise doubt

    def _when_passed(self, fact: Fact, node: Node, kind: str) -> Predicate:
        """ "That closed within 30 days": what has happened does not lie ahead."""
        found = self._when(fact, node, kind.endswith("_not"))
        if any(isinstance(atom, Ahead) for atom in atoms(found)):
            dur = child(node, "dur")
            raise Refused(
                span_of(node),
                "in the time that has passed, or in the time ahead?",
                f"in the last {self._dur(dur).said}" if dur is not None else "",
                fatal=True,
            )
        return found

    def _ends_clearly(self, word: Token, date: Node, start: datetime, end: datetime) -> None:
        """Refuse "by 2025", "until March 2026": before it begins, or until it ends?"""
        if end - start <= timedelta(days=1, hours=2) or self._text(span_of(word)).lower() not in _OPEN_ENDS:
            return
        said = self._text(span_of(date))
        raise Refused(
            (span_of(word)[0], span_of(date)[1]),
            f'before "{said}" begins, or until it ends? Say "before {said}" or "by the end of {said}"',
            f"before {said}",
        )

    def _when_compared(self, fact: Fact, node: Node, date: Node) -> Predicate:
        """ "Created no earlier than 15 March 2026", "created < 2024"."""
        said = self._text(span_of(child(node, "cmp"))).strip().lower()
        start, end = self._instants(date)
        day = end != start
        if said in {"<", "earlier than"}:
            return Moment(fact=fact.name, order="<", at=start)
        if said in {">=", "≥", "no earlier than", "not earlier than"}:
            return Moment(fact=fact.name, order=">=", at=start)
        if said == ">":
            return Moment(fact=fact.name, order=">=" if day else ">", at=end)
        if said in {"<=", "≤", "up to", "upto", "no later than"} and (end - start).days <= 1:
            return Moment(fact=fact.name, order="<" if day else "<=", at=end)
        raise Refused(span_of(node), "before, after, since or on this date?", "before 2026-03-01", weak=True)

    def _when_plain(self, fact: Fact, node: Node) -> Predicate:
        name = fact.name
        span = span_of(node)
        kind = str(node.data)
        dur = child(node, "dur")
        lengthcmp = child(node, *LENGTHS)
        dates = children(node, "date_day", "date_instant", "date_year")
        if fact.past and kind in {"w_next", "w_ahead"}:
            raise Refused(span, f"{name} always lies in the past", "")
        match kind:
            case "w_past" if self._text(span_of(child(node, "INLAST"))).lower() != "in the past":
                raise Refused(span, "in the last how long?", "in the last 7 days", weak=2)
            case "w_ago" | "w_past":
                if lengthcmp.data == "lengthcmp" and child(lengthcmp, "cmp") is None:
                    said = self._dur(child(lengthcmp, "dur")).said
                    raise Refused(
                        span, f"exactly {said} ago is never met; more than or less than?", f"more than {said} ago"
                    )
                found = self._length(name, lengthcmp)
                if not fact.past and isinstance(found, Age) and found.order in {"<", "<="}:
                    return conjunction([Age(fact=name, order=">", seconds=0), found])  # "ago": it has passed
                return found
            case "w_last":
                if not fact.past and "last" not in self._text(span) and "past" not in self._text(span):
                    return Ahead(fact=name, order="<=", seconds=self._seconds(dur, "<="))
                if not fact.past:
                    return conjunction([Age(fact=name, order=">", seconds=0), self._age(name, "<=", dur)])
                return self._age(name, "<=", dur)
            case "w_next":
                return Ahead(fact=name, order="<=", seconds=self._seconds(dur, "<="))
            case "w_ahead":
                if lengthcmp.data == "lengthcmp" and child(lengthcmp, "cmp") is None:
                    said = self._dur(child(lengthcmp, "dur")).said
                    raise Refused(
                        span, f"exactly {said} ahead is never met; more than or less than?", f"in the next {said}"
                    )
                return self._length(name, lengthcmp, Ahead)
            case "w_in":
                if fact.past:
                    raise Refused(
                        span, "in the last, or in the next?", f"in the last {self._text(span).split(' ', 1)[-1]}"
                    )
                if lengthcmp.data == "lengthcmp" and child(lengthcmp, "cmp") is None:
                    said = self._dur(child(lengthcmp, "dur")).said
                    raise Refused(
                        span,
                        f"at any time until then, or {said} from now to the day? Say within which time, or give both "
                        "ends",
                        f"within {said}",
                        fatal=True,
                    )
                return self._length(name, lengthcmp, Ahead)
            case "w_before":
                return Moment(fact=name, order="<", at=self._instants(dates[0])[0])
            case "w_after":
                word = node.children[0]
                if str(word.value) not in {"after", "after the", "later than"}:
                    raise Refused(
                        span, "before, after, since or on this date?", f"since {self._text(span_of(dates[0]))}"
                    )
                start, end = self._instants(dates[0])
                return Moment(fact=name, order=">=" if end != start else ">", at=end)
            case "w_cmp":
                return self._when_compared(fact, node, dates[0])
            case "w_ago_or":
                order: Order = ">=" if child(node, "POSTGE") is not None else "<="
                found = self._age(name, order, dur)
                if not fact.past and order == "<=":
                    return conjunction([Age(fact=name, order=">", seconds=0), found])
                return found
            case "w_since":
                return Moment(fact=name, order=">=", at=self._instants(dates[0])[0])
            case "w_until":
                start, end = self._instants(dates[0])
                said = self._text(span)
                if (end - start).days > 1 and re.match(r"(by|until|up until)\b", said, re.I):
                    last = self._text(span_of(dates[0]))
                    if self._excluding:
                        raise Refused(span, "before it begins, or before it ends?", f"before {last}", fatal=True)
                    self._note(f'"{said}" is read as before {last} begins, the narrower of what it could say.')
                    return Moment(fact=name, order="<", at=start)
                return Moment(fact=name, order="<" if end != start else "<=", at=end)
            case "w_in_date" if not _IN_IT.match(self._text(span)):
                raise Refused(span, "since this date, or on it?", f"since {self._text(span_of(dates[0]))}")
            case "w_on" | "w_in_date":
                start, end = self._instants(dates[0])
                return conjunction([Moment(fact=name, order=">=", at=start), Moment(fact=name, order="<", at=end)])
            case "w_between" | "w_range":
                start, end = self._instants(dates[0])[0], self._instants(dates[1])[1]
                word = child(node, "PREP", "OFTHE")
                if kind == "w_between" and word is not None and self._text(span_of(word)).lower() != "from":
                    raise Refused(span, "from this date, or after it?", "between 2026-03-01 and 2026-03-31", weak=True)
                if kind == "w_range":
                    first = child(node, "OFTHE", "AFTERD", "SINCE")
                    if first.type == "OFTHE" and str(first.value) != "after":
                        raise Refused(span, "after or since this date?", "")
                    start = self._instants(dates[0])[0 if first.type == "SINCE" else 1]
                    end = self._instants(dates[1])[0 if child(node, "BEFORE") is not None else 1]
                    if child(node, "UNTIL") is not None:
                        self._ends_clearly(child(node, "UNTIL"), dates[1], *self._instants(dates[1]))
                if not start < end:
                    raise Refused(span, "the range of dates is empty", "")
                return conjunction([Moment(fact=name, order=">=", at=start), Moment(fact=name, order="<", at=end)])
        raise Refused(span, "this says nothing that can be checked", "")
