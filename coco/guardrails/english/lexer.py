"""Sentence to tokens. Every character ends up in a token, in white space, or in a problem: nothing is dropped."""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches

from lark import Token

from ..countries import DISPLAY
from ..regions import STATE_CODES, area_of
from .filler import filler_end
from .literals import NUMBER_WORDS, SAME_LENGTH, WORD, LiteralReader, length, made, words_of
from .problems import Refused
from .tails import tail_at
from .unquoted import UnquotedNames
from .vocabulary import COUNTRY_CODES, UNKNOWN_OPERATIONS, VAGUE, Vocabulary

MAX_CHARACTERS = 2_000


_WITH_COMMA = frozenset({"OFFLINEOK", "ASKELSE"})  # phrases in which a comma may stand
_REPLIES = re.compile(
    r"(who|that|which|contact|lead|customer|deal|person|someone|somebody|anyone|they|it|he|she)\s+"
    r"(?:reply|replies|respond|responds|writes? back)\b(?:\s+to\s+(?:us|our (?:e-?mails?|messages?)|an? e-?mails?|"
    r"any e-?mails?))?",
    re.I,
)
_PLEASE = re.compile(r",?\s*please\s*(?=[.!]?\s*$)", re.I)
_NOW = re.compile(
    r"(?:(?:already|currently|presently)\s+(?=[a-z])|(?:existing|current)\s+(?=(?:contacts|customers?|leads?|deals?|compan(?:y|ies)|"
    r"accounts|people|subscribers)\b))",
    re.I,
)
_TO_COME = re.compile(r"\b(closing|closes?|due|starting|starts)\s*$", re.I)
_AT_ONCE = re.compile(r"(?:right away|straight away|immediately|asap)(?=\s*(?:[.;]|$))", re.I)
# "has no owner yet", "no tags at all": they add nothing to a negation before them
_YET = re.compile(
    r"(?:as )?yet(?=\s*(?:[.,;)]|$|and are\b|can be\b|may be\b))|"
    r"ever(?=\s*(?:[.,;)]|$|(?:may|can|should) be\b))|"
    r"(?:what)?so ?ever\b|whatsoever\b|at all(?!\s+times)\b",
    re.I,
)
_DENIES = re.compile(
    r"(n't|\b(?:not?|never|without|nobody|missing|lack(?:s|ing)?|neither|none|zero|un\w+))\b[^.;]*\Z", re.I
)
# "whose email ends in @acme.com": what follows the @ is the domain
_ENDS_IN = re.compile(r"(does not |doesn't |do not |don't )?(ends?|ending) (?:in|with)\s+(?=@[\w-]+\.)", re.I)
# "the EU countries Germany and France": those that are named
_COUNTRIES_OF = re.compile(
    r"(?:EU|European|Nordic|Baltic|Benelux|DACH|Balkan) (?:countries|country|member states)(?=:? [A-Z])"
)
# people by their job title
_TITLED = {f"c{one}os": f"C{one.upper()}O" for one in "efotimrp"} | {"cisos": "CISO", "founders": "Founder"}
# a name that looks like a company's
_COMPANY = re.compile(r"^[A-Z]{3,}$|\b(?:Inc|Ltd|LLC|GmbH|AG|Corp|PLC|SE|SA|BV)$")
_ORDINALS = frozenset(
    {
        "final",
        "first",
        "second",
        "third",
        "last",
        "next",
        "initial",
        "latest",
        "previous",
        "same",
        "other",
        "wrong",
        "middle",
    }
)
_HAS_BEEN = re.compile(r"(contact|deal|company|lead|customer|account|opportunity)'s(?= been\b)", re.I)
_ONCE_A = re.compile(
    r"once (?:an? (?:contact|deal|company|lead|customer|account|opportunity)|their|its|his|her|there|all|no)\b", re.I
)
_SHORT = re.compile(r"(they|we|who|it|he|she|that|there|you|i)('ve|'re|'s)$", re.I)
_SHORT_TAIL = re.compile(r"'(ve|re|s)(?![^\W_])", re.I)
_HAS = re.compile(r"\s+(had|been|gone|never|replied|bounced|unsubscribed|opted|got|not had)\b", re.I)
_CAPITALISED = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?(?: [A-Z][^\W\d_]*)*")
_CALLED = re.compile(r"([A-Z][^\W_]*(?: [A-Z][^\W_]*)*)(?= (?:pipeline|sequence|channel|list)\b)")
_ASSIGNS = re.compile(
    r"\b(?:(?:re)?assign(?:s|ed|ing)?|hand(?:ed|ing)? (?:over|off)|transfer(?:s|red|ring)?|"
    r"giv(?:e|es|en|ing)(?! (?:me|us|notice|that)\b)|reroute|"
    r"go(?:es)? to|set the owner|change the owner)\b",
    re.I,
)
_OWNERS = re.compile(
    r"([A-Z][^\W\d_]+(?: [A-Z][^\W\d_]+)*)'s? (?:(?:open|won|lost|new|unsubscribed|closed|inactive|untagged) )?"
    r"(contacts|deals|companies|leads|customers|accounts|opportunities)\b"
)
# what may follow the name of a tag that stands without quotation marks
_TAG_ENDS = (
    r"\s*(?:[.,;:)]|$)|\s+(?:that|who|who've|which|whose|where|if|when|unless|except|created|at most|within|may|can|"
    r"should|must|"
    r"in|at|from|off|with|without|owned|and|or|but|not|to|for|on|after|only|whenever|whom|based|automatically|every)\b"
)
# words of rules that may be the name of a tag where nothing else can stand
_TAG_KINDS = frozenset(
    {"VAL", "ENTLC", "CLOSED", "SILENT", "NEW", "OLD", "UNSUB", "SUBBED", "EMAILOBJ", "CONTENTN", "OBJ", "BOUNCED"}
)
_QUALITY = re.compile(r"(ed|ing|ive|able|ful|less|ly)$|^(un|in|dis)", re.I)
_NO_TAG = frozenset("something somehow such so here there now then yourself together manually twice once again".split())  # noqa: SIM905
_BEFORE_TAG = frozenset({"DET", "WITH", "HAVE", "NHAVE", "ADD", "REMOVE", "TRUEW", "AS"})
_TAG_REASONS = ('tagged "key', 'tagged "old', "contacts tagged", 'tagged "VIP', "with an amount over")
_ENROLS = re.compile(r"\b(?:enroll?(?:s|ed|ing)?|sequences?|cadence)\b", re.I)
_QUOTES = {'"': '"', "«": "»", "'": "'"}


class Lexer(LiteralReader):
    """Holds a vocabulary; `tokens` returns the tokens of a sentence and every problem found on the way."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._vague = {words_of(phrase): entry for phrase, entry in VAGUE.items()}
        self._unquoted = UnquotedNames(vocabulary, frozenset(self._vague))

    def meaning(self, phrase: str) -> tuple[str, object] | None:
        """The token that a phrase is, and its value."""
        return self._vocabulary.phrases.get(words_of(phrase))

    def tokens(self, sentence: str) -> tuple[list[Token], list[Refused]]:
        if len(sentence) > MAX_CHARACTERS:
            return [], [
                Refused(
                    (0, len(sentence)),
                    f"the sentence is longer than {MAX_CHARACTERS} characters; a rule should be short",
                )
            ]
        found: list[Token] = []
        problems: list[Refused] = []
        text = sentence.translate(SAME_LENGTH)
        position = 0
        unquoted: set[int] = set()
        while position < len(text):
            if text[position] in " \t\r":
                position += 1
                continue
            if text[position].isalpha() and (tail := tail_at(text, position)) is not None:
                found.append(tail)
                position = tail.end_pos or position + 1
                continue
            if (now := self._says_now(text, position)) is not None:
                position = now
                continue
            try:
                end = self._unquoted.end(text, position, found, unquoted) if text[position].isupper() else None
                if end is not None:
                    unquoted.add(position)
                    found.append(made("QUOTED", text[position:end], position, end))
                    position = end
                    continue
                new = (
                    self._unit_alone(text, position, found)
                    or self._called(text, position, found)
                    or self._at(text, position, found)
                )
            except Refused as problem:
                problems.append(problem)
                position = max(problem.span[1], position + 1)
                # a stand-in, so that what follows keeps its place
                found.append(Token("PROBLEM", "", start_pos=problem.span[0], end_pos=problem.span[1]))
                continue
            found.extend(new)
            position = max(token.end_pos or 0 for token in new)
        return found, problems

    def _at(self, text: str, position: int, before: list[Token]) -> list[Token]:
        for reader in (self._punctuation, self._quoted, self._literal):
            found = reader(text, position)
            if found:
                return found
        return self._word(text, position, before)

    def _says_now(self, text: str, at: int) -> int | None:
        """ "Already tagged", "currently in": a rule looks at how things stand, so the word adds nothing."""
        if (please := _PLEASE.match(text, at)) is not None and at:
            return please.end()
        if at and (yet := _YET.match(text, at)) is not None and _DENIES.search(text, 0, at):
            return yet.end()
        if (filler := filler_end(text, at)) is not None:
            return filler
        match = _NOW.match(text, at)
        if match is None or (at and text[at - 1].isalnum()):
            return None
        words = tuple(word.lower() for word, _, _ in self._words_from(text, at))
        if any(words[:n] in self._vocabulary.phrases or words[:n] in self._vague for n in range(2, len(words) + 1)):
            return None
        return match.end()

    @staticmethod
    def _unit_alone(text: str, at: int, found: list[Token]) -> list[Token]:
        """ "in the last year": a unit without a number is one of it."""
        match = re.compile(r"(hour|day|week|month|quarter|year)\b(?!')", re.I).match(text, at)
        if match is None or not found or found[-1].type not in {"INLAST", "INNEXT"}:
            return []
        said = f"a {match.group()}"
        return [made("DUR", length(1, match.group(), said, (at, match.end())), at, match.end())]

    def _called(self, text: str, at: int, found: list[Token]) -> list[Token]:
        """ "The Enterprise pipeline": capitals between "the" and what they name, none a word of rules."""
        if not found or found[-1].type != "DET" or text[found[-1].start_pos or 0 : at].strip().lower() != "the":
            return []
        match = _CALLED.match(text, at)
        if match is None:
            return []
        words = match.group(1).split(" ")
        known = any((one.lower(),) in self._vocabulary.phrases for one in words)
        return [] if known else [made("QUOTED", match.group(1), at, match.end(1))]

    def _punctuation(self, text: str, at: int) -> list[Token]:
        character = text[at]
        kind = {
            ",": "COMMA",
            ";": "STOP",
            "\n": "STOP",
            "(": "LPAR",
            ")": "RPAR",
            "!": "STOP",
            ":": "COLON",
            "—": "COMMA",
        }.get(character)
        if kind:
            return [made(kind, character, at, at + 1)]
        if character == "." and not re.match(r"\.\d", text[at:]):
            return [made("STOP", ".", at, at + 1)]
        if character == "-" and at > 0 and not text[at - 1].isspace() and text[at + 1 : at + 2].isalpha():
            return self._at(text, at + 1, [])  # a hyphen inside a compound joins two words
        if character == "-" and text[at - 1 : at] == " " and text[at + 1 : at + 2] == " ":
            return [made("COMMA", "-", at, at + 1)]
        if character == "?":
            raise Refused((at, at + 1), "a guardrail is a statement, not a question", "end with a full stop")
        if unicodedata.category(character) in {"Cf", "Cc", "Co", "Cs", "Cn"}:
            raise Refused((at, at + 1), f"invisible character U+{ord(character):04X}; delete it")
        return []

    def _quoted(self, text: str, at: int) -> list[Token]:
        opening = text[at]
        closing = _QUOTES.get(opening)
        if closing is None or (opening == "'" and at and text[at - 1].isalnum()):
            return []
        end = text.find(closing, at + 1)
        while opening == "'" and end != -1 and end + 1 < len(text) and text[end + 1].isalnum():
            end = text.find(closing, end + 1)
        if end == -1:
            raise Refused((at, len(text)), "this quotation mark is never closed", f"{text[at:].strip()}{closing}"[:80])
        name = " ".join(text[at + 1 : end].split())
        if not name:
            raise Refused((at, end + 1), "there is no name between these quotation marks", '"VIP"')
        for offset, character in enumerate(name):
            if unicodedata.category(character) in {"Cf", "Cc", "Co", "Cs", "Cn"}:
                raise Refused(
                    (at + 1 + offset, at + 2 + offset),
                    f"invisible character U+{ord(character):04X} in this name; delete it",
                )
        if len(name) > 1 and name[-1] in ".,;" and opening == '"':
            # American punctuation inside the quotes: whether it belongs to the name is not ours to decide
            raise Refused(
                (at, end + 1),
                f'does the name end with "{name[-1]}"? Put the punctuation after the quotation mark',
                f'"{name[:-1]}"{name[-1]}',
            )
        return [made("QUOTED", name, at, end + 1)]

    def _words_from(self, text: str, at: int) -> list[tuple[str, int, int]]:
        """Up to `longest` words from here, joined by spaces or inner hyphens only."""
        words: list[tuple[str, int, int]] = []
        position = at
        limit = self._vocabulary.longest
        if (tail := _SHORT_TAIL.match(text, at)) is not None and at and text[at - 1].isalnum():
            words.append((_long_form(text, tail), at, tail.end()))  # what follows "once they" in "once they're"
            position = tail.end()
            while text[position : position + 1] == " ":
                position += 1
        while len(words) < limit:
            match = WORD.match(text, position)
            if match is None:
                # "if I don't answer, go ahead": one comma may stand inside a fixed phrase
                if text[position : position + 1] == "," and words:
                    position += 1
                    while text[position : position + 1] == " ":
                        position += 1
                    words.append((",", position, position))
                    continue
                break
            words.append((match.group(), match.start(), match.end()))
            position = match.end()
            while position < len(text) and text[position] in " \t":
                position += 1
            if (
                position < len(text)
                and text[position] == "-"
                and position
                and not text[position - 1].isspace()
                and text[position + 1 : position + 2].isalpha()
            ):
                position += 1
        return words

    def _word(self, text: str, at: int, found: list[Token]) -> list[Token]:
        words = self._words_from(text, at)
        if not words:
            raise Refused((at, at + 1), f'"{text[at]}" has no meaning in a rule', "")
        lowered = tuple(word.lower() for word, _, _ in words)
        if lowered[0] in {"once", "after"} and _begins(found) and re.match(r"\w+\s+(a|an|the)\s", text[at:].lower()):
            return [made("IF", lowered[0], at, words[0][2])]
        if _ONCE_A.match(text, at) is not None:
            return [made("IF", lowered[0], at, words[0][2])]
        if found and found[-1].type in {"QUOTED", "ENT", "ENTLC", "PRON"} and (soon := _AT_ONCE.match(text, at)):
            return [made("AUTO", soon.group().lower(), at, soon.end())]  # a rule says what may run at any time
        if (
            lowered[0] == "slack"
            and re.match(r"slack\s+#", text[at:], re.I)
            and (_begins(found) or found[-1].type in {"PERM", "AUTO", "COMMA", "NEVERDO", "THEN"})
        ):
            return [made("EMAILOBJ", "message", at, words[0][2])]  # "Slack #deals about …"
        if (been := _HAS_BEEN.match(text, at)) is not None:  # "a deal's been sitting in …"
            kind, value = self._vocabulary.phrases[(been.group(1).lower(),)]
            return [made(kind, value, at, been.end())]
        if (stage := _stage_name(text, at, found)) is not None and (
            (stage,) not in self._vocabulary.phrases and (stage,) not in self._vague
        ):
            return [made("QUOTED", stage, at, at + len(stage))]
        if (ends := _ENDS_IN.match(text, at)) is not None:
            kind = "NBE" if ends.group(1) else "PREP" if ends.group(2).lower() == "ending" else "BE"
            return [made(kind, {"NBE": "is not", "PREP": "at", "BE": "is"}[kind], at, ends.end())]
        if (area := _COUNTRIES_OF.match(text, at)) is not None:
            return [made("FACT", ("contact.country", "company.country"), at, area.end())]
        if lowered[0] in _TITLED and not (found and found[-1].type in {"TAGGED", "TAGN", "FACT", "BE", "NBE"}):
            return [made("ENTTITLE", _TITLED[lowered[0]], at, words[0][2])]
        if lowered[0] == "opportunity" and _names_a_lifecycle(found):
            return [made("QUOTED", lowered[0], at, words[0][2])]
        if (match := _REPLIES.match(text, at)) is not None:
            raise Refused(
                match.span(),
                f'"{match.group()}" is a moment, and a rule looks at how things stand when it runs. Say how long '
                "ago it may have happened",
                f"{match.group(1)} replied in the last 24 hours",
            )
        if lowered[0] in {"prospect", "prospects"} and (
            _in_outreach(text, words[0][2], found) or _ENROLS.search(text) is not None
        ):
            return [made("ENT", "contact", at, words[0][2])]
        if (name := _tag_name(text, at, found)) is not None and not self._is_known(text, at, words, name, found):
            return [made("QUOTED", name, at, at + len(name))]
        if (token := self._phrase(text, at, words)) is not None:
            return [token]
        if (owner := _OWNERS.match(text, at)) is not None and (owner.group(1).lower(),) not in self._vocabulary.phrases:
            if _ASSIGNS.search(text) is not None:  # whose they are now, as whose they become is said too
                return [
                    made(
                        "OWNERNAME",
                        owner.group(1),
                        at,
                        text.index("'", at) + (2 if text[owner.end(1) :].startswith("'s") else 1),
                    )
                ]
            raise Refused(
                (at, owner.end()),
                f'"{owner.group(1)}\'s": owned by them, or at that company? Say it after the records, in quotation '
                "marks",
                f'{owner.group(2)} owned by "{owner.group(1)}"',
            )
        full = _in_full(words, text)
        if full != words and (token := self._phrase(text, at, full)) is not None:
            return [token]
        word, start, end = words[0]
        if (
            word in STATE_CODES
            and word in COUNTRY_CODES
            and found
            and found[-1].type in {"PREP", "NPREP", "OR", "COMMA"}
        ):
            country, state = DISPLAY[word], STATE_CODES[word]
            raise Refused(
                (start, end), f'"{word}" is {country} to some and {state} to others; write the country in full', country
            )
        if word in {"US", *COUNTRY_CODES} and len(word) == 2:
            return [made("VAL", (("company.country", word), ("contact.country", word)), start, end)]
        if word.lower() in NUMBER_WORDS:
            return [made("NUM", float(NUMBER_WORDS[word.lower()]), start, end)]
        raise self._unknown(text, word, start, end)

    def _is_known(self, text: str, at: int, words: list[tuple[str, int, int]], name: str, found: list[Token]) -> bool:
        """Is the word, by itself or with those after it, a word of rules, a number or a country?"""
        one = (name.lower(),)
        kind = self._vocabulary.phrases.get(one, ("", None))[0]
        listed = found[-1].type in {"OR", "NOR", "COMMA", "AND"}  # there it could be another condition
        if listed and kind in {"UNSUB", "SUBBED", "CLOSED", "VAL", "ENTLC", "NEW"}:
            raise Refused(
                (at, at + len(name)),
                f'"{name}": one more tag, or another condition? Put each tag in quotation marks, or write '
                f'"that are {name}"',
                f'"{name}"',
            )
        if name.lower().endswith("ly") or name.lower() in _NO_TAG:
            return True
        if listed and _QUALITY.search(name) is not None:
            return True  # "tagged old or unused": one more tag, or what they are?
        if found[-1].type == "TAGN" and (len(found) == 1 or found[-2].type not in _BEFORE_TAG):
            listed = True  # "Tag customers": the verb
        if not listed and (
            kind in _TAG_KINDS or (not kind and self._vague.get(one, ("", ""))[1].startswith(_TAG_REASONS))
        ):
            return False
        try:
            known = self._phrase(text, at, words) is not None
        except Refused:
            return True
        return known or name.lower() in NUMBER_WORDS or name.upper() in COUNTRY_CODES

    def _phrase(self, text: str, at: int, words: list[tuple[str, int, int]]) -> Token | None:
        """The longest phrase that these words begin with. Raises Refused for one that no rule may contain."""
        lowered = tuple(word.lower() for word, _, _ in words)
        for count in range(len(words), 0, -1):
            if "," in lowered[:count]:
                if lowered[count - 1] == ",":
                    continue
                key = tuple(w for w in lowered[:count] if w != ",")
                if key not in self._vocabulary.phrases or self._vocabulary.phrases[key][0] not in _WITH_COMMA:
                    continue
            else:
                key = lowered[:count]
            span = (at, words[count - 1][2])
            said = text[at : span[1]]
            if key in self._vague and key not in self._vocabulary.phrases:
                why, suggestion = self._vague[key]
                if suggestion == 'contacts tagged "partner"':
                    suggestion = f'contacts tagged "{said.lower().removesuffix("s")}"'
                if said.lower() == "me" and re.search(r"\b(tasks?|to-?dos?|reminders?)\b[^.;]* for $", text[:at], re.I):
                    why, suggestion = (
                        "cannot stand here: whom a task is for is not looked at. Leave it out",
                        f"{text[:at].rstrip().removesuffix('for').rstrip()}{text[span[1] :]}",
                    )
                if suggestion == "in the last 7 days" and re.match(r"(for|in) ", said, re.I):
                    suggestion = "for more than 30 days" if said[:3].lower() == "for" else "in 30 days"
                if suggestion == 'tagged "old"':
                    suggestion = f'tagged "{said.lower()}"'
                if suggestion.startswith("in the last ") and _TO_COME.search(text[:at]) is not None:
                    suggestion = suggestion.replace("in the last ", "in the next ")
                if re.search(r"(tagged|tags?|labell?ed|labels?)$", text[:at].rstrip().lower()):
                    why, suggestion = (
                        "is not in quotation marks. A name must be, so that no word of it is taken for anything else",
                        f'"{said}"',
                    )
                raise Refused(span, f'"{said}" {why}', suggestion)
            if key in self._vocabulary.phrases:
                if key == ("us",) and said != "US":
                    break
                kind, value = self._vocabulary.phrases[key]
                if kind == "CONNECTOR" and value == "outreach" and said.islower():
                    kind, value = "EMAILOBJ", None
                if key[0] == "outreach" and count > 1 and said.startswith("Outreach"):
                    continue  # "the Outreach sequence …": the system
                if kind in {"POSTGE", "POSTLE"} and count > 1 and re.match(r"\s*([$€£\d]|than\b)", text[span[1] :]):
                    continue  # "over $10k or over €9k": the comparison of what follows
                plain = " ".join(lowered[:count]) if "'" in said else said.lower()
                return made(kind, plain if value is None else value, *span)
        return None

    def _unknown(self, text: str, word: str, start: int, end: int) -> Refused:
        bare = word.strip("'").lower()
        before = text[:start].rstrip().lower()
        if bare in UNKNOWN_OPERATIONS and (
            not before
            or before[-1] in ".;,-"
            or before.endswith(("auto", "automatically", "and", "please", " to", "may", "can"))
        ):
            known = "enrich, archive, update, tag, assign, move (deals), draft, send, delete"
            return Refused(
                (start, end),
                f'"{word}" is no operation that a rule can cover; the operations are: {known}',
                "Archive contacts …",
            )
        near = get_close_matches(bare, self._vocabulary.words, n=1, cutoff=0.84)
        if near and re.fullmatch(rf"(?:un|dis|de|non){re.escape(near[0])}", bare):
            near = []  # the opposite
        if near and near[0] != bare and (near[0],) in self._vague and (near[0],) not in self._vocabulary.phrases:
            near = []  # what it is close to is no word of rules either
        after = re.match(
            r"\s+(contacts?|deals?|companies|company|leads?|people|customers?|accounts?)\b", text[end:], re.I
        )
        if after is not None and not near and not re.search(r"(tagged|named|by|is|stage|from|in|at)$", before):
            return Refused(
                (start, end),
                f'"{word}" {after.group(1).lower()} are not known as such. If it is a tag, say so',
                "" if word.endswith("ly") else f'{after.group(1)} tagged "{word}"',
            )
        names = re.search(
            r"(tagged|tags?|stage|owned by|owner is|pipeline|assigned to|company is|labell?ed|or|and|to|in|is|at|the)$",
            before,
        )
        if near and near[0] == bare:
            return Refused(
                (start, end),
                f'"{word}" cannot stand here by itself; no phrase of the rule language goes on like this',
                "",
            )
        starts = not before or before[-1] in ".;"
        if near and (word.islower() or starts):
            return Refused(
                (start, end),
                f'"{word}" is not known; did you mean "{near[0]}"? A name goes in quotation marks',
                near[0],
            )
        if word[:1].isupper() and re.search(r"\bat$", before):
            name = _run(text, word, start)
            return Refused(
                (start, start + len(name)),
                f'"{name}" is at which fact? For a company, say that they work there; a name goes in quotation marks',
                f'who work at "{name}"',
            )
        if (
            word[:1].isupper()
            and re.search(r"\b(in|from|or|and)$", before)
            and (re.search(r"\b(in|from)$", before) or area_of(_run(text, word, start)))
        ):
            name = _run(text, word, start)
            if (area := area_of(name)) is not None:
                return Refused(
                    (start, start + len(name)),
                    f'"{name}" is {area}, and what is recorded is the country and the city. Name the countries or the '
                    "cities, or say that it is a tag",
                    f'tagged "{name}"',
                )
            company = re.match(
                r"\s+(?:GmbH|AG|SE|Inc|Ltd|LLC|PLC|Corp|Co|SA|BV|Oy|AB|KG)\b\.?", text[start + len(name) :]
            )
            full = name + (company.group() if company is not None else "")
            if re.search(r"\s(?:GmbH|AG|SE|Inc|Ltd|LLC|PLC|Corp|Co|SA|BV|Oy|AB|KG)\.?$", full):
                return Refused(
                    (start, start + len(full)),
                    f'"{full}" is a company? Say that they work there, with the name in quotation marks',
                    f'who work at "{full}"',
                )
            if name in {"England", "Scotland", "Wales", "Northern Ireland", "Great Britain"}:
                return Refused(
                    (start, start + len(name)),
                    f'"{name}" is a part of the United Kingdom, and what is recorded is the country and the city. Name '
                    "the cities, or say that it is a tag",
                    f'tagged "{name}"',
                )
            return Refused(
                (start, start + len(name)),
                f'"{name}" is no country that is known. For a city, a stage or another name, say which it is and '
                "put it in quotation marks",
                (f'who work at "{name}"' if _COMPANY.search(name) else "")
                if re.search(r"\bfrom$", before)
                else f'whose city is "{name}"',
            )
        owner = re.fullmatch(r"([A-Z]\w+)'s", word)
        if owner is not None and re.search(r"\b(?:except|but not|unless|excluding|other than)$", before):
            return Refused(
                (start, end),
                f'"{word}": owned by them? Say so, with the name as the CRM shows it in quotation marks',
                f'those owned by "{owner.group(1)}"',
            )
        if names or word[:1].isupper():
            name = _run(text, word, start) if word[:1].isupper() else word
            return Refused(
                (start, start + len(name)),
                f'"{name}" is not a word of the rule language; if it is a name, put it in quotation marks',
                f'"{name}"',
            )
        hint = near[0] if near else ""
        return Refused(
            (start, end),
            f'"{word}" is not known, so nothing can be made of it. Rules speak of facts and operations (`coco '
            "guardrail facts` lists them); a name goes in quotation marks",
            hint,
        )


def _run(text: str, word: str, start: int) -> str:
    """The word at `start` with the capitalised words after it: "New York"."""
    match = _CAPITALISED.match(text, start)
    return match.group() if match is not None else word


def _long_form(text: str, short: re.Match[str]) -> str:
    """ "'s" in full: "has" before what only "has" can stand before, else "is"."""
    said = short.group(short.lastindex or 0).strip("'").lower()
    return {"ve": "have", "re": "are"}.get(said) or ("has" if _HAS.match(text, short.end()) else "is")


def _in_full(words: list[tuple[str, int, int]], text: str) -> list[tuple[str, int, int]]:
    """The words with "they've", "who's" and their like written as two."""
    full: list[tuple[str, int, int]] = []
    for word, start, end in words:
        short = _SHORT.match(text, start, end)
        if short is None:
            full.append((word, start, end))
            continue
        middle = short.end(1)
        full += [(short.group(1), start, middle), (_long_form(text, short), middle, end)]
    return full


def _names_a_lifecycle(found: list[Token]) -> bool:
    """Does "whose lifecycle stage is" stand right before?"""
    return (
        len(found) > 1
        and found[-1].type in {"BE", "NBE", "OR"}
        and any(token.type == "FACT" and "contact.lifecycle_stage" in token.value for token in found[-4:])
    )


def _in_outreach(text: str, end: int, found: list[Token]) -> bool:
    """Is a "prospect" the record that Outreach calls so?"""
    named = bool(found) and found[-1].type == "CONNECTOR" and found[-1].value == "outreach"
    return named or re.match(r"\s+(?:in|from|via) Outreach\b", text[end:]) is not None


def _tag_name(text: str, at: int, found: list[Token]) -> str | None:
    """One word where only the name of a tag can stand: "with the beta tag", "with tag beta". None elsewhere."""
    if not found:
        return None
    said = text[found[-1].start_pos or 0 : found[-1].end_pos or 0].lower()
    determined = found[-1].type == "DET" and said in {"the", "a"} and len(found) > 1
    if (determined and found[-2].type in {"WITH", "HAVE", "NHAVE"}) or (
        found[-1].type == "NHAVE" and re.search(r"\b(no|any|a|the)$", said)
    ):
        match = re.compile(r"([^\W\d_][^\W_]*)(?=\s+(?:tag|label)\b)").match(text, at)
    elif found[-1].type in {"TAGGED", "TAGN"} and re.search(
        r"\b(tag|label|tagged|label?led|tagged as|tagged with)$", said
    ):
        match = re.compile(rf"([^\W\d_][^\W_]*(?:-[^\W_]+)*)(?={_TAG_ENDS})", re.I).match(text, at)
    elif found[-1].type in {"OR", "NOR", "COMMA"} and _bare_tag(text, found[:-1]):
        match = re.compile(rf"([^\W\d_][^\W_]*(?:-[^\W_]+)*)(?={_TAG_ENDS})").match(text, at)
    else:
        return None
    return match.group(1) if match is not None else None


def _stage_name(text: str, at: int, found: list[Token]) -> str | None:
    """One word in small letters between "the" and "stage" or "pipeline": "at the offer stage"."""
    if not found or found[-1].type != "DET" or str(found[-1].value) != "the":
        return None
    match = re.compile(r"([a-z][a-z]+)(?= (?:stage|pipeline)\b)").match(text, at)
    return match.group(1) if match is not None and match.group(1) not in _ORDINALS else None


def _bare_tag(text: str, found: list[Token]) -> bool:
    """Do these tokens end with a list of tags without quotation marks?"""
    while found and found[-1].type == "QUOTED" and text[found[-1].start_pos or 0] not in _QUOTES:
        found = found[:-1]
        if found and found[-1].type in {"TAGGED", "TAGN"}:
            return True
        if not found or found[-1].type not in {"OR", "COMMA", "AND"}:
            return False
        found = found[:-1]
    return False


def _begins(found: list[Token]) -> bool:
    """Does a statement begin after these tokens?"""
    return not found or found[-1].type == "STOP"
