"""Style features of a customer's turns: name, self-disclosure, traits (English patterns)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gsim_env.util.text import split_sentences

__all__ = ["Speech", "find_name", "self_disclosure", "statements"]

NAME = r"(?P<name>[A-Z][a-z]+(?:['-][A-Z][a-z]+)?(?:(?: [A-Z]\.?)? [A-Z][a-z]+){0,2})"
END = r"(?=\s*(?:[.,;!)]|$)|\s+(?:from|here|speaking|calling|by the way)\b)"
HELLO = (
    r"^(?:(?:[Hh]ello|[Hh]i|[Hh]ey|[Yy]es|[Yy]eah|[Gg]ood (?:morning|afternoon|evening))[,.!]? )?"
)
INTRODUCTIONS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b[Mm]y name(?:'s| is) {NAME}(?:{END}|(?=\s+and\b))",
        rf"\b[Mm]y name(?:'s| is) (?P<name>[a-z]{{2,15}}){END}",
        # Not before "and": "I am American and feel it".
        rf"\b(?:[Ii]'m|[Ii] am|[Cc]all me) {NAME}{END}",
        rf"{HELLO}[Tt]his is {NAME}{END}",
    )
)
NOT_A_NAME = """
    absolutely afraid alone already also always available aware away back bored broke busy calm
    certain cold concerned confidential confused curious dead deaf desperate disabled divorced done
    early employed excited fair fine free full glad good great grateful happy hard here hidden home
    honest hot hungry ill important in interested irrelevant just kind late lost mad married maybe
    mine new nice no nobody none not nothing okay old on out over please pleased poor private quite
    ready really retired rich right sad scared secret serious sick single so sorry special still
    stressed stuck sure surprised terrible thankful that the there tired too unemployed unimportant
    unknown unsure upset usually very well widowed worried wrong yes yours
    african asian atheist black buddhist catholic christian conservative democrat dutch european
    greek hindu hispanic italian indian jewish latina latino liberal libertarian mormon muslim
    republican russian vegan vegetarian white
    amazon america english google god mechanical mom mum dad turk
    monday tuesday wednesday thursday friday saturday sunday january february march april june july
    august september october november december christmas easter
"""
"""Words that follow "I'm" or "my name is" without being a name.

Names that are also one of these words (April, Christian) are missed.
"""
NOT_NAMES = frozenset(NOT_A_NAME.split())
ADJECTIVE = re.compile(r"(?:ish|ese|ican|[^aeiou]ing|ful|ous|able|less|lly)$")

FACT_WORDS = range(4, 21)
"""Words of a sentence that can be a fact of a profile."""

FIRST_PERSON = re.compile(r"\b(?:I|my|mine|we|our|ours)\b", re.IGNORECASE)
LEAD = (
    r"^(?:(?:well|ok|okay|yes|yeah|no|so|but|and|oh|hi|hello|sure|right|actually|maybe|possibly"
    r"|sorry)[,.]?\s+)*"
)
TALK = re.compile(
    LEAD + r"(?:thank|let (?:me|us)\b"
    r"|(?:i am|i'm) (?:\w+ )?(?:fine|good|great|well|ok|okay|sure|sorry|glad|happy|afraid"
    r"|interested|listening|here|doing)\b"
    r"|(?:i|we)(?:'d|'ll)\b"
    r"|(?:i|we) (?:(?:can|could|do|did|would) not |(?:do|ca|did|wo)n'?t "
    r"|just |really |totally |completely |also )?(?:think|guess|agree|see|understand|hope|wish"
    r"|mean|suppose|know|believe|would|will|can|could|might|may|should|appreciate|thank|said|say"
    r"|hear|get it|got it|feel)\b)"
    r"|\bi(?:'m| am) (?:glad|sorry)\b"
    r"|\b(?:i|we)(?:'d|'ll| would| will| want| hope| imagine"
    r"|(?: just)? (?:do not|don'?t) think)\b",
    re.IGNORECASE,
)
"""First-person moves of the conversation: opinions about the call, not facts about the speaker."""

LIFE = re.compile(
    r"\b(?:i|we)(?:'m|'ve|'re"
    r"| (?:am|are|was|were|have|had|work|live|own|run|keep|make|sell|did|used|always|never|usually|"
    r"already|only|once|often|donate|give)\b)"
    r"|\b(?:my|our) [a-z]",
    re.IGNORECASE,
)
"""First-person statements about what the speaker is, has or does."""

POLITE = re.compile(
    r"\b(?:please|thank(?:s| you)|sorry|pardon|excuse me|appreciate)\b", re.IGNORECASE
)
HESITANT = re.compile(
    r"\b(?:u+m+|u+h+|er+m?|hm+|maybe|perhaps|possibly|i (?:guess|suppose)|not (?:\w+ )?sure"
    r"|don'?t know)\b|\.\.\.|…",
    re.IGNORECASE,
)
CURT = 8.0
TALKATIVE = 18.0
"""Mean words per turn: below ``CURT``, and from ``TALKATIVE`` on.

These and the following bounds are about the outer fifths of PersuasionForGood's 814 persuadees: 8.3
and 17.7 words, shares of turns 0.5 (questions), 0.18 (polite), 0.2 (exclamation marks); for
hesitation the outer tenth (0.2).
"""

ASKING = 0.5
POLITENESS = 0.2
EXCLAIMING = 0.2
HESITATING = 0.2
"""Shares of turns from which a trait is named."""

SHORT_TURN = 5
"""Words."""


def statements(text: str) -> list[str]:
    """Return the sentences of a text without their full stops, to be quoted in a prompt."""
    stripped = [sentence.rstrip(" .。") for sentence in split_sentences(text)]
    return [sentence for sentence in stripped if sentence]


def find_name(turns: Sequence[str]) -> str | None:
    """Return the name the speaker introduces themselves with, or ``None``.

    Favors precision over recall.
    """
    for text in turns:
        for pattern in INTRODUCTIONS:
            for match in pattern.finditer(text):
                name: str = match["name"]
                if _is_name(name):
                    return name.title() if name.islower() else name
    return None


def _is_name(text: str) -> bool:
    words = text.lower().split()
    return not NOT_NAMES.intersection(words) and not ADJECTIVE.search(words[0])


def self_disclosure(sentence: str) -> int:
    """Return how much a sentence tells about its speaker.

    Returns:
        0 if nothing (a question, a move of the conversation, no first person, fewer than 4 or more
        than 20 words), 1 if possibly something, 2 if what they are, have or do.
    """
    if "?" in sentence or len(sentence.split()) not in FACT_WORDS:
        return 0
    if TALK.search(sentence) or not FIRST_PERSON.search(sentence):
        return 0
    return 2 if LIFE.search(sentence) else 1


@dataclass(frozen=True, slots=True)
class Speech:
    """How a customer speaks: statistics over their turns.

    Attributes:
        words: Mean words per turn.
        short: Share of turns of five words or fewer, in [0, 1], like all following.
        asking: Share of turns with a question mark.
        exclaiming: Share of turns with an exclamation mark.
        polite: Share of turns that thank, ask politely or apologize.
        hesitant: Share of turns with a filler, a "maybe", an unfinished sentence.
        lower_case: Share of turns that begin in lower case.
        unstopped: Share of turns that end without a punctuation mark.
    """

    words: float
    short: float
    asking: float
    exclaiming: float
    polite: float
    hesitant: float
    lower_case: float
    unstopped: float

    @classmethod
    def of(cls, turns: Sequence[str]) -> "Speech":
        """Compute the statistics of turns; there must be at least one."""
        lengths = [len(text.split()) for text in turns]

        def share(test: Callable[[str], object]) -> float:
            return sum(bool(test(text)) for text in turns) / len(turns)

        return cls(
            words=sum(lengths) / len(turns),
            short=sum(length <= SHORT_TURN for length in lengths) / len(turns),
            asking=share(lambda text: "?" in text),
            exclaiming=share(lambda text: "!" in text),
            polite=share(POLITE.search),
            hesitant=share(HESITANT.search),
            lower_case=share(lambda text: text[:1].islower()),
            unstopped=share(lambda text: text[-1:].isalnum()),
        )

    @property
    def traits(self) -> tuple[str, ...]:
        """Traits that stand out, in adjectives; ``("matter-of-fact",)`` if none does."""
        traits = {
            "curt": self.words < CURT,
            "talkative": self.words >= TALKATIVE,
            "full of questions": self.asking >= ASKING,
            "polite": self.polite >= POLITENESS,
            "enthusiastic": self.exclaiming >= EXCLAIMING,
            "hesitant": self.hesitant >= HESITATING,
        }
        return tuple(name for name, applies in traits.items() if applies) or ("matter-of-fact",)

    @property
    def style(self) -> str:
        """The statistics as one clause of a prompt."""
        parts = [
            f"about {max(round(self.words), 1)} words a turn",
            f"{self.short:.0%} of turns {SHORT_TURN} words or fewer",
            f"a question in {self.asking:.0%}",
        ]
        habits = {
            "exclamation marks": self.exclaiming >= EXCLAIMING,
            "begins in lower case": self.lower_case >= 0.5,
            "leaves out the full stop": self.unstopped >= 0.5,
        }
        return ", ".join(parts + [habit for habit, applies in habits.items() if applies])
