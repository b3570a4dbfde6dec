"""What people say of records in everyday words: "nobody has heard back", "making $5M a year"."""

from __future__ import annotations

import re

from lark import Token

from ..catalogue import Fact, FactType
from ..form import AtLeast, Count, Empty, Number, Predicate, Share, conjunction, disjunction, negation
from .parts import LENGTHS, UNIVERSAL, Node, child, children, span_of, tokens_of
from .problems import Refused
from .times import TimeReader

_SILENCES = ("sil_len", "sil_last", "sil_since", "sil_cal")
_FACTS = ("fn", "fn_ent", "fn_mail", "fn_tags", "fn_count")
# said of the team's own mail in the passive, and of the contact's in the active
_WROTE = re.compile(
    r"(last )?(emailed|mailed|messaged|contacted|wrote to|written to|spoken? (to|with)|talked (to|with)|"
    r"reached out to|got(ten)? in touch with)$"
)
_TEAM = re.compile(r"(we|we've|nobody|no one|none of us|nobody's|i)\b", re.I)
_GOT = re.compile(r"^(?!we\b|nobody\b|no one\b).*\b(?:gotten|got|received)$", re.I)
_YEARLY = re.compile(r"(a|per) year|year(ly)?$|annual(ly)?|per annum", re.I)
# "whose title we don't know"
UNKNOWN_TO_US = frozenset(
    {"we don't know", "we do not know", "we don't have", "we do not have", "we're missing", "we are missing", "we lack"}
)


class EverydayReader(TimeReader):
    """Conditions in everyday words."""

    def _everyday(self, node: Node) -> Predicate:
        span = span_of(node)
        silence = child(node, *_SILENCES)
        match str(node.data):
            case "ev_untagged":
                word = child(node, "neg")
                if "never" in self._text(span_of(word)).lower():
                    raise Refused(span, "whether it ever was tagged is not recorded, only the tags it has", "untagged")
                return Empty(fact=self._own("tags", span))
            case "ev_tagged":
                det = child(node, "det")
                if det is not None and det.children[0].value not in {"a", "any"}:
                    raise Refused(span, "which tag? Name it", 'tagged "A"', weak=True)
                return negation(Empty(fact=self._own("tags", span)))
            case "ev_stayed":
                return self._stayed(node, silence)
            case "ev_nowhere":
                said = self._text(span_of(child(node, "NONE"))).lower()
                if said != "no" or str(child(node, "PREP").value) not in {"in", "at", "from"}:
                    raise Refused(span, "in which?", "", weak=True)
                fact = self._fact_named(child(node, "FACT").value, span)
                if fact.type not in {FactType.NAME, FactType.COUNTRY}:
                    raise Refused(span, f"{fact.name} is a {fact.type.value}, not a place", "", weak=True)
                return Empty(fact=fact.name)
            case "ev_unheard":
                return self._silence(self._own("last_reply_at", span), silence)
            case "ev_never_heard":
                self._noted(f'"{self._text(span)}" is read as: never, as no time is said with it.')
                return Empty(fact=self._own("last_reply_at", span))
            case "ev_no_reply":
                noun = child(node, "REPLYW", "EMAILOBJ")
                if self._text(span_of(noun)).lower() not in {"reply", "replies", "response", "responses", "answer"}:
                    raise Refused(span, "what was not received?", "no reply in 30 days", weak=True)
                last = self._own("last_reply_at", span)
                return Empty(fact=last) if silence is None else self._silence(last, silence)
            case "ev_reply":
                if not re.search(r"repl|response", self._text(span_of(child(node, "REPLYW"))), re.I):
                    raise Refused(span, "what do they have?", "", weak=True)
                return self._when(self.catalogue.fact(self._own("last_reply_at", span)), node.children[-1], False)
            case "ev_since":
                return self._since_then(node)
            case "ev_since_last":
                return self._since_the_last(node)
            case "ev_unmoved":
                return self._silence(self._own("stage_entered_at", span), silence)
            case "ev_earning":
                return self._earning(node)
            case "ev_counted_post":
                fact = self.catalogue.fact(child(node, "COUNTN").value)
                if fact.entity not in {self._entity, "action", "company"}:
                    raise Refused(span, "whose number is this?", "", weak=True)
                order = ">=" if child(node, "POSTGE") is not None else "<="
                return Number(fact=fact.name, order=order, value=self._whole(child(node, "NUM")))
            case "ev_neither_act":
                fact = self._fn(child(node, *_FACTS))
                return conjunction([Empty(fact=fact.name), self._silence(self._own("last_activity_at", span), silence)])
            case "ev_missing_two":
                return self._missing_two(node)
            case "ev_of_zero":
                fact = self._fn(child(node, *_FACTS))
                if self._text(span_of(child(node, "NONE"))).lower() != "zero" or fact.type not in {
                    FactType.NUMBER, FactType.INTEGER,
                }:  # fmt: skip
                    raise Refused(span, "of how much?", "", weak=True)
                return Number(fact=fact.name, order="==", value=0)
            case "ev_unknown":
                return Empty(fact=self._fref(child(node, "fref")).name)
            case "ev_lacks_some" | "ev_listed":
                return self._of_these(node)
        raise Refused(span, "this says nothing that can be checked", "")

    def _tag_count(self, node: Node) -> Predicate:
        """ "With at least one tag": some tag or other."""
        order, number = self._order(child(node, "cmp")), self._whole(child(node, "NUM"))
        if (order, number) in {(">=", 1), (">", 0)}:
            return negation(Empty(fact=self._own("tags", span_of(node))))
        if (order, number) == ("<", 1):
            return Empty(fact=self._own("tags", span_of(node)))
        raise Refused(span_of(node), "how many tags a record has is no condition; name the tags", 'tagged "A"')

    def _bounced_on(self, node: Node) -> Predicate:
        """ "Never bounced": no e-mail did; "bounced on every email"."""
        span, num = span_of(node), child(node, "NUM")
        det = child(node, "det")
        said = str(det.children[0].value) if det is not None else ""
        if node.data == "b_not":
            if (
                self._excluding
                or said in UNIVERSAL
                or any(t.type == "DET" and t.value in UNIVERSAL for t in tokens_of(node))
            ):
                raise Refused(span, "none of the e-mails, or not every one?", "no email has bounced")
            return Count(fact="email.bounced", order="==", number=0)
        if re.search(r"\bhard\b", self._text(span), re.I):
            self._noted("Which bounces were hard is not recorded: any bounce counts.")
        if num is not None:
            cmp = child(node, "cmp")
            return Count(
                fact="email.bounced", order=self._order(cmp) if cmp is not None else ">=", number=self._whole(num)
            )
        if child(node, "ALLOF") is not None or said in UNIVERSAL - {"any", "any of the", "any of our"}:
            return Share(fact="email.bounced", order=">=", per_myriad=10_000)
        if said in {"any", "any of the", "any of our"}:
            return Count(fact="email.bounced", order=">=", number=1)
        raise Refused(span, "every e-mail, at least one, or the last one?", "every email has bounced")

    def _noted(self, note: str) -> None:
        if note not in self.parts.notes:
            self.parts.notes.append(note)

    @staticmethod
    def _numbers(node: Node) -> Node:
        return child(node, "n_cmp", "n_range", "n_ge", "n_le", "n_between", "n_bare")

    def _stayed(self, node: Node, silence: Node) -> Predicate:
        """ "Hasn't moved out of negotiation in 30 days": there, and since before then."""
        span, names, noun = span_of(node), self._names(child(node, "names")), child(node, "FACT")
        fact = self._fact_named(noun.value, span_of(noun)) if noun is not None else self._fact_of_values(names, span)
        if fact.field != "stage":
            raise Refused(span, f"since when {fact.name} has had its value is not recorded", "")
        if names.joined not in {"one", "or"}:
            raise Refused(names.span, "a deal is in one stage", "", weak=True)
        return conjunction(
            [self._named_condition(fact, names, True), self._silence(self._own("stage_entered_at", span), silence)]
        )

    def _since_then(self, node: Node) -> Predicate:
        """ "It's been 10 days since we last reached out"."""
        span, moment = span_of(node), child(node, "TV")
        subject = child(node, "subject")
        if subject is not None and child(subject, "PRON", "e_plain") is None:
            raise Refused(span, "since when?", "", weak=True)
        if moment is not None:
            plain = child(subject, "e_plain") if subject is not None else None
            if plain is not None and plain.children[0].value != self._entity:
                raise Refused(span_of(subject), f"the rule is about {self._plural}", "", weak=True)
            if subject is not None:
                self._check_subject_wrote(node)
            elif child(node, "HAVE") is not None:
                self._check_who_wrote(node)
            fact = self.catalogue.fact(self._own(str(moment.value), span))
        else:
            fact = self._fn(child(node, *_FACTS))
        if fact.type is not FactType.TIMESTAMP or not fact.past:
            raise Refused(span, f"{fact.name} is no moment that has passed", "", weak=True)
        return self._length(fact.name, child(node, *LENGTHS))

    def _since_the_last(self, node: Node) -> Predicate:
        """ "60 days have passed since the last activity"."""
        span, last = span_of(node), child(node, "INLAST")
        noun = child(node, "ACT", "EMAILOBJ", "REPLYW", "ENT")
        said = self._text(span_of(noun)).lower()
        field = {
            "activity": "last_activity_at", "reply": "last_reply_at", "response": "last_reply_at",
            "answer": "last_reply_at", "contact": "last_contacted_at",
        }.get(said)  # fmt: skip
        if not self._text(span_of(last)).lower().startswith("since") or field is None:
            raise Refused(span, "since when?", "since the last activity", weak=2)
        return self._length(self._own(field, span), child(node, *LENGTHS))

    def _check_subject_wrote(self, node: Node) -> None:
        """ "If the contact emailed in the last 2 days": it says who wrote, and it was not the team."""
        moment = child(node, "TV")
        said = self._text(span_of(moment)).lower() if moment is not None else ""
        if moment is None or moment.value != "last_contacted_at" or _WROTE.match(said) is None:
            return
        helper = child(node, "pos", "neg") or child(node, "NHAVE", "NBE", "NOT", "HAVE")
        if node.data == "ev_since":  # "it's been 10 days since …": no part of who wrote
            helper = child(node, "HAVE")
        if helper is not None and tokens_of(helper)[-1].type in {"BE", "NBE"}:
            return
        raise Refused(
            span_of(node),
            f'"{self._text(span_of(node))}": who wrote to whom? What is recorded is when the team last contacted them, '
            "and when they last replied",
            "have been contacted",
        )

    def _check_who_wrote(self, node: Node) -> None:
        """ "Contacts who emailed in the last 2 days": they wrote, and the fact says when the team did."""
        moment, gone = child(node, "TV"), child(node, "NHAVE")
        if gone is not None and self._entity == "contact" and _GOT.search(self._text(span_of(gone))) is not None:
            raise Refused(
                span_of(node),
                f'"{self._text(span_of(node))}": a reply of theirs, or one from the team? '
                "What is recorded is when they last "
                "replied, and when the team last contacted them",
                "have not replied",
            )
        if moment is None or moment.value != "last_contacted_at":
            return
        said = self._text(span_of(moment)).lower()
        if _WROTE.match(said) is None and said != "reached out":
            return
        helper = child(node, "pos", "neg")
        word = helper if helper is not None else child(node, "NHAVE", "NBE", "NOT", "HAVE")
        verb = self._text(span_of(word)).lower() if word is not None else ""
        if _TEAM.match(verb):
            return
        first = tokens_of(word)[-1].type if word is not None else ""
        passive = first in {"BE", "NBE"}
        start = span_of(word if word is not None else moment)[0]
        relative = re.search(r"\b(who|that|which|they|he|she|it)$", self.sentence[:start].rstrip(), re.I)
        if said != "reached out" and (passive or (first in {"", "NOT"} and relative is None)):
            return
        negative = "not " if re.search(r"n't|not|never|no\b|without", verb) else ""
        raise Refused(
            span_of(node),
            f'"{self._text(span_of(node))}": who wrote to whom? What is recorded is when the team last contacted them, '
            "and when they last replied",
            f"have {negative}been contacted",
        )

    def _earning(self, node: Node) -> Predicate:
        """ "Companies making under $5 million a year"."""
        span, verb = span_of(node), tokens_of(node)[0]
        if verb.type == "MAKEV" and self._text(span_of(verb)).lower() not in {"making", "make"}:
            raise Refused(span, "what is done?", "", weak=2)
        if self._entity != "company":
            raise Refused(span, f"what {self._an_entity} earns is not recorded; a company's annual revenue is", "")
        length, year, noun = child(node, "DUR"), child(node, "PERYEAR"), child(node, "FACT")
        for word in (length, year):
            if word is not None and not _YEARLY.search(self._text(span_of(word))):
                raise Refused(span_of(word), "the revenue of a year is recorded", "a year")
        fact: Fact = self.catalogue.fact("company.annual_revenue")
        if noun is not None and fact.name not in noun.value:
            raise Refused(span_of(noun), "what is earned is the annual revenue", "", weak=True)
        return self._numcmp(fact, self._numbers(node))

    def _missing_two(self, node: Node) -> Predicate:
        """ "Missing an email and a phone number": both, which is the narrower."""
        word = self._text(span_of(child(node, "NHAVE"))).lower()
        both = [self._fn(one) for one in children(node, *_FACTS)]
        if word not in {"missing", "is missing", "are missing", "lacking", "lack", "lacks", "that lack"}:
            raise Refused(span_of(node), "without the two, or without one of them?", "with neither … nor …", weak=True)
        if self._excluding:
            raise Refused(span_of(node), "missing both, or one of them?", "missing both … and …")
        self._noted(f'"{self._text(span_of(node))}" is read as: both are missing.')
        return conjunction([Empty(fact=one.name) for one in both])

    def _of_these(self, node: Node) -> Predicate:
        """ "At least two of these: no phone, no title", "none of the following is missing: email, country"."""
        span = span_of(node)
        facts = list(dict.fromkeys(self._fn(one).name for one in children(node, *_FACTS)))
        if len(facts) != len(children(node, *_FACTS)):
            raise Refused(span, "a fact is in this list twice", "")
        state = self._state_said(node)
        empty: list[Predicate] = [Empty(fact=name) for name in facts]
        these = [negation(one) for one in empty] if state == "known" else empty
        if node.data == "ev_listed":
            word = self._text(span_of(child(node, "LISTOF"))).lower()
            if word.startswith("none"):
                return conjunction([negation(one) for one in these])
            return conjunction(these) if word.startswith(("all", "each", "every")) else disjunction(these)
        cmp, number = child(node, "cmp"), self._whole(child(node, "NUM"))
        order = self._order(cmp) if cmp is not None else ">="
        least = number if order == ">=" else number + 1 if order == ">" else 0
        if not 1 <= least <= len(these):
            raise Refused(
                span, f'of {len(these)} conditions, "at least" takes 1 to {len(these)}', "at least 1 of these: …"
            )
        if least == len(these):
            return conjunction(these)
        return disjunction(these) if least == 1 else AtLeast(least=least, items=tuple(these))

    def _state_said(self, node: Node) -> str:
        """ "missing" or "known": what the list says of its facts."""
        words: list[Token] = [one for one in node.children if isinstance(one, Token)]
        if any(one.type == "SETW" for one in words):
            return "known"
        for one in words:
            said = self._text(span_of(one)).lower()
            if one.type == "NHAVE" and child(node, "BE") is not None and said not in {"missing", "lacking"}:
                raise Refused(span_of(one), "the condition breaks off", "… is missing", weak=True)
        return "missing"
