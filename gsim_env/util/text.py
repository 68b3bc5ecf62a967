"""Words, sentences, n-grams and lengths of texts: one definition for the whole package."""

import re
from collections.abc import Iterable, Sequence

__all__ = [
    "count_words",
    "distinct_n",
    "ngrams",
    "normalize_for_comparison",
    "split_sentences",
    "split_words",
]

WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
SENTENCE_END = re.compile(r"(?<=[.!?\u2026])\s+")

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "km", "my"})
"""Languages written without spaces between words; their unit of length is the character."""


def split_words(text: str) -> list[str]:
    """Return a text's words in lower case, without punctuation: ``Don't!`` is ``["don't"]``."""
    return WORD.findall(text.lower())


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, each with its final punctuation."""
    return [sentence for sentence in SENTENCE_END.split(text.strip()) if sentence]


def count_words(text: str, language: str = "en") -> int:
    """Return the number of words of a text, or of characters in languages without spaces.

    Args:
        text: Any text.
        language: A BCP 47 tag. Chinese, Japanese, Thai, Lao, Khmer and Burmese count characters
            other than white space; all other languages count words separated by white space.
    """
    chunks = text.split()
    if language.partition("-")[0].lower() in UNSPACED_LANGUAGES:
        return sum(map(len, chunks))
    return len(chunks)


def ngrams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Return the n-grams of a sequence of tokens, in order."""
    return [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]


def distinct_n(texts: Iterable[str], n: int, budget: int | None = None) -> float:
    """Return distinct-n (Li et al. 2016): distinct n-grams divided by all n-grams, in [0, 1].

    It falls with the amount of text: use an equal ``budget`` for all texts that are compared.

    Args:
        texts: Turns; their n-grams are pooled.
        n: Words per n-gram.
        budget: Use the first ``budget`` n-grams only; ``None`` for all.

    Returns:
        The share; 0 without n-grams.
    """
    pooled: list[tuple[str, ...]] = []
    for text in texts:
        pooled += ngrams(split_words(text), n)
    pooled = pooled[:budget]
    return len(set(pooled)) / len(pooled) if pooled else 0.0


def normalize_for_comparison(text: str) -> str:
    """Return a text case folded and with single spaces, for comparison with other texts."""
    return " ".join(text.casefold().split())
