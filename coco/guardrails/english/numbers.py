"""Comparisons with numbers, money and percentages."""

from __future__ import annotations

import re

from lark import Token

from ..catalogue import Fact, FactType
from ..form import (
    Number,
    Order,
    Predicate,
    conjunction,
    negation,
)
from .doubts import bare_number
from .literals import SCALES
from .names import NameReader
from .parts import Node, child, children, span_of, tokens_of
from .problems import Refused

_SCALED = re.compile(rf"\d\s?({'|'.join(SCALES)})\b")


class NumberReader(NameReader):
    """Comparisons with numbers, money and percentages."""

    def _number(self, fact: Fact, order: Order, num: Node) -> Predicate:
        token = num.children[0]
        span = (token.start_pos or 0, token.end_pos or 0)
        if fact.type not in {FactType.NUMBER, FactType.INTEGER, FactType.FRACTION}:
            raise Refused(span, f"{fact.name} is a {fact.type.value}, not a number", "")
        self._last_number = fact
        if token.type == "MONEY":
            value, currency = token.value
            if fact.currency is None:
                raise Refused(span, f"{fact.name} is not an amount of money", f"{value:g}")
            known = self.parts.currency.setdefault(fact.name, currency)
            if known != currency:
                raise Refused(
                    span, f"the rule compares {fact.name} in {known} and in {currency}; an amount has one currency", ""
                )
            return Number(fact=fact.name, order=order, value=value, currency=currency)
        if token.type == "PCT":
            if fact.type is not FactType.FRACTION:
                raise Refused(span, f"{fact.name} is not a share, so it cannot be compared with a percentage", "")
            return Number(fact=fact.name, order=order, value=token.value / 10_000)
        if fact.type is FactType.FRACTION:
            share = token.value * 100 if 0 < token.value < 1 else token.value
            raise Refused(span, f"{fact.name} is a share: write a percentage", f"{share:g}%")
        if fact.type is FactType.INTEGER:
            self._whole(token)
        if fact.currency is not None:
            note = (
                f"{fact.name} is compared as a plain number in the record's own currency, because the sentence "
                "names none."
            )
            if note not in self.parts.notes:
                self.parts.notes.append(note)
        return Number(fact=fact.name, order=order, value=float(token.value))

    def _same_scale(self, low: Token, high: Token, span: tuple[int, int]) -> float | None:
        """ "Between 1 and 10 million": the first number in millions too, the narrower of two readings. None where both
        are written in full. Raises Refused in an exception, where it would be the wider."""
        texts = [self._text((one.start_pos or 0, one.end_pos or 0)).lower() for one in (low, high)]
        scale = _SCALED.search(texts[1])
        if scale is None or _SCALED.search(texts[0]):
            return None
        size = SCALES[scale.group(1)]
        first, last = (one.value[0] if one.type == "MONEY" else one.value for one in (low, high))
        currency = f" {high.value[1]}" if high.type == "MONEY" else ""
        if first * size >= last:
            return None
        if self._excluding:
            raise Refused(
                span,
                f"is the first number {first:,.0f}, or {first * size:,.0f}? Write both in full",
                f"between {first * size:,.0f}{currency} and {last:,.0f}{currency}",
            )
        note = f'"{self._text(span).strip()}" is read as from {first * size:,.0f}{currency}.'
        if note not in self.parts.notes:
            self.parts.notes.append(note)
        return float(first * size)

    def _numcmp(self, fact: Fact, node: Node) -> Predicate:
        match str(node.data):
            case "n_cmp":
                return self._number(fact, self._order(child(node, "cmp")), child(node, "num"))
            case "n_ge":
                return self._number(fact, ">=", child(node, "num"))
            case "n_le":
                return self._number(fact, "<=", child(node, "num"))
            case "n_range":
                first, second = (self._order(one) for one in children(node, "cmp"))
                least, most = children(node, "num")
                if first not in {">", ">="} or second not in {"<", "<="}:
                    raise Refused(span_of(node), "write the range from its start", "between 50 and 500", weak=True)
                scaled = self._same_scale(least.children[0], most.children[0], span_of(node))
                above, below = self._number(fact, first, least), self._number(fact, second, most)
                if isinstance(above, Number) and isinstance(below, Number):
                    if scaled is not None:
                        above = above.model_copy(update={"value": scaled})
                    if above.currency != below.currency:
                        raise Refused(span_of(node), "both ends need the same currency", "between $1,000 and $5,000")
                    point = above.value == below.value and (first, second) == (">=", "<=")
                    if above.value >= below.value and not point:
                        raise Refused(span_of(node), "the range is empty: its end is not above its start", "")
                return conjunction([above, below])
            case "n_between":
                low, high = children(node, "num")
                word = child(node, "PREP")
                plain = all(one.children[0].type == "NUM" for one in (low, high))
                if word is not None and (self._text(span_of(word)).lower() != "from" or (plain and fact.currency)):
                    raise Refused(span_of(node), "between these, and of what?", "", weak=True)
                scaled = self._same_scale(low.children[0], high.children[0], span_of(node))
                a, b = self._number(fact, ">=", low), self._number(fact, "<=", high)
                if isinstance(a, Number) and isinstance(b, Number):
                    if scaled is not None:
                        a = a.model_copy(update={"value": scaled})
                    if low.children[0].type == "NUM" and high.children[0].type == "MONEY":
                        a = a.model_copy(update={"currency": b.currency})
                    elif a.currency != b.currency:
                        raise Refused(span_of(node), "both ends need the same currency", "between $1,000 and $5,000")
                    if a.value >= b.value:
                        ends = self._text(span_of(high)), self._text(span_of(low))
                        raise Refused(
                            span_of(node),
                            "the range is empty: its end is not above its start",
                            f"between {ends[0]} and {ends[1]}" if a.value > b.value else "",
                        )
                return conjunction([a, b])
        raise Refused(
            span_of(node),
            "more than, at least, less than, at most, or exactly this number?",
            f"at least {self._text(span_of(child(node, 'num')))}",
        )

    def _counted_range(self, fact: Fact, node: Node) -> Predicate:
        """ "With no fewer than 1 and no more than 5 employees"."""
        found = []
        words = [
            one for one in node.children if getattr(one, "data", getattr(one, "type", "")) in {"WLE", "WGE", "cmp"}
        ]
        for word, num in zip(words, children(node, "num"), strict=True):
            order: Order = self._order(word) if not isinstance(word, Token) else "<=" if word.type == "WLE" else ">="
            found.append(self._number(fact, order, num))
        return conjunction(found)

    def _amount(self, node: Node) -> Predicate:
        span = span_of(node)
        numcmp = child(node, "n_cmp", "n_range", "n_ge", "n_le", "n_between", "n_bare")
        kind = str(node.data)
        if kind in {"amount", "not_amount"}:
            money = [token for token in tokens_of(numcmp) if token.type == "MONEY"]
            numbers = [token for token in tokens_of(numcmp) if token.type in {"NUM", "PCT"}]
            last = self._last_number
            cmp = child(numcmp, "cmp")
            caps = cmp is not None and self._order(cmp) == "<=" and not re.match(r"not\b", self._text(span), re.I)
            opens = re.search(r"(?:^|[.;,:]|\b(?:and|but))\s*$", self.sentence[: span[0]]) is not None
            bare = (
                child(node, "WORTH") is None
                and numcmp.data != "n_bare"
                and not money
                and any(token.type == "NUM" for token in numbers)
            )
            if bare and self._entity in {"deal", "contact", "company"} and ((caps and opens) or last is None):
                number = self._text(span_of(numbers[0]))
                after = self.sentence[span[1] :].strip(" .!")
                raise bare_number(number, self.sentence, span, caps=caps and opens, ends=not after, entity=self._entity)
            if last is not None and not money and (self._entity != "deal" or last.type is FactType.FRACTION):
                fact = last  # "a score under 10 or over 90": still the score
            elif self._entity == "deal" and (money or not any(t.type == "PCT" for t in numbers)):
                fact = self.catalogue.fact("deal.amount")
            else:
                raise Refused(span, f"a number of what? A {self._entity} has no amount", "", weak=True)
        elif kind == "scoring":
            fact = self.catalogue.fact(self._own("score", span))
        elif kind == "counted_ent":
            said = self._text(span_of(child(node, "ENT"))).lower()
            meets = all(covered.operation.startswith("event.") for covered in self.parts.operations)
            if meets and self.parts.operations and said in {"people", "persons"} and self.parts.target == "action":
                fact = self.catalogue.fact("action.attendee_count")
                return self._numcmp(fact, child(node, "n_cmp", "n_range", "n_ge", "n_le", "n_between", "n_bare"))
            if self._entity != "company" or said not in {"people", "persons"}:
                raise Refused(span, f"how many {said} a {self._entity} has is not recorded", "", weak=True)
            fact = self.catalogue.fact("company.employees")
        elif kind == "counted_exact" and child(node, "RECIP") is not None and child(node, "num").children[0].value == 1:
            return self._number(self.catalogue.fact("action.recipient_count"), "==", child(node, "num"))
        elif kind == "counted_exact":
            said = self._text(span_of(child(node, "num")))
            raise Refused(
                span, "more than, at least, less than, at most, or exactly this many?", f"with at least {said}"
            )
        elif kind == "worth_bare":
            raise Refused(
                span,
                "more than, at least, less than, at most, or exactly this much?",
                f"worth at least {self._text(span_of(child(node, 'num')))}",
            )
        elif kind == "counted_recip" or child(node, "RECIP") is not None:
            fact = self.catalogue.fact("action.recipient_count")
        else:
            fact = self.catalogue.fact(child(node, "COUNTN").value)
            if fact.entity == "contact" and self._entity != "contact":
                raise Refused(span, f"a {self._entity} has no {fact.field}", "")
        if kind == "counted_w" and len(children(node, "num")) == 2:
            return self._counted_range(fact, node)
        if kind == "counted_w":
            return self._number(fact, "<=" if child(node, "WLE") is not None else ">=", child(node, "num"))
        if kind.startswith("not_"):
            return negation(conjunction(self._excluded(lambda: [self._numcmp(fact, numcmp)])))
        return self._numcmp(fact, numcmp)
