"""How conditions and exceptions group. Only what can be grouped in one way is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from lark import Token, Tree

from ..catalogue import FactType
from ..form import (
    TRUE,
    Age,
    Count,
    Empty,
    Is,
    Moment,
    Number,
    Predicate,
    atoms,
    conjunction,
    disjunction,
    negation,
)
from .frame import FrameReader
from .parts import MODE_KINDS, PERIODS, Node, Unit, capitalised, child, children, span_of, tokens_of
from .problems import Refused


def _bare(text: str) -> str:
    """A condition without what joins and negates it: "that are not in Germany" -> "in Germany"."""
    return re.sub(
        r"^[\s,]*((and|or|but|that|who|which|they|it)\b\s*)*"
        r"((is|are|was|were|has been|have been)\s+not|isn't|aren't|wasn't|weren't|not|never)?\s*",
        "",
        text,
        flags=re.IGNORECASE,
    ).strip(" ,")


_NEGATIVE = frozenset({"NBE", "NHAVE", "NOT", "NOWNEDBY", "NINCL", "NHEARD", "NOTLEFT", "NOTBOUNCED", "NOTMOVED"})
_MAYBE_NEGATIVE = frozenset({"NPREP", "LE", "GE", "WLE", "WGE"})  # "not in", "not over": where the text says "not"
_VERBS = frozenset(  # finite forms, which no "not" before them can reach
    "was were is are has have had goes comes arrives signs falls sits lives works belongs remains stays sat".split()  # noqa: SIM905
)
_WITH_VERB = frozenset({"TV", "NOACT", "SILENT", "WLE", "WGE", "BOUNCED", "PREP", "WORKAT", "OWNEDBY", "SPENT"})
EXCEPTIONS = frozenset({"exception", "exc_names", "exc_list", "exc_ones", "exc_bounced"})
_MAY_BE_LIMITED = frozenset({"ns", "off_no", "off_ok", "ask_else", "note", "note_wait", "note_after", "stop"})
_GROUPED = frozenset({"group", "nottrue", "someof", "eitheror", "neithernor", "bothand", "ev_lacks_some", "ev_listed"})


def _loose_tokens(node: Node) -> list[Token]:
    """The tokens of a condition, leaving out what parentheses or a pair of words group."""
    if isinstance(node, Token):
        return [node]
    if node.data in _GROUPED:
        return []
    return [token for one in node.children for token in _loose_tokens(one)]


def _has_and_list(node: Node) -> bool:
    """Does the condition hold a list of names joined by "and"?"""
    if isinstance(node, Token) or node.data in _GROUPED:
        return False
    if node.data == "has_all" and child(node, "BOTH") is None:
        return True
    if node.data in {"n_range", "len_range"} and child(node, "AND") is not None:
        return True
    if node.data == "names" and child(node, "quant") is None:
        return any(token.type == "AND" for one in node.children if isinstance(one, Tree) for token in tokens_of(one))
    return any(_has_and_list(one) for one in node.children)


def _has_or_list(node: Node) -> bool:
    """Does the condition name two facts joined by "or" ("a phone number or a job title")?"""
    if isinstance(node, Token) or node.data in _GROUPED:
        return False
    if node.data == "has_any":
        return child(node, "EITHER") is None
    return any(_has_or_list(one) for one in node.children)


def _neither(first: str, then: str) -> str:
    """ "who have not replied", "or been contacted" -> "who have neither replied nor been contacted"; empty where the
    "not" is said in another way, which "neither" would not replace."""
    said = re.match(
        r"[\s,]*(?:and |but )?((?:that|who|which|whoever) )?(?:(have|has|are|is)(?:n't| not)\s+|not\s+)"
        r"(?!been |an? |the )",
        first,
        re.I,
    )
    if said is None:
        return ""
    head = f"{said.group(1) or ''}{said.group(2) + ' ' if said.group(2) else ''}"
    return f"{head}neither {first[said.end() :].strip(' ,')} nor {_bare(then)}"


_INFINITIVE = re.compile(r"[\s,]*(?:and|or)\s+(?:have(?! (?:no|not|never|been)\b)|get|be|work|belong|carry)\b", re.I)
_DID_NOT = re.compile(r"(weren't|wasn't|were not|was not|haven't|hasn't|have not|has not|didn't|did not)\b", re.I)
# conditions that say when something happened
_DATED = frozenset({"tv", "tv_not", "updated", "act", "closed_when", "val_when", "closed_as_when", "unsub_when"})


class GroupReader(FrameReader):
    """How conditions and exceptions group. Only what can be grouped in one way is accepted."""

    @staticmethod
    def _piece(item: Node) -> Node:
        last = item.children[-1]
        return item.children[-2] if isinstance(last, Tree) and last.data == "only_end" else last

    def _items(self, items: Sequence[Node]) -> list[Unit]:
        units: list[Unit] = []
        framed: tuple[int, int] | None = None
        parenthetic = needs_comma = (
            False  # the frame stands between commas, or is a window since a moment of the record
        )
        foreign: str | None = None
        before: Node | None = None
        excepting = False  # "unless …": what "or" adds is a part of it
        for item in items:
            self._check_forbidden(before, item)
            self._check_modifier(before, item)
            before = item
            unit = (
                self._in_exception(item) if excepting and self._conn(child(item, "conn")) == "or" else self._item(item)
            )
            excepting = unit is not None and (unit.exception or (excepting and unit.conn == "or"))
            if unit is not None and units:
                self._check_ended(units[-1], unit, self._kind(self._piece(item)))
            if unit is None or not any(isinstance(atom, Number) for atom in atoms(unit.predicate)):
                self._last_number = None
            if unit is not None:
                foreign = self._check_attachment(foreign, self._piece(item), unit.predicate)
            if unit is None:
                if self._piece(item).data not in {"l_per", "auto"} and not self._is_connector(item):
                    framed = span_of(item)
                    comma = self._conn(child(item, "conn")) == "comma"
                    window = self._piece(item).data in {"within", "within_bare"}
                    limits = self._piece(item).data not in {
                        *MODE_KINDS,
                        *PERIODS,
                        "weekly_not",
                        "outside",
                    }  # "never on Mondays, unless …"
                    parenthetic = not self._excluding and (window or (comma and limits))
                    needs_comma = not window
                continue
            if framed is not None and parenthetic and (unit.conn == "comma" or (not needs_comma and unit.conn != "or")):
                framed = None  # limiting the whole rule is the narrower of the two, and what the commas say
            if framed is not None and (unit.exception or unit.intro in {"if", "where"} or unit.conn == "or"):
                what = "exception" if unit.exception else "condition"
                raise Refused(
                    unit.span,
                    f'does this {what} limit the whole rule, or only "{self._text(framed).strip(" ,")}"? Put it '
                    "before that, or in a "
                    "sentence of its own",
                    f"{capitalised(self._text(unit.span).strip(' ,'))}.",
                )
            units.append(unit)
        if self._pending is not None:
            _, number, span = self._pending
            raise Refused(span, f"up to {number} in what time? A cap needs a period", f"at most {number} per day")
        return units

    def _in_exception(self, item: Node) -> Unit | None:
        """An item that "or" adds to an exception: what it names is left out as well."""
        before, self._excluding = self._excluding, True
        try:
            return self._item(item)
        finally:
            self._excluding = before

    def _check_ended(self, before: Unit, unit: Unit, kind: str) -> None:
        """ "Deals in Closed Lost older than a year": since they were created, or closed?"""
        ended = isinstance(before.predicate, Is) and (
            (before.predicate.fact == "deal.status" and "open" not in before.predicate.values)
            or (before.predicate.fact == "deal.stage" and {"closed won", "closed lost"} & set(before.predicate.values))
        )
        if ended and kind in {"older", "newer"} and not unit.own_aux and unit.conn in {"", "and"}:
            said = self._text(unit.span).strip(" ,")
            length = re.sub(r"^.*?\bthan\s+", "", said, flags=re.I)
            raise Refused(
                unit.span,
                f'"{said}": since they were created, or since they were closed? Say which',
                f"closed {'more' if kind == 'older' else 'less'} than {length} ago",
                fatal=True,
            )

    def _check_forbidden(self, before: Node | None, item: Node) -> None:
        """ "Don't send on Sundays": what stands beside "don't send" without a comma may say when not to."""
        if before is None:
            return
        first, then = self._piece(before), self._piece(item)
        if self._kind(first) == "after_tv" and self._kind(then) == "tv_bare" and child(item, "i_that", "i_if") is None:
            said = self._text((span_of(first)[0], span_of(then)[1]))
            raise Refused(
                (span_of(first)[0], span_of(then)[1]),
                f'"{said}": this long after both, or after the first? Say each in full',
                f"{said} in the last 30 days",
            )
        self._check_window_after_not(first, then, item)
        if child(item, "conn") is not None:
            return
        if first.data == "weekly_not" and then.data == "weekly" and child(then, "days", "day_span") is None:
            said = self._text((span_of(first)[0], span_of(then)[1])).strip(" ,")
            raise Refused(
                (span_of(first)[0], span_of(then)[1]),
                f'"{said}": only those hours of that day? A rule has the same hours on each of its days. Leave the day '
                "out, or write two guardrails",
                "",
                fatal=True,
            )
        after = first.data in _MAY_BE_LIMITED and then.data not in {*MODE_KINDS, *EXCEPTIONS}
        if after or (then.data == "ns" and str(first.data).startswith(("weekly", "within", "l_"))):
            mode, other = (first, then) if after else (then, first)
            said, way = self._text(span_of(other)).strip(" ,"), self._text(span_of(mode)).strip(" ,")
            apart = f"{way.lower()}. {'Not' if mode.data == 'ns' else 'Only'} {said[:1].lower()}{said[1:]}"
            raise Refused(
                (span_of(first)[0], span_of(then)[1]),
                f'does "{said}" say when the rule may run, or when "{way}" holds? Write each as a sentence of its own',
                apart if other.data == "weekly" else "",
                fatal=not (mode.data == "stop" and other.data in {"within", "within_bare"}),
                weak=True,
            )

    def _check_window_after_not(self, first: Node, then: Node, item: Node) -> None:
        """ "Never on weekends and after 18:00", "except customers and on weekends", "no replies on Fridays": "not" may
        reach the window that follows."""
        if then.data not in {"weekly", "outside", "weekly_not"}:
            return
        only = child(then, "ONLYIF", "RUNONLY") is not None or child(item, "i_only") is not None
        not_there = child(then, "NOT", "NEVERDO", "EXC", "NOTHINGW") is not None
        conn = self._conn(child(item, "conn"))
        window = first.data in {"weekly_not", "outside"}
        joined = (first.data in EXCEPTIONS and conn not in {"", "comma"}) or (conn != "comma" and self._no_mail(first))
        if only or not_there or not (window or joined):
            return
        said = self._text((span_of(first)[0], span_of(then)[1])).strip(" ,")
        raise Refused(
            (span_of(first)[0], span_of(then)[1]),
            f'"{said}": not then either, or only then? Write each window as a sentence of its own, such as '
            '"Never on weekends." or "Only on weekdays."',
            "",
            fatal=True,
        )

    def _no_mail(self, piece: Node) -> bool:
        """ "No emails", "no replies": none were there, or none may go out?"""
        kind = self._kind(piece)
        if kind == "has_not":
            mail = child(piece.children[-1], "fn_mail")
            return mail is not None and self._text(span_of(mail)).lower().endswith("s")
        return kind in {"no_reply_ever", "ev_no_reply"}

    def _check_modifier(self, before: Node | None, item: Node) -> None:
        """ "With a last activity older than …", "without an owner in Germany": what follows a fact without a word
        between may describe the fact and not the record."""
        if before is not None and self._piece(before).data == "someof" and self._piece(item).data == "group":
            raise Refused(span_of(item), "this parenthesis belongs to the list before it", "", weak=True)
        if (
            before is not None
            and self._piece(before).data in {"ev_lacks_some", "ev_listed"}
            and self._kind(self._piece(item)).startswith("has_")
        ):
            raise Refused(span_of(item), "this belongs to the list before it", "", weak=True)
        if before is None or child(item, "conn", "i_if", "i_only", "i_where", "i_that") is not None:
            return
        first, then = self._piece(before), self._piece(item)
        kind = self._kind(first)
        owner = kind == "own_none" and "owner" in self._text(span_of(first)).lower().split()
        if (
            (kind in {"has_fact", "has_all", "has_any", "has_not", "has_none_of"} or owner)
            and then.data == "clause"
            and not self._own_verb(then)
            and not (self._is_connector(item) and re.match(r"(via|using|by way of)\b", self._text(span_of(then)), re.I))
        ):
            said, fact = self._text(span_of(then)), self._text(span_of(first))
            raise Refused(
                (span_of(first)[0], span_of(then)[1]),
                f'does "{said}" describe the record, or what stands in "{fact}"? Join the two with "and that are"',
                f"{fact} and that are {said}",
                weak=True,
            )
        if self._kind(then) == "after_tv" and self._tells_time(first) and self._kind(first) != "never_tv":
            said, condition = self._text(span_of(then)), self._text(span_of(first))
            raise Refused(
                (span_of(first)[0], span_of(then)[1]),
                f'does "{said}" say when the rule may run, or when "{condition}" came about? Join the two with "and"',
                f"{condition} and {said}" if first.data == "clause" else "",
                weak=True,
            )
        if (
            self._is_connector(item)
            and self._tells_time(first)
            and not re.match(r"(in|on)\b", self._text(span_of(then)))
        ):
            said, condition = self._text(span_of(then)), self._text(span_of(first))
            raise Refused(
                (span_of(first)[0], span_of(then)[1]),
                f'does "{said}" say where the rule runs, or how "{condition}" came about? The latter is not recorded; '
                "for the former, put it next to the operation",
                "Enrich contacts via Apollo that …",
            )
        frames = {"within", "within_bare", "weekly", "weekly_not", "outside", *PERIODS}
        # "not won within 30 days of creation" may be a deal that was won later
        ended = self._happened(first) or kind in {"not_closed", "val_not", "b_none"}
        failed = _DID_NOT.match(self._text(span_of(first)).strip(" ,"))
        counted = self._tells_time(first) or (then.data == "within" and (ended or failed is not None))
        if then.data in frames and child(then, "ONLYIF") is None and counted:
            said, condition = self._text(span_of(then)), self._text(span_of(first))
            raise Refused(
                (span_of(first)[0], span_of(then)[1]),
                f'does "{said}" say when the rule may run, or when "{condition}" is counted? Put it in a sentence '
                "of its own",
                f"{condition}. Only {said}",
                fatal=not self._tells_time(first) and then.data not in PERIODS,
                weak=True,
            )

    def _tells_time(self, piece: Node) -> bool:
        """Is the condition about a moment or a length of time?"""
        for token in tokens_of(piece):
            if token.type in {"TV", "UPDATED", "ACT", "NOACT", "SILENT", "REPLYW", "OLDER", "NEWER", "OLD"}:
                return True
            if token.type == "FACT" and all(
                self.catalogue.fact(name).type is FactType.TIMESTAMP for name in token.value
            ):
                return True
        return False

    @staticmethod
    def _kind(piece: Node) -> str:
        inner = piece.children[-1] if piece.data == "clause" else piece
        return str(inner.data) if isinstance(inner, Tree) else ""

    def _check_attachment(self, foreign: str | None, piece: Node, predicate: Predicate) -> str | None:
        """After a condition on another record ("at companies in Germany …"), one that does not say whose it is could
        belong to either. Returns the other record that what follows could belong to."""
        named = self._names_entity(piece)
        target = self.parts.target
        if foreign is not None and named is None:
            for atom in atoms(predicate):
                entity, _, name = atom.fact.partition(".")
                if entity == target and f"{foreign}.{name}" in self.catalogue.facts:
                    said = self._text(span_of(piece)).strip(" ,")
                    raise Refused(
                        span_of(piece),
                        f'does "{said}" speak of the {target} or the {foreign}? Put it before the {foreign}, or in a '
                        "sentence of its own that names the record",
                        f"Only if the {target} …",
                        fatal=True,
                    )
        if any(atom.fact == "contact.company" for atom in atoms(predicate)):
            return "company"
        return named if named not in {None, target, "action"} else foreign

    def _names_entity(self, piece: Node) -> str | None:
        """The record that a condition itself names; None where it leaves that open."""
        kind = str(piece.data)
        if kind in {"companies", "company_val"}:
            return "company"
        if kind.startswith("b_"):
            return "contact"
        if kind.startswith("r_"):
            return "action"
        if kind in {"group", "nottrue", "someof", "optioned", "eitheror", "neithernor", "bothand"}:
            inner = [self._piece(one) if one.data == "item" else one for one in piece.children if isinstance(one, Tree)]
            inner = [one for one in inner if one.data not in {"pos", "conn", "cmp"}]
            named = {self._names_entity(one) for one in inner}
            return None if None in named else next(iter(named - {self.parts.target}), self.parts.target)
        if kind == "exception":
            np = child(piece, "exc_np")
            plain = child(np, "e_plain") if np is not None else None
            return plain.children[0].value if plain is not None else self._names_entity(piece.children[-1])
        holder = child(piece, "subject", "fref")
        if holder is None:
            return None
        if child(holder, "THEACTION", "ACTIONPOSS") is not None:
            return "action"
        plain = child(holder, "e_plain")
        owner = plain.children[0] if plain is not None else child(holder, "ENT", "ENTPOSS")
        return owner.value if owner is not None else None

    def _is_connector(self, item: Node) -> bool:
        piece = self._piece(item)
        return piece.data == "clause" and self._connector_in(piece) is not None

    def _item(self, item: Node) -> Unit | None:
        conn_node, intro_node = child(item, "conn"), child(item, "i_if", "i_only", "i_where", "i_that")
        conn = self._conn(conn_node)
        intro = str(intro_node.data)[2:] if intro_node is not None else ""
        piece = self._piece(item)
        span = span_of(item)
        kind = str(piece.data)
        only = child(item, "only_end")
        zoned = kind == "weekly" and any(token.type == "ZONE" for token in tokens_of(piece))
        if only is not None and kind not in {"clause", "factclause"} and not zoned:
            raise Refused(span_of(only), '"only" what? Put it right before what it narrows', "", weak=True)
        frame: dict[str, Callable[[Node], None]] = {
            "within": self._within,
            "within_bare": self._within_bare,
            "weekly": self._weekly,
            "weekly_not": self._weekly_not,
            "l_count": self._limit,
            "l_post": self._limit,
            "l_credits": self._limit_credits,
            "l_credits_action": self._limit_credits,
            "l_total": self._limit_total,
            "l_credits_noper": self._limit_credits_noper,
            "l_batch": self._limit_batch,
            "l_noper": self._limit_noper,
            "l_each": self._limit_each,
            "weekly_zone": self._weekly_zone,
            "weekly_vague": self._weekly_vague,
            "outside": self._outside,
            **dict.fromkeys(PERIODS, self._period),
            "l_per": self._limit_per,
            "l_free": self._limit_free,
            "l_period": self._limit_period,
            "l_period_credits": self._limit_period,
            "l_dear": self._limit_dear,
        }
        if kind in frame or kind in MODE_KINDS:
            if conn == "or":
                raise Refused(
                    span,
                    '"or" cannot join this to the rest of the rule; write it as a sentence of its own',
                    "",
                )
            allowed = {"", "only"}
            if kind == "weekly":
                allowed |= {"if"}
            elif kind in {"l_credits_action", "l_free"}:
                allowed |= {"if", "that", "where"}
            elif kind == "l_credits" and child(piece, "SPEND") is not None and self._per(piece) == "action":
                allowed |= {"if", "where"}
            elif kind in {"l_credits", "l_count"} and self._says_never_more(piece):
                allowed |= {"if"}
            if intro not in allowed:
                said, tail = self._text(span_of(piece)), self.sentence[span[1] :].strip()
                head = self.sentence[: span[0]].rstrip(" ,")
                raise Refused(
                    span,
                    "this is no condition on a record; write it as a sentence of its own",
                    f"{head}. {capitalised(said)}." if head and tail in {"", "."} else said,
                )
            if kind in frame:
                frame[kind](piece)
            else:
                self._mode(piece)
            return None
        if kind.startswith("d_"):
            raise Refused(span, "nothing here takes this target", "", weak=True)
        if kind == "prep_connector_item":
            return None
        if kind == "clause" and (connector := self._connector_in(piece)) is not None:
            if conn == "or":
                raise Refused(span, "a rule is for one system; write one guardrail for each", "")
            self._check_system(piece, connector)
            self._set_connector(connector)
            return None
        if kind in {"c_only", "c_some", "c_except", "c_leave", "c_not"}:
            return Unit(conn, intro, self._field_condition(piece), False, True, False, span)
        if kind in EXCEPTIONS:
            if intro and intro != "that":
                raise Refused(span, "two ways of joining at once", "")
            predicate, inner = self._exception(piece), piece.children[-1]
            if kind != "exception":
                return Unit(conn, "", predicate, False, True, True, span)
            return Unit(
                conn,
                "",
                predicate,
                self._is_negated(inner),
                True,
                True,
                span,
                neither=self._is_neither(inner),
                nor=inner.data == "neithernor",
            )
        if kind == "onlyfor":
            ent = child(piece, "e_plain", "e_lifecycle")
            if ent is not None and child(piece, "e_plain") is not None and ent.children[0].value != self.parts.target:
                raise Refused(span_of(ent), f"the rule is about {self._plural}", f"only for {self._plural} …")
            extra: list[Predicate] = []
            those = child(piece, "DET")
            if those is not None and those.value not in {"those", "these", "the"}:
                raise Refused(span_of(those), "only which?", "only those …")
            if ent is not None and ent.data == "e_lifecycle":
                extra.append(Is(fact="contact.lifecycle_stage", values=(ent.children[0].value,)))
            inner = self._condition(piece.children[-1])
            last = piece.children[-1]
            return Unit(
                conn,
                "only",
                conjunction([*extra, inner]),
                self._is_negated(last),
                True,
                False,
                span,
                _has_and_list(last),
                self._is_neither(last),
                last.data == "neithernor",
                _has_or_list(last),
                self._happened(piece),
                self._kind(last) in _DATED,
            )
        first = tokens_of(piece)[0]
        if intro == "that" and re.match(r"(should|must|needs?|has to|have to)\b", self._text(span_of(first)), re.I):
            raise Refused(
                span,
                f'"{self._text(span).strip(" ,")}": are they so, or ought they to be? A rule looks at how things stand',
                "",
                weak=True,
            )
        subject = child(piece, "subject")
        named = subject is not None
        self._introduced = named and (intro in {"if", "only", "where"} or self._leading) and self.parts.met
        predicate = self._condition(piece)
        self._introduced = False
        if only is not None:
            self._ends_with_only(only, piece, predicate)
        if intro == "only" and intro_node is not None:
            self._only_at(intro_node, conn, piece, predicate)
        own_verb = kind != "clause" or child(piece, "subject") is not None or self._own_verb(piece)
        return Unit(
            conn,
            intro,
            predicate,
            self._is_negated(piece),
            own_verb,
            False,
            span,
            _has_and_list(piece),
            self._is_neither(piece),
            piece.data == "neithernor",
            _has_or_list(piece),
            self._happened(piece),
            self._kind(piece) in _DATED,
        )

    def _happened(self, piece: Node) -> bool:
        """Does the condition say that something happened, and not when? A state ("are unsubscribed") did not happen."""
        if piece.data == "onlyfor":
            piece = piece.children[-1]
        kind, said = self._kind(piece), self._text(span_of(piece)).lower()
        if kind == "unsub":
            return re.search(r"\b(is|are)\b", said) is None
        if kind == "val_is":
            values = [dict(token.value) for token in tokens_of(piece) if token.type == "VAL"]
            return any(value.get("deal.status") in {"won", "lost"} for value in values)
        return kind in {"closed", "closed_as"} or (kind == "tv_bare" and not self._is_negated(piece))

    def _check_dates(self, before: Node, after: Node) -> None:
        if self._happened(before) and self._kind(after) in _DATED:
            self._one_date(span_of(before), span_of(after))

    def _one_date(self, before: tuple[int, int], after: tuple[int, int]) -> None:
        """ "Replied or were contacted in the last 30 days": the time may be said of both."""
        first, then = _bare(self._text(before)), _bare(self._text(after))
        raise Refused(
            (before[0], after[1]),
            f'is the time in "{then}" also said of "{first}"? Say the time with each, or put the one without a time '
            "last",
            "",
            fatal=True,
        )

    def _only_at(self, intro: Node, conn: str, piece: Node, predicate: Predicate) -> None:
        """ "Contacts only tagged "a"" may mean: with no other tag; "only contacted in the last week", never before."""
        begins = self.sentence[: span_of(intro)[0]].rstrip()[-1:] in {"", ".", ";", ":"}
        if self._text(span_of(intro)).lower() != "only" or begins:
            return
        tags = any(atom.fact.endswith(".tags") for atom in atoms(predicate))
        plain = isinstance(predicate, Is | Number | Empty) or (
            isinstance(predicate, Age | Moment) and predicate.fact.endswith(".created_at")
        )
        if tags or (conn in {"", "and"} and not plain and piece.data == "clause"):
            said = self._text(span_of(piece)).strip(" ,")
            raise Refused(
                (span_of(intro)[0], span_of(piece)[1]),
                f'"only {said}": and nothing else besides? Say "only if" where it narrows the rule',
                f"only if they are {said}" if said.lower().startswith("tagged") else "",
                fatal=True,
            )

    def _ends_with_only(self, only: Node, piece: Node, predicate: Predicate) -> None:
        """ "Contacts in Germany only": adds nothing where a record has one value. "Tagged "a" only" may mean: no other
        tag; and "not in Germany only" that there are others."""
        said = self._text(span_of(only)).lower()
        plain = not self._excluding and (
            isinstance(predicate, Is | Number)
            or (isinstance(predicate, Age | Moment) and predicate.fact.endswith(".created_at"))
        )
        if said != "only" or not plain or self._is_negated(piece):
            raise Refused(
                span_of(only),
                '"only": and nothing else besides? Leave it out: a rule covers nothing but what it names',
                self.sentence[: span_of(only)[0]].rstrip() + self.sentence[span_of(only)[1] :],
                weak=True,
            )

    def _connector_in(self, clause: Node) -> Token | None:
        inner = clause.children[-1]
        return child(inner, "CONNECTOR") if isinstance(inner, Tree) and inner.data == "prep_connector" else None

    def _check_system(self, piece: Node, connector: Token) -> None:
        """ "Using HubSpot" may be how it is done, or what the records do; "to HubSpot" is where it is created."""
        word = self._text((span_of(piece)[0], span_of(connector)[0])).strip().lower().rpartition(" ")[2]
        said = self._text(span_of(connector))
        operations = [covered.operation for covered in self.parts.operations]
        if word in {"using", "use", "with", "cost"} and (
            connector.value in {"hubspot", "salesforce", "pipedrive"} or word not in {"using", "with"}
        ):
            raise Refused(
                span_of(piece),
                f"is it done in {said}, or do the records use {said}? If it is done there, say so",
                f"in {said}",
            )
        if word == "to" and not all(name.endswith(".create") for name in operations):
            raise Refused(span_of(piece), f'"to {said}" goes with what is created only', f"in {said}")

    def _set_connector(self, token: Token) -> None:
        if self.parts.connector not in (None, token.value):
            raise Refused(
                (token.start_pos or 0, token.end_pos or 0),
                f"the rule is already for {self.parts.connector}; write one guardrail for each",
                "",
            )
        self.parts.connector = token.value
        self.parts.connector_span = span_of(token)

    @staticmethod
    def _conn(node: Node | None) -> str:
        if node is None:
            return ""
        kinds = {token.type for token in node.children}
        for kind, name in (("OR", "or"), ("AND", "and"), ("BUT", "but"), ("THEN", "and"), ("COLON", "comma")):
            if kind in kinds:
                return name
        return "comma"

    def _own_verb(self, piece: Node) -> bool:
        """Does the condition bring its own "is" or "has" (or their negation), so that no "not" before it reaches it?"""
        subject = child(piece, "subject")
        skip = len(tokens_of(subject)) if subject is not None else 0
        for token in tokens_of(piece)[skip : skip + 3]:
            if token.type in _NEGATIVE or token.type in {
                "CLOSEDAS",
                "NONE",
                "BE",
                "HAVE",
                "WITH",
                "WHOSE",
                "MODAL",
                "NPREP",
            }:
                return True
            first = self._text(span_of(token)).lower().split(" ")[0]
            if token.type in _MAYBE_NEGATIVE and first == "not":
                return True
            if token.type == "NOACT" and first == "no":
                return True
            if token.type == "UNSUB" and first in {
                "unsubscribes", "opts", "unsubscribe", "has", "have",
            }:  # fmt: skip
                return True
            if token.type in _WITH_VERB and first in _VERBS:
                return True
        return False

    def _is_negated(self, piece: Node) -> bool:
        """Is there a "not" in the condition whose reach could be doubted?"""
        return any(
            token.type in _NEGATIVE
            or (token.type in _MAYBE_NEGATIVE and self._text(span_of(token)).lower().startswith("not "))
            for token in _loose_tokens(piece)
        )

    @staticmethod
    def _is_neither(piece: Node) -> bool:
        """Is there a "neither … nor …" that an "or" after it could go on?"""
        return piece.data == "neithernor" or any(token.type == "NEITHER" for token in _loose_tokens(piece))

    def _conditions(self, units: list[Unit]) -> None:
        self.parts.conditions.extend(self._group(units))

    def _joined_items(self, items: Sequence[Node]) -> list[Predicate]:
        return self._group(self._items(items))

    def _group(self, units: list[Unit]) -> list[Predicate]:
        """Units to conjuncts. Only what can be grouped in one way is accepted."""
        result: list[Predicate] = []
        group: list[Unit] = []
        excluding = False

        def close() -> None:
            nonlocal group
            if group:
                result.append(negation(self._chain(group, True)) if excluding else self._chain(group, False))
            group = []

        if units and units[0].conn == "or" and not units[0].exception:
            raise Refused(units[0].span, "what is this the alternative to? Put both into one sentence", "")
        for unit in units:
            if unit.exception:
                if unit.conn == "or":
                    raise Refused(
                        unit.span,
                        '"or" before an exception can be read in two ways; put the exception in its own sentence',
                        "",
                    )
                if excluding and unit.conn == "" and unit is not units[0]:
                    raise Refused(
                        unit.span,
                        "an exception from the exception, or one more? Put each in a sentence of its own",
                        f"{capitalised(self._text(unit.span).strip(' ,'))}.",
                    )
                close()
                group, excluding = [unit], True
                continue
            if excluding and group:
                if unit.conn == "or" and unit.intro in {"", "if", "that"}:
                    group.append(unit)
                    continue
                if (
                    unit.intro in {"only", "where", "if"}
                    and unit.conn in {"and", "but", "comma"}
                    and unit.intro == "only"
                ):
                    close()
                    group, excluding = [unit], False
                    continue
                raise Refused(
                    unit.span,
                    f'it is not clear whether "{self._text(unit.span).strip(" ,")}" belongs to the exception or to '
                    "the rule. Put the "
                    'exception in a sentence of its own, or join its conditions with "or" or "both … and …"',
                    f"{capitalised(self._text(group[0].span).strip(' ,'))}.",
                )
            if unit.intro in {"if", "only", "where"} and group and unit.conn != "or":
                if unit.intro == group[0].intro and unit.conn == "and" and any(one.conn == "or" for one in group):
                    raise self._mixed(group, unit)
                close()
                group, excluding = [unit], False
                continue
            group.append(unit)
        close()
        return result

    def _mixed(self, group: list[Unit], unit: Unit) -> Refused:
        span = (group[0].span[0], unit.span[1])
        return Refused(
            span,
            '"and" and "or" are mixed here and can be grouped in two ways. Group them with parentheses, or write '
            "two sentences",
            self._grouped([*group, unit]),
        )

    def _grouped(self, group: list[Unit]) -> str:
        texts = [self._text(one.span).strip(" ,") for one in group]
        words = [
            text.split(" ", 1)[1] if text.split(" ")[0].lower() in {"and", "or", "but"} and " " in text else text
            for text in texts
        ]
        joins = ["or" if one.conn == "or" else "and" for one in group]
        if len(words) >= 3:
            if joins[1] == "or":
                return f"({words[0]} or {words[1]}) and {words[2]}"
            return f"{words[0]} and ({words[1]} {joins[2]} {words[2]})"
        if len(words) == 2:
            return f"({words[0]}) {joins[1]} ({words[1]})"
        return " and ".join(words)

    def _chain(self, group: list[Unit], exception: bool) -> Predicate:
        for before, after in pairwise(group):
            if before.happened and after.dated and not exception and (after.conn == "or" or not after.own_aux):
                self._one_date(before.span, after.span)
        joins = {unit.conn for unit in group[1:]}
        if "or" in joins:
            if joins != {"or"}:
                raise self._mixed(group[:-1], group[-1])
            for one, after in pairwise(group):
                if one.and_list or after.and_list:
                    raise self._mixed([one], after)
                if one.predicate == TRUE or after.predicate == TRUE:
                    raise Refused(
                        after.span, '"new" cannot stand in an alternative; say how new', "created in the last 24 hours"
                    )
            for before, after in pairwise(group):
                if (before.negated or before.neither) and not (after.own_aux and not self._goes_on(before, after)):
                    raise Refused(
                        (before.span[0], after.span[1]),
                        '"not … or …" can mean neither of the two, or only not the first. Say "neither … nor …", '
                        'or repeat the "not"',
                        "" if before.neither else _neither(self._text(before.span), self._text(after.span)),
                    )
            return disjunction([unit.predicate for unit in group])
        for before, after in pairwise(group):
            if before.nor and after.conn == "and" and not after.own_aux:
                raise Refused(
                    (before.span[0], after.span[1]),
                    'does the "nor" also reach what follows "and"? Repeat the verb',
                    f"{self._text(before.span).strip(' ,')} and that are "
                    f"{self._text(after.span).strip(' ,').removeprefix('and ')}",
                )
            if after.conn in {"and", "but"} and (before.or_list or after.or_list):
                raise self._mixed([before], after)
            if (
                before.negated
                and (after.conn == "and" or (after.conn == "comma" and group[-1].conn == "and"))
                and (not after.own_aux or self._goes_on(before, after))
                and not re.search(r"\b(?:no|zero|any|a) bounces?\W*$", self._text(before.span), re.I)
                and not re.match(r"[\s,]*and (?:who|which)\b", self._text(after.span), re.I)  # a clause of its own
                and self._text(before.span).lower().split()[0] not in {"with", "without"}
                and self._text(before.span).lower().split()[:2] not in (["and", "with"], ["and", "without"])
            ):
                raise Refused(
                    (before.span[0], after.span[1]),
                    'does the "not" also reach what follows "and"? Repeat the verb, or say "neither … nor …"',
                    f"{self._text(before.span).strip(' ,')} and that are "
                    f"{self._text(after.span).strip(' ,').removeprefix('and ')}",
                )
        return conjunction([unit.predicate for unit in group])

    def _goes_on(self, before: Unit, after: Unit) -> bool:
        """ "Didn't reply or get contacted": a bare verb that the "didn't" before it reaches."""
        auxiliary = re.search(r"\b(?:do|does|did|should|must|may|can)(?:n't| not)\b", self._text(before.span), re.I)
        return auxiliary is not None and _INFINITIVE.match(self._text(after.span)) is not None

    def _field_condition(self, node: Node) -> Predicate:
        """Which fields an update may change; see acts.py."""
        raise NotImplementedError

    def _exception_list(self, node: Node) -> Predicate:
        """ "except customers and those in France"; see acts.py."""
        raise NotImplementedError

    def _exception(self, node: Node) -> Predicate:
        if node.data == "exc_list":
            return self._exception_list(node)
        if node.data == "exc_bounced":
            self.parts.notes.append('"Bounced" is read as: at least one email has bounced.')
            return Count(fact="email.bounced", order=">=", number=1)
        if node.data == "exc_ones":  # "but not the won ones"
            if self._text(span_of(child(node, "THOSE"))).lower() != "ones":
                raise Refused(span_of(node), "except which?", "", weak=2)
            entity = self.parts.target or "contact"
            ones = [self._value_condition(value, entity) for value in children(node, "VAL")]
            return disjunction([*ones, *(self._closed(entity, span_of(one)) for one in children(node, "CLOSED"))])
        if node.data == "exc_names":
            names = self._names(child(node, "names"))
            if (noun := child(node, "RECIP")) is not None and (
                self._text(span_of(noun)).lower() not in {"address", "addresses"}
                or any(token.type not in {"DOMAIN", "EMAILADDR"} for token in names.tokens)
            ):
                raise Refused(span_of(noun), "whose address?", "", weak=True)
            if {token.type for token in names.tokens} == {"DOMAIN"} and self.parts.target == "contact":
                return self._named_condition(self.catalogue.fact("contact.email_domain"), names, True)
            if {token.type for token in names.tokens} == {"ENTLC"} and self.parts.target == "contact":
                return Is(
                    fact="contact.lifecycle_stage", values=tuple(dict.fromkeys(token.value for token in names.tokens))
                )
            if {token.type for token in names.tokens} == {"VAL"} and not any(
                self._last_list in dict(token.value) for token in names.tokens
            ):
                known = self._fact_of_values(names, span_of(node))
                return self._named_condition(known, names, True)
            if self._last_list is None:
                raise Refused(
                    span_of(node),
                    "these are names of what? Say it in full",
                    f"except contacts tagged {self._text(names.span)}",
                )
            fact = self._last_list
            self._excluding = True
            try:
                return self._named_condition(self.catalogue.fact(fact), names, True)
            finally:
                self._excluding = False
        exc_np = child(node, "exc_np")
        extra: list[Predicate] = []
        if exc_np is not None and (ent := child(exc_np, "e_plain", "e_lifecycle", "e_two")) is not None:
            if ent.data == "e_lifecycle":
                extra.append(Is(fact="contact.lifecycle_stage", values=(ent.children[0].value,)))
            elif ent.data == "e_two":
                self._entity_of(exc_np)
            elif self.parts.target is not None and ent.children[0].value != self.parts.target:
                self._allow(ent.children[0].value, span_of(ent))
                self._subject = ent.children[0].value
        try:
            return conjunction(self._excluded(lambda: [*extra, self._condition(node.children[-1])]))
        finally:
            self._subject = None
