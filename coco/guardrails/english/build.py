"""From a derivation to the typed form. Everything that could mean two things is refused here, with both meanings.

The rule followed where two readings differ: a difference at one instant or one unit (is "14 days" more than, or at
least 14 days?) goes to the narrower reading, and the reading says so; any larger difference is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lark import Token, Tree

from ..form import (
    Covered,
    Empty,
    Is,
    Predicate,
    Truth,
    conjunction,
    negation,
)
from .grouping import GroupReader
from .parts import MODE_KINDS, UNIVERSAL, Node, Target, Unit, child, children, plural, span_of, tokens_of
from .problems import Refused


def disjunction_of_values(found: list[Predicate], span: tuple[int, int]) -> Predicate:
    """ "Fintech or insurance companies": values of one fact. Raises Refused for values of several."""
    facts = {one.fact for one in found if isinstance(one, Is)}
    if len(facts) != 1:
        raise Refused(span, "these are not values of the same fact; say each in full", "")
    values = [value for one in found if isinstance(one, Is) for value in one.values]
    return Is(fact=facts.pop(), values=tuple(dict.fromkeys(values)))


class Builder(GroupReader):
    """Builds the parts of one sentence, statement by statement. Raises Refused."""

    def statement(self, start: Node) -> None:
        node = start.children[0]
        {
            "grant": self._grant,
            "passive": self._passive,
            "gerund": self._gerund,
            "rest": self._rest,
            "x_records": self._never_records,
            "x_bare": self._never_bare,
            "x_bad": self._never_bad,
            "x_mail": self._never_mail,
        }[str(node.data)](node)

    def _begin(self, node: Node) -> None:
        if self.parts.operations:
            raise Refused(
                span_of(node),
                "this is a second rule; the sentence already covers "
                f"{self._text(self.parts.operation_span).strip()!r}. "
                "Write one guardrail for each rule, so that its conditions cannot be mixed up",
                self._text(span_of(node)),
                fatal=True,
            )

    def _grant(self, node: Node) -> None:
        self._begin(node)
        lead = child(node, "lead_if", "lead_for", "lead_exc")
        alone = children(node, "a_pron", "a_draft", "a_send", "a_move", "a_task", "a_note")
        lead_units: list[Unit] = []
        if child(node, "np"):
            self._np(child(node, "np"))
        elif lead is not None and lead.data == "lead_for":
            self._np(child(lead, "np"))
        elif lead is not None:
            self._target_from(lead)
        verbs = child(node, "verbs")
        if lead is not None:
            before = self.parts.target
            exceptions = [Tree("item", [one]) for one in children(lead, "exception", "exc_names")]
            lead_units = self._items([*children(lead, "item"), *exceptions])
            self.parts.target = before
            if lead_units and not exceptions:
                lead_units[0] = replace(lead_units[0], intro="if" if lead.data == "lead_if" else "")
        items = children(node, "item")
        rest, destination = self._split_destination(items)
        if verbs is not None:
            for verb in verbs.children:
                if isinstance(verb, Tree):
                    self._verb(verb, destination)
        for one in alone:
            self._alone(one, destination)
        self.parts.operation_span = span_of(verbs if verbs is not None else alone[0])
        if destination is not None and not any(covered.arguments for covered in self.parts.operations):
            raise Refused(span_of(destination), "there is nothing here that takes a target", "")
        ahead = child(node, "ahead")
        if ahead is not None:  # "At most 20 a day, archive …"
            self._items([Tree("item", list(ahead.children))])
        self._conditions(lead_units)
        self._conditions(self._items(rest))

    def _passive(self, node: Node) -> None:
        if child(node, "p_tag_name") is not None and child(node, "BE") is not None:
            raise Refused(
                span_of(node),
                "does this say which records are meant, or what may be done to them?",
                'Contacts … may be tagged "old".',
            )
        self._begin(node)
        self._np(child(node, "np"))
        opp = child(node, "p_plain", "p_tag_name", "p_move", "p_tag", "p_update", "p_assign", "p_to")
        self.parts.operation_span = span_of(opp)
        index = node.children.index(opp)
        before = [c for c in node.children[:index] if isinstance(c, Tree) and c.data == "item"]
        after = [c for c in node.children[index + 1 :] if isinstance(c, Tree) and c.data == "item"]
        rest, destination = self._split_destination(after)
        direct = child(node, "d_to", "d_with")
        destination = direct or destination
        if opp.data == "p_plain":
            self._cover(opp.children[0].value, opp, None, destination)
        elif opp.data == "p_move":
            self._cover(("deal.move_stage",), opp, None, destination)
        elif opp.data == "p_update":
            self._cover(self._named("update"), opp, None, destination)
        elif opp.data == "p_tag_name":
            self._cover(self._named("add_tag"), opp, child(opp, "name").children[0], destination)
        elif opp.data == "p_tag":
            self._cover(self._named("add_tag"), opp, None, destination)
        elif opp.data == "p_assign":
            self._cover(self._named("assign"), opp, child(opp, "name").children[0], destination)
        else:
            self._cover(child(opp, "OPP").value, opp, child(opp, "name").children[0], destination)
        lead = child(node, "lead_if")
        if lead is not None:
            self._conditions(self._items(children(lead, "item")))
        self._conditions(self._items(before))
        self._conditions(self._items(rest))

    def _named(self, verb: str) -> tuple[str, ...]:
        return tuple(name for name in self.catalogue.operations if name.split(".")[1] == verb)

    def _gerund(self, node: Node) -> None:
        self._begin(node)
        self._np(child(node, "np"))
        verb = child(node, "gverb")
        rest, destination = self._split_destination(children(node, "item"))
        self._cover(verb.children[0].value, verb, None, destination)
        self.parts.operation_span = span_of(verb)
        self._conditions(self._items(rest))

    def _rest(self, node: Node) -> None:
        np = child(node, "np")
        permission = child(node, "PERM", "AUTO")
        if np is not None:
            only = child(node, "ONLYIF", "FOR", "TO")
            if only is None and not any(self._is_verbal(item) for item in children(node, "item")[:1]):
                raise Refused(
                    span_of(node),
                    "no operation: this names records but does not say what may be done with them, nor how it "
                    "limits the rule",
                    "Archive contacts … / Only for contacts … / Except contacts …",
                )
            before = (self.parts.target, self.parts.universal)
            if self.parts.target is None:
                self._np(np)
            else:
                self._same_entity(np)
                self._premodifiers(np, self.parts.target)
            self.parts.universal = before[1] or self.parts.universal
        items = children(node, "item")
        frame = [
            item
            for item in items
            if self._piece(item).data in MODE_KINDS
            or str(self._piece(item).data).startswith(("l_", "weekly", "within"))
        ]
        others = [
            item
            for item in items
            if item not in frame
            and (child(item, "i_if", "i_where") is not None or self._piece(item).data in {"exception", "exc_names"})
        ]
        if frame and others:
            raise Refused(
                span_of(others[0]),
                f'does this limit the whole rule, or only "{self._text(span_of(self._piece(frame[0])))}"? Put it '
                "in a sentence of its own",
                f"{self._text(span_of(others[0])).strip(' ,').capitalize()}.",
            )
        if permission is not None and any(str(self._piece(i).data) in {"clause", "factclause"} for i in items):
            raise Refused(
                span_of(permission), "say what may be done: this permission names no operation", "Archive contacts …"
            )
        self._conditions(self._items(items))

    def _is_verbal(self, item: Node) -> bool:
        """Does this item stand as a sentence's predicate ("contacts must be …")?"""
        piece = self._piece(item)
        first = tokens_of(piece)[0] if tokens_of(piece) else None
        return first is not None and first.type in {"BE", "NBE", "HAVE", "NHAVE"}

    def _never_records(self, node: Node) -> None:
        names = child(node, "OPV").value
        np = child(node, "np")
        items = children(node, "item")
        target = self._entity_of(np)
        chosen = self._pick(names, target, span_of(node))
        if (
            not items
            and child(np, "e_plain") is not None
            and not children(np, "m_val", "m_vals", "m_closed", "m_unsub", "m_untagged", "m_noowner", "m_new")
        ):
            self.parts.excluded.append(chosen)
            return
        if chosen not in {covered.operation for covered in self.parts.operations}:
            raise Refused(
                span_of(node),
                f"the rule does not cover {chosen}, so this exception would say nothing",
                f"Except {self._text(span_of(np))} …",
            )
        if self.parts.target != target:
            raise Refused(span_of(np), f"the rule is about {self._plural}", "")
        excluded = self._excluded(lambda: [*self._premodifier_conditions(np), *self._joined_items(items)])
        self.parts.conditions.append(negation(conjunction(excluded)))

    def _never_bare(self, node: Node) -> None:
        names = child(node, "OPV").value
        items = children(node, "item")
        if child(node, "THOSE") is None and not items:
            for name in names:
                if self.parts.target is None or self.parts.target in self.catalogue.operations[name].targets:
                    self.parts.excluded.append(name)
            return
        if child(node, "THOSE") is None or self.parts.target is None:
            raise Refused(span_of(node), "say which records are never to be touched", 'Except contacts tagged "VIP".')
        self._never_those(self._pick(names, self.parts.target, span_of(child(node, "OPV"))), node, items)

    def _never_mail(self, node: Node) -> None:
        np = child(node, "np")
        found: list[Predicate] = []
        if np is not None:
            if self._entity_of(np) != self.parts.target:
                raise Refused(span_of(np), f"the rule is about {self._plural}", "")
            found = self._excluded(lambda: self._premodifier_conditions(np))
        self._never_those("email.send", node, children(node, "item"), found)

    def _never_those(self, operation: str, node: Node, items: list[Node], found: Sequence[Predicate] = ()) -> None:
        """ "Never archive anyone owned by …": an exception to the operation that the rule covers."""
        if operation not in {covered.operation for covered in self.parts.operations}:
            raise Refused(
                span_of(node),
                f"the rule does not cover {operation}, so this exception would say nothing",
                "",
            )
        excluded = conjunction([*found, *self._excluded(lambda: self._joined_items(items))])
        self.parts.conditions.append(negation(excluded))

    def _never_bad(self, node: Node) -> None:
        raise Refused(span_of(node), "write one exception for each operation", "")

    def _entity_of(self, np: Node) -> Target:
        ent = child(np, "e_plain", "e_lifecycle", "e_two")
        if ent.data == "e_two":
            raise Refused(
                span_of(ent),
                'a rule is about one kind of record, because a condition such as "older than 30 days" could belong to '
                "either; write one guardrail for each",
                tokens_of(ent)[0].value + "s",
                fatal=True,
            )
        if ent.data == "e_lifecycle":
            return "contact"
        return ent.children[0].value  # type: ignore[no-any-return]

    def _np(self, np: Node) -> None:
        self._set_target(self._entity_of(np), span_of(np))
        self._premodifiers(np, self.parts.target or "contact")
        exact = child(np, "limit_exact")
        if exact is not None:
            said = self._text(span_of(exact))
            raise Refused(
                span_of(exact),
                "exactly this many, or up to this many? A rule can only cap",
                f"up to {said} {self._plural} per day",
            )
        limit = child(np, "limit_np")
        if limit is not None:
            self._np_limit = limit
            self._pending_limit(limit)

    def _same_entity(self, np: Node) -> None:
        entity = self._entity_of(np)
        if entity != self.parts.target:
            raise Refused(span_of(np), f"the rule is about {self._plural}, not {entity}s", f"Only {self._plural} …")

    def _set_target(self, target: Target, span: tuple[int, int]) -> None:
        self.parts.target, self.parts.target_span = target, span

    def _target_from(self, lead: Node) -> None:
        for token in tokens_of(lead):
            if token.type == "ENTLC":
                self._set_target("contact", (token.start_pos or 0, token.end_pos or 0))
                self.parts.lifecycles.add(token.value)
                self.parts.conditions.append(Is(fact="contact.lifecycle_stage", values=(token.value,)))
                return
            if token.type in {"ENT", "ENTPOSS"}:
                self._set_target(token.value, (token.start_pos or 0, token.end_pos or 0))
                return
        raise Refused(span_of(lead), "say what kind of record this is about", "If a contact …, archive it.")

    def _premodifiers(self, np: Node, target: str) -> None:
        det = child(np, "det")
        if det is not None and det.children[0].value in UNIVERSAL:
            self.parts.universal = True
        for one in children(np, "m_connector"):
            self._set_connector(one.children[0])
        new = child(np, "m_new")
        if new is not None:
            self.parts.new_span = span_of(new)
        self.parts.conditions.extend(self._premodifier_conditions(np))

    def _premodifier_conditions(self, np: Node) -> list[Predicate]:
        found: list[Predicate] = []
        target = self._entity_of(np)
        ent = child(np, "e_plain", "e_lifecycle")
        if ent.data == "e_lifecycle":
            found.append(Is(fact="contact.lifecycle_stage", values=(ent.children[0].value,)))
            self.parts.lifecycles.add(ent.children[0].value)
        modifiers: list[Node] = [one for one in np.children if isinstance(one, Tree)]
        for one in modifiers:
            match str(one.data):
                case "m_val":
                    found.append(self._value_condition(one.children[0], target))
                case "m_vals":
                    either = [self._value_condition(token, target) for token in children(one, "VAL")]
                    found.append(disjunction_of_values(either, span_of(one)))
                case "m_closed":
                    found.append(self._closed(target, span_of(one)))
                case "m_unsub":
                    found.append(Truth(fact=self._flag(target, span_of(one))))
                case "m_subbed":
                    found.append(negation(Truth(fact=self._flag(target, span_of(one)))))
                case "m_silent":
                    said = self._text(span_of(one))
                    raise Refused(
                        span_of(one), f"{said} for how long?", f"{plural(target)} silent for more than 14 days"
                    )
                case "m_untagged":
                    found.append(Empty(fact=f"{target}.tags"))
                case "m_noowner":
                    found.append(Empty(fact=f"{target}.owner"))
        return found

    def _pick(self, names: tuple[str, ...], target: str | None, span: tuple[int, int]) -> str:
        fitting = [name for name in names if target in self.catalogue.operations[name].targets]
        if len(fitting) == 1:
            return fitting[0]
        verb = self._text(span)
        possible = sorted({t for name in names for t in self.catalogue.operations[name].targets})
        raise Refused(span, f'"{verb}" is not something done to a {target}; it is done to: {", ".join(possible)}', "")

    def _verb(self, verb: Node, destination: Node | None) -> None:
        kind = str(verb.data)
        names: tuple[str, ...]
        argument = None
        limit = child(verb, "limit_np")
        if limit is not None:
            self._pending_limit(limit)
            if child(verb, "per") is not None:
                self._limit_per(verb)
        if kind in {"v_add_tag", "v_remove_tag"} or (kind == "v_move" and child(verb, "name") is not None):
            argument = child(verb, "name").children[0]
        if kind == "v_draft_send":
            self._cover(("email.draft",), verb, None, None)
            names = ("email.send",)
        elif kind == "v_plain":
            names = child(verb, "OPV").value
        elif kind in {"v_tag", "v_add_tag"}:
            names = self._named("add_tag")
        elif kind == "v_remove_tag":
            names = self._named("remove_tag")
        elif kind == "v_move":
            names = ("deal.move_stage",)
        elif kind == "v_draft":
            names = ("email.draft",)
        elif kind == "v_send_bare":
            raise Refused(span_of(verb), "send what? Name the message", "Send a follow-up to …")
        else:
            names = ("email.send",)
        self._cover(names, verb, argument, destination)

    def _alone(self, one: Node, destination: Node | None) -> None:
        if one.data == "a_draft":
            self._cover(("email.draft",), one, None, destination)
        elif one.data == "a_send":
            self._cover(("email.send",), one, None, destination)
        elif one.data in {"a_task", "a_note"}:
            self._cover((f"{str(one.data)[2:]}.create",), one, None, destination)
        elif one.data == "a_move":
            self._cover(("deal.move_stage",), one, None, destination)
        elif isinstance(one.children[0], Tree):
            self._verb(one.children[0], destination)
        else:
            self._cover(("email.draft",), one, None, destination)

    def _cover(self, names: tuple[str, ...], node: Node, argument: Token | None, destination: Node | None) -> None:
        name = self._pick(names, self.parts.target, span_of(node))
        operation = self.catalogue.operations[name]
        arguments: tuple[tuple[str, str], ...] = ()
        if operation.argument is not None:
            fact = self.catalogue.fact(operation.argument)
            if argument is None and destination is not None:
                self._check_destination(destination, operation.argument)
                argument = child(destination, "QUOTED") or child(destination, "name").children[0]
            if argument is None:
                examples = {
                    "action.stage": 'to the "closed lost" stage',
                    "action.tag": 'with "stale"',
                    "action.owner": 'to "Maria Lopez"',
                }
                raise Refused(
                    span_of(node),
                    f"say which {fact.field}: a rule that left it open would cover any",
                    f"{self._text(span_of(node))} … {examples.get(operation.argument, '')}".strip(),
                )
            arguments = ((operation.argument, self._value(argument, fact)),)
        covered = Covered(operation=name, arguments=arguments)
        if covered not in self.parts.operations:
            self.parts.operations.append(covered)

    def _check_destination(self, destination: Node, argument: str) -> None:
        noun = child(destination, "FACT")
        if noun is not None and argument.split(".")[1] not in {name.split(".")[1] for name in noun.value}:
            raise Refused(span_of(noun), "this does not fit the operation", "")
        wants_with = argument == "action.tag"
        if wants_with != (destination.data == "d_with"):
            raise Refused(
                span_of(destination),
                "this does not fit the operation",
                'with "stale"' if wants_with else 'to "Maria Lopez"',
            )

    def _split_destination(self, items: list[Node]) -> tuple[list[Node], Node | None]:
        found = [item for item in items if self._piece(item).data in {"d_to", "d_with"}]
        if len(found) > 1:
            raise Refused(span_of(found[1]), "there are two targets", "")
        rest = [item for item in items if item not in found]
        return rest, self._piece(found[0]) if found else None
