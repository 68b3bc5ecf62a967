"""What a customer's own words show by patterns and counts.

The name, sentences about himself, how he speaks. English.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Speech", "find_name", "sentences", "statements", "tells_of_self"]

SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")

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
        rf"\b(?:[Ii]'m|[Ii] am|[Cc]all me) {NAME}{END}",  # not before "and": "I am American and feel it"
        rf"{HELLO}[Tt]his is {NAME}{END}",
    )
)
NOT_A_NAME = """
    absolutely afraid alone already also always available aware away back bored broke busy calm certain cold concerned
    confidential confused curious dead deaf desperate disabled divorced done early employed excited fair fine free full glad
    good great grateful happy hard here hidden home honest hot hungry ill important in interested irrelevant just kind late
    lost mad married maybe mine new nice no nobody none not nothing okay old on out over please pleased poor private quite
    ready really retired rich right sad scared secret serious sick single so sorry special still stressed stuck sure
    surprised terrible thankful that the there tired too unemployed unimportant unknown unsure upset usually very well
    widowed worried wrong yes yours
    african asian atheist black buddhist catholic christian conservative democrat dutch european greek hindu hispanic italian
    indian jewish latina latino liberal libertarian mormon muslim republican russian vegan vegetarian white
    amazon america english google god mechanical mom mum dad turk
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october
    november december christmas easter
"""
"""What follows "I'm" or "my name is" without being a name.

A name that is also one of these (April, Christian) is missed.
"""
NOT_NAMES = frozenset(NOT_A_NAME.split())
ADJECTIVE = re.compile(r"(?:ish|ese|ican|[^aeiou]ing|ful|ous|able|less|lly)$")

FACT_WORDS = range(4, 21)
FIRST_PERSON = re.compile(r"\b(?:I|my|mine|we|our|ours)\b", re.IGNORECASE)
LEAD = r"^(?:(?:well|ok|okay|yes|yeah|no|so|but|and|oh|hi|hello|sure|right|actually|maybe|possibly|sorry)[,.]?\s+)*"
TALK = re.compile(
    LEAD
    + r"(?:thank|let (?:me|us)\b|(?:i am|i'm) (?:\w+ )?(?:fine|good|great|well|ok|okay|sure|sorry|glad|happy|afraid|"
    r"interested|listening|here|doing)\b|(?:i|we)(?:'d|'ll)\b|(?:i|we) (?:(?:can|could|do|did|would) not |(?:do|ca|did|wo)n'?t "
    r"|just |really |totally |completely |also )?(?:think|guess|agree|see|understand|hope|wish|mean|suppose|know|believe|would"
    r"|will|can|could|might|may|should|appreciate|thank|said|say|hear|get it|got it|feel)\b)"
    r"|\bi(?:'m| am) (?:glad|sorry)\b"
    r"|\b(?:i|we)(?:'d|'ll| would| will| want| hope| imagine|(?: just)? (?:do not|don'?t) think)\b",
    re.IGNORECASE,
)
"""A move of the conversation in the first person.

It says what the customer thinks of the call, not who he is.
"""
LIFE = re.compile(
    r"\b(?:i|we)(?:'m|'ve|'re| (?:am|are|was|were|have|had|work|live|own|run|keep|make|sell|did|used|always|never|usually|"
    r"already|only|once|often|donate|give)\b)|\b(?:my|our) [a-z]",
    re.IGNORECASE,
)

POLITE = re.compile(
    r"\b(?:please|thank(?:s| you)|sorry|pardon|excuse me|appreciate)\b", re.IGNORECASE
)
HESITANT = re.compile(
    r"\b(?:u+m+|u+h+|er+m?|hm+|maybe|perhaps|possibly|i (?:guess|suppose)|not (?:\w+ )?sure|don'?t know)\b|\.\.\.|…",
    re.IGNORECASE,
)
CURT, TALKATIVE = 8.0, 18.0
ASKING, POLITENESS, EXCLAIMING, HESITATING = 0.5, 0.2, 0.2, 0.2
"""Traits begin at about the outer fifths of PersuasionForGood's 814 persuadees: mean words a turn
(8.3 and 17.7), and the share of turns that ask (0.5), are polite (0.18), have an exclamation mark
(0.2); its outer tenth for hesitation (0.2)."""
SHORT = 5


def sentences(text: str) -> list[str]:
    """Return the sentences of ``text``, each a span of it."""
    return [sentence for sentence in SENTENCE_END.split(text.strip()) if sentence]


def statements(text: str) -> list[str]:
    """Return the sentences of ``text`` without their full stops.

    They are put into sentences of a prompt.
    """
    return [stated for sentence in sentences(text) if (stated := sentence.rstrip(" .。"))]


def find_name(turns: Sequence[str]) -> str | None:
    """Return the name by which somebody introduces himself, or ``None``.

    Rather none than a wrong one.
    """
    for text in turns:
        for pattern in INTRODUCTIONS:
            for match in pattern.finditer(text):
                name: str = match["name"]
                words = name.lower().split()
                if not NOT_NAMES.intersection(words) and not ADJECTIVE.search(words[0]):
                    return name.title() if name.islower() else name
    return None


def tells_of_self(sentence: str) -> int:
    """Return how much a sentence tells about its speaker.

    Returns:
        0 if it does not (a question, a move of the conversation, no first person, under 4 or over
        20 words), 1 if it may, 2 if it speaks of what he is, has or does.
    """
    if "?" in sentence or len(sentence.split()) not in FACT_WORDS:
        return 0
    if TALK.search(sentence) or not FIRST_PERSON.search(sentence):
        return 0
    return 2 if LIFE.search(sentence) else 1


@dataclass(frozen=True, slots=True)
class Speech:
    """How somebody speaks: figures over his turns, shares between 0 and 1.

    Attributes:
        words: Mean words a turn.
        short: Turns of five words or fewer.
        asking: Turns with a question mark.
        exclaiming: Turns with an exclamation mark.
        polite: Turns that thank, ask politely or apologize.
        hesitant: Turns with a filler, a "maybe", an unfinished sentence.
        lower_case: Turns that begin in lower case.
        unstopped: Turns that end without a punctuation mark.
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
        """Count."""
        lengths = [len(text.split()) for text in turns]
        return cls(
            words=sum(lengths) / len(turns),
            short=sum(length <= SHORT for length in lengths) / len(turns),
            asking=sum("?" in text for text in turns) / len(turns),
            exclaiming=sum("!" in text for text in turns) / len(turns),
            polite=sum(bool(POLITE.search(text)) for text in turns) / len(turns),
            hesitant=sum(bool(HESITANT.search(text)) for text in turns) / len(turns),
            lower_case=sum(text[:1].islower() for text in turns) / len(turns),
            unstopped=sum(text[-1:].isalnum() for text in turns) / len(turns),
        )

    @property
    def traits(self) -> tuple[str, ...]:
        """What stands out, in adjectives; ``("matter-of-fact",)`` if nothing does."""
        found = {
            "curt": self.words < CURT,
            "talkative": self.words >= TALKATIVE,
            "full of questions": self.asking >= ASKING,
            "polite": self.polite >= POLITENESS,
            "enthusiastic": self.exclaiming >= EXCLAIMING,
            "hesitant": self.hesitant >= HESITATING,
        }
        return tuple(name for name, holds in found.items() if holds) or ("matter-of-fact",)

    @property
    def style(self) -> str:
        """The figures as one clause."""
        parts = [
            f"about {max(round(self.words), 1)} words a turn",
            f"{self.short:.0%} of turns {SHORT} words or fewer",
            f"a question in {self.asking:.0%}",
        ]
        habits = {
            "exclamation marks": self.exclaiming >= EXCLAIMING,
            "begins in lower case": self.lower_case >= 0.5,
            "leaves out the full stop": self.unstopped >= 0.5,
        }
        return ", ".join(parts + [habit for habit, holds in habits.items() if holds])
