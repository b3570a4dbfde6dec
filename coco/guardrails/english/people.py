"""Who is invited and to whom it goes: "everyone invited is at acme.com", "none of them at rival.com"."""

from __future__ import annotations

import re

from ..catalogue import FactType
from ..form import Ahead, Has, Number, Only, Predicate, negation
from .everyday import EverydayReader
from .parts import LENGTHS, Node, child, span_of
from .problems import Refused

_EVENTS, _MAIL = ("event.",), ("email.", "message.direct")
PEOPLE_NOUNS = frozenset({"people", "person", "persons", "folks", "individuals"})
# what shows that people are counted by message
_BY_MESSAGE = re.compile(
    r"\b(?:all|each|none) of (?:whom|them)\b|\bat (?:once|a time)\b|\bthey(?:'re| are) all\b", re.I
)


class PeopleReader(EverydayReader):
    """Conditions on the people of an event or a message."""

    def _people_of(self, node: Node) -> str:
        """ "attendee" or "recipient", by what the rule does. Raises Refused where it does neither."""
        operations = [covered.operation for covered in self.parts.operations]
        said = self._text(span_of(node)).lower()
        if operations and all(name.startswith(_EVENTS) for name in operations):
            if "recipient" in said:
                raise Refused(span_of(node), "a meeting has attendees", "every attendee is at acme.com", weak=True)
            return "attendee"
        if operations and all(name.startswith(_MAIL) for name in operations):
            if re.search(r"invit|attend|guest|meeting", said):
                raise Refused(span_of(node), "a message has recipients", "every recipient is at acme.com", weak=True)
            return "recipient"
        raise Refused(
            span_of(node),
            "who is invited, or to whom it goes, says nothing of this operation; leave it out",
            "",
            weak=True,
        )

    def _listed_people(self, node: Node, least: str) -> Predicate:
        """`least`: whether "all" of the people are among the names, "none" or "some"."""
        people, names = self._people_of(node), self._names(child(node, "names"))
        kinds = {token.type for token in names.tokens}
        quoted = [str(token.value) for token in names.tokens if token.type == "QUOTED"]
        addresses = kinds == {"EMAILADDR"} or (kinds == {"QUOTED"} and all("@" in one[1:] for one in quoted))
        if not addresses and not kinds <= {"DOMAIN", "QUOTED"}:
            raise Refused(names.span, f"a {people} is told by the address: name domains", "acme.com", weak=True)
        if names.joined == "neither" or (names.joined == "both" and least != "all"):
            raise Refused(names.span, "write the list plainly", "", weak=True)
        fact = self.catalogue.fact(f"action.{people}{'s' if addresses else '_domains'}")
        values = tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens))
        if least == "all":
            return Only(fact=fact.name, values=values)
        some = Has(fact=fact.name, values=values, least=1)
        return some if least == "some" else negation(some)

    def _people(self, node: Node) -> Predicate:
        span = span_of(node)
        match str(node.data):
            case "r_every":
                return self._listed_people(node, "all")
            case "r_nobody_out":
                return self._listed_people(node, "all")
            case "r_none":
                return self._listed_people(node, "none")
            case "r_some":
                return self._listed_people(node, "some")
            case "r_nobody":
                if self._people_of(node) != "attendee":
                    raise Refused(span, "to nobody?", "", weak=True)
                return Number(fact="action.attendee_count", order="==", value=0)
            case "r_ahead":
                return self._starting_ahead(node)
        raise Refused(span, "this is no condition on people", "", weak=True)

    def _starting_ahead(self, node: Node) -> Predicate:
        """ "At least a day out": how far ahead the meeting is."""
        operations = [covered.operation for covered in self.parts.operations]
        if not operations or not all(name.startswith(_EVENTS) for name in operations):
            raise Refused(span_of(node), "what is this far ahead? Say it", "closing in more than 7 days", weak=True)
        self.parts.start_span = span_of(node)
        fact = self.catalogue.fact(self._own("starts_at", span_of(node)))
        assert fact.type is FactType.TIMESTAMP
        return self._length(fact.name, child(node, *LENGTHS), Ahead)

    def _count_of_recipients(self, node: Node) -> Predicate:
        """ "To one recipient at a time", "to at most 5 people at once"."""
        span, noun = span_of(node), child(node, "RECIP", "ENT")
        at_once = child(node, "ATATIME") is not None
        said = self._text(span_of(noun)).lower()
        told = noun.type == "RECIP" and said not in PEOPLE_NOUNS
        if not told and (said not in PEOPLE_NOUNS or _BY_MESSAGE.search(self.sentence) is None):
            raise Refused(span, "a cap, or the number of recipients?", "to at most 5 recipients", weak=True)
        fact = self.catalogue.fact("action.recipient_count")
        compared = child(node, "n_cmp", "n_range", "n_ge", "n_le", "n_between")
        if compared is not None:
            return self._numcmp(fact, compared)
        number = self._whole(child(node, "NUM"))
        if number != 1 and not at_once:
            raise Refused(
                span, f"exactly {number} recipients, or at most?", f"to at most {number} recipients", weak=True
            )
        return Number(fact=fact.name, order="==" if number == 1 else "<=", value=number)
