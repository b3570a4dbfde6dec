"""What frames a rule: windows, caps, mode."""

from __future__ import annotations

import re
from typing import Any

from ..catalogue import FactType
from ..form import (
    Order,
    Per,
    Within,
)
from .parts import Node, child, children, span_of, tokens_of
from .periods import PeriodReader
from .problems import Refused

DEFAULT_WAIT_HOURS = 24.0
_PERIODS: dict[str, Per] = {"hour": "hour", "dail": "day", "week": "week", "month": "month"}


# "if it costs at most 2 credits" is said of one action; "spending" and "it may cost" could be of all of them
_COSTS = re.compile(
    r"\b(?:each|lookup|enrichment|action|action's|that|which|it only) costs?\b|\b(?:it|they|this) costs?$|"
    r"^the (?:action's )?cost is",
    re.I,
)


class FrameReader(PeriodReader):
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
            self._most(cmp_node, node)
            if cmp_node is not None
            else "<="
            if limit_word is not None or child(node, "WLE", "POSTLE")
            else None
        )
        if order in {">", ">="}:
            raise Refused(
                span,
                "a rule caps what runs; it cannot demand a minimum",
                f"at most {number} {self._text(span_of(child(node, 'per')))}",
            )
        sends = all(c.operation.startswith(("email.", "message.")) for c in self.parts.operations)
        if limit_word is not None and re.search(r"\bsend(ing)?\b", self._text(span_of(limit_word)), re.I) and not sends:
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
        if counted is None and (self.parts.credits or self.parts.credits_per_action is not None):
            period = self._text(span_of(child(node, "per")))
            raise Refused(
                span,
                f'"{self._text(span).strip(" ,")}": actions, or credits? Say which',
                f"at most {number} actions {period}",
                fatal=True,
            )
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

    def _most(self, cmp: Node, node: Node) -> Order:
        """The comparison of a cap; "20 a day tops" is at most 20."""
        last = cmp.start_pos if hasattr(cmp, "start_pos") else span_of(cmp)[0]
        tops = self._text(span_of(cmp)).strip().lower() == "tops"
        return "<=" if tops and last > span_of(child(node, "NUM"))[0] else self._order(cmp)

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
            self._most(cmp_node, node)
            if cmp_node is not None
            else "<="
            if child(node, "LIMITTO", "WLE", "POSTLE") is not None or node.data == "l_credits"
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
        spends = child(node, "SPEND")
        if node.data == "l_credits_action" and not _COSTS.search(self._text(span_of(spends))):
            raise Refused(
                span,
                f'"{self._text(span).strip(" ,")}": per action, or in what time? A cap needs a period',
                f"at most {number:g} credits per day",
            )
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

    def _says_never_more(self, node: Node) -> bool:
        """ "As long as we don't blow past 200 credits a week", "we stay under 20 a day"."""
        word = child(node, "LIMITTO")
        return (
            word is not None
            and re.search(r"n't|\bnot\b|\bnever\b|\bstays?\b", self._text(span_of(word)), re.I) is not None
        )

    def _limit_free(self, node: Node) -> None:
        """ "As long as it costs nothing"."""
        if self.parts.credits_per_action not in (None, 0):
            raise Refused(span_of(node), "the rule already has such a cap", "")
        self.parts.credits_per_action = 0.0

    def _limit_period(self, node: Node) -> None:
        """ "A daily limit of 20", "monthly budget: 200 credits"."""
        span, said = span_of(node), self._text(span_of(child(node, "LIMITPER"))).lower()
        per: Per = next(one for word, one in _PERIODS.items() if word in said)
        number = float(child(node, "NUM").value)
        orders = [self._order(one) for one in children(node, "cmp")]
        if any(order not in {"<", "<="} for order in orders):
            raise Refused(span, "a rule caps what runs", f"at most {number:g} per {per}", weak=True)
        if "<" in orders:
            number -= 1
        if node.data == "l_period" and re.search(r"\b(budget|spend|credit\w*)\b", said):
            raise Refused(span, "a budget of what? Say credits", f"at most {number:g} credits per {per}", weak=True)
        if node.data == "l_period_credits":
            if per == "hour":
                raise Refused(span, "credits are capped per action, run, day, week or month", "", weak=True)
            if self.parts.credits.setdefault(per, number) != number:
                raise Refused(span, "the rule already has such a cap", "")
            return
        most = self._whole(child(node, "NUM")) - (1 if "<" in orders else 0)
        if most < 1:
            raise Refused(span, "this cap lets nothing run", "at most 1 per day")
        if self.parts.actions.setdefault(per, most) != most:
            raise Refused(span, f"the rule already says at most {self.parts.actions[per]} per {per}", "")

    def _limit_dear(self, node: Node) -> None:
        """ "Actions that cost more than 5 credits need my OK": what costs no more does not."""
        order, number = self._order(child(node, "cmp")), float(child(node, "NUM").value)
        if order not in {">", ">="} or not self.parts.operations:
            raise Refused(span_of(node), "say what may run, and what it may cost", "at most 5 credits per action")
        if order == ">=":
            number -= 1
        if number < 0 or self.parts.credits_per_action not in (None, number):
            raise Refused(span_of(node), "the rule already has such a cap", "")
        self.parts.credits_per_action = number

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
            self._wait(node)
        elif kind in {"off_ok", "off_no"}:
            value = kind == "off_ok"
            if parts.offline not in (None, value):
                raise Refused(span, "the rule says both that it may and that it may not run while you are offline", "")
            parts.offline = value
            parts.modes.setdefault("offline", span)
        else:
            if kind in {"note", "note_after"}:
                self._told(node)
                parts.modes.setdefault("notify_first", span)
            else:
                parts.modes.setdefault("wait", span)
            self._wait(node)

    def _told(self, node: Node) -> None:
        """What stands beside "notify me first": "24 hours after telling me", "before you delete a contact"."""
        word = child(node, "NOTIFY")
        said = self._text(span_of(word)).lower() if word is not None else ""
        if node.data == "note_after" and not re.search(r"\b(after|once)\b", said):
            raise Refused(span_of(node), "how long before? Say how long to wait", "notify me 4 hours before", weak=True)
        notice = child(node, "NOTICE")
        if len(node.children) == 1 and notice is not None and not self._text(span_of(notice)).lower().endswith("first"):
            raise Refused(span_of(notice), "before or after it has happened?", "Notify me first.", weak=True)
        passed = child(node, "PASSED")
        if passed is not None and not re.search(r"passed|gone by|lapsed", self._text(span_of(passed)), re.I):
            raise Refused(span_of(passed), "how long is there to stop it?", "wait 24 hours", weak=True)
        tail = child(node, "notifytail")
        if tail is None:
            return
        if child(node, "BEFORE") is None and re.search(
            r"\b(first|beforehand)$|^(but |run |do it |only )*(after|once)\b", said
        ):
            raise Refused(span_of(tail), "told first before what?", "Notify me first.", weak=True)
        ours = {covered.operation for covered in self.parts.operations}
        if not ours:
            raise Refused(span_of(tail), "said of which rule?", "Notify me first.", weak=2)
        ent = child(tail, "e_plain", "e_lifecycle", "e_two")
        done = child(tail, "OPV", "OPG")
        other = ent is not None and (ent.data == "e_two" or self._entity_said(ent) != self.parts.target)
        if other or (done is not None and ours and not ours & set(done.value)):
            raise Refused(
                span_of(tail),
                f"this rule does something else: {', '.join(sorted(ours))}",
                "Notify me first.",
                weak=True,
            )

    @staticmethod
    def _entity_said(ent: Node) -> str:
        token = ent.children[0]
        return "contact" if token.type == "ENTLC" else str(token.value)

    def _wait(self, node: Node) -> None:
        """The length of time between the notice and the action."""
        span, parts, dur = span_of(node), self.parts, child(node, "dur")
        if dur is None:
            return
        hours = self._seconds(dur, ">=") / 3600
        if parts.wait_hours not in (None, hours):
            raise Refused(span, "two lengths of waiting; give one", "")
        if hours > 24 * 90:
            raise Refused(span, "waiting is at most 90 days", "24 hours")
        parts.wait_hours = hours
        cmp = child(node, "cmp")
        if cmp is not None and self._order(cmp) not in {">", ">=", "=="}:
            raise Refused(span, "say how long to wait", "wait 24 hours")
