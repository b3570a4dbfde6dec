"""English to the typed form, or to problems that say where and what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from lark import Token
from pydantic import ValidationError

from ..catalogue import Catalogue
from ..declarations import default_catalogue
from ..form import (
    TRUE,
    Age,
    And,
    AtLeast,
    Atom,
    Calendar,
    Empty,
    Form,
    Limits,
    Moment,
    Not,
    Only,
    Or,
    Predicate,
    Window,
    atoms,
    conjunction,
    walk,
)
from ..reading import clause_text, reading
from ..sanity import finding
from .build import Builder
from .faithful import says_the_same
from .forbidden import told_apart
from .frame import DEFAULT_WAIT_HOURS
from .lexer import Lexer
from .orders import Words, other_orders
from .parser import NoParse, parse
from .parts import Parts, capitalised, plural, span_of
from .periods import NOW
from .problems import Problem, Refused
from .shorthand import Written
from .suggest import RECORDS, spliced
from .tails import check_tails, without_tails
from .vocabulary import UNKNOWN_OPERATIONS, build_vocabulary
from .words import describe


@dataclass(frozen=True)
class Compiled:
    """Either a form with its reading, or problems. `notes` say where a narrower reading was taken."""

    sentence: str
    form: Form | None
    reading: str
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())  # what its owner should know before it is switched on

    @property
    def ok(self) -> bool:
        return self.form is not None


@lru_cache(maxsize=8)
def _lexer(catalogue: Catalogue) -> Lexer:
    return Lexer(build_vocabulary(catalogue))


TWO_WAYS = "this can be read in two ways"
GRANTS = frozenset(
    {"grant", "passive", "gerund", "g_capped", "g_before", "g_told", "p_get"}
)  # statements that permit something
OPERATIONS_SAID = (
    "enrich, archive, update, delete, tag, assign, move (deals to a stage), draft, send, create a task, add a note"
)


def compile_sentence(sentence: str, catalogue: Catalogue | None = None, *, suggesting: bool = True) -> Compiled:
    """Compile a rule written in English. Never raises for any text; what cannot be understood is a problem.

    Without `suggesting`, no way out is looked for where a sentence is refused, which takes most of the time."""
    catalogue = catalogue or default_catalogue()
    compiled = _compile(sentence, catalogue, explained=suggesting)
    if compiled.ok or not suggesting:
        return compiled
    compiled, repaired = _with_repairs(_with_reasons(compiled), catalogue)
    if repaired or any(problem.message.startswith(TWO_WAYS) for problem in compiled.problems):
        return compiled

    def again(text: str) -> tuple[bool, tuple[Problem, ...]]:
        found = _compile(text, catalogue, explained=False)
        return found.ok, found.problems

    def narrows(text: str) -> bool:
        found = _compile(text, catalogue, explained=False)
        if found.form is None or found.warnings:
            return False
        said = [atom.fact for atom in atoms(found.form.predicate)]
        return found.form.window.within is not None or any(fact != "contact.lifecycle_stage" for fact in said)

    return replace(compiled, problems=spliced(sentence, compiled.problems, again, narrows))


_BOUNCES_IN_TIME = re.compile(r"\bbounc\w+\b.*\b(?:in|within|over|during|since)\b", re.I)


def _with_reasons(compiled: Compiled) -> Compiled:
    """The problems, those said again that name what the compiler found and not what is wrong."""
    if not _BOUNCES_IN_TIME.search(compiled.sentence):
        return compiled
    said = "when an e-mail bounced is not recorded; whether one has bounced, and how many have, is"
    return replace(
        compiled,
        problems=tuple(
            replace(problem, message=said)
            if "contact.email is a" in problem.message or problem.text.lower().startswith("bounce")
            else problem
            for problem in compiled.problems
        ),
    )


# words that may be left out, and alternatives, without which a rule covers less
_ADDS_LITTLE = re.compile(
    r"the|teh|ones?|marked|priced|inclusive|in total|ever|due|again|please|kindly|thanks?|ago|"
    r"or (?:to |in )?(?:[#\"].*|[a-z]+)|and (?:to )?[#\"].*|#[^ ]*"
)
# where an alternative holds a rule back, there it covers more without it
_HOLDS_BACK = re.compile(r"\b(?:no|not|without|never|unless|except\w*|excluding|neither|nobody)\b|n't\b", re.I)
# what changes nothing: the phrase with a few words, up to where it truly ends
_ADDS_NOTHING = re.compile(
    r",?\s*\b(?:even (?:if|when|though)|regardless of|no matter (?:what|which|who|how|if|whether)|whether or not)\b"
    r"(?P<said>(?:\s+(?:\"[^\"]*\"|[^\s.,;\"]+)){0,6})\s*(?=$|[.;!]|,(?P<next>\s*\w+))",
    re.I,
)
# what may not be cut with it: another clause, exception, cap, mode or window
_OF_ITS_OWN = re.compile(
    r"\b(?:unless|except\w*|excluding|but|and|only|as|not(?<!or not)|never|without|other|than|apart|if|when|while|"
    r"where|that|who|whose|which|with|drafts?|notif\w*|tell|let|wait|ask\w*|approv\w*|review|first|at|per|max\w*|more|up|"
    r"limit\w*|capp?\w*|credits?|until|before|after|between|during|on|\w+days?|hours?|weekends?|time|nor|\w+/\w+)\b|"
    r"\d|n't\b",
    re.I,
)
# what begins anew after a comma; anything else may be the next of a list that the phrase began
_ANEW = re.compile(r"\s*(?:unless|except|excluding|but|only|never|notify|at|max|up|limit\w*|draft|wait)\b", re.I)


def _with_repairs(compiled: Compiled, catalogue: Catalogue) -> tuple[Compiled, bool]:
    """Where a single problem has no suggestion and the rest of the sentence is a rule, suggest the rest. And whether
    that was done."""
    if len(compiled.problems) != 1 or (compiled.problems[0].suggestion and not _ADDS_NOTHING.search(compiled.sentence)):
        return compiled, False
    problem = compiled.problems[0]
    start, end = problem.span
    for moot in _ADDS_NOTHING.finditer(compiled.sentence):
        cut = [Problem(moot.span(), moot.group(), "")]
        cut += [Problem((moot.start(),) * 2, name, "") for name in re.findall(r"\"[^\"]*\"", moot.group())]
        kept = re.sub(r"\s+", " ", f"{compiled.sentence[: moot.start()]}{compiled.sentence[moot.end() :]}").strip()
        if (
            moot.start() <= start < moot.end()
            and _is_moot(moot)
            and says_the_same(compiled.sentence, cut, kept)
            and _compile(kept, catalogue, explained=False).ok
        ):
            message = f'"{moot.group().strip(" ,")}" adds nothing to a rule: it covers what it says. Leave it out'
            return replace(compiled, problems=(replace(problem, message=message, suggestion=kept),)), True
    said = problem.text.strip(" ,").lower()
    if (
        problem.suggestion
        or (start, end) == (0, len(compiled.sentence))
        or not (_ADDS_LITTLE.fullmatch(said) or "leave the name out" in problem.message)
        or (said.startswith("or ") and _HOLDS_BACK.search(compiled.sentence[:start]))
    ):
        return compiled, False  # anything else may be what the rule is limited to
    rest = re.sub(r"\s+", " ", f"{compiled.sentence[:start]} {compiled.sentence[end:]}")
    without = re.sub(r"\.\s*\.$", ".", re.sub(r"\s*,?\s+([.,;])|,(\.)", r"\1\2", rest).strip())
    negated = re.search(
        r"(\bno|\bnot|\bwithout|\bnever|\bunless|\bexcept\w*|n't)\W+(\w+\W+){0,2}$", compiled.sentence[:start], re.I
    )
    left = _compile(without, catalogue, explained=False)
    if left.ok and not left.warnings and not negated:
        message = f'{problem.message}. Without "{problem.text}", the sentence is accepted'
        return replace(compiled, problems=(replace(problem, message=message, suggestion=without),)), True
    return compiled, False


def _is_moot(moot: re.Match[str]) -> bool:
    """Does the phrase hold nothing but what it says to be of no matter?"""
    said, following = moot.group("said"), moot.group("next")
    return not _OF_ITS_OWN.search(re.sub(r"\"[^\"]*\"", "", said)) and (
        following is None or bool(_ANEW.match(following))
    )


def _accepted(sentence: str, catalogue: Catalogue) -> bool:
    return _compile(sentence, catalogue, explained=False).ok


def _compile(sentence: str, catalogue: Catalogue, *, explained: bool = True) -> Compiled:
    """Read a sentence, its shorthand written out."""
    written = Written(sentence)
    if written.text == sentence:
        return _compile_written(sentence, catalogue, explained=explained)
    compiled = _compile_written(written.text, catalogue, explained=explained)
    problems = tuple(
        replace(problem, span=span, text=sentence[slice(*span)])
        for problem in compiled.problems
        for span in [written.back(problem.span)]
    )
    return replace(compiled, sentence=sentence, problems=problems)


def _compile_written(sentence: str, catalogue: Catalogue, *, explained: bool) -> Compiled:
    """Without `explained`, a problem may not say what could have stood in its place, which takes long to find out: for
    sentences whose problems nobody reads."""
    tokens, refusals = _lexer(catalogue).tokens(sentence)
    if not refusals and not any(token.type not in {"STOP", "COMMA", "COLON"} for token in tokens):
        refusals = [Refused((0, len(sentence)), "there is no rule here", 'Archive contacts tagged "old".')]
    tokens, tails = without_tails(tokens)
    parsed: list[list[Any]] = []
    words = Words(sentence, _lexer(catalogue).meaning)
    statements = told_apart(list(_statements(tokens)), words)
    for statement in statements:
        if any(token.type == "PROBLEM" for token in statement):
            continue
        try:
            parsed.append(_parsed(statement, words))
        except NoParse as problem:
            refusals.append(_unparsed(statement, problem, sentence, explained))
    if refusals:
        return _refused(sentence, refusals, catalogue)
    if not any(str(tree.children[0].data) in GRANTS for trees in parsed for tree in trees) and all(
        statement[0].type in {"EXC", "NEVERDO", "NOT", "NOSEND", "LEAVEV", "HELD"} for statement in statements
    ):
        return _refused(sentence, [_only_forbids(sentence, tokens, catalogue)], catalogue)
    try:
        form, notes = _one_meaning(parsed, sentence, catalogue)
        check_tails(tails, form.predicate, sentence, catalogue)
    except Refused as problem:
        return _refused(sentence, [problem], catalogue)
    found, fact = finding(form, catalogue)
    if found == "never":
        return _refused(sentence, [_contradiction(form, fact, sentence, catalogue)], catalogue)
    warnings = (f"This rule covers every {form.target}.",) if found == "everything" else ()
    return Compiled(sentence, form, reading(form, catalogue), (), notes, warnings)


_NEEDS_ANOTHER = frozenset({"OTHER", "ELSEW", "OTHERWISE", "BIGGER", "SMALLER"})


def _parsed(statement: list[Token], words: Words) -> list[Any]:
    """The derivations of a statement, in another order of its words where the grammar has none for it as it stands."""
    other = other_orders(statement, words)
    if other is None:
        return parse(statement)
    tried, sure = other
    try:
        return parse(tried if sure else statement)
    except NoParse as first:
        try:
            return parse(statement if sure else tried)
        except NoParse as second:
            raise (second if sure else first) from None  # told of the statement as it was written


def _contradiction(form: Form, fact: str, sentence: str, catalogue: Catalogue) -> Refused:
    declared = catalogue.fact(fact)
    noun = declared.nouns[0] if declared.nouns else declared.field.replace("_", " ")
    items = form.predicate.items if isinstance(form.predicate, And) else (form.predicate,)
    about = [item for item in items if any(atom.fact == fact for atom in atoms(item))]
    said = " and ".join(clause_text(item, catalogue, dict(form.spellings)) for item in about)
    return Refused(
        (0, len(sentence)),
        f"a contradiction: nothing can be true of the {declared.entity}'s {noun} here ({said}), so the rule would "
        'never apply. Leave one of them out, or join them with "or"',
        "",
    )


def _only_forbids(sentence: str, tokens: list[Token], catalogue: Catalogue) -> Refused:
    """A sentence that only says what must not happen. The suggestion compiles."""
    whole = sentence.strip()
    named = next((token for token in tokens if token.type in {"THOSE", "ENT", "ENTLC", "DET"}), None)
    about = sentence[named.start_pos or 0 :].strip().rstrip(".!") if named is not None else ""
    candidates = [
        f'Send messages to contacts tagged "newsletter" except {re.sub(r"^any(one|body)", "those", about)}.',
        f'Archive contacts tagged "old". {whole}',
        'Archive contacts tagged "old", except customers.',
    ]
    candidates.insert(1, 'Send messages to contacts tagged "newsletter" except those tagged "do not email".')
    if not any(token.type in {"EMAILN", "SEND", "MAILINGV"} for token in tokens):
        candidates = candidates[2:]
    suggestion = next((one for one in candidates if _accepted(one, catalogue)), "")
    return Refused(
        (0, len(sentence)),
        "this only forbids, and a guardrail that permits nothing changes nothing: whatever no rule covers waits for "
        "your approval already. Say what may run, and this as its exception",
        suggestion,
    )


def _refused(sentence: str, refusals: list[Refused], catalogue: Catalogue) -> Compiled:
    problems = dict.fromkeys(refusal.problem(sentence) for refusal in refusals)
    return Compiled(sentence, None, "", tuple(_joined(sentence, sorted(problems, key=lambda problem: problem.span))))


def _joined(sentence: str, problems: list[Problem]) -> list[Problem]:
    """ "Design partner candidates": words that nobody knows, right before what is no record, are one name."""
    found: list[Problem] = []
    for problem in problems:
        before = found[-1] if found else None
        near = before is not None and sentence[before.span[1] : problem.span[0]].isspace()
        named = re.search(rf"\b{RECORDS}\b", sentence[: before.span[0]], re.I) if before is not None else None
        if before is not None and near and not named and "is not a kind of record here" in problem.message:
            text = sentence[before.span[0] : problem.span[1]]
            one = replace(
                problem,
                span=(before.span[0], problem.span[1]),
                text=text,
                message=f'"{text}" is not a kind of record here. If it is a tag, say so, in quotation marks',
                suggestion=f'contacts tagged "{text.lower().removesuffix("s")}"',
            )
            found[-1] = one
        else:
            found.append(problem)
    return found


def _statements(tokens: list[Token]) -> Iterator[list[Token]]:
    current: list[Token] = []
    depth = 0
    for token in tokens:
        depth += {"LPAR": 1, "RPAR": -1}.get(token.type, 0)
        if token.type == "STOP" and depth <= 0:
            if current:
                yield _trimmed(current)
            current = []
        else:
            current.append(token)
    if current:
        yield _trimmed(current)


def _trimmed(tokens: list[Token]) -> list[Token]:
    while len(tokens) > 1 and tokens[-1].type == "COMMA":
        tokens = tokens[:-1]
    return tokens


_MOST = re.compile(
    r"(?:please )?(?:don't|do not|never) (?P<verb>\w+) (?:more than|over) (?P<most>\d+) (?P<what>.+?) "
    r"(?P<per>(?:a|an|per|each|every) (?:run|hour|day|week|month))"
    r"(?P<rest> (?:to|for|of|on|with|in|from|that|who|tagged) .+)$",
    re.I,
)


def _only_caps(sentence: str) -> Refused | None:
    """ "Don't send more than 30 emails a day to …": a cap of what is not yet permitted."""
    match = _MOST.match(sentence.strip().rstrip(".!").replace("’", "'"))
    if match is None:
        return None
    verb, most, what, per, rest = (match.group(one) for one in ("verb", "most", "what", "per", "rest"))
    suggestion = f"{verb.capitalize()} {what}{rest}, at most {most} {per}."
    return Refused(
        (0, len(sentence)),
        "this only limits, and a guardrail says what may run: whatever no rule covers waits for your approval already. "
        "Say what may run, with this as its limit",
        suggestion if compile_sentence_plainly(suggestion) else "",
    )


def _unparsed(tokens: list[Token], problem: NoParse, sentence: str, explained: bool) -> Refused:
    if tokens[0].type in {"NEVERDO", "LIMITTO"} and (caps := _only_caps(sentence)) is not None:
        return caps
    if problem.index < len(tokens):
        token = next((one for one in tokens[problem.index :] if one.end_pos != one.start_pos), tokens[problem.index])
        told = {one.type for one in tokens[: problem.index]}
        if token.type in {"MOVESTO", "INTERNALTO"} and told & {"ENT", "ENTLC"} and not told & {"EMAILN", "EMAILOBJ"}:
            said = sentence[slice(*span_of(token))]
            return Refused(
                span_of(token),
                f'"{said}": to another stage, or to a new owner? Say "may be moved to" or "may be assigned to"',
                "may be moved to the stage …",
            )
        if token.type in _NEEDS_ANOTHER:
            said = sentence[slice(*span_of(token))]
            if re.match(r"(?:every|each)\b", said, re.I) or re.search(
                r"\bevery\s+$", sentence[: token.start_pos], re.I
            ):
                return Refused(
                    span_of(token),
                    f'"{said}": every second time cannot be said. Name the days, or give the first day and the last',
                    "",
                )
            without = re.sub(r"\s+", " ", f"{sentence[: token.start_pos]}{sentence[token.end_pos :]}").strip()
            return Refused(
                span_of(token),
                f'"{said}" than which? Say before it what must not be done, or leave it out: what no rule covers waits '
                "for you anyway",
                capitalised(without) if compile_sentence_plainly(capitalised(without)) else "",
            )
        span = (token.start_pos or 0, token.end_pos or 0)
        said = sentence[span[0] : span[1]]
        before = (
            sentence[tokens[problem.index - 1].start_pos or 0 : tokens[problem.index - 1].end_pos or 0]
            if problem.index
            else ""
        )
        starting = problem.index == 0 or all(t.type in {"AUTO", "PERM", "COMMA"} for t in tokens[: problem.index])
        word = said.lower().split()[0] if said.split() else ""
        if token.type == "DRAFTOBJ" and starting:
            record = next((sentence[t.start_pos or 0 : t.end_pos or 0] for t in tokens if t.type == "ENT"), "deal")
            plural_said = record if record.endswith("s") else record + "s"
            return Refused(
                span,
                f'"{said}" for which records? Name them right after it, or put the condition first: If a {record} …, '
                f"{said.lower()}",
                f"{said} for all {plural_said}.",
            )
        if starting and word in UNKNOWN_OPERATIONS:
            return Refused(
                span,
                f'"{said}" is no operation that a rule can cover; the operations are: {OPERATIONS_SAID}',
                "Archive contacts …",
            )
        before_type = tokens[problem.index - 1].type if problem.index else ""
        next_type = tokens[problem.index + 1].type if problem.index + 1 < len(tokens) else ""
        if token.type in {"OLD", "ACT"} and next_type in {"ENT", "ENTLC"}:
            records = sentence[slice(*span_of(tokens[problem.index + 1]))]
            how = "created more than 365 days ago" if token.type == "OLD" else "active in the last 30 days"
            return Refused(span, f'"{said}" has no length. {said.capitalize()} for how long?', f"{records} {how}")
        if [one.type for one in tokens[problem.index - 2 : problem.index]] == ["TO", "CONNECTOR"]:
            slack = tokens[problem.index - 1]
            if slack.value == "slack":
                return Refused(span_of(slack), "which channel, or to whom? Name it", 'the Slack channel "deals"')
        if before_type == "CHANNELW" and token.type == "EXC":
            return Refused(
                (tokens[problem.index - 1].start_pos or 0, span[1]),
                "which channel? A rule is for one, which it names, and not for all but some",
                'Post to the channel "deals" when a deal is won.',
            )
        if token.type == "CHANNEL" and before_type in {"AND", "OR", "COMMA"}:
            at = tokens[problem.index - 1].start_pos or 0
            rest = f"{sentence[:at].rstrip(' ,')}{sentence[span[1] :]}".replace("channels", "channel")
            return Refused(
                span,
                "a rule is for one channel. Write one guardrail for each",
                rest if compile_sentence_plainly(rest) else "",
            )
        if token.type in {"DATE", "INSTANT"} and before_type in {"UNTIL", "SINCE", "BEFORE", "AFTERD", "OFTHE"}:
            at = tokens[problem.index - 1].start_pos or 0
            said = sentence[at : span[1]]
            apart = f"{sentence[:at].rstrip(' ,')}{sentence[span[1] :].rstrip(' .')}. Only {said}."
            return Refused(
                (at, span[1]),
                f'"{said}": does the rule begin or end then? Put that in a sentence of its own. Or did something '
                "happen to the records? Say what: created, updated, last contacted, …",
                apart if compile_sentence_plainly(apart) else "",
            )
        if (unmodelled := _of_other_records(tokens, problem.index, sentence)) is not None:
            return unmodelled
        if (whom := _no_addressee(tokens, problem.index, sentence)) is not None:
            return whom
        where = f' after "{before}"' if before else " at the start of a statement"
        message = f'"{said}" does not fit{where}'
        return Refused(span, f"{message}; here could stand: {describe(problem.expected)}" if explained else message, "")
    if tokens[-1].type == "CHANNELW":
        return Refused(
            span_of(tokens[-1]),
            "which channel? A rule is for one, which it names",
            'Post to the channel "deals" when a deal is won.',
        )
    if len(tokens) > 1 and (unmodelled := _of_other_records(tokens, len(tokens) - 1, sentence)) is not None:
        return unmodelled
    last = tokens[-1]
    span = (last.start_pos or 0, last.end_pos or 0)
    message = "the statement breaks off"
    return Refused(span, f"{message}; next could come: {describe(problem.expected)}" if explained else message, "")


def _single_messages(tokens: list[Token], index: int, sentence: str) -> Refused:
    """ "Reply to every email from a customer": rules speak of records."""
    way = "Draft replies to" if any(one.type in {"DRAFT", "DRAFTOBJ"} for one in tokens[:index]) else "Send replies to"
    named = next((one for one in tokens[index:] if one.type == "ENTLC"), None)
    records = f"{named.value}s" if named is not None and named.value in {"lead", "customer"} else "contacts"
    span = span_of(tokens[index])
    return Refused(
        span,
        f'"{sentence[slice(*span)]}": a rule is about records, and single messages are none; what is known is when '
        "somebody last replied",
        f"{way} {records} that replied in the last 24 hours.",
    )


def _membership(span: tuple[int, int], sentence: str) -> Refused:
    said = sentence[slice(*span)]
    return Refused(
        span,
        f'"{said}": which lists or sequences a record is on is not recorded, so no rule can ask for it; a tag can',
        'tagged "…"',
    )


def _of_other_records(tokens: list[Token], index: int, sentence: str) -> Refused | None:
    """ "With no open deals", "one follow-up per deal", "update phone numbers": what is not recorded, or not said."""
    token = tokens[index]
    after = tokens[index + 1].type if index + 1 < len(tokens) else ""
    if (
        token.type in {"VAL", "CLOSED", "NEW"}
        and after == "ENT"
        and index
        and tokens[index - 1].type in {"NONE", "NHAVE"}
    ):
        index, token = index + 1, tokens[index + 1]
    if token.type in {"EMAILN", "EMAILOBJ"} and any(
        one.type in {"TO", "FOR"} for one in tokens[max(0, index - 2) : index]
    ):
        return _single_messages(tokens, index, sentence)
    before = [one.type for one in tokens[max(0, index - 4) : index]]
    if token.type in {"ENT", "ENTLC"} and any(one in {"HAVE", "NHAVE", "WITH", "NONE"} for one in before):
        start = max(i for i in range(index) if tokens[i].type in {"HAVE", "NHAVE", "WITH", "NONE"})
        if not start:
            return None
        span = (tokens[start].start_pos or 0, token.end_pos or 0)
        said = sentence[slice(*span)]
        return Refused(
            span,
            f'"{said}": which other records belong to a record, and how many, is not recorded. What is known of it is '
            "listed by `coco guardrail facts`; a tag can stand for anything else",
            'tagged "…"',
        )
    if token.type == "DUR" and index and str(tokens[index - 1].value).lower() in {"every", "each"}:
        span = (tokens[index - 1].start_pos or 0, token.end_pos or 0)
        return Refused(
            span,
            f'"{sentence[slice(*span)]}": how often a rule runs is set by its schedule. Leave it out, or say how long '
            "ago the records were last contacted",
            sentence[: span[0]].rstrip() + sentence[span[1] :],
        )
    if token.type in {"LISTW", "SEQW"}:
        return _membership(span_of(token), sentence)
    each = next((i for i in range(index) if tokens[i].type in {"PERENT"}), None)
    if each is not None:
        span = span_of(tokens[each])
        return Refused(
            span,
            f'"{sentence[slice(*span)]}": what is done to each record by itself is not counted; a cap counts what the '
            "whole rule does",
            re.sub(r"\s+", " ", sentence[: span[0]] + sentence[span[1] :]).strip(),
        )
    first = next((one for one in tokens if one.type not in {"AUTO", "PERM", "COMMA"}), tokens[0])
    fields = tokens[tokens.index(first) + 1 : index]
    if (
        first.type in {"OPV", "SETV", "FILLV", "SETW"}
        and index
        and tokens[index - 1].type in {"FACT", "EMAILN"}
        and all(one.type in {"DET", "EMPTYW", "NHAVE", "COMMA", "AND", "FACT", "EMAILN"} for one in fields)
    ):
        at = tokens[index - 1].end_pos or 0
        return Refused(
            span_of(tokens[index - 1]),
            f'"{sentence[slice(*span_of(tokens[index - 1]))]}" of which records? Name them right after it',
            f"{sentence[:at]} of all contacts{sentence[at:]}",
        )
    return None


def _no_addressee(tokens: list[Token], index: int, sentence: str) -> Refused | None:
    """ "Send follow-ups only on weekdays": to whom? The suggestion is the sentence with every contact named."""
    start = next((i for i in range(index) if tokens[i].type in {"SEND", "DRAFT"}), None)
    if (
        start is None
        or index < start + 2
        or any(t.type not in {"DET", "EMAILOBJ", "EMAILN"} for t in tokens[start + 1 : index])
    ):
        return None
    verb, last = tokens[start], tokens[index - 1]
    if last.type not in {"EMAILOBJ", "EMAILN"} or tokens[index].type in {"ENT", "ENTLC", "DRAFT"}:
        return None
    end = last.end_pos or 0
    way = "to" if verb.type == "SEND" else "for"
    later = next(
        (
            i
            for i in range(index + 1, len(tokens) - 1)
            if tokens[i].type in {"TO", "FOR"} and tokens[i + 1].type in {"ENT", "ENTLC", "DET", "VAL", "NEW"}
        ),
        None,
    )
    if later is not None:  # "Draft follow-ups, max 20 a day, for deals …"
        at, stop = tokens[later].start_pos or 0, tokens[-1].end_pos or 0
        between = sentence[end:at].strip(" ,")
        moved = f"{sentence[:end]} {sentence[at:stop]}, {between}{sentence[stop:]}"
        return Refused(
            (end, at),
            f'for which records comes right after "{sentence[last.start_pos or 0 : end]}", and "{between}" after that',
            moved if compile_sentence_plainly(moved) else "",
        )
    suggestion = f"{sentence[:end]} {way} all contacts{sentence[end:]}"
    if not compile_sentence_plainly(suggestion):
        suggestion = f'{sentence[verb.start_pos or 0 : end]} {way} contacts tagged "newsletter".'
    return Refused(
        (verb.start_pos or 0, end),
        f'{way} whom? Say for which records right after "{sentence[last.start_pos or 0 : end]}": those with a tag, a '
        'stage, an owner …, or "all contacts" if that is meant',
        suggestion,
    )


def compile_sentence_plainly(sentence: str) -> bool:
    """Whether a sentence compiles, with the catalogue that ships with Coco."""
    return _accepted(sentence, default_catalogue())


def _one_meaning(parsed: list[list[Any]], sentence: str, catalogue: Catalogue) -> tuple[Form, tuple[str, ...]]:
    """The single form that all derivations agree on. Raises Refused for none, or for two."""
    forms: dict[Form, tuple[str, ...]] = {}
    failures: list[Refused] = []
    for choice in _choices(_grants_first(parsed)):
        try:
            form, notes = _build(choice, sentence, catalogue)
        except Refused as problem:
            if problem.fatal:
                raise
            failures.append(problem)
            continue
        if not any(_same(form, one) for one in forms):
            forms[form] = notes
        if len(forms) > 1:
            break
    if len(forms) > 1:
        one, other = list(forms)[:2]
        first, second = reading(one, catalogue), reading(other, catalogue)
        stricter = first if _is_stricter(one, other) else second if _is_stricter(other, one) else ""
        raise Refused(
            (0, len(sentence)),
            f"{TWO_WAYS}: (1) {first} (2) {second}{'' if stricter else ' Take the words of the one that is meant'}",
            stricter,
        )
    if not forms:
        raise min(failures, key=lambda failure: int(failure.weak))
    return next(iter(forms.items()))


def _same(one: Form, other: Form) -> bool:
    """Are these the same but for the order of what must all be true?"""
    if one == other:
        return True
    return one.model_copy(update={"predicate": TRUE}) == other.model_copy(update={"predicate": TRUE}) and set(
        _conjuncts(one.predicate)
    ) == set(_conjuncts(other.predicate))


def _is_stricter(one: Form, other: Form) -> bool:
    """Does the first cover nothing that the second does not, and that at sight: the same, with more conditions?"""
    return one.model_copy(update={"predicate": TRUE}) == other.model_copy(update={"predicate": TRUE}) and set(
        _conjuncts(one.predicate)
    ) > set(_conjuncts(other.predicate))


def _grants_first(parsed: list[list[Any]]) -> list[list[Any]]:
    """The statement that names the operation is built first: the others speak of its records."""
    return sorted(parsed, key=lambda trees: str(trees[0].children[0].data) not in GRANTS)


def _choices(parsed: list[list[Any]], limit: int = 128) -> Iterator[list[Any]]:
    import itertools

    return itertools.islice((list(choice) for choice in itertools.product(*parsed)), limit)


def _build(trees: list[Any], sentence: str, catalogue: Catalogue) -> tuple[Form, tuple[str, ...]]:
    parts = Parts()
    for tree in trees:
        builder = Builder(catalogue, sentence, parts)
        builder.statement(tree)
        builder._checked_facts()
    whole = (0, len(sentence))
    if not parts.operations or parts.target is None:
        raise Refused(
            whole,
            "no operation: say what may be done. The operations are: enrich, archive, update, delete, tag, assign, "
            "move (deals to a stage), draft, send, create a task, add a note",
            "Archive contacts …",
        )
    if parts.start_span is not None and any(covered.operation == "event.update" for covered in parts.operations):
        raise Refused(
            parts.start_span,
            "the start that the meeting has, or its new one? Only the new one is looked at; if it is meant, say the "
            "action's start time",
            _new_start(sentence[slice(*parts.start_span)]),
            fatal=True,
        )
    if parts.other_fields_span is not None and not any(
        isinstance(one, Only) and one.fact == "action.fields" for one in _conjuncts(conjunction(parts.conditions))
    ):
        raise Refused(
            parts.other_fields_span,
            "which fields may change, then? Name them: an update of single fields changes no other",
            f"Update the job title of {plural(parts.target)} …",
        )
    mode, wait, offline, excluded = _mode(parts, catalogue)
    if parts.new_span is not None and parts.within is None:
        created = f"{parts.target}.created_at"
        conditions = conjunction(parts.conditions)
        if not any(atom.fact == created and _since_then(atom) for atom in atoms(conditions)):
            said = sentence[slice(*parts.new_span)]
            raise Refused(
                parts.new_span,
                f'"{said}" has no length; say how new',
                f"{plural(parts.target)} created in the last 24 hours"
                if "new" in said.lower()
                else f"{sentence.strip().rstrip('.!')} within 24 hours of creation.",
            )
    if parts.owner_span is not None and not all(one.operation.endswith(".assign") for one in parts.operations):
        raise Refused(
            parts.owner_span,
            "owned by them, or at that company? Say it after the records, in quotation marks",
            "",
        )
    if parts.internal_span is not None and not any(
        isinstance(one, Only) and one.fact.startswith(("action.attendee", "action.recipient"))
        for one in _conjuncts(conjunction(parts.conditions))
    ):
        raise Refused(
            parts.internal_span, "does not tell inside from outside: name the domains", "every attendee is at acme.com"
        )
    if parts.silent_span is not None and not any(
        isinstance(one, Age | Moment)
        and one.fact == f"{parts.target}.last_activity_at"
        and one.order in _LONG_AGO[one.kind]
        for one in _conjuncts(conjunction(parts.conditions))
    ):
        said = sentence[slice(*parts.silent_span)]
        raise Refused(
            parts.silent_span, f"{said} for how long?", f"{plural(parts.target)} silent for more than 14 days"
        )
    for node in walk(conjunction(parts.conditions)):
        inner = node.items if isinstance(node, And | Or | AtLeast) else (node.item,) if isinstance(node, Not) else ()
        if TRUE in inner:
            raise Refused(
                parts.new_span or whole, '"new" cannot stand here; say how new', "created in the last 24 hours"
            )
    predicate = _without_implied(conjunction(parts.conditions), catalogue)
    emptied = {atom.fact for atom in atoms(predicate) if isinstance(atom, Empty)}
    for atom in atoms(predicate):
        if not isinstance(atom, Empty) and atom.fact in emptied and not catalogue.fact(atom.fact).type.is_list:
            raise Refused(
                whole,
                f"a rule that needs {atom.fact} to be known cannot also speak of its being empty; write one guardrail "
                "for each",
                "",
            )
    if (
        parts.filled_span is not None
        and not any(isinstance(one, Empty) for one in _conjuncts(predicate))
        and all(covered.operation.endswith((".enrich", ".update")) for covered in parts.operations)
    ):
        said = sentence[slice(*parts.filled_span)]
        raise Refused(
            parts.filled_span,
            f'does "{said}" say which {plural(parts.target)} are meant, or what they are given? For the former, say '
            f'"that have …"; for the latter, name the fields: "enrich the phone number of {plural(parts.target)} …"',
            re.sub(r"^(who are |that are )?with\b", "that have", said),
        )
    unconditional = all(atom.fact == NOW for atom in atoms(predicate)) and parts.within is None
    if parts.target == "action":
        pinned = any(covered.arguments for covered in parts.operations)
        framed = (
            parts.dated
            or parts.weekly_span is not None
            or parts.actions
            or parts.credits
            or parts.credits_per_action is not None
        )
        if unconditional and not (pinned or framed or parts.universal_act):
            raise Refused(
                parts.operation_span,
                "for which records, or when? As it stands this would run without any limit. Name the records, give a "
                'window or a cap, or say "any" if that is meant',
                f"{sentence.strip().rstrip('.!')}, at most 20 per day.",
            )
        if unconditional:
            parts.notes.append("This rule names no records: it covers every action of this kind.")
    elif (
        unconditional
        and not parts.universal
        and not (parts.actions or parts.credits or parts.credits_per_action is not None)
    ):
        raise Refused(
            parts.operation_span,
            f'this would cover every {parts.target}. Add a condition, or say "all" if that is meant',
            _with_all(sentence, parts),
        )
    elif unconditional:
        parts.notes.append(f"This rule has no condition: it covers every {parts.target}.")
    for name in parts.excluded:
        if name in {covered.operation for covered in parts.operations}:
            raise Refused(
                parts.operation_span, f"a contradiction: the sentence both covers {name} and says never to do it", ""
            )
    try:
        form = Form(
            target=parts.target,
            operations=tuple(parts.operations),
            excluded=tuple(sorted({*excluded, *parts.excluded})),
            connector=parts.connector,
            predicate=predicate,
            mode=mode,
            wait_hours=wait,
            run_when_offline=offline,
            window=Window(within=parts.within, weekly=Builder.weekly(parts, sentence)),
            limits=Limits(
                actions=tuple(sorted(parts.actions.items())),
                credits=tuple(sorted(parts.credits.items())),
                credits_per_action=parts.credits_per_action,
            ),
            spellings=tuple(
                sorted((folded, written) for folded, written in parts.spellings.items() if folded != written)
            ),
        )
    except ValidationError as problem:
        raise Refused(whole, f"a number here is out of range: {problem.errors()[0]['msg']}") from None
    return form, tuple(parts.notes)


def _new_start(said: str) -> str:
    """ "Start more than 48 hours from now", said of the time that a meeting is moved to."""
    when = re.sub(r"^(?:that |which )?(?:starts?|starting|begins?|beginning)\s+", "", said, flags=re.I)
    return f"if the action's start time is {when}" if when != said else ""


def _with_all(sentence: str, parts: Parts) -> str:
    """The sentence with "all" before its records."""
    noun = re.compile(rf"\b(the\s+)?({plural(parts.target or 'contact')}|accounts|opportunities|people)\b", re.I)
    start = parts.operation_span[1] if noun.search(sentence, parts.operation_span[1]) else 0
    found = noun.search(sentence, start)
    if found is None:
        return f"{sentence[slice(*parts.operation_span)].strip()} all {plural(parts.target or 'contact')}"
    if found.start() == 0:
        return f"All {found.group(2).lower()}{sentence[found.end() :]}"
    return f"{sentence[: found.start()]}all {found.group(2)}{sentence[found.end() :]}"


def _conjuncts(predicate: Predicate) -> tuple[Predicate, ...]:
    """What must all be true."""
    return predicate.items if isinstance(predicate, And) else (predicate,)


_LONG_AGO = {"age": {">", ">="}, "moment": {"<", "<="}}


def _since_then(atom: Atom) -> bool:
    """Does the condition say how new a record must be at least?"""
    match atom:
        case Age(order="<" | "<=") | Moment(order=">" | ">="):
            return True
        case Calendar(first=first):
            return first is not None
    return False


def _without_implied(predicate: Predicate, catalogue: Catalogue) -> Predicate:
    """Leave out "has an amount" where another condition already needs the amount to be known."""
    if not isinstance(predicate, And):
        return predicate
    needed = {atom.fact for atom in atoms(predicate) if not isinstance(atom, Empty)}
    if "contact.email_domain" in needed:
        needed.add("contact.email")  # the domain is that of the address
    return conjunction(
        [
            item
            for item in predicate.items
            if not (
                isinstance(item, Not)
                and isinstance(item.item, Empty)
                and item.item.fact in needed
                and not catalogue.fact(item.item.fact).type.is_list
            )
        ]
    )


def _mode(parts: Parts, catalogue: Catalogue) -> tuple[Any, float | None, bool, list[str]]:
    kinds = {catalogue.operations[covered.operation].kind for covered in parts.operations}
    said = parts.modes
    draft = "draft_only" in said
    notify = "notify_first" in said
    if "stop" in said and not notify and not draft and kinds != {"draft"}:
        # it can only be stopped by who was told of it: the narrower reading
        parts.notes.append("To stop it you must be told first: read as notify me first, and wait.")
        said.setdefault("notify_first", said["stop"])
        notify = True
    if "wait" in said and not notify:
        raise Refused(
            said["wait"],
            "wait for what? To be told first and then wait, say both",
            "Notify me first and wait 24 hours.",
        )
    if "stop" in said and not notify:
        raise Refused(said["stop"], "drafts run nothing, so there is nothing to stop", "Queue drafts for review.")
    if "offline" in said and not notify:
        raise Refused(said["offline"], "this only matters where you are notified first; say so", "Notify me first.")
    if draft and notify:
        raise Refused(
            said["notify_first"],
            "a contradiction: drafts queued for review run nothing, so there is nothing to notify of",
            "Queue drafts for review.",
        )
    if "run" in said and (draft or notify):
        raise Refused(
            said["run"],
            "a contradiction: the sentence says both to run without asking and to bring it to you first",
            "Notify me first.",
        )
    if draft and "send" in kinds:
        raise Refused(
            said["draft_only"],
            "a contradiction: the sentence says to send, and also to only queue drafts",
            "Draft follow-ups …",
        )
    if "no_send" in said and "send" in kinds:
        raise Refused(
            said["no_send"], "a contradiction: the sentence says to send, and also not to send", "Draft follow-ups …"
        )
    if draft and kinds != {"draft"}:
        raise Refused(
            said["draft_only"],
            "only messages can be queued as drafts; this operation would simply not run. To see each one before it "
            "runs, have no guardrail; to be told first, say so",
            "Notify me first.",
        )
    if kinds == {"draft"}:
        if notify:
            raise Refused(
                said["notify_first"],
                "drafting sends nothing, so there is nothing to notify of first",
                "Queue drafts for review.",
            )
        if "run" in said:
            parts.notes.append("Drafting runs without asking; nothing is sent.")
        return "draft_only", None, False, []
    excluded = ["email.send"] if "no_send" in said else []
    if notify:
        return "notify_first", parts.wait_hours or DEFAULT_WAIT_HOURS, bool(parts.offline), excluded
    return "run", None, False, excluded
