"""Suggestions that are whole sentences: what is wrong replaced, and the result compiled before it is offered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from .faithful import STATEMENT, guesses, is_unlike, keeps_all, loses, says_the_same
from .offers import offer
from .problems import Problem
from .zones import zone_at

MAX_TRIES = 20  # compiles spent on the suggestions of one refused sentence
RECORDS = r"(?:contacts?|deals?|compan(?:y|ies)|leads?|customers?|people|accounts?|opportunit(?:y|ies))"
_CLAUSES = (
    "every",
    "at least",
    "no email",
    "any email",
)  # conditions with a subject of their own, which follow "where"
_ENTITIES = {"deal": "deals", "contact": "contacts", "company": "companies"}


def spliced(
    sentence: str,
    problems: tuple[Problem, ...],
    compile_it: Callable[[str], tuple[bool, tuple[Problem, ...]]],
    narrows: Callable[[str], bool],
) -> tuple[Problem, ...]:
    """The problems, each suggestion that is a fragment turned into the whole sentence where one compiles with it.

    All of them are put right at once, so that what is offered is a rule that is accepted."""
    if not problems:
        return problems
    tries = iter(range(MAX_TRIES))

    def counted(text: str) -> tuple[bool, tuple[Problem, ...]]:
        return compile_it(text) if next(tries, None) is not None else (False, ())

    if any(_whole(one.suggestion) for one in problems):
        return tuple(_checked(sentence, one, counted) for one in problems)
    problems = tuple(_precise(sentence, one) for one in problems)
    if found := _zoned(sentence, problems, counted):
        said = re.sub(r"; Europe/Berlin stands .*", "; the city is no zone by itself", problems[0].message)
        return (replace(problems[0], message=said, suggestion=found),)
    found = _repaired(sentence, problems, counted, 2)
    if found and says_the_same(sentence, problems, found):
        if not guesses(sentence, found):
            return tuple(replace(one, suggestion=found) for one in problems)
        if all(_asks(sentence, one) for one in problems):
            return tuple(_with_guess(one, found) for one in problems)
    if (tagged := _marked(sentence, problems, narrows)) is not None:
        found, replaced = tagged
        said = f'. The suggestion takes a tag in place of "{replaced}", which somebody must have put on those records'
        return tuple(replace(one, message=f"{_open(one.message)}{said}", suggestion=found) for one in problems)
    if found := _told_before(sentence, compile_it):
        return tuple(replace(one, suggestion=found) for one in problems)
    return tuple(_exemplified(sentence, one) for one in problems)


_HOURS_LEFT_OPEN = re.compile(r"\b(?:business|working|work|office) hours\b", re.I)
_ALL_TOLD = re.compile(r"\b(?:budget|overall|altogether|total|it|spen[dt]\w*)\b", re.I)


def _asks(sentence: str, problem: Problem) -> bool:
    """Is what the suggestion guesses what its author is asked for? Not where all that is ever done is capped, as any
    period allows more."""
    if "in what time?" in problem.message:
        return not _ALL_TOLD.search(problem.text) and not problem.text.lower().startswith("credits")
    return "what one action costs is" in problem.message or _HOURS_LEFT_OPEN.search(problem.text) is not None


def _with_guess(problem: Problem, found: str) -> Problem:
    said = f'"{problem.suggestion}" in the suggestion is only an example: put in its place what you mean'
    return replace(problem, message=f"{_open(problem.message)}. {said}", suggestion=found)


def _open(message: str) -> str:
    """A message that another sentence can follow."""
    return message[:-1] if message.endswith((".", "?")) and not message.endswith("…") else message


def _exemplified(sentence: str, problem: Problem, example: str = "") -> Problem:
    """A problem that nothing near the sentence puts right: the fragment is said in the message, and a whole rule is
    suggested, which is said to be an example."""
    start, end = problem.span
    said = problem.suggestion
    spliced_in = f"{sentence[:start]}{said}{sentence[end:]}"
    if _whole(said) or "…" in said or said in problem.message or said.lower() in problem.text.lower():
        said = ""
    invented = guesses(sentence, spliced_in) and "?" not in problem.message
    hint = f"It could say: {said}. " if said and not invented and not loses(sentence, [problem], spliced_in) else ""
    marked = "No sentence close to this one is accepted; the suggestion is, for example, a rule of this kind"
    stop = " " if problem.message.rstrip(".").endswith(("?", "…")) else ". "
    message = f"{problem.message.rstrip('.')}{stop}{hint}{marked}"
    return replace(problem, message=message, suggestion=example or offer(sentence))


_CITY = re.compile(r"\s+in (?:the )?([A-Z][a-z]+(?: [A-Z][a-z]+)?)\b")


def _zoned(
    sentence: str, problems: tuple[Problem, ...], compile_it: Callable[[str], tuple[bool, tuple[Problem, ...]]]
) -> str:
    """ "Only on weekdays in London": the city right after days or hours says which clock is meant."""
    if len(problems) != 1 or "in which time zone?" not in problems[0].message:
        return ""
    end = problems[0].span[1]
    city = _CITY.match(sentence, end)
    zone = zone_at(f"{city.group(1)} time", 0) if city is not None else None
    if city is None or zone is None:
        return ""
    found = _tidy(f"{sentence[:end]} {zone[0]}{sentence[city.end() :]}")
    wrong = Problem((end, city.end()), city.group(), "", zone[0])
    return found if says_the_same(sentence, [wrong], found) and compile_it(found)[0] else ""


def _precise(sentence: str, problem: Problem) -> Problem:
    """ "Costing less than 2 credits": what something costs is said of one action."""
    if "per action, or in what time?" in problem.message and re.match(r"\W*costing\b", problem.text, re.I):
        return replace(problem, suggestion=f"{problem.text.strip(' ,')} per action")
    return problem


# where a clause may begin and end
_BEGINS = re.compile(
    r",?\s+(?:and |but )?(?:that|who|which|whose|where|if|when|with|without|in|at|from|on|for|by|as long as|using|via|"
    r"until|before|after|during|while|so|because|since|as)\b|,\s*|\s+and\b",
    re.I,
)
_ENDS = re.compile(r",|;|\.(?=\s|$)|!|\s(?:and|but|unless|except|if|when)\b|$", re.I)
_NEEDED = re.compile(
    r"\b(?:unless|except|excluding|not|never|only|most|more|less|fewer|maximum|max|limit|cap|first|me|my|i|i'll|draft\w*|"
    r"review|approval|or|per|credits?|budget|under|below|over|above|between|at least|both|neither|nor|tops|"
    # when it may run
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekdays?|weekends?|hours?|noon|midnight|night(?:s|ly)?|until|utc|time)\b|"
    r"n't\b|\d\s?[ap]\.?m\b|\d:\d\d|\b\d{1,2}-\d{1,2}\b|\b[A-Z][a-z]+/[A-Z]",
    re.I,
)
# what limits when, how often or how much is no mark on a record that a tag could stand for
_NO_MARK = re.compile(
    r"\d|\b(?:until|before|after|during|since|hours?|days?|weeks?|months?|quarters?|years?|older|newer|time|noon|night\w*|daily|weekly|recipients?|"
    r"attendees?|them|invited|everyone|nobody|else|later|soon)\b",
    re.I,
)

# what could be asked for by itself is not hidden in a tag
_FACTS = re.compile(
    r"\b(?:no|none|ever|emails?|phones?|owners?|owned|titles?|company|companies|amounts?|stages?|dates?|city|country|anyone|everyone)\b|\w\.\w",
    re.I,
)


_LEADING = re.compile(
    r"^(?:(?:and|but|if|when|where|that|who|which|whose|because|as|so|they|it|with|by|are|is|have|has|in|from|at|provided)"
    r"\s+)+",
    re.I,
)


def _unknown(clause: str, problems: Sequence[Problem]) -> bool:
    """Is this nothing but one or two words that nobody knows? More may be another condition, or a second rule."""
    name = _LEADING.sub("", clause).split()
    unknown = " ".join(problem.text for problem in problems).split()
    return 0 < len(name) <= 2 and all(word in unknown for word in name)


def _marked(sentence: str, problems: Sequence[Problem], narrows: Callable[[str], bool]) -> tuple[str, str] | None:
    """The sentence with a tag in place of the clause that holds all of its problems, and that clause: a narrower rule,
    as nobody has put that tag on a record. None where no tag can stand for it, or the rest is no rule of its own."""
    start, end = min(one.span[0] for one in problems), max(one.span[1] for one in problems)
    if (start, end) == (0, len(sentence)):
        return None
    begins = [match.start() for match in _BEGINS.finditer(sentence, 0, max(start + 1, end)) if match.start() <= start]
    ends = _ENDS.search(sentence, end)
    stop = ends.start() if ends is not None else len(sentence)
    for begin in reversed(begins[-3:]):
        clause = sentence[begin:stop].strip(" ,")
        if not _unknown(clause, problems):
            continue
        if re.match(r"and(?: \S+){1,2}$", clause, re.I) and begin != begins[0]:
            continue  # a part of a list: what it belongs to may begin before
        if not clause or _NEEDED.search(clause) or _NO_MARK.search(clause) or sentence[:begin].count('"') % 2:
            continue
        if not narrows(_tidy(f"{sentence[:begin]}{sentence[stop:]}")):
            continue
        name = _LEADING.sub("", clause)
        if '"' in name or not 0 < len(name) <= 60 or _FACTS.search(name):
            continue
        tag = f'tagged "{name}"'
        for joined in (f" and {tag}", f" and is {tag}", f" and that are {tag}", f" {tag}", f" if {tag}"):
            found = _tidy(f"{sentence[:begin]}{joined}{sentence[stop:]}")
            if says_the_same(sentence, [Problem((begin, stop), clause, "", tag)], found) and narrows(found):
                return found, clause
    return None


def _checked(sentence: str, problem: Problem, compile_it: Callable[[str], tuple[bool, tuple[Problem, ...]]]) -> Problem:
    """A problem whose suggestion, where it is a whole sentence, compiles: put right where it does not yet. One that
    does not keep all of the sentence is an example."""
    found = problem.suggestion
    if not _whole(found):
        return _exemplified(sentence, problem)
    accepted, left = compile_it(found)
    if not accepted:
        found = _repaired(found, left, compile_it, 1)
    forbids = problem.message.startswith("this only forbids")
    if not found or forbids or guesses(sentence, found) or not keeps_all(sentence, problem, found):
        return _exemplified(sentence, problem, found if found and (forbids or is_unlike(sentence, found)) else "")
    if "Europe/Berlin" in found and "Europe/Berlin" not in f"{sentence} {problem.message}":
        said = f"{_open(problem.message)}. Europe/Berlin stands for your time zone in what is suggested"
        return replace(problem, message=said, suggestion=found)
    return replace(problem, suggestion=found)


def _repaired(
    sentence: str,
    problems: tuple[Problem, ...],
    compile_it: Callable[[str], tuple[bool, tuple[Problem, ...]]],
    rounds: int,
) -> str:
    """A sentence that compiles; empty where none was found in a few tries."""
    if not 0 < len(problems) <= 3:
        return ""
    first: tuple[str, tuple[Problem, ...]] | None = None
    for one in dict.fromkeys(_tries(sentence, problems[-1])):
        if not says_the_same(sentence, problems[-1:], one):
            continue
        accepted, left = compile_it(one)
        if accepted:
            return one
        if first is None or len(left) < len(first[1]):
            first = (one, left)
    if first is None or not rounds:
        return ""
    return _repaired(*first, compile_it, rounds - 1)


def _whole(suggestion: str) -> bool:
    return suggestion[:1].isupper() and suggestion.endswith(".") and len(suggestion.split()) > 3


def _fragments(problem: Problem, before: str) -> Iterator[str]:
    texts = re.split(r" / | or (?=\d{4}-)", problem.suggestion)
    if all(re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()) for text in texts):  # the one that covers less first
        texts.sort(reverse=re.search(r"\b(?:after|since|from)\s+$", before, re.I) is not None)
    for text in texts:
        if text.strip() and "…" not in text:
            yield text.strip()


def _tries(sentence: str, problem: Problem) -> Iterator[str]:
    """The sentence with the suggestion in place of the problem, or where a description of records goes."""
    start, end = problem.span
    before, after = sentence[:start], sentence[end:]
    if _whole(problem.suggestion):  # a sentence of its own: one that begins otherwise is another rule
        if problem.suggestion.split()[0].lower() == sentence.split()[0].lower():
            yield problem.suggestion
        return
    if problem.suggestion.startswith("entered … "):  # "enters x" -> "entered x in the last 24 hours"
        first, _, last = problem.suggestion.partition(" … ")
        said = re.split(r"[.,;]", after, maxsplit=1)[0]
        rest = after[len(said) :]
        for head in (before, re.sub(r"\s(?:that|who|which)\s+$", " that ", before)):
            yield _tidy(f"{head}{first} {said.strip()} {last}{rest}")
    for text in _fragments(problem, before):
        if (said := re.match(r"\s*(?:in|within|over|during) the (?:last|past)\b", after)) is not None:
            text = re.sub(r" in the last \d+ (?:hours|days)$", "", text)  # how long is said already
            if text.startswith("replied") and said:
                yield _tidy(f"{before}{text}{after}")
        if (start, end) == (0, len(sentence)):
            yield _tidy(f"{sentence.strip().rstrip('.!')}. {text}")
            continue
        head = re.sub(r"\s(?:that|who|which|whose)\s+$", " ", before)
        if head != before and text.startswith(_CLAUSES):
            yield _tidy(f"{head}where {text}{after}")
        if re.search(rf"\b{RECORDS}\s+$", before, re.I) and text.startswith(_CLAUSES):
            yield _tidy(f"{before}where {text}{after}")
        if problem.text.lower().startswith("whose ") and text.startswith(_CLAUSES):
            yield _tidy(f"{before}where {text}{after}")
        lead = text.rpartition(' "')[0]
        if lead and before.rstrip().endswith(lead):  # "owned by me" -> 'owned by "Maria Lopez"'
            yield _tidy(f"{before.rstrip().removesuffix(lead)}{text}{after}")
        zone = re.sub(r"\s+[A-Z][a-z]+/[A-Z]\w+$", "", text)
        if zone != text and re.match(r"\s+[A-Z][a-z]+/[A-Z]", after):
            yield _tidy(f"{before}{zone}{after}")
        # "new HubSpot contacts" -> "HubSpot contacts created in …"
        record = re.match(rf"\s+((?:\S+\s+)??{RECORDS})\b", after)
        moved = re.sub(rf"^{RECORDS}\s+", "", text)
        if record is not None and moved != text:
            rest = after[record.end() :]
            yield _tidy(f"{before}{record.group(1)} {moved}{rest}")
            yield _tidy(f"{before}{record.group(1)} {moved} and that are{rest}")
        if "tagged" in text and re.match(r"\s+tagged\b", after):
            yield _tidy(f"{before}{text} and{after}")
        yield _tidy(f"{before}{text}{after}")
        if text.startswith("in the last") and before.endswith(" since "):
            yield _tidy(f"{before.removesuffix('since ')}{text}{after}")
        placed = re.sub(r"\s(?:in|from|at|of|with|that are|who are|which are)\s+$", " ", before)
        if placed != before and text.startswith(_CLAUSES):
            yield _tidy(f"{placed}where {text}{after}")
        if placed != before:  # "in California" -> tagged "California"
            yield _tidy(f"{placed}{text}{after}")
        if before.strip() and not after.strip(" .") and STATEMENT.match(text):
            yield _tidy(f"{before.rstrip(' ,')}. {text[:1].upper()}{text[1:].rstrip('.')}.")
        if record is not None and moved == text:
            rest = after[record.end() :]
            yield _tidy(f"{before}{record.group(1)} {moved}{rest}")
            yield _tidy(f"{before}{record.group(1)} {moved} and that are{rest}")
        # "contacts whose emails bounced", "that replied": the words before belong to it
        if head != before:
            yield _tidy(f"{head}where {text}{after}")
            yield _tidy(f"{head}{text}{after}")
        if (own := re.fullmatch(r"the (deal|company|contact)'s .*", text)) is not None:
            yield _tidy(re.sub(rf"\b{RECORDS}\b", _ENTITIES[own.group(1)], sentence, count=1, flags=re.I))
        if "tagged" in text:
            yield _tidy(f"{before}{text}{re.sub(r'^ tagged', ' and tagged', after)}")
        if zone != text:
            yield _tidy(f"{before}{zone}{after}")
        # "that moves to negotiation" -> "that entered negotiation in …": the rest of the clause belonged to it
        clause = re.sub(r"^[^.,;]*", "", after)
        if clause != after and head != before:
            yield _tidy(f"{head}{text}{clause}")


def _told_before(sentence: str, compile_it: Callable[[str], tuple[bool, tuple[Problem, ...]]]) -> str:
    """ "Let me know 3 hours before archiving …": the operation first, and the notice as a sentence of its own."""
    match = re.match(
        r"(?:please )?((?:let me know|tell me|notify me|warn me|alert me|ping me)(?: .+?)?) before (\w+)ing (.+)$",
        sentence.strip(),
        re.I,
    )
    if match is None:
        return ""
    told, verb, rest = match.groups()
    for ending in ("e", ""):
        one = f"{verb.capitalize()}{ending} {rest.rstrip('.!')}. {told[:1].upper()}{told[1:]} beforehand."
        if compile_it(one)[0]:
            return one
    return ""


def _tidy(text: str) -> str:
    text = re.sub(r"\s+([.,;])", r"\1", re.sub(r"\s+", " ", text)).strip()
    text = re.sub(r"\b([Aa]) (?=(?:email|e-mail|amount|owner|industry)\b)", r"\1n ", text)
    text = re.sub(r"\b([Tt]he) the\b", r"\1", text)
    text = re.sub(r"\b([Aa])n (?=message|contact)", r"\1 ", text)
    text = re.sub(r"([.!])(?:\s*[.!])+", r"\1", text)
    text = re.sub(
        r"(?<=[.!] )(?:notify|wait|at most|only|queue|run|draft)\b", lambda word: word.group().capitalize(), text
    )
    text = re.sub(r"\b(that are|which are|who are) that are\b", r"\1", text)
    text = re.sub(r"\bthat are (are|is|have|has|do|does)\b", r"that \1", text)
    text = re.sub(r"\b(that|who|which) tagged\b", r"\1 are tagged", text)
    text = re.sub(r"(s) that is\b", r"\1 that are", text)
    text = re.sub(r"\b(Notify me first)[,.] \1\b", r"\1", text, flags=re.I)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!")) else ".")
