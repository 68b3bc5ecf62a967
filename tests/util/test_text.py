"""Words, sentences and lengths."""

import pytest

from gsim_env.util import text


def test_words_are_lower_case_without_punctuation():
    assert text.split_words("Don't! It\u2019s 5 p.m., O.K.?") == [
        "don't",
        "it\u2019s",
        "5",
        "p",
        "m",
        "o",
        "k",
    ]
    assert text.split_words("...") == []


def test_sentences_keep_their_punctuation():
    assert text.split_sentences(" Well... no! Why?  Because\u2026 of it") == [
        "Well...",
        "no!",
        "Why?",
        "Because\u2026",
        "of it",
    ]
    assert text.split_sentences("  ") == []


@pytest.mark.parametrize(
    ("sample", "language", "length"),
    [
        ("It is 5 p.m. ", "en", 4),
        ("Grüezi mitenand", "de-CH", 2),
        ("你好 吗", "zh-Hant", 3),
        ("你好 吗", "en", 2),
        ("", "ja", 0),
    ],
)
def test_lengths_by_language(sample, language, length):
    assert text.count_words(sample, language) == length


def test_ngrams():
    assert text.ngrams(["a", "b", "c"], 2) == [("a", "b"), ("b", "c")]
    assert text.ngrams(["a"], 2) == []


def test_distinct_n_over_a_budget():
    turns = ["a b a b", "A B"]
    assert text.distinct_n(turns, 2) == 2 / 4
    assert text.distinct_n(turns, 2, budget=2) == 1.0
    assert text.distinct_n(turns, 1) == 2 / 6
    assert text.distinct_n(["one"], 2) == 0.0


def test_n_grams_do_not_cross_turns():
    assert text.distinct_n(["a", "b"], 2) == 0.0


def test_normalize():
    assert text.normalize_for_comparison("  Straße\n A ") == "strasse a"
