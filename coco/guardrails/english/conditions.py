"""One condition on a record."""

from __future__ import annotations

import re

from lark import Token, Tree

from ..catalogue import Fact, FactType
from ..form import (
    Age,
    Ahead,
    AtLeast,
    Calendar,
    Count,
    Empty,
    Has,
    Is,
    Number,
    Only,
    Predicate,
    Share,
    Truth,
    atoms,
    conjunction,
    disjunction,
    negation,
)
from .everyday import UNKNOWN_TO_US
from .parts import LENGTHS, UNIVERSAL, Names, Node, child, children, span_of, tokens_of
from .people import PeopleReader
from .problems import Refused

_STATES = frozenset(
    {"tag_out", "prep_other", "prep_out", "prep_fact_out", "own_out", "life_not", "named_out", "mail_domain_out"}
)
# states that a deal enters on its close date
_ENDED = {
    "deal.status": frozenset({"won", "lost"}),
    "deal.stage": frozenset({"closed won", "closed lost"}),
}
# past tense of what only holds at present; what happened (was created, was lost, was tagged) has happened
_PAST = re.compile(r"(was|were|had|wasn't|weren't)\b(?! been\b)", re.I)
_EVENTS = frozenset(
    {"tag_in", "tag_out", "tag_some", "unsub", "not_unsub", "closed", "not_closed", "closed_as", "closed_as_when"}
    | {"closed_when", "val_when", "unsub_when", "prep_entered", "prep_spent", "not_tv", "not_updated", "never_tv"}
    | {"no_act", "act", "act_bare", "tv", "tv_not", "tv_bare", "tv_for", "updated", "not_opp", "ever_replied"}
    | {
        "silent",
        "went_silent",
        "silent_bare",
        "silent_since",
        "not_silent",
        "no_reply",
        "no_reply_ever",
        "act_len",
        "starting",
    }
    | {"tv_falls", "is_new", "after_tv", "ev_unheard", "ev_never_heard", "ev_since", "ev_stayed", "ev_reply"}
    | {"ev_no_reply", "ev_unmoved", "ev_since_last"}
)
# after "at companies", these could still speak of the people there
_LOOSE = re.compile(r"(?:with|without)\b", re.I)
_MISSING = frozenset({"missing", "is missing", "are missing"})


class ConditionReader(PeopleReader):
    """One condition on a record."""

    def _condition(self, node: Node) -> Predicate:
        kind = str(node.data)
        match kind:
            case "clause":
                return self._clause(node)
            case "group":
                return conjunction(self._joined_items(children(node, "item")))
            case "nottrue":
                return negation(conjunction(self._excluded(lambda: self._joined_items(children(node, "item")))))
            case "eitheror":
                return disjunction(self._alternatives(node, dated=True))
            case "bothand":
                return conjunction(self._alternatives(node, dated=True))
            case "neithernor":
                return negation(disjunction(self._excluded(lambda: self._alternatives(node))))
            case "someof":
                return self._some_of(node)
            case "company_val":
                if child(node, "ENT").value != "company":
                    raise Refused(span_of(node), "this does not belong to the rule's records", "")
                return self._value_condition(child(node, "VAL"), "company")
            case "companies":
                return self._companies(node)
            case "now_is":
                return self._now_is(node)
        if kind.startswith("b_"):
            return self._bounce(node)
        if kind.startswith("ev_"):
            return self._everyday(node)
        if kind == "f_either_missing":
            return self._either_missing(node)
        if kind.startswith("f_"):
            return self._fact_clause(node)
        if kind.startswith("r_"):
            return self._recipients(node)
        raise Refused(span_of(node), "this is no condition on a record", "")

    def _bare_fact(self, node: Node, fact: Fact) -> Predicate:
        """ "Stage "Lost"" in the telegraph style, where nothing could be set to it."""
        span, names = span_of(node), self._names(child(node, "names"))
        said = self._text(span)
        given = any(
            covered.operation.endswith((".update", ".create", ".assign", ".move_stage"))
            for covered in self.parts.operations
        )
        if given or (fact.type is FactType.NAMES and not self._leading_or_listed(span)):
            raise Refused(
                span,
                f'"{said}": which {self.parts.target or "record"}s, or what they are given? For the former, say '
                '"whose" or "tagged"',
                f"tagged {self._text(names.span)}"
                if fact.type is FactType.NAMES
                else f"whose {said.replace(' ', ' is ', 1)}",
                weak=True,
            )
        if fact.type is FactType.NAMES:
            return Has(fact=fact.name, values=(self._value(names.tokens[0], fact),), least=1)
        if fact.type not in {FactType.NAME, FactType.COUNTRY, FactType.DOMAIN}:
            raise Refused(span, f"{fact.name} is a {fact.type.value}, not a name", "", weak=True)
        return self._named_condition(fact, names, True)

    def _leading_or_listed(self, span: tuple[int, int]) -> bool:
        """Does it stand before the operation, or in what follows a colon?"""
        before = self.sentence[: span[0]].rstrip()
        return not self.parts.operations or (before.endswith(":") and before.count(":") == 1)

    def _old(self, fact: str, lengthcmp: Node) -> Predicate:
        """ "Whose last reply is more than 5 days old"."""
        if lengthcmp.data == "lengthcmp" and child(lengthcmp, "cmp") is None:
            said = self._text(span_of(lengthcmp))
            raise Refused(span_of(lengthcmp), "more than, at least, or less than this old?", f"at least {said}")
        return self._length(fact, lengthcmp)

    def _now_is(self, node: Node) -> Predicate:
        """ "Now is before 2027-01-01 00:00 UTC": what the reading says."""
        found = self._when(self.catalogue.fact("now"), node.children[-1], False)
        if any(isinstance(atom, Age | Ahead | Calendar) for atom in atoms(found)):
            raise Refused(span_of(node), "the moment of the check is compared with dates only", "", weak=True)
        self.parts.dated = True
        return conjunction([found])

    def _alternatives(self, node: Node, *, dated: bool = False) -> list[Predicate]:
        """The conditions of "either … or …" and its like, each checked for whose it is; `dated` for when, too."""
        found: list[Predicate] = []
        foreign: str | None = None
        before: Node | None = None
        for one in node.children:
            if isinstance(one, Tree) and one.data != "pos":
                found.append(self._condition(one))
                foreign = self._check_attachment(foreign, one, found[-1])
                if dated and before is not None:
                    self._check_dates(before, one)
                before = one
        return found

    def _some_of(self, node: Node) -> Predicate:
        options = [conjunction(self._joined_items(children(one, "item"))) for one in children(node, "optioned")]
        order, number = self._order(child(node, "cmp")), self._whole(child(node, "NUM"))
        least = number if order == ">=" else number + 1 if order == ">" else None
        if least is None or not 1 <= least <= len(options):
            raise Refused(
                span_of(node),
                f'of {len(options)} conditions, "at least" takes 1 to {len(options)}',
                "at least 1 of these are true: …",
            )
        return AtLeast(least=least, items=tuple(options))

    def _clause(self, node: Node) -> Predicate:
        subject = child(node, "subject")
        previous = self._subject
        if subject is not None:
            if child(subject, "NEW") is not None:
                self.parts.new_span = span_of(child(subject, "NEW"))
            first = child(subject, "e_plain", "e_lifecycle", "e_two", "PRON", "THEACTION", "ENT")
            if isinstance(first, Token):
                self._subject = {"THEACTION": "action", "ENT": first.value}.get(first.type, previous)
                if first.type == "ENT":
                    self._allow(first.value, span_of(subject))
            elif first.data == "e_two":
                self._entity_of(subject)
            elif first.data == "e_plain":
                entity = first.children[0].value
                self._subject = entity
                if self.parts.target is None:
                    raise Refused(
                        span_of(node),
                        "no operation: this names records but does not say what may be done with them",
                        "Archive contacts …",
                    )
                again = self._introduced and entity == self.parts.target
                det = child(subject, "det")
                if (
                    again
                    and det is not None
                    and det.children[0].value in UNIVERSAL - {"any", "any of the", "any of our"}
                ):
                    said = self._text(span_of(det))
                    raise Refused(
                        span_of(subject),
                        f'"{said}": is this about all of them together, or about each by itself? The former is not '
                        'looked at; for the latter, say "a"',
                        f"a {entity}",
                        fatal=True,
                    )
                same = entity == self.parts.target and det is not None and det.children[0].value == "the"
                if not again and not same and not self._own_verb(node) and tokens_of(node.children[-1])[0].type != "TV":
                    raise Refused(
                        span_of(node),
                        f"this names {self._text(span_of(first))} beside {self._plural}, so the condition "
                        "could belong to either; a rule "
                        "is about one kind of record. Write one guardrail for each",
                        f"{self._plural} {self._text(span_of(node.children[-1]))}",
                    )
                self._allow(entity, span_of(subject))
            elif first.data == "e_lifecycle" and self.parts.target == "deal" and self._replies(node):
                pass  # the deal's contact, who replies
            elif first.data == "e_lifecycle" and first.children[0].value not in self.parts.lifecycles:
                said = self._text(span_of(first))
                raise Refused(
                    span_of(subject),
                    f"the rule is about {self._plural}, not only about these: {said}",
                    f"the {self.parts.target}",
                )
        if subject is not None and not any(token.value == "we" for token in tokens_of(subject)):
            self._check_subject_wrote(node.children[-1])
        try:
            return self._predicate(node.children[-1])
        finally:
            self._subject = previous

    def _replies(self, clause: Node) -> bool:
        """Does "the customer" of a deal reply, or not?"""
        det = child(child(clause, "subject"), "det")
        spoken = [token for token in tokens_of(clause.children[-1]) if token.type in {"TV", "REPLYW", "UPDATED", "ACT"}]
        return (
            det is not None
            and det.children[0].value == "the"
            and bool(spoken)
            and all(token.type == "REPLYW" or token.value == "last_reply_at" for token in spoken)
        )

    def _predicate(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        begins = self.sentence[: span[0]].rstrip()[-1:] in {
            "",
            ".",
            ";",
        }  # "Never customers." forbids, it tells no past
        if kind in _STATES and not begins and re.search(r"\bnever\b", self._text(span).lower()):
            raise Refused(
                span,
                'whether it ever was so is not recorded, only whether it is so now; say "not" if that is meant',
                re.sub(r"\b(has|have|had|is|was|were|are)?\s*never( been)?\b", "is not", self._text(span), flags=re.I),
            )
        if kind not in _EVENTS and (past := _PAST.match(self._text(span))) is not None:
            values = [dict(token.value) for token in children(node, "VAL")] if kind in {"val_is", "val_not"} else []
            if not values or not all(value.get("deal.status") in {"won", "lost"} for value in values):
                raise self._was(past, span)
        match kind:
            case "tag_in" | "tag_out":
                fact = self.catalogue.fact(self._own("tags", span))
                return self._named_condition(fact, self._tag_names(node), kind == "tag_in")
            case "tag_some":
                return self._tag_some(node)
            case "tag_none":
                return Empty(fact=self._own("tags", span))
            case "tag_count":
                return self._tag_count(node)
            case "prep_in" | "prep_out" | "prep_fact_in" | "prep_fact_out":
                return self._prep(node, kind.endswith("_in"))
            case "prep_other":
                return self._in_another(node)
            case "belong_in" | "belong_out":
                noun, word = child(node, "FACT"), self._text(span_of(child(node, "OWNEDBY", "NOWNEDBY"))).lower()
                fact = self._fact_named(noun.value, span_of(noun))
                if "belong" not in word or fact.type is not FactType.NAME or fact.field == "owner":
                    raise Refused(span, "owned by whom? Name the owner", "", weak=2)
                return self._named_condition(fact, self._names(child(node, "names")), kind == "belong_in")
            case "prep_entered" | "prep_spent":
                return self._entered(node)
            case "prep_connector":
                raise Refused(
                    span,
                    "which system the records are in belongs to the whole rule; write it next to the record",
                    "HubSpot contacts",
                )
            case "work_in" | "work_out":
                fact = self.catalogue.fact(self._own("company", span))
                return self._named_condition(fact, self._names(child(node, "names")), kind == "work_in")
            case "work_ent":
                return self._company_named(node)
            case "named_in" | "named_out":
                fact = self.catalogue.fact(self._own("name", span))
                return self._named_condition(fact, self._names(child(node, "names")), kind == "named_in")
            case "mail_domain_in" | "mail_domain_out":
                domains = children(node, "DOMAIN")
                names = Names(domains, "one" if len(domains) == 1 else "or", span)
                return self._named_condition(
                    self.catalogue.fact(self._own("email_domain", span)), names, kind == "mail_domain_in"
                )
            case "mail_domain_at":
                noun = child(node, "FACT")
                if noun is not None and not any(name.startswith("contact.email") for name in noun.value):
                    raise Refused(span, "this does not say how the name and the fact belong together", "")
                return self._named_condition(
                    self._mail_fact(self._names(child(node, "names")), span), self._names(child(node, "names")), True
                )
            case "own_in" | "own_out":
                self._no_belonging(node)
                fact = self.catalogue.fact(self._own("owner", span))
                return self._named_condition(fact, self._names(child(node, "names")), kind == "own_in")
            case "own_any":
                self._last_list = self._own("owner", span)
                return negation(Empty(fact=self._last_list))
            case "own_none":
                return Empty(fact=self._own("owner", span))
            case "own_some":
                return negation(Empty(fact=self._own("owner", span)))
            case "unsub_when":
                said = child(node, "UNSUB")
                raise Refused(
                    span,
                    "when somebody unsubscribed is not recorded, only whether they are unsubscribed now",
                    self._text((span[0], span_of(said)[1])),
                )
            case "unsub":
                return Truth(fact=self._flag(self._entity, span))
            case "not_unsub":
                return negation(Truth(fact=self._flag(self._entity, span)))
            case "closed":
                return self._closed(self._entity, span)
            case "not_closed":
                return negation(self._closed(self._entity, span))
            case "closed_as":
                return self._closed_as(child(node, "CLOSEDAS"))
            case "closed_when" | "val_when" | "closed_as_when":
                state = (
                    self._closed(self._entity, span)
                    if kind == "closed_when"
                    else self._closed_as(child(node, "CLOSEDAS"))
                    if kind == "closed_as_when"
                    else self._any_value([child(node, "VAL")])
                )
                if not (isinstance(state, Is) and set(state.values) <= _ENDED.get(state.fact, frozenset())):
                    raise Refused(span, "since when this is so is not recorded", "", weak=True)
                closed_at = self.catalogue.fact("deal.close_date")
                return conjunction([state, self._when_passed(closed_at, node.children[-1], "")])
            case "val_is":
                return self._any_value(children(node, "VAL"))
            case "val_not" if any(token.type == "NHAVE" for token in tokens_of(node)) and any(
                "deal.stage" in dict(token.value) for token in children(node, "VAL")
            ):
                raise Refused(span, "is it the stage, or whether the deal was won?", "are not won")
            case "val_not":
                return negation(self._any_value(children(node, "VAL")))
            case "life_is" | "life_not":
                if (noun := child(node, "FACT")) is not None and (  # "customers by lifecycle stage"
                    str(child(node, "UNTIL").value) != "by" or "contact.lifecycle_stage" not in noun.value
                ):
                    raise Refused(span_of(noun), "customers by what?", "", weak=True)
                if self._entity != "contact":
                    raise Refused(span, f"only contacts have a lifecycle stage, and this is about a {self._entity}", "")
                stages = tuple(dict.fromkeys(token.value for token in children(node, "ENTLC")))
                if child(node, "AND") is not None:
                    raise Refused(
                        span,
                        'a contact has one lifecycle stage, so it cannot be both; say "or"',
                        " or ".join(f"a {stage}" for stage in stages),
                    )
                life = Is(fact="contact.lifecycle_stage", values=stages)
                return life if kind == "life_is" else negation(life)
            case "rev":
                return Truth(fact="action.reversible")
            case "not_rev":
                return negation(Truth(fact="action.reversible"))
        if kind.startswith("ev_"):
            return self._everyday(node)
        if kind == "r_ahead":
            return self._people(node)
        if kind == "to_recipients":
            return self._count_of_recipients(node)
        if kind.startswith("has_") or kind == "is_empty":
            return self._has(node)
        if kind in {
            "amount",
            "not_amount",
            "counted",
            "not_counted",
            "counted_recip",
            "counted_w",
            "counted_exact",
            "worth_bare",
            "counted_ent",
            "scoring",
        }:
            return self._amount(node)
        return self._time(node)

    def _tag_names(self, node: Node) -> Names:
        """The tags of a condition, with what stands before the list: "any of the tags …", "all of the tags …"."""
        det = child(node, "det")
        word = str(det.children[0].value).split()[0] if det is not None else ""
        any_of = child(node, "ANYOF") is not None or word == "any"
        names = self._names(child(node, "names"), any_of=any_of)
        if len(names.tokens) > 1 and (
            (word in {"all", "each", "every"} and names.joined == "or")
            or word == "some"
            or (child(node, "NHAVE") is not None and word in {"all", "each", "every"})
        ):
            raise Refused(names.span, "all of these tags, or any of them?", fatal=True)
        return names

    def _was(self, past: re.Match[str], span: tuple[int, int]) -> Refused:
        """ "That were customers": once, or still?"""
        word = past.group(1).lower()
        now = {"had": "have", "was": "is", "wasn't": "isn't", "were": "are", "weren't": "aren't"}[word]
        return Refused(
            span,
            f'"{self._text(span)}": then, or now? How things were is not recorded, only how they stand; say "{now}" if '
            "that is meant",
            f"{now}{self._text(span)[past.end() :]}",
        )

    def _closed_as(self, token: Token) -> Predicate:
        """ "When a deal closes won" """
        if self._entity != "deal":
            raise Refused(span_of(token), f"{self._an_entity} is neither won nor lost", "closed deals")
        return Is(fact="deal.status", values=(str(token.value),))

    def _fact_clause(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        fact = self._fref(child(node, "fref"))
        verb = child(node, "BE", "NBE", "HAVE", "NHAVE")
        if verb is not None and kind in {"f_is", "f_is_not", "f_num", "f_num_eq", "f_num_not", "f_set", "f_empty"}:
            rest = (span_of(verb)[0], span[1])
            if (past := _PAST.match(self._text(rest))) is not None:
                raise self._was(past, rest)
        match kind:
            case "f_bare":
                return self._bare_fact(node, fact)
            case "f_is" | "f_is_not":
                names = self._names(child(node, "names"))
                if fact.type is FactType.EMAIL:
                    fact = self._mail_fact(names, span)
                if fact.type is FactType.NAMES and kind == "f_is" and self._one_tag(node, names):
                    note = f'"{self._text(span)}" is read as: tagged so, whatever other tags there are.'
                    if note not in self.parts.notes:
                        self.parts.notes.append(note)
                    return Has(fact=fact.name, values=(self._value(names.tokens[0], fact),), least=1)
                if fact.type is FactType.NAMES:
                    raise Refused(
                        span, f"{fact.name} is a list; say that it includes a name", f"tagged {self._text(names.span)}"
                    )
                if fact.type not in {
                    FactType.NAME,
                    FactType.COUNTRY,
                    FactType.CURRENCY,
                    FactType.EMAIL,
                    FactType.DOMAIN,
                }:
                    raise Refused(span, f"{fact.name} is a {fact.type.value}, not a name", "")
                return self._named_condition(fact, names, kind == "f_is")
            case "f_incl" | "f_nincl":
                if not fact.type.is_list:
                    verb = child(node, "INCL", "NINCL")
                    raise Refused(
                        span_of(verb),
                        f"names are compared as a whole: a rule cannot look for a part of {fact.name}. List "
                        "whole names",
                        "is" if kind == "f_incl" else "is not",
                    )
                return self._named_condition(fact, self._names(child(node, "names")), kind == "f_incl")
            case "f_part":
                if fact.type.is_list and self._text(span_of(child(node, "HAVE"))).lower().startswith("contain"):
                    return self._named_condition(fact, self._names(child(node, "names")), True)
                raise Refused(
                    span_of(child(node, "HAVE")),
                    f"names are compared as a whole: a rule cannot look for a part of {fact.name}. List whole names",
                    f"is {self._text(span_of(child(node, 'names')))}",
                )
            case "f_empty" | "f_set":
                empty = Empty(fact=fact.name)
                return empty if kind == "f_empty" else negation(empty)
            case "f_missing":
                word = self._text(span_of(child(node, "NHAVE"))).lower()
                ours = child(child(node, "fref"), "WHOSE") is not None and word in UNKNOWN_TO_US
                if word not in {"is missing", "are missing"} and not ours:
                    raise Refused(span, "the condition breaks off", "… is empty")
                return Empty(fact=fact.name)
            case "f_older":
                if fact.type is not FactType.TIMESTAMP:
                    raise Refused(span, f"{fact.name} is a {fact.type.value}, not a time", "")
                return self._age(fact.name, ">", child(node, "dur"))
            case "f_nincl_exc":
                if not self._text(span_of(child(node, "EXC"))).lower().endswith("include") or not fact.type.is_list:
                    raise Refused(span, "this exception cannot stand inside a condition", "")
                return self._named_condition(fact, self._names(child(node, "names")), False)
            case "f_other":
                if self._text(span_of(child(node, "EXC"))).lower() not in {"other than", "except", "apart from"}:
                    raise Refused(span, "this exception cannot stand inside a condition", "", weak=True)
                return self._named_condition(fact, self._names(child(node, "names")), False)
            case "f_zero":
                if self._text(span_of(child(node, "NONE"))).lower() != "zero":
                    raise Refused(span, "the condition breaks off", "… is empty", weak=True)
                if fact.type not in {FactType.NUMBER, FactType.INTEGER}:
                    raise Refused(span, f"{fact.name} is a {fact.type.value}, not a number", "")
                return Number(fact=fact.name, order="==", value=0)
            case "f_long":
                if fact.type is FactType.TIMESTAMP and fact.past:  # "last activity > 90 days": so long ago
                    return self._old(fact.name, child(node, *LENGTHS))
                if fact.name != "action.duration_minutes" or child(node, "OLD") is not None:
                    raise Refused(span, f"{fact.name} is no length of time", "", weak=True)
                return self._lasting(child(node, *LENGTHS))
            case "f_passed":
                if fact.type is not FactType.TIMESTAMP or fact.past:
                    raise Refused(span, f"{fact.name} does not lie ahead", "")
                return Age(fact=fact.name, order=">", seconds=0)
            case "f_num":
                return self._numcmp(fact, child(node, "n_cmp", "n_range", "n_ge", "n_le", "n_between", "n_bare"))
            case "f_num_not":
                numcmp = child(node, "n_cmp", "n_range", "n_ge", "n_le", "n_between", "n_bare")
                return negation(conjunction(self._excluded(lambda: [self._numcmp(fact, numcmp)])))
            case "f_num_eq":
                return self._number(fact, "==", child(node, "num"))
            case "f_falls":
                return self._falls(fact, node)
            case "f_when" | "f_when_not" if not fact.past and (
                child(node, "PASSED") is not None or (verb is not None and _PAST.match(self._text(span_of(verb))))
            ):
                return self._when_passed(fact, [c for c in node.children if isinstance(c, Tree)][-1], kind)
            case "f_when" | "f_when_not":
                return self._when(fact, [c for c in node.children if isinstance(c, Tree)][-1], kind == "f_when_not")
        raise Refused(span, "this says nothing that can be checked", "")

    def _named_field(self, span: tuple[int, int]) -> str:
        """The fact that "it" or "one" stands for: the one field that the rule fills, or what it creates."""
        found = [one.values for one in self.parts.conditions if isinstance(one, Only) and one.fact == "action.fields"]
        created = [c.operation for c in self.parts.operations if c.operation.endswith(".create")]
        name = f"{self.parts.target}.{found[0][0]}" if len(found) == 1 and len(found[0]) == 1 else ""
        if not found and created == ["company.create"] and self.parts.target == "contact":
            name = "contact.company"
        if name not in self.catalogue.facts:
            raise Refused(span, f'"{self._text(span)}": of what? Name the fact again', "", weak=2)
        return name

    def _has(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        if kind in {"has_none", "is_empty"}:
            number = child(node, "NUM")
            if number is not None and self._text(span_of(number)).lower() != "one":
                raise Refused(span, "without this many of what?", "", weak=True)
            gone = child(node, "NHAVE")
            if number is None and gone is not None and self._text(span_of(gone)).lower() not in _MISSING:
                raise Refused(span, "without what? Name what is missing", "", weak=2)
            return Empty(fact=self._named_field(span))
        if kind == "has_missing_both":
            said = re.sub(r"^(are|is|that) ", "", self._text(span).lower())
            if said.split()[0] not in {"missing", "lacking", "lack", "lacks"}:
                raise Refused(span, "without the two, or without one of them?", "with neither … nor …")
        elif (
            kind == "has_none_of"
            and child(node, "NEITHER") is None
            and self._text(span).lower().split()[0] not in {"with", "without", "has", "have", "having"}
        ):
            raise Refused(span, "missing one of these, or missing both?", "with no … and with no …")
        if kind == "has_none_of" and self._excluding and child(node, "NEITHER") is None:
            raise Refused(
                span,
                f'"{self._text(span)}": those without both, or those without either of them? Say it in full',
                "missing either … or …",
                fatal=True,
            )
        if kind in {"has_none_of", "has_missing_both"}:
            return conjunction(
                [
                    Empty(fact=self._fn(one).name)
                    for one in children(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count")
                ]
            )
        if kind in {"has_all", "has_any"}:
            both = [self._fn(one) for one in children(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count")]
            if child(node, "WITH") is not None and any(one.entity == self.parts.target for one in both):
                self.parts.filled_span = span
            known = [negation(Empty(fact=one.name)) for one in both]
            return conjunction(known) if kind == "has_all" else disjunction(known)
        fact = self._fn(child(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count"))
        match kind:
            case "has_num_in" if self._text(span_of(child(node, "PREP"))).lower() != "in" or fact.currency is None:
                raise Refused(span, "of what is this the number?", "", weak=2)
            case "has_num" | "has_num_in":
                return self._numcmp(fact, child(node, "n_cmp", "n_range", "n_ge", "n_le", "n_between", "n_bare"))
            case "has_num_eq":
                return self._number(fact, "==", child(node, "num"))
            case "has_name":
                names = self._tag_names(node) if fact.type.is_list else self._names(child(node, "names"))
                if fact.type is FactType.EMAIL:
                    fact = self._mail_fact(names, span)
                return self._named_condition(fact, names, True)
            case "has_name_not":
                if self._text(span_of(child(node, "EXC"))).lower() != "other than":
                    raise Refused(span, "this exception cannot stand inside a condition", "", weak=True)
                names = self._names(child(node, "names"))
                if fact.type is FactType.EMAIL:
                    fact = self._mail_fact(names, span)
                return self._named_condition(fact, names, False)
            case "has_when":
                return self._when(fact, [c for c in node.children if isinstance(c, Tree)][-1], False)
            case "has_passed":
                if self._text(span_of(child(node, "INLAST"))).lower() != "in the past" or (
                    fact.type is not FactType.TIMESTAMP or fact.past
                ):
                    raise Refused(span, "in the last how long?", "in the last 7 days", weak=2)
                return Age(fact=fact.name, order=">", seconds=0)
            case "has_missing" if self._text(span_of(child(node, "NHAVE"))).lower() != "missing":
                raise Refused(span, "without what? Name what is missing", "", weak=2)
            case "has_older":
                if fact.type is not FactType.TIMESTAMP:
                    raise Refused(span, f"{fact.name} is a {fact.type.value}, not a time", "")
                return self._age(fact.name, ">", child(node, "dur"))
            case "has_fact":
                if not fact.type.is_list:
                    self._last_list = fact.name
                if child(node, "WITH") is not None and not fact.past and fact.entity == self.parts.target:
                    self.parts.filled_span = span
                return negation(Empty(fact=fact.name))
        if fact.name in {"action.attendee_count", "action.recipient_count"}:
            return Number(fact=fact.name, order="==", value=0)
        if fact.name == "company.employees" and not re.search(r"number|count|size", self._text(span), re.I):
            raise Refused(
                span,
                "none at all, or is their number not known? Say that the number is empty, or that it is 0",
                "whose number of employees is empty",
                weak=True,
            )
        return Empty(fact=fact.name)

    def _company_named(self, node: Node) -> Predicate:
        """ "from the company "Initech"" """
        span, ent, names = span_of(node), child(node, "ENT"), self._names(child(node, "names"))
        preposition = child(node, "PREP", "OFTHE")
        if ent.value != "company" or preposition.value not in {"in", "at", "from", "from the", "working in", "inside"}:
            raise Refused(span, "this does not say how the name and the records belong together", "")
        if child(node, "det") is not None and child(node, "det").children[0].value not in {"the", "a", "an"}:
            raise Refused(
                span, "this list cannot be read; write the names only", f"who work at {self._text(names.span)}"
            )
        return self._named_condition(self.catalogue.fact(self._own("company", span)), names, True)

    def _prep(self, node: Node, positive: bool) -> Predicate:
        span = span_of(node)
        names = self._names(child(node, "names"))
        noun = child(node, "FACT")
        preposition = str(child(node, "PREP", "ON", "AT", "OFTHE", "NPREP").value)
        if child(node, "OFTHE") is not None and preposition != "from the":
            raise Refused(span, "in, at or from?", "")
        preposition = preposition.removesuffix(" the")
        if (address := child(node, "RECIP")) is not None and (
            self._text(span_of(address)).lower() not in {"address", "addresses"}
            or any(token.type not in {"DOMAIN", "EMAILADDR"} for token in names.tokens)
        ):
            raise Refused(span_of(address), "whose address?", "", weak=True)
        if noun is not None:
            fact = self._fact_named(noun.value, (noun.start_pos or 0, noun.end_pos or 0))
            if fact.type in {FactType.NUMBER, FactType.INTEGER, FactType.FRACTION, FactType.TIMESTAMP}:
                raise Refused(span, f"{fact.name} is a {fact.type.value}, not a name", "")
        elif (
            preposition == "from"
            and {token.type for token in names.tokens} == {"QUOTED"}
            and self.parts.operations
            and all(c.operation.endswith(".assign") for c in self.parts.operations)
        ):
            fact = self.catalogue.fact(self._own("owner", span))  # "transfer deals from "Bob" to "Alice""
            return self._named_condition(fact, names, positive)
        elif (
            preposition == "from"
            and {token.type for token in names.tokens} == {"QUOTED"}
            and self.parts.operations
            and all(c.operation == "deal.move_stage" for c in self.parts.operations)
        ):
            fact = self.catalogue.fact(self._own("stage", span))  # "move deals from "Trial" to "Won""
        elif (
            preposition == "at"
            and {token.type for token in names.tokens} == {"QUOTED"}
            and self._entity == "contact"
            and not any(self._known_value(str(token.value)) for token in names.tokens)
        ):
            fact = self.catalogue.fact(self._own("company", span))  # "contacts at Siemens"
        else:
            fact = self._fact_of_values(names, span)
        if (
            preposition.endswith("from")
            and not (fact.name == "deal.stage" and any(c.operation == "deal.move_stage" for c in self.parts.operations))
            and fact.type is not FactType.COUNTRY
            and not fact.field.endswith(("company", "city", "domain"))
        ):
            raise Refused(span, f'"from" does not go with {fact.name}', f"in {self._text(names.span)}")
        condition = self._named_condition(fact, names, positive)
        long = child(node, "forlong")
        if long is None and preposition.startswith("stuck"):
            raise Refused(
                span,
                "stuck for how long? Being there is not enough; say for how long",
                f"{self._text(span).strip()} for more than 30 days",
            )
        if long is not None:
            if fact.field not in {"stage"} or not positive:
                raise Refused(span_of(long), f"since when {fact.name} has had its value is not recorded", "")
            entered = self._own("stage_entered_at", span)
            since = child(long, "date_day", "date_instant", "date_year")
            if since is not None:
                if str(child(long, "SINCE").value) != "since":
                    raise Refused(span_of(long), "since when?", "", weak=True)
                return conjunction([condition, self._since(entered, since, True)])
            after = child(long, "OFTHE")
            if after is not None and (str(after.value) != "after" or not preposition.startswith("still")):
                raise Refused(span_of(long), "for how long?", "for more than 30 days", weak=True)
            return conjunction(
                [
                    condition,
                    self._length(
                        entered,
                        child(long, *LENGTHS),
                    ),
                ]
            )
        return condition

    def _in_another(self, node: Node) -> Predicate:
        """ "In any stage other than proposal"."""
        noun, names = child(node, "FACT"), self._names(child(node, "names"))
        fact = self._fact_named(noun.value, span_of(noun))
        said, det = self._text(span_of(child(node, "EXC"))).lower(), child(node, "det")
        plain = det is None or det.children[0].value in {"a", "an", "any", "all", "every"}
        if said not in {"other than", "except", "apart from", "except for", "excluding", "but not"} or not plain:
            raise Refused(span_of(node), "in which?", "", weak=True)
        if fact.type not in {FactType.NAME, FactType.COUNTRY} or names.joined == "neither":
            raise Refused(span_of(node), f"{fact.name} is a {fact.type.value}, not a name", "", weak=True)
        return self._named_condition(fact, names, False)

    def _entered(self, node: Node) -> Predicate:
        """ "that entered negotiation in the last 7 days", "that spent over 30 days in discovery": still there."""
        span = span_of(node)
        names, noun = self._names(child(node, "names")), child(node, "FACT")
        fact = self._fact_named(noun.value, span_of(noun)) if noun is not None else self._fact_of_values(names, span)
        if fact.field != "stage":
            raise Refused(span, f"since when {fact.name} has had its value is not recorded", "")
        entered = self.catalogue.fact(self._own("stage_entered_at", span))
        condition = self._named_condition(fact, names, True)
        note = "A stage that was entered is read as the present one: which stages came before is not recorded."
        if note not in self.parts.notes:
            self.parts.notes.append(note)
        if node.data == "prep_spent":
            return conjunction([condition, self._length(entered.name, child(node, *LENGTHS))])
        return conjunction([condition, self._when(entered, node.children[-1], False)])

    def _companies(self, node: Node) -> Predicate:
        ent = child(node, "ENT")
        if ent.value != "company":
            raise Refused(span_of(node), f"how do these {self._text(span_of(ent))} belong to the rule?", "")
        cond = child(node, "co_pred", "co_fact", "co_val")
        previous, self._subject = self._subject, "company"
        try:
            inner = cond.children[0]
            if cond.data == "co_val":
                return self._value_condition(inner, "company")
            found = self._predicate(inner) if cond.data == "co_pred" else self._condition(inner)
        finally:
            self._subject = previous
        said = self._text(span_of(cond))
        own = {f"{self.parts.target}.{atom.fact.partition('.')[2]}" for atom in atoms(found)}
        if child(node, "THAT") is None and _LOOSE.match(said) and own & set(self.catalogue.facts):
            raise Refused(
                span_of(cond),
                f'does "{said}" speak of the {self.parts.target} or of the company? Say whose it is',
                "",
                fatal=True,
            )
        return found

    def _no_belonging(self, node: Node) -> None:
        """ "That belong to Acme": to a company, or to an owner?"""
        word, names = child(node, "OWNEDBY", "NOWNEDBY"), self._names(child(node, "names"))
        said = self._text(span_of(word))
        if "belong" not in said.lower() or {token.type for token in names.tokens} == {"EMAILADDR"}:
            return
        listed = ", ".join(f'"{token.value}"' for token in names.tokens[:-1])
        shown = f'{listed} or "{names.tokens[-1].value}"' if listed else f'"{names.tokens[-1].value}"'
        negated = "not " if "not" in said.lower() or "n't" in said.lower() or child(node, "neg") is not None else ""
        verb = re.match(r"(that |who |which )?(belongs?|don't|do not|doesn't|does not)\b", said, re.I)
        be = (
            "" if verb is None or verb.group(1) else "is " if re.match(r"belongs|does", verb.group(2), re.I) else "are "
        )
        company = f', or "who {"do not " if negated else ""}work at {shown}"' if self._entity == "contact" else ""
        raise Refused(
            span_of(node),
            f'"{self._text(span_of(node))}": is that their owner, or a company? Say "{negated}owned by {shown}"'
            f"{company}",
            f"{be}{negated}owned by {shown}",
            fatal=True,
        )

    def _recipients(self, node: Node) -> Predicate:
        if node.data == "r_with":
            return self._with_people(node)
        if node.data == "r_people":
            return self._only_people(node)
        if node.data in {"r_every", "r_nobody_out", "r_none", "r_some", "r_nobody"}:
            return self._people(node)
        attend = node.data == "r_attend"
        if attend and child(node, "COUNTN").value != "action.attendee_count":
            raise Refused(span_of(node), "this is no condition on people", "", weak=True)
        people = "attendee" if attend else "recipient"
        if child(node, "names") is None:
            raise Refused(
                span_of(node),
                f"where is the {people}? Name the domain or the address",
                f"every {people} is at acme.com",
            )
        fact = self.catalogue.fact(f"action.{people}_domains")
        names = self._names(child(node, "names"))
        det = child(node, "det")
        if self._excluding and det is not None and det.children[0].value in {"any", "a", "an", "any of the"}:
            fact = self.catalogue.fact(f"action.{people}_domains")  # "unless any recipient is at …": one is enough
            return Has(fact=fact.name, values=tuple(self._value(token, fact) for token in names.tokens), least=1)
        if det is None or det.children[0].value not in UNIVERSAL - {"any"}:
            raise Refused(span_of(node), f"every {people}, or some?", f"every {people} is at {self._text(names.span)}")
        if all(token.type in {"EMAILADDR", "QUOTED"} and "@" in str(token.value)[1:] for token in names.tokens):
            fact = self.catalogue.fact(f"action.{people}s")
        values = tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens))
        return Only(fact=fact.name, values=values)

    def _either_missing(self, node: Node) -> Predicate:
        """ "Whose phone number or job title is missing"."""
        word = child(node, "NHAVE")
        if word is not None and self._text(span_of(word)).lower() not in _MISSING:
            raise Refused(span_of(node), "without what? Name what is missing", "", weak=2)
        verb = child(node, "BE")
        if verb is not None and (past := _PAST.match(self._text(span_of(verb)))) is not None:
            raise self._was(past, (span_of(verb)[0], span_of(node)[1]))
        both = [self._fn(one) for one in children(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count")]
        empty: list[Predicate] = [Empty(fact=one.name) for one in both]
        return disjunction(empty) if child(node, "OR") is not None else conjunction(empty)

    def _one_tag(self, node: Node, names: Names) -> bool:
        """Is it "whose tag is …", of one name?"""
        noun = next((token for token in tokens_of(node) if token.type == "TAGN"), None)
        return (
            noun is not None
            and self._text(span_of(noun)).lower() in {"tag", "label"}
            and len(names.tokens) == 1
            and not self._excluding
        )

    def _only_people(self, node: Node) -> Predicate:
        """ "Schedule meetings only with people at acme.com": every attendee is there."""
        names = self._names(child(node, "names"))
        whom, det = child(node, "ENT"), child(node, "det")
        meets = all(covered.operation.startswith("event.") for covered in self.parts.operations)
        plain = det is None or det.children[0].value in {"the", "our"}
        if whom.value != "contact" or not meets or not plain or {token.type for token in names.tokens} != {"DOMAIN"}:
            raise Refused(span_of(node), "how do these belong to the rule?", "", weak=True)
        fact = self.catalogue.fact("action.attendee_domains")
        return Only(fact=fact.name, values=tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens)))

    def _with_people(self, node: Node) -> Predicate:
        """ "Meetings with attendees at acme.com": every one of them, which is the narrower of what it could say."""
        span, people = span_of(node), child(node, "COUNTN", "RECIP")
        said = self._text(span_of(people)).lower()
        names = self._names(child(node, "names"))
        kinds = {token.type for token in names.tokens}
        if people.type == "COUNTN" and people.value == "action.attendee_count":
            kind = "attendee"
        elif people.type == "RECIP" and said in {"recipient", "recipients", "addressee", "addressees"}:
            kind = "recipient"
        else:
            raise Refused(span, "this is no condition on people", "", weak=2)
        if kinds not in ({"DOMAIN"}, {"EMAILADDR"}):
            raise Refused(names.span, f"{said} are told by their addresses: name domains", "acme.com", weak=True)
        if self._excluding:
            at = self._text(names.span)
            raise Refused(span, f"every {kind}, or one of them?", f"every {kind} is at {at}")
        note = f'"{self._text(span)}" is read as: every {kind} is.'
        if note not in self.parts.notes:
            self.parts.notes.append(note)
        fact = self.catalogue.fact(f"action.{kind}{'_domains' if kinds == {'DOMAIN'} else 's'}")
        return Only(fact=fact.name, values=tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens)))

    def _bounce(self, node: Node) -> Predicate:
        fact, kind, span = "email.bounced", str(node.data), span_of(node)
        cmp, num, pct = child(node, "cmp"), child(node, "NUM"), child(node, "PCT")
        whose = next((token for token in tokens_of(node) if token.type in {"ENT", "ENTPOSS"}), None)
        if self.parts.target not in {None, "contact"} or (whose is not None and whose.value != "contact"):
            raise Refused(
                span,
                "bounced e-mails are recorded for contacts only"
                if self.parts.target in {None, "contact"}
                else f"bounced e-mails are recorded for contacts, and the rule is about {self._plural}",
                "",
            )
        subject = child(node, "subject")
        lifecycle = child(subject, "e_lifecycle") if subject is not None else None
        if lifecycle is not None and lifecycle.children[0].value not in self.parts.lifecycles:
            raise Refused(
                span_of(lifecycle),
                f"the rule is about {self._plural}, not only about these: {self._text(span_of(lifecycle))}",
                f"the {self.parts.target}",
            )
        if subject is not None and child(subject, "e_plain", "e_lifecycle", "PRON") is None:
            raise Refused(span, "whose e-mails have bounced?", "at least 3 emails have bounced", weak=True)
        match kind:
            case "b_quantified":
                first = tokens_of(node)[0]
                if first.type == "ALLOF" or first.value in {
                    "every",
                    "all",
                    "each",
                    "all the",
                    "all of the",
                    "every single",
                    "each of the",
                }:
                    return Share(fact=fact, order=">=", per_myriad=10_000)
                if first.value in {"any", "any of the"}:
                    return Count(fact=fact, order=">=", number=1)
            case "b_all":
                return Share(fact=fact, order=">=", per_myriad=10_000)
            case "b_any":
                return Count(fact=fact, order=">=", number=1)
            case "b_none":
                return Count(fact=fact, order="==", number=0)
            case "b_not" | "b_on":
                return self._bounced_on(node)
            case "b_unclear" if self._excluding and num is None and child(node, "BE") is None:
                if child(node, "det") is None:
                    self._noted(f'"{self._text(span)}" is read as: at least one email has bounced.')
                    return Count(fact=fact, order=">=", number=1)
            case "b_unclear" if (det := child(node, "det")) is not None and child(node, "BE") is None:
                if det.children[0].value in {"a", "any"} and child(node, "HAVE", "WITH") is not None:
                    return Count(fact=fact, order=">=", number=1)
            case "b_times":
                if re.search(r"\bhard\b", self._text(span), re.I) and subject is None:
                    raise Refused(span, "which bounces were hard is not recorded", "at least 2 emails have bounced")
                if num is None:
                    raise Refused(span, "how many e-mails have bounced?", "at least 3 emails have bounced")
                return Count(fact=fact, order=self._order(cmp), number=self._whole(num))
            case "b_count":
                return Count(fact=fact, order=self._order(cmp), number=self._whole(num))
            case "b_count_ge":
                return Count(fact=fact, order=">=", number=self._whole(num))
            case "b_share_bare" if pct.value == 10_000:
                return Share(fact=fact, order=">=", per_myriad=10_000)
            case "b_share":
                return Share(fact=fact, order=self._order(cmp), per_myriad=pct.value)
            case "b_share_ge":
                return Share(fact=fact, order=">=", per_myriad=pct.value)
            case "b_single":
                words = tokens_of(node)
                if any(token.type == "DET" and token.value in {"every", "all", "each"} for token in words):
                    return Share(fact=fact, order=">=", per_myriad=10_000)
        if re.search(r"\b(?:no|not|without|never|zero)\b|n't\b", self._text(span), re.I):
            raise Refused(span, "has no e-mail bounced, or not every one?", "no email has bounced", weak=True)
        many = (
            f"at least {self._whole(num)} emails have bounced"
            if num is not None
            else "any email has bounced"
            if self._excluding
            else "every email has bounced"
        )
        raise Refused(span, "every e-mail, at least one, or the last one? Say how many have bounced", many)
