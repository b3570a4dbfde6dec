"""Operations said by what they make, send or cancel: "schedule a meeting", "post to #deals", "update the phone of"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lark import Token, Tree

from ..catalogue import FactType
from ..form import Ahead, Covered, Empty, Has, Number, Only, Order, Predicate, conjunction, disjunction, negation
from ..records import Malformed, fold
from .grouping import GroupReader
from .literals import Length
from .parts import LENGTHS, UNIVERSAL, Node, child, children, plural, span_of, tokens_of
from .problems import Refused

_LEMMAS = {
    "make": "create", "making": "create", "creating": "create", "adding": "add", "put": "add", "logging": "log",
    "enter": "log", "setting up": "set up", "scheduling": "schedule", "booking": "book", "arranging": "arrange",
    "canceling": "cancel", "cancelling": "cancel", "call off": "cancel", "cancelled": "cancel", "canceled": "cancel",
    "called off": "cancel", "booked": "book", "scheduled": "schedule", "arranged": "arrange", "moved": "move",
    "rescheduled": "reschedule", "rescheduling": "reschedule",
    "posting": "post", "sharing": "share", "discarding": "discard", "triggering": "trigger", "firing": "fire",
    "sending": "send", "send out": "send", "sent": "send", "moving": "move", "deleting": "delete", "edit": "update",
    "modify": "update", "push": "move", "advance": "move", "shift": "move",
}  # fmt: skip
# fields that have operations of their own: what to write instead
_OWN_OPERATION = {
    "owner": ("Assigning", 'Assign {} tagged "inbound" to "Maria Lopez".'),
    "tags": ("Tagging", 'Tag {} in Germany with "DACH".'),
    "stage": ("Moving deals to a stage", 'Move deals with no activity in 90 days to the "closed lost" stage.'),
    "status": ("Moving deals to a stage", 'Move deals with no activity in 90 days to the "closed lost" stage.'),
}
_GONE = frozenset({"missing", "empty", "blank", "unknown", "lacking"})
# facts that say something of some operations only
SPEAKS_OF = {
    "action.starts_at": ("event.",), "action.duration_minutes": ("event.",), "action.attendees": ("event.",),
    "action.attendee_domains": ("event.",), "action.attendee_count": ("event.",), "action.due_at": ("task.",),
    "action.fields": (".update", ".enrich"),
}  # fmt: skip


_WRITTEN = frozenset({"changed", "touched"})
# systems that do some operations only
_DOES = {
    "slack": ("message.",), "zoominfo": (".enrich",), "google_calendar": ("event.",),
    "gmail": ("email.", "draft."), "outlook": ("email.", "draft.", "event."), "smtp": ("email.",),
    "apollo": (".enrich", "contact."), "outreach": ("contact.",),
}  # fmt: skip


def says_nothing(fact: str, operations: Iterable[str]) -> bool:
    """Does the fact belong to other operations than these?"""
    wanted = SPEAKS_OF.get(fact)
    return wanted is not None and not all(any(part in name for part in wanted) for name in operations)


class ActReader(GroupReader):
    """Operations said by what they make, send or cancel."""

    def _pinned(self, name: str, node: Node, value: str, said: str) -> None:
        """Cover an operation whose argument is this value."""
        operation = self.catalogue.operations[self._pick((name,), self.parts.target, span_of(node))]
        if operation.argument is None:
            raise Refused(span_of(node), "this operation takes no such argument", "")
        if said != value:
            self.parts.spellings.setdefault(value, said)
        covered = Covered(operation=operation.name, arguments=((operation.argument, value),))
        if covered not in self.parts.operations:
            self.parts.operations.append(covered)

    def _pick(self, names: tuple[str, ...], target: str | None, span: tuple[int, int]) -> str:
        """The operation of these that is done to records of this kind; see build.py."""
        raise NotImplementedError

    def _cover(self, names: tuple[str, ...], node: Node, argument: Token | None, destination: Node | None) -> None:
        """Cover an operation, with its argument; see build.py."""
        raise NotImplementedError

    def _np_caps(self, node: Node) -> None:
        """ "at most 5 messages a day": the cap inside the object, and "any", "all"."""
        limit = child(node, "limit_np", "limit_exact")
        if limit is not None:
            self._pending_limit(limit)
            if child(node, "per") is not None:
                self._limit_per(node)
            self.parts.capped = True
        elif child(node, "per") is not None:
            span = span_of(child(node, "per"))
            raise Refused(
                span,
                f'"{self._text(span)}": how often a rule runs is set by its schedule, and what is done to each record '
                "is not counted. Leave it out, or cap the whole rule with a number",
                f"{self.sentence[: span[0]].rstrip()}{self.sentence[span[1] :]}",
            )
        det = child(node, "det")
        if det is not None and det.children[0].value in UNIVERSAL:
            self.parts.universal_act = True
        for more in children(node, "l_count"):
            self._limit(more)
        for connector in children(node, "CONNECTOR"):
            self._set_connector(connector)

    def _act(self, node: Node, posts: Sequence[Node] = ()) -> None:
        span = span_of(node)
        first = tokens_of(node.children[0])[0]
        verb = first.value if first.type == "MAKEV" else self._text(span_of(first)).lower()
        lemma = _LEMMAS.get(verb, verb)
        obj = child(node, "OBJ", "DRAFT", "ACTIONS", "ENT", "EMAILOBJ")
        noun = {"DRAFT": "draft", "EMAILOBJ": "message"}.get(obj.type, str(obj.value))
        if obj.type == "ACTIONS":
            noun = noun.removesuffix("s")
        names = tuple(o.name for o in self.catalogue.operations.values() if (lemma, noun) in o.objects)
        if not names:
            said = self._text(span_of(obj))
            known = sorted({v for o in self.catalogue.operations.values() for v, n in o.objects if n == noun})
            hint = f"; with {said} it is: {', '.join(known)}" if known else ""
            raise Refused(span, f'"{verb} {said}" is no operation that a rule can cover{hint}', "", weak=True)
        self._np_caps(node)
        conditions: list[Predicate] = []
        kind = child(node, "QUOTED")
        previous, self._subject = self._subject, "action"
        try:
            if (dur := child(node, "DUR")) is not None:
                or_less = child(node, "p_or_less") is not None
                if or_less and not re.search(r"less|short|under|below", self._text(span_of(child(node, "p_or_less")))):
                    raise Refused(span_of(child(node, "p_or_less")), "or shorter?", "or shorter", weak=True)
                conditions.append(self._minutes("<=" if or_less else "==", dur.value, span_of(dur)))
            elif (lone := child(node, "p_or_less")) is not None:
                raise Refused(span_of(lone), "than how long?", "of at most 30 minutes", weak=True)
            for one in children(node, "p_ahead"):  # "meetings more than 2 days from now"
                conditions.append(self._ahead(one))
            for one in children(node, "p_longer"):
                if child(one, "lengthcmp") is not None and child(child(one, "lengthcmp"), "cmp") is None:
                    raise Refused(span_of(one), "how long is it? Say so", f"of {self._text(span_of(one))}", weak=True)
            for one in children(node, "p_long", "p_longer"):
                conditions.append(self._lasting(child(one, *LENGTHS)))
            for one in posts:
                piece = one.children[0]
                if isinstance(piece, Token) or piece.data in LENGTHS:
                    conditions.append(self._lasting(child(one, *LENGTHS)))
                else:
                    if piece.data == "clause" and (system := self._connector_in(piece)) is not None:
                        self._set_connector(system)
                    else:
                        self._must_be_of_the_action(piece)
                        conditions.append(self._condition(piece))
        finally:
            self._subject = previous
        for one in children(node, "p_type"):
            kind = child(one, "name").children[0]
        if child(node, "p_type_ent") is not None:
            raise Refused(span, "contacts, deals and companies have operations of their own", "Create deals for …")
        if names[0].startswith("record."):
            if kind is None or kind.type != "QUOTED":
                raise Refused(
                    span, "records of which type? Name it in quotation marks", f'{self._text(span)} of type "Case"'
                )
            self._pinned(names[0], node, self._folded(kind), str(kind.value))
        else:
            if kind is not None:
                raise Refused(
                    span_of(kind),
                    "what it is called or says is not looked at; leave the name out",
                    self._text(span).replace(self._text(span_of(kind)) + " ", ""),
                )
            self._cover(names, node, None, None)
        self.parts.conditions.extend(conditions)

    def _invite(self, node: Node, destination: Node | None) -> None:
        """ "Invite … to a 30-minute call": a meeting with them."""
        if destination is None or destination.data != "d_meet" or child(destination, "OBJ").value != "meeting":
            raise Refused(
                span_of(node), "invite to what? A rule can schedule meetings", "Schedule meetings with …", weak=True
            )
        if (kind := child(destination, "QUOTED")) is not None:
            raise Refused(span_of(kind), "what the meeting is called is not looked at; leave the name out", "")
        self._reached = True
        self._np_caps(destination)
        self._cover(("event.create",), node, None, None)
        if (dur := child(destination, "DUR")) is not None:
            self.parts.conditions.append(self._minutes("==", dur.value, span_of(dur)))
        for one in children(destination, "p_long"):
            self.parts.conditions.append(self._lasting(child(one, *LENGTHS)))

    def _must_be_of_the_action(self, piece: Node) -> None:
        """ "Schedule meetings in Germany": whose country? What follows the object speaks of the event itself."""
        if self._names_entity(piece) not in {None, "action"}:
            raise Refused(span_of(piece), "for which records? Name them right after what is made", "", weak=True)

    def _folded(self, token: Token) -> str:
        try:
            return fold(str(token.value))
        except Malformed as problem:
            raise Refused(span_of(token), f"this name {problem}") from None

    def _minutes(self, order: Order, found: Length, span: tuple[int, int]) -> Predicate:
        if found.shortest != found.longest or found.shortest > 14 * 86_400:
            raise Refused(span, "how many minutes, hours or days does the event last?", "30 minutes")
        return Number(fact="action.duration_minutes", order=order, value=found.shortest / 60)

    def _ahead(self, node: Node) -> Predicate:
        long = child(node, *LENGTHS)
        if long.data == "lengthcmp" and child(long, "cmp") is None:
            raise Refused(
                span_of(node), "more than, or less than this far ahead?", f"more than {self._text(span_of(node))}"
            )
        self.parts.start_span = span_of(node)
        return self._length("action.starts_at", long, Ahead)

    def _lasting(self, node: Node) -> Predicate:
        """How long an event lasts; a bare length is exact."""
        span, kind = span_of(node), str(node.data)
        if kind in {"lengthcmp", "len_ge", "len_le"}:
            cmp, dur = child(node, "cmp"), self._dur(child(node, "dur"))
            exact: Order = {"lengthcmp": "==", "len_ge": ">=", "len_le": "<="}[kind]  # type: ignore[assignment]
            return self._minutes(self._order(cmp) if cmp is not None else exact, dur, span)
        orders = [self._order(one) for one in children(node, "cmp")] or [">=", "<="]
        if {one[0] for one in orders} != {"<", ">"}:
            raise Refused(span, "write the range from its start", "between 15 minutes and 60 minutes")
        return conjunction(
            [self._minutes(order, found, span) for order, (found, _) in zip(orders, self._ends(node), strict=True)]
        )

    def _post(self, node: Node) -> None:
        first = node.children[0]
        if first.type == "MAKEV" and first.value not in {"post", "posting", "share", "sharing"}:
            raise Refused(span_of(first), "post or send?", "Post to the channel …", weak=True)
        if first.type == "SEND" and child(node, "mailobj") is None:
            raise Refused(span_of(first), "send what? Name the message", "Send a message to …", weak=True)
        said = child(node, "ACTIONS", "OPV", "EMAILOBJ")
        if said is not None and self._text(span_of(said)).lower() not in {
            "update", "updates", "alert", "message", "slack",
        }:  # fmt: skip
            raise Refused(span_of(said), "what is posted?", "Post a message to the channel …", weak=True)
        self._np_caps(node)
        if said is not None and self._text(span_of(said)).lower() == "slack":
            self.parts.connector, self.parts.connector_span = "slack", span_of(said)
        self._posted(child(node, "chan"), node)

    def _posted(self, chan: Node, node: Node) -> None:
        token = child(chan, "CHANNEL", "QUOTED")
        name = self._folded(token)
        sure = token.type == "CHANNEL" or child(chan, "CHANNELW") is not None or name.startswith("#")
        if not sure and not children(chan, "CONNECTOR"):
            said = self._text(span_of(token))
            raise Refused(
                span_of(token), f"what is {said}? If it is a channel, say so", f"the channel {said}", weak=True
            )
        for connector in children(chan, "CONNECTOR"):
            self._set_connector(connector)
        name = name.removeprefix("#").strip()
        if not name:
            raise Refused(span_of(token), "which channel?", 'the channel "deals"')
        self._pinned("message.post", node, name, str(token.value).removeprefix("#").strip())

    def _hook(self, node: Node) -> None:
        span = span_of(node)
        made = children(node, "OBJ")
        if len(made) == 2:  # "call the webhook at …"
            if self._text(span_of(made[0])).lower() != "call" or made[1].value != "webhook":
                raise Refused(span, "what is to be done with it?", "Send webhooks to hooks.acme.com for …", weak=True)
        elif child(node, "OBJ").value == "direct message":
            self._np_caps(node)
            self._cover(("message.direct",), node, None, None)
            self.parts.conditions.append(self._addressed(child(node, "names")))
            return
        if made[-1].value != "webhook":
            raise Refused(span, "this takes no host", "", weak=True)
        self._np_caps(node)
        names = self._names(child(node, "names"))
        fact = self.catalogue.fact("action.host")
        if len(names.tokens) != 1 or names.tokens[0].type not in {"DOMAIN", "QUOTED"}:
            raise Refused(
                names.span,
                "one host is needed here; write one guardrail for each",
                self._text(span_of(names.tokens[0])),
            )
        value = self._value(names.tokens[0], fact)
        self.parts.spellings.pop(value, None)
        self._pinned("webhook.send", node, value, value)

    def _addressed(self, node: Node) -> Predicate:
        """Every address that the message goes to is one of these, or at one of these domains."""
        names = self._names(node)
        kinds = {token.type for token in names.tokens}
        quoted = [str(token.value) for token in names.tokens if token.type == "QUOTED"]
        if kinds == {"EMAILADDR"} or (kinds == {"QUOTED"} and all("@" in one[1:] for one in quoted)):
            fact = self.catalogue.fact("action.recipients")
        elif kinds == {"DOMAIN"}:
            fact = self.catalogue.fact("action.recipient_domains")
        else:
            raise Refused(
                names.span,
                "to whom is checked by address: write addresses or domains, or name the records",
                "to maria@acme.com",
                weak=True,
            )
        return Only(fact=fact.name, values=tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens)))

    def _set(self, node: Node) -> None:
        """ "Set the stage to "Proposal"", "change the owner to "Ann"": operations of their own. Other fields may be
        changed, but to which value is not looked at."""
        word, noun = node.children[0], child(node, "FACT")
        verb = self._text(span_of(word)).lower()
        known = {"set", "update", "change", "edit", "modify", "adjust", "changing", "correct", "alter"}
        target = self.parts.target
        own = [name for name in noun.value if name.partition(".")[0] == target]
        if len(own) != 1:
            said = self._text(span_of(noun))
            raise Refused(
                span_of(noun), f'the "{said}" of which records? Name them', f"{said} of all contacts", weak=True
            )
        field = own[0].partition(".")[2]
        if field == "owner":
            known |= {"assign", "reassign"}
        if verb not in known or len(children(node, "FACT")) > 1:
            raise Refused(span_of(node), "what is to be done with it?", "", weak=2)
        operation = {"stage": "deal.move_stage", "owner": f"{target}.assign"}.get(field, "")
        if operation not in self.catalogue.operations:
            span = (span_of(child(node, "TO", "AS"))[0], span_of(node)[1])
            raise Refused(
                span,
                "a rule says which fields may change, not to which value: leave the value out, or have no rule for it",
                f"{self.sentence[: span[0]].rstrip()}{self.sentence[span[1] :]}",
            )
        name = child(node, "name").children[0]
        fact = self.catalogue.fact("action.stage" if field == "stage" else "action.owner")
        value = self._value(name, fact)
        self._pinned(operation, node, value, value)

    # ---- single fields
    def _fields(self, node: Node, *, changed: bool) -> tuple[str, ...]:
        """The catalogue's names of the fields in a list. `changed`: they are what the rule lets change."""
        found = []
        entity = self.parts.target or "contact"
        for one in children(node, "field"):
            missing = child(one, "EMPTYW", "NHAVE")
            if missing is not None and (not changed or self._text(span_of(missing)).lower() not in _GONE):
                raise Refused(span_of(one), "name the fields only", "", weak=2)
            found.append(self._field(child(one, "FACT", "EMAILN", "ENT", "TAGN", "COUNTN", "QUOTED"), entity, changed))
        return tuple(dict.fromkeys(found))

    def _field(self, token: Token, entity: str, changed: bool) -> str:
        span, said = span_of(token), self._text(span_of(token))
        match token.type:
            case "QUOTED":
                name = self.catalogue.field_name(self._folded(token), entity)
            case "EMAILN":
                name = "email"
            case "TAGN":
                name = "tags"
            case "ENT":
                name = str(token.value)
                if f"{entity}.{name}" not in self.catalogue.facts:
                    raise Refused(span, f'"{said}" is a kind of record, not a field of a {entity}', "")
            case "COUNTN":
                name = str(token.value).partition(".")[2]
            case _:
                own = [one for one in token.value if one.partition(".")[0] == entity]
                if len(own) != 1:
                    raise Refused(span, f'a {entity} has no field "{said}" in the catalogue', f'the "{said}" of')
                name = own[0].partition(".")[2]
        fact = self.catalogue.facts.get(f"{entity}.{name}")
        if changed and name in _OWN_OPERATION and (name != "status" or entity == "deal"):
            doing, example = _OWN_OPERATION[name]
            raise Refused(
                span,
                f"{doing} is an operation of its own, so that a rule says what the new {name} is",
                example.format(plural(entity)),
            )
        if changed and fact is not None and (fact.past or fact.type is FactType.BOOLEANS):
            raise Refused(span, f"{fact.name} is kept by the system and cannot be changed", "")
        return name

    def _missing(self, node: Node) -> list[Predicate]:
        """ "Missing phone numbers": a field called so, or named after one, is only written where it is empty."""
        found, missing = [], False
        for one in children(node, "field"):
            missing = missing or child(one, "EMPTYW", "NHAVE") is not None
            name = self._field(
                child(one, "FACT", "EMAILN", "ENT", "TAGN", "COUNTN", "QUOTED"), self.parts.target or "", True
            )
            if missing and f"{self.parts.target}.{name}" in self.catalogue.facts:
                found.append(name)
        empty = [Empty(fact=f"{self.parts.target}.{name}") for name in found]
        if len(children(node, "field")) == 1:
            return list(empty)
        return [
            disjunction([negation(Has(fact="action.fields", values=(name,), least=1)), one])
            for name, one in zip(found, empty, strict=True)
        ]

    def _changes_only(self, node: Node) -> Predicate:
        return Only(fact="action.fields", values=self._fields(node, changed=True))

    def _field_condition(self, node: Node) -> Predicate:
        """ "changing only …", "the action does not change …"."""
        fieldlist = child(node, "fieldlist")
        if node.data == "c_only":
            return self._changes_only(fieldlist)
        values = self._fields(fieldlist, changed=False)
        both = any(token.type == "AND" for token in children(fieldlist, "AND"))
        changes = Has(fact="action.fields", values=values, least=1)
        det = child(node, "DET")
        if det is not None and child(node, "EXC", "NOT") is not None and det.value != "the":
            raise Refused(span_of(node), "this is no list of fields", "", weak=3)
        word = child(node, "EXC")
        if word is not None and re.search(r"\b(unless|if|when|where)$", self._text(span_of(word)), re.I):
            raise Refused(span_of(node), "this is no list of fields", "", weak=3)  # a condition follows
        if (left := child(node, "SILENT")) is not None and self._text(span_of(left)).lower() != "untouched":
            raise Refused(span_of(node), "leave these as they are? Say so", "leaving … alone", weak=3)
        past = node.data == "c_not" and re.search(
            r"\b(was|were|been)|n't been", self._text(span_of(child(node, "NBE")))
        )
        if past or (node.data == "c_not" and self._text(span_of(child(node, "TV"))).lower() not in _WRITTEN):
            raise Refused(span_of(node), "which fields may not change?", "", weak=3)
        if node.data in {"c_leave", "c_not"} or child(node, "NCHANGES", "EXC", "NOT") is not None:
            if not all(c.operation.endswith((".update", ".enrich")) for c in self.parts.operations):
                raise Refused(
                    span_of(node), "the rule updates nothing, so this exception would say nothing", "", weak=True
                )
            return negation(changes)
        if both:
            raise Refused(span_of(node), 'all of these, or any? Say "or"', "")
        return changes

    def _never_fields(self, node: Node) -> None:
        """ "Never change the owner": an exception among the fields that an update may change."""
        ent = child(node, "ENT")
        if ent is not None and ent.value != self.parts.target:
            raise Refused(span_of(ent), f"the rule is about {self._plural}", "")
        verb = child(node, "OPV")
        if verb is not None and not all(name.endswith((".update", ".enrich")) for name in verb.value):
            raise Refused(span_of(verb), f'"{self._text(span_of(verb))}" is not done to single fields', "", weak=True)
        if not all(c.operation.endswith((".update", ".enrich")) for c in self.parts.operations):
            raise Refused(span_of(node), "the rule updates nothing, so this exception would say nothing", "")
        values = self._fields(child(node, "fieldlist"), changed=False)
        self.parts.conditions.append(negation(Has(fact="action.fields", values=values, least=1)))

    def _exception_list(self, node: Node) -> Predicate:
        """ "except customers and those tagged "VIP"": whoever is one of these."""
        found: list[Predicate] = []
        for one in children(node, "one_life", "one_those", "one_ent"):
            inner = Tree(
                "exception",
                [Tree("exc_np", [child(one, "e_plain", "e_lifecycle", "e_two")]), one.children[-1]]
                if one.data == "one_ent"
                else [one.children[-1]],
            )
            if one.data == "one_life":
                inner = Tree("exc_names", [Tree("names", [Tree("name", [one.children[0]])])])
            found.append(self._exception(inner))
        return disjunction(found)

    def _records_of(self, items: Sequence[Node]) -> Token | None:
        """The record that the conditions after an operation without one speak of: "… when a deal is won"."""
        for item in items:
            piece = self._piece(item)
            if isinstance(piece, Tree) and (
                str(piece.data).startswith(("f_", "b_"))
                or piece.data in {"clause", "factclause", "group", "bounce", "onlyfor", "exception"}
            ):
                if child(piece, "counted_ent", "to_recipients") is not None:
                    continue  # "more than 20 people": a number, no record
                for token in tokens_of(piece):
                    if token.type in {"ENT", "ENTLC", "ENTPOSS"}:
                        return token
        return None

    def _checked_facts(self) -> None:
        """Refuse a fact that says nothing of the operations covered, and a system that does none of them."""
        operations = [covered.operation for covered in self.parts.operations]
        system = self.parts.connector
        does = _DOES.get(system or "")
        if system and does and not all(any(part in name for part in does) for name in operations):
            hint = 'Post a message to the Slack channel "deals" for …' if system == "slack" else ""
            raise Refused(
                self.parts.connector_span, f"{', '.join(operations)} is not done in {system.replace('_', ' ')}", hint
            )
        for predicate in self.parts.conditions:
            from ..form import atoms

            for atom in atoms(predicate):
                if says_nothing(atom.fact, operations):
                    raise Refused(
                        (0, len(self.sentence)),
                        f"{atom.fact} says nothing of {', '.join(operations)}; leave that condition out",
                        "",
                    )
                if isinstance(atom, Empty) and atom.fact.startswith("action."):
                    raise Refused((0, len(self.sentence)), f"{atom.fact} cannot be empty here", "")
