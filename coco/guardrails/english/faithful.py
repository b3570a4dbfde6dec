"""Whether a suggestion says no more than the sentence it stands for: nothing that narrows it may be lost on the way.

A suggestion keeps the operation, the records, and every restriction, cap, mode, exception and window of the sentence.
What does not is an example, and said to be one. Told by the words alone: a sentence that was refused has no form that
another could be compared with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .problems import Problem

_WORD = re.compile(r"\"[^\"]*\"|[#@$€£]?[^\W_]+(?:[.,:/@%'-]+[^\W_]+)*%?", re.UNICODE)
_QUOTED = re.compile(r"\"[^\"]*\"")
_NEGATIONS = re.compile(
    r"\b(?:no|not|never|nor|neither|without|unless|except\w*|excluding|nobody|none|nothing|lacks?|lacking|missing|skip|"
    r"cannot|un(?:subscribed|owned|assigned|tagged|til)|don't|only)\b|n't\b",
    re.I,
)
# words that join or point, and are written anew where a sentence is put right
_JOINING = frozenset({
    "a", "an", "the", "that", "who", "whom", "which", "whose", "is", "are", "was", "were", "be", "been", "being",
    "it", "its", "it's", "they", "they're", "their", "them", "to", "of", "in", "on", "at", "for", "from", "with",
    "by", "and", "as", "if", "when", "where", "while", "then", "so", "please", "have", "has", "had", "do", "does",
    "did", "there", "this", "these", "those", "any", "all", "every", "each", "our", "us", "my", "we", "you", "your",
    "me", "i", "will", "would", "can", "could", "may", "should", "must", "just", "also", "already", "still",
    "currently", "but", "mark", "marked", "get", "got", "contact", "contacts", "record", "records", "people",
})  # fmt: skip
_DOUBLED = re.compile(
    r"\b(?:any|all|every|each) (?:any|every|each|all)\b|\b(?:they|we|you) is\b|\b(?:it|he|she) are\b|"
    r"\b(?:they|it) at (?:least|most)\b|\bneither neither\b|"
    r"\bneither (?:have|has|are|is|haven't|hasn't|aren't|isn't)\b|"
    r"\bexcept contacts tagged \"[^\"]*'s\"|,\s*[.,;]|\bcontacts? (?:every|at least|no email|replied\b)|"
    r"\bhas [^.,]* and that are\b|(\b\w+ \w+ \w+\b.*) \1\b|"
    r"[.;] and\b|\bwith owned\b|\"cc\"|\b(?:that|who|which) in\b|[a-z]/[a-z]\w+, \w+ time\b",
    re.I,
)
_RUN_ON = re.compile(r"\b(?:be|to|and) (?:Move|Notify|Send|Queue|Post)\b|[.!] [a-z]|\"\"\w|, is not\b|\"\" ok\b")
_DOMAINS = re.compile(r"[^\W_][\w-]*(?:[./][^\W_][\w-]*)+")


def says_the_same(sentence: str, problems: Sequence[Problem], suggestion: str) -> bool:
    """Does the suggestion keep every word of the sentence but those that were wrong, each "not" among them, and is it
    no broken splice? `problems` are those of the sentence, with the fragments that stand for what was wrong."""
    fragments = " ".join(problem.suggestion for problem in problems)
    wrong = " ".join(problem.text for problem in problems)
    rest = _without(sentence, problems)
    if _DOUBLED.search(suggestion) and not _DOUBLED.search(sentence):
        return False
    if _RUN_ON.search(_QUOTED.sub('""', suggestion)) and not _RUN_ON.search(_QUOTED.sub('""', sentence)):
        return False
    known = {"europe/berlin", *_DOMAINS.findall(f"{sentence} {fragments}".lower())}
    if any(one not in known for one in _DOMAINS.findall(suggestion.lower())):
        return False
    if not _words(rest) <= _words(suggestion):
        return False
    if not re.search(r" / | or (?=\d{4}-)", fragments) and not _words(fragments) & _words(sentence) <= _words(
        suggestion
    ):
        return False  # what the fragment kept of the sentence was lost after it
    named = [one for one in _QUOTED.findall(sentence) if one not in {problem.text for problem in problems}]
    if any(one.lower() not in suggestion.lower() for one in named):
        return False
    lost = _negations(wrong) - _negations(fragments)
    if lost > 0 and fragments and not re.search(r"\bempty\b|\bnot\b|\bout\b", fragments):
        return False
    return _negations(suggestion) >= _negations(rest) and not loses(sentence, problems, suggestion)


def keeps_all(sentence: str, problem: Problem, suggestion: str) -> bool:
    """The same of a whole rule that was made for a problem, which may be one of the whole sentence."""
    if problem.span == (0, len(sentence)):
        turned = re.sub(r"^(?:please )?(?:don't|do not|never) (\w+) (?:more than|over)\b", r"\1", sentence, flags=re.I)
        if not _words(turned) <= _words(suggestion):
            return False
    return says_the_same(sentence, [problem], suggestion)


def is_unlike(sentence: str, suggestion: str) -> bool:
    """Is this another rule altogether, which nobody takes for the sentence put right?"""
    if any(one in suggestion for one in _QUOTED.findall(sentence)) or _LIMITS["cap"].search(sentence):
        return False
    said = _words(sentence)
    return 2 * len(said & _words(suggestion)) <= len(said)


# what limits a rule, and is lost when it is not said again: a name for it, and how it may be said
_LIMITS = {
    name: re.compile(rf"\b(?:{words})\b", re.I)
    for name, words in {
        "alternative": r"or|nor",
        "asking": r"ask me|asks? first|check with me|my (?:yes|nod|word|decision|blessing|go)|ok|okay|approv\w*|"
        r"permission|confirm\w*|sign-?off|sign off|go-ahead|green light|say so|consent",
        "other": r"others?(?! than)|otherwise|else|elsewhere|alternate|second|bigger|larger|smaller|shorter|longer",
        "working": r"(?:business|working) days?",
        "in all": r"overall|altogether|in all|in total",
        "notice": r"notif\w*|tell me|let me know|ping me|warn me|alert me|told",
        "drafts": r"draft\w*|queue\w*|review",
        "cap": r"at most|(?:no|not|never) more than|maximum|max|up to|limit\w*|capp?\w*|budget|per|tops",
        "days": r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekdays?|weekends?",
        "every so many": r"every (?:\d+|two|three|four|other|second)",
        "ever": r"never been in|ever been in",
        "exception": r"unless|except\w*|excluding|but|other than|apart from",
    }.items()
}
_NEGATED_LIST = re.compile(r"(?:\b(?:never|not|no|nor|without|neither|cannot)\b|n't\b)[^.,;]*\bor\s*$", re.I)
_NOT = re.compile(r"\b(?:no|not|never|nor|neither|without|un\w+)\b|n't\b", re.I)
# what a statement of its own may begin with, which is none of the operation
STATEMENT = re.compile(r"(?:notify|wait|at most|only|queue|run|draft|skip|never|no|don't|within|until)\b", re.I)


def loses(sentence: str, problems: Sequence[Problem], suggestion: str) -> bool:
    """Does the suggestion lose a limit of the sentence, or turn it into another?"""
    said, left = _QUOTED.sub('""', sentence), _QUOTED.sub('""', suggestion)
    wrong = " ".join(_QUOTED.sub('""', problem.text) for problem in problems)
    for name, words in _LIMITS.items():
        held, kept = len(words.findall(said)), len(words.findall(left))
        if kept >= held or (name == "cap" and re.search(r"\bat most\b|\bper\b", left)):
            continue
        if name == "alternative" and all(_one_of(sentence, problem) for problem in problems):
            continue
        if name == "exception" and (words.search(left) or (not words.search(wrong) and _NOT.search(left))):
            continue
        if name == "days" and re.search(r"\bweekdays\b", left):
            continue
        if name in {"notice", "drafts"} and words.search(left):
            continue
        return True
    for problem in problems:
        before = sentence[: problem.span[0]]
        if _NEGATED_LIST.search(before) and problem.suggestion and not _NOT.search(problem.suggestion):
            return True  # "never replied or every email has bounced": the "never" was of both
        if _turns(sentence, problem, suggestion):
            return True
        sender = re.match(r"from (\S+@\S+)", problem.text, re.I)
        if sender is not None and f"email is {sender.group(1)}".lower() in suggestion.lower():
            return True
    return _tags_wrongly(sentence, suggestion)


_WINDOW = re.compile(r"(?:only )?(?:on|at|before|after|between|during|within|in)\b", re.I)
_UNIT = re.compile(r"\b(?:day|week|month|quarter|year)s?\b", re.I)
_DENIED_TIME = re.compile(
    r"(?:\b(?:no|not|never|nothing|nobody)\b|n't\b)[^.;]*\b(?:\w+days?|weekends?|before|after|between|hours|within)\b",
    re.I,
)


def _turns(sentence: str, problem: Problem, suggestion: str) -> bool:
    """Does what stands for the problem mean less than it, or its opposite, where it stands?"""
    start, end = problem.span
    text, put = _QUOTED.sub('""', problem.text), _QUOTED.sub('""', problem.suggestion)
    before = _QUOTED.sub('""', sentence[:start])
    statement = re.split(r"[.;]\s", before)[-1]
    after = re.split(r"[.;](?:\s|$)", _QUOTED.sub('""', sentence[end:]))[0]
    holding = _HOLDING.search(statement) or _HELD.search(after)
    only = len(re.findall(r"\bonly\b", suggestion, re.I)) > len(re.findall(r"\bonly\b", sentence, re.I))
    if only and _DENIED_TIME.search(sentence):
        return True  # "no follow-ups on weekends" is not "only on weekends"
    if _NOT.search(statement) and len(_WITHIN.findall(suggestion)) > len(_WITHIN.findall(sentence)):
        return True  # "have not closed within 30 days": the time was part of what is denied
    if (
        re.search(r"\d", text)
        and not re.search(r"\d", put)
        and not set(re.findall(r"\d+", text)) <= set(re.findall(r"\d+", suggestion))
    ):
        return True  # how long, or how much
    if re.search(r"[$€£]", text) and re.search(r"[$€£]", put):
        figures = re.findall(r"\d+", put.replace(",", ""))
        if not set(figures) & set(re.findall(r"\d+", text.replace(",", ""))):
            return True
    if holding and re.search(r"\d", put) and not re.search(r"\d", text) and not _UNIT.search(text):
        return True  # a length that nobody said, of what is held back
    if re.search(r"\band\s*$", statement) and _NOT.search(statement) and _WINDOW.match(put) and not _WINDOW.match(text):
        return True
    if "Germany" in put and "Germany" not in text and (holding or re.search(r"(?:,|\bor|\band)\s*$", before)):
        return True
    if "USD" in put and "USD" not in text and re.search(r"\d+ (?:day|week|month|year)s?\b", sentence):
        return True
    if re.search(r"\bactions\b", put) and re.search(r"\bcredits?\b", sentence) and "actions" not in sentence:
        return True
    if (
        "no activity" in put
        and not re.search(r"activ|silent|touch", text, re.I)
        and re.match(r"for\b", text.strip(), re.I)
    ):
        return True  # "tagged for more than 30 days"
    if "(" in put and "(" not in text:  # of two ways to group, the one that covers less
        return bool(re.search(r"\band \(", put) if holding else re.search(r"\) or\b", put))
    return False


_WITHIN = re.compile(r"[.;] (?:only )?within\b", re.I)
_HELD = re.compile(r"\b(?:needs? my|off limits|approval|ok|waits?|must not|may not|never|stays?|left alone)\b", re.I)


def _one_of(sentence: str, problem: Problem) -> bool:
    """Is one taken of two that were wrong only together, or of two dates? It covers less, where it is no exception."""
    if " or " in problem.suggestion:
        return True
    listed = not re.match(r"(?:and|or)\b", problem.text, re.I) and problem.suggestion.lower() in problem.text.lower()
    return bool(problem.suggestion) and listed and not _HOLDING.search(_QUOTED.sub("", sentence[: problem.span[0]]))


_PERIOD = re.compile(r"\b(?:per|a|an|each|every|any) (run|hour|day|week|month|action)\b", re.I)
_PERIODS_SAID = {
    "run": r"run|time|once|execution|batch",
    "hour": r"hour\w*",
    "day": r"days?|daily|24 hours",
    "week": r"week\w*|7 days",
    "month": r"month\w*|30 days",
    "action": r"action|each|one",
}
_CLOCK = re.compile(r"\b\d{1,2}:\d\d\b")


def guesses(sentence: str, suggestion: str) -> bool:
    """Does the suggestion say what nobody said: the period of a cap, hours, or which way an amount counts?"""
    if _LIMITS["cap"].search(_QUOTED.sub("", sentence)) or re.search(r"\bcredits?\b", sentence):
        for period in _PERIOD.findall(_QUOTED.sub("", suggestion)):
            if not re.search(rf"\b(?:{_PERIODS_SAID[period.lower()]})\b", sentence, re.I):
                return True
    told = re.search(r"\d|\bnoon\b|\bmidnight\b", _QUOTED.sub("", sentence))
    untold = _PART_OF_DAY.search(sentence) and not _CLOCK.search(sentence)
    if (untold or not told) and _CLOCK.search(suggestion):
        return True
    return bool(_WORTH.search(suggestion) and not re.search(r"\bat (?:least|most)\b", sentence, re.I))


_PART_OF_DAY = re.compile(r"\b(?:mornings?|afternoons?|evenings?|nights?|hours)\b", re.I)
_WORTH = re.compile(r"\bworth at (?:least|most)\b", re.I)
_NEW_TAG = re.compile(r"\btagged (\"[^\"]*\"|\w+)", re.I)
# what no tag is called: words of a clause, kinds of records, how somebody does something
_NO_TAG = re.compile(
    r"\b(?:a|an|the|is|are|was|were|be|been|do|does|did|has|have|had|may|might|must|can|could|shall|should|will|would|"
    r"needs?|waits?|gets?|looks?|seems?|feels?|likes?|loves?|so|all|any|other|not|no|never|and|or|in|on|to|for|at|of|"
    r"my|your|our|us|me|it|they|them|contacts?|deals?|compan(?:y|ies)|\w+ly)\b",
    re.I,
)
_HOLDING = re.compile(
    r"\b(?:unless|except\w*|excluding|not|never|without|other than|apart from|off limits|approval|ok|wait)\b|n't\b",
    re.I,
)
_ITEM = re.compile(
    r"(?:\b(?:unless|except\w*|excluding|not|than|from|or|are|is)|,)\s*(?:for )?(?:(?:any|all|the) )?"
    r"(?:(?:contacts|deals|companies|those|ones|they) )?(?:(?:that |who |which )?(?:are|is) )?$",
    re.I,
)


def _tags_wrongly(sentence: str, suggestion: str) -> bool:
    """Does a tag stand for what is no name, or does it narrow an exception, which then holds less back?"""
    for tag in _NEW_TAG.finditer(suggestion):
        if tag.group().lower() in sentence.lower() or tag.group(1).lower() in {"with", "as"}:
            continue
        before = _QUOTED.sub('""', re.split(r"[.;]\s", suggestion[: tag.start()])[-1])
        after = _QUOTED.sub('""', re.split(r"[.;](?:\s|$)", suggestion[tag.end() :])[0])
        holding = _HOLDING.search(before) or _HELD.search(after)
        name = tag.group(1).strip('"')
        if tag.group(1).lower() in sentence.lower():
            if holding and not re.search(rf"\btag\w*\b[^.;]*{re.escape(tag.group(1))}", sentence, re.I):
                return True
            continue
        if name.lower() not in sentence.lower() and name.lower().rstrip("s") not in sentence.lower():
            continue  # no word of the sentence: the fragment's own
        if _NO_TAG.search(name) or len(name.split()) > 3:
            return True
        if holding and (name.istitle() or not _ITEM.search(before) or _HELD.search(after)):
            return True
    return False


def _negations(text: str) -> int:
    return len(_NEGATIONS.findall(re.sub(r"\"[^\"]*\"", "", text)))


def _words(text: str) -> set[str]:
    return {word.lower().rstrip("s") for word in _WORD.findall(text) if word.lower() not in _JOINING}


def _without(sentence: str, problems: Sequence[Problem]) -> str:
    rest = sentence
    for start, end in sorted((problem.span for problem in problems), reverse=True):
        rest = f"{rest[:start]} {rest[end:]}"
    return rest
