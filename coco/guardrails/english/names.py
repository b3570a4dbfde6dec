"""Names, lists of names, and which fact they belong to."""

from __future__ import annotations

import re

from lark import Token

from ..catalogue import Fact, FactType
from ..countries import country_code
from ..form import (
    And,
    Has,
    Is,
    Predicate,
    disjunction,
    negation,
)
from ..records import Malformed, fold
from .parts import Names, Node, child, children, span_of
from .problems import Refused
from .reader import Reader


class NameReader(Reader):
    """Names, lists of names, and which fact they belong to."""

    def _flag(self, entity: str, span: tuple[int, int]) -> str:
        if f"{entity}.unsubscribed" in self.catalogue.facts:
            return f"{entity}.unsubscribed"
        return "contact.unsubscribed"

    def _closed(self, entity: str, span: tuple[int, int]) -> Predicate:
        if entity != "deal":
            raise Refused(span, f"a {entity} has no open or closed status", "closed deals")
        return Is(fact="deal.status", values=("won", "lost"))

    def _no_state(self, token: Token) -> None:
        """ "In Georgia": a country, and a state of the USA."""
        said = self._text(span_of(token))
        if token.type == "VAL" and said.lower() == "georgia":
            raise Refused(
                span_of(token),
                "Georgia is a country, and a state of the USA. States are not recorded; for the country, say so",
                'the country "Georgia"',
                fatal=True,
            )

    def _value_condition(self, token: Token, entity: str) -> Predicate:
        """A bare value that says by itself which fact it is about: "open", "qualified", "Germany"."""
        self._no_state(token)
        meanings = {name: value for name, value in token.value if not name.startswith("action.")}
        own = {name: value for name, value in meanings.items() if name.split(".")[0] == entity}
        chosen = own or (
            meanings
            if entity in {"contact", "deal"} and len(meanings) == 1 and next(iter(meanings)).startswith("company.")
            else {}
        )
        span = (token.start_pos or 0, token.end_pos or 0)
        if len(chosen) != 1:
            said = self._text(span)
            possible = ", ".join(sorted(meanings))
            raise Refused(span, f'"{said}" could be {possible}; say which of them, for a {entity}', f'tagged "{said}"')
        name, value = next(iter(chosen.items()))
        return Is(fact=name, values=(value,))

    def _any_value(self, tokens: list[Token]) -> Predicate:
        found = [self._value_condition(token, self._entity) for token in tokens]
        facts = {one.fact for one in found if isinstance(one, Is)}
        if len(facts) == 1:
            values = [value for one in found if isinstance(one, Is) for value in one.values]
            return Is(fact=facts.pop(), values=tuple(dict.fromkeys(values)))
        return disjunction(found)

    def _names(self, node: Node, *, any_of: bool = False) -> Names:
        """The list; `any_of` where "any of the tags" stood before it."""
        span = span_of(node)
        tokens = [one.children[0] for one in children(node, "name")]
        joins = set()
        for one in children(node, "nameconn"):
            kinds = {token.type for token in one.children}
            joins.add("and" if "AND" in kinds else "or" if "OR" in kinds else "nor" if "NOR" in kinds else "comma")
        quant_node = child(node, "quant")
        quant = quant_node.children[0].type if quant_node is not None else ""
        words = joins - {"comma"}
        for again in children(node, "UNTIL", "OWNEDBY"):  # "owned by Kim or by Sam"
            if self._text(span_of(again)).lower() not in {"by", "owned by"}:
                raise Refused(span_of(again), "this list cannot be read; write the names only", "", weak=True)
            if not re.search(r"\bowned by\b.*\Z", self.sentence[: span_of(again)[0]], re.I):
                raise Refused(span_of(again), "this list cannot be read; write the names only", "", weak=True)
        for det in children(node, "DET"):
            if det.value != "the":
                raise Refused(span_of(det), "this list cannot be read; write the names only", "")
        if len(words) > 1:
            raise Refused(
                span,
                '"and" and "or" are mixed in this list and can be grouped in two ways; write two conditions with '
                "parentheses",
                f"{self._text(span_of(tokens[0]))} and ({self._text(span_of(tokens[-2]))} or "
                f"{self._text(span_of(tokens[-1]))})"
                if len(tokens) < 3
                else "(tagged … or tagged …) and tagged …",
            )
        if len(tokens) == 1:
            if quant in {"BOTH", "EITHER", "ALLOF"}:
                raise Refused(span, "this list has only one name", self._text(span_of(tokens[0])))
            return Names(tokens, "neither" if quant == "NEITHER" else "one", span)
        word = next(iter(words), "")
        if quant == "NEITHER" or word == "nor":
            if quant != "NEITHER" or word == "and":
                raise Refused(span, 'write "neither … nor …"', "")
            return Names(tokens, "neither", span)
        if quant in {"EITHER", "ANYOF"} or (any_of and not quant):
            if quant == "EITHER" and word != "or":
                raise Refused(span, '"either" needs "or"', "")
            return Names(tokens, "or", span)
        if quant in {"BOTH", "ALLOF"}:
            if word == "or":
                raise Refused(span, '"all of" needs "and"', "")
            return Names(tokens, "both", span)
        if not word:
            shown = [self._text(span_of(token)) for token in tokens]
            raise Refused(
                span,
                'all of these names, or any of them? Put "and" or "or" before the last',
                ", ".join(shown[:-1]) + " or " + shown[-1],
            )
        return Names(tokens, "or" if word == "or" else "and", span)

    def _value(self, token: Token, fact: Fact) -> str:
        span = (token.start_pos or 0, token.end_pos or 0)
        said = self._text(span)
        kind, value = token.type, token.value
        if kind == "VAL":
            meanings: dict[str, str] = dict(value)
            if fact.name in meanings:
                if fact.field == "city":
                    self.parts.spellings.setdefault(meanings[fact.name], said)
                return meanings[fact.name]
            raise Refused(
                span,
                f'"{said}" is not known as a value of {fact.name}; if it is the name, put it in quotation marks',
                f'"{said}"',
            )
        if kind == "ENTLC":
            if fact.name == "contact.lifecycle_stage":
                return str(value)
            raise Refused(
                span,
                f'"{said}" is not known as a value of {fact.name}; if it is the name, put it in quotation marks',
                f'"{said}"',
            )
        if kind == "CLOSED":
            raise Refused(
                span,
                f'"{said}" is not known as a value of {fact.name}; if it is the name, put it in quotation marks',
                f'"{said}"',
            )
        if kind == "DOMAIN" and fact.type not in {FactType.DOMAIN, FactType.DOMAINS, FactType.NAME}:
            raise Refused(span, f"{fact.name} holds no domain", "")
        if kind == "DOMAIN" and fact.type is FactType.NAME:
            raise Refused(
                span,
                f'"{said}" looks like a domain, and {fact.name} holds a name; if it is the name, put it in '
                "quotation marks",
                f'"{said}"',
            )
        if kind == "EMAILADDR" and fact.type not in {FactType.EMAIL, FactType.EMAILS, FactType.NAME}:
            raise Refused(span, f"{fact.name} holds no address", said.rpartition("@")[2])
        try:
            folded = fold(str(value))
        except Malformed as problem:
            raise Refused(span, f"this name {problem}") from None
        if fact.type is FactType.COUNTRY:
            code = country_code(str(value))
            if code is None:
                raise Refused(
                    span, f"{said} is no country that is known; write its ISO code or its English name", "Germany"
                )
            return code
        if fact.type is FactType.CURRENCY:
            code = str(value).strip().upper()
            if len(code) != 3 or not code.isalpha():
                raise Refused(span, f"{said} is no currency code", "USD")
            return code
        if fact.type in {FactType.DOMAIN, FactType.DOMAINS}:
            domain = folded.removeprefix("@")
            if "." not in domain or " " in domain or "@" in domain:
                raise Refused(span, f"{said} is no domain", "acme.com")
            return domain
        if kind == "QUOTED":
            self.parts.spellings.setdefault(folded, str(value))
        return folded

    def _named_condition(self, fact: Fact, names: Names, positive: bool) -> Predicate:
        self._last_list = fact.name
        values = tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens))
        if names.joined == "neither":
            if not positive:
                raise Refused(names.span, "a double negation; say it once", "")
            positive, joined = False, "or"
        else:
            joined = names.joined
        if not fact.type.is_list:
            if joined == "both" and len(values) > 1:
                raise Refused(
                    names.span,
                    f"a {fact.entity} has one {fact.field.replace('_', ' ')}, so it cannot be both",
                    " or ".join(self._text(span_of(t)) for t in names.tokens),
                )
            condition: Predicate = Is(fact=fact.name, values=values)
        elif joined in {"and", "both"} and len(values) > 1:
            if joined == "and" and (self._excluding or not positive):
                listed = [self._text(span_of(token)) for token in names.tokens]
                raise Refused(
                    names.span,
                    'does this leave out records with both, or with either? Say "or" for either, or "both … and …"',
                    " or ".join(listed),
                )
            condition = Has(fact=fact.name, values=values, least=len(values))
        else:
            if self._excluding and not positive and len(values) > 1 and names.joined == "or":
                raise Refused(names.span, "those without all of these, or those without one of them?", "", fatal=True)
            condition = Has(fact=fact.name, values=values, least=1)
        return condition if positive else negation(condition)

    def _tag_some(self, node: Node) -> Predicate:
        span = span_of(node)
        fact = self.catalogue.fact(self._own("tags", span))
        names = self._names_any(child(node, "names"))
        values = tuple(dict.fromkeys(self._value(token, fact) for token in names))
        order, number = self._order(child(node, "cmp")), self._whole(child(node, "NUM"))
        if len(values) < len(names):
            raise Refused(span, "a name is in this list twice", "")
        everything = len(values)
        match order:
            case ">=" if 1 <= number <= everything:
                return Has(fact=fact.name, values=values, least=number)
            case ">" if number < everything:
                return Has(fact=fact.name, values=values, least=number + 1)
            case "<" if 1 <= number <= everything:
                return negation(Has(fact=fact.name, values=values, least=number))
            case "<=" if number < everything:
                return negation(Has(fact=fact.name, values=values, least=number + 1))
            case "==" if 1 <= number < everything:
                return And(
                    items=(
                        Has(fact=fact.name, values=values, least=number),
                        negation(Has(fact=fact.name, values=values, least=number + 1)),
                    )
                )
            case "==" if number == everything:
                return Has(fact=fact.name, values=values, least=number)
        raise Refused(span, f"of {everything} tags, this can never (or always) be true", "at least 1 of the tags …")

    def _names_any(self, node: Node) -> list[Token]:
        kinds = [{t.type for t in one.children} for one in children(node, "nameconn")]
        if child(node, "quant") is not None or any("NOR" in kind for kind in kinds):
            raise Refused(span_of(node), 'write the list plainly: "A", "B" or "C"', "")
        return [one.children[0] for one in children(node, "name")]

    def _fact_named(self, candidates: tuple[str, ...], span: tuple[int, int], entity: str | None = None) -> Fact:
        entity = entity or self._entity
        own = [name for name in candidates if name.split(".")[0] == entity]
        if len(own) == 1:
            return self.catalogue.fact(own[0])
        said = self._text(span)
        related = {"contact": ("company", "action"), "deal": ("action",), "company": ("action",), "action": ()}.get(
            entity, ()
        )
        near = [name for name in candidates if name.split(".")[0] in related]
        if len(near) == 1 and len(candidates) == 1:
            return self.catalogue.fact(near[0])
        where = ", ".join(sorted(candidates))
        raise Refused(
            span,
            f'{"an" if entity == "action" else "a"} {entity} has no "{said}" in the catalogue; it is known as {where}',
            f"the {candidates[0].split('.')[0]}'s {said}",
        )

    def _fn(self, node: Node, entity: str | None = None) -> Fact:
        token = node.children[0]
        span = (token.start_pos or 0, token.end_pos or 0)
        kind = str(node.data)
        entity = entity or self._entity
        if kind == "fn":
            return self._fact_named(token.value, span, entity)
        if kind == "fn_ent":
            if token.value == "company" and entity == "contact":
                return self.catalogue.fact("contact.company")
            raise Refused(span, f'"{self._text(span)}" is a kind of record, not a fact of a {entity}', "", weak=True)
        if kind == "fn_mail":
            return self.catalogue.fact(self._named_or("email", entity, span))
        if kind == "fn_tags":
            return self.catalogue.fact(self._named_or("tags", entity, span))
        if kind == "fn_count":
            return self.catalogue.fact(token.value)
        raise Refused(span, "this is no fact", "")

    def _named_or(self, field_name: str, entity: str, span: tuple[int, int]) -> str:
        name = f"{entity}.{field_name}"
        if name not in self.catalogue.facts:
            raise Refused(span, f"a {entity} has no {field_name.replace('_', ' ')} in the catalogue", "")
        return name

    def _fref(self, node: Node) -> Fact:
        fn = child(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count")
        owner = child(node, "ENTPOSS", "ENT")
        entity: str | None = owner.value if owner is not None else None
        if child(node, "ACTIONPOSS") is not None:
            entity = "action"
        if entity is not None and entity != "action":
            self._allow(entity, span_of(node))
        return self._fn(fn, entity)

    def _fact_of_values(self, names: Names, span: tuple[int, int]) -> Fact:
        possible: set[str] | None = None
        for token in names.tokens:
            self._no_state(token)
            if token.type == "DOMAIN":
                mine = (
                    {"contact.email_domain"}
                    if self._entity == "contact"
                    else {"company.domain"}
                    if self._entity == "company"
                    else set()
                )
            elif token.type == "VAL":
                mine = {name for name, _ in token.value}
            elif token.type == "QUOTED" and (known := self._known_value(str(token.value))):
                mine = known
            else:
                said = self._text(names.span)
                if token.type == "EMAILADDR":
                    raise Refused(
                        span,
                        f"{said} is whose address? That of a recipient, or of a contact, can be looked at; which "
                        "mailbox a message is sent from cannot: it is that of the connection",
                        "whose email is " + said if self._entity == "contact" else "",
                        weak=True,
                    )
                raise Refused(
                    span,
                    f"{said} is a name of what? Say which fact it belongs to",
                    {"deal": f"in the {said} stage", "contact": f"whose country is {said}"}.get(
                        self._entity, f"in the {said} industry"
                    )
                    if token.type == "QUOTED"
                    else "",
                )
            possible = mine if possible is None else possible & mine
        own = {name for name in possible or () if name.split(".")[0] == self._entity}
        chosen = own or {
            name
            for name in possible or ()
            if name.split(".")[0] == "company" and self._entity == "contact" and len(possible or ()) == 1
        }
        if len(chosen) != 1:
            said = self._text(names.span)
            raise Refused(
                span,
                f"these values are not known for {self._an_entity}; say which fact they belong to, or take a tag",
                f'tagged "{said}"' if len(names.tokens) == 1 and '"' not in said else "",
            )
        return self.catalogue.fact(next(iter(chosen)))

    def _known_value(self, text: str) -> set[str]:
        """The facts among whose known values this name is."""
        try:
            folded = fold(text)
        except Malformed:
            return set()
        return {
            fact.name
            for fact in self.catalogue.facts.values()
            if folded in {value.lower() for value in fact.values.values()} | set(fact.values)
        }

    def _mail_fact(self, names: Names, span: tuple[int, int]) -> Fact:
        kinds = {token.type for token in names.tokens}
        if kinds == {"DOMAIN"}:
            return self.catalogue.fact(self._own("email_domain", span))
        if kinds == {"EMAILADDR"}:
            return self.catalogue.fact(self._own("email", span))
        if kinds == {"QUOTED"}:
            values = [str(token.value) for token in names.tokens]
            return self.catalogue.fact(self._own("email" if all("@" in v for v in values) else "email_domain", span))
        raise Refused(span, "write a domain or an address", "with an email at acme.com")
