"""Masking of personal data: contact details and account numbers become placeholders.

Telephone numbers are found by ``phonenumbers`` and by patterns, everything else by patterns;
``python-stdnum`` finds where an IBAN ends. Card numbers and IBANs with wrong check digits are
masked as well, because callers misspeak. Prices, times, years and counts are kept. Names are not
masked.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from gsim_env.dialogue import Dialogue
from gsim_env.util.extras import import_optional_module

__all__ = ["mask", "mask_dialogue"]

# re.ASCII: in Chinese text a number has letters on both sides without a space.
FLAGS = re.ASCII | re.VERBOSE
IGNORE_CASE = FLAGS | re.IGNORECASE
START = r"(?<![\w.,:/#$€£¥₹+-]) (?<![$€£¥₹][ ])"
END = r"(?! \w | % | [.,:/-]\d )"
NUMBER_STARTS = re.compile(START, FLAGS)
NUMBER_ENDS = re.compile(END, FLAGS)

URL = re.compile(
    r"""(?:https?://|\bwww\.) [\w.~:/?#\[\]@!$&'()*+,;=%-]* [\w/=&#%~+-]
    | (?<![\w@.-]) (?:[a-z0-9][a-z0-9-]{0,62}\.){1,4}
      (?:com|org|net|edu|gov|io|info|biz|co\.uk|org\.uk|com\.au|com\.cn)
      (?![\w@-]|\.\w) (?:/[\w.~:/?#@!$&'()*+,;=%-]*[\w/=&#%~+-])?""",
    IGNORE_CASE,
)
EMAIL = re.compile(
    r"(?<![\w.+%-]) [\w.+%-]{1,64} @ (?:[a-z0-9-]{1,63}\.){1,8} [a-z]{2,24} (?![\w@-])",
    IGNORE_CASE,
)
IPV4 = re.compile(
    r"""(?<![\w.]) (?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3} (?:25[0-5]|2[0-4]\d|1?\d?\d)
    (?! \w | \.\d )""",
    FLAGS,
)
IPV6 = re.compile(r"(?<![\w:.]) (?:[0-9A-Fa-f]{0,4}:){2,7} [0-9A-Fa-f]{0,4} (?![\w:])", FLAGS)

IBAN = re.compile(r"\b [A-Z]{2}\d{2} (?:[ ]?[A-Z0-9]{4}){2,7} (?:[ ]?[A-Z0-9]{1,3})? \b", FLAGS)
"""Candidates; capitals may follow the number."""

ACCOUNT = re.compile(
    START
    + r"""(?: \d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7} | \d{4}[ -]\d{6}[ -]\d{5}  # cards
    | \d{13,19} | \d{3}-\d{2}-\d{4} )"""  # accounts, social security numbers
    + END,
    FLAGS,
)

UNASSIGNED_PHONE = re.compile(
    START
    + r"""(?: \d{7,12}
    | \+\d{1,3} (?:[ ./-]?\(?\d{1,5}\)?) (?:[ ./-]?\d{2,8}){1,4}  # with country code
    | \(?0\d{1,4}\)? (?:[ .-]?\d{2,8}){1,4} | 0\d{2,4}/\d{4,8}  # with trunk prefix: 03-1234-5678
    | (?:1[ .-]?)? (?: \(\d{3}\)[ ]? | \d{3}[ .-] ) \d{3}[ .-]\d{4} | 1\d{2}[ -]\d{4}[ -]\d{4} )"""
    + END,
    FLAGS,
)
"""Numbers with the form of a telephone number that no country in ``COUNTRIES`` assigns."""

LABELED_ACCOUNT = re.compile(
    r"""(?P<label> \b (?:account|acct|card|routing|policy|sort[ ]code)
    (?:[ ](?:number|no\.?|is|code))* [ :#]{1,3}) \d (?:[ -]?\d){5,18}"""
    + END,
    IGNORE_CASE,
)
"""A number with a word that says that it is an account."""

LABELED_PHONE = re.compile(
    r"""(?P<label> \b (?:phone|telephone|tel|mobile|cell|fax|whatsapp|call|ring|text|dial|reach
      |my[ ]number)
    (?:[ ](?:number|no\.?|me|us|him|her|them|is|was|at|on|under|my))* [ .:]{1,3} )
    \+? \(?\d (?:[ ().-]{0,2}\d){6,14}"""
    + END,
    IGNORE_CASE,
)
"""A number with a word that says that it is a telephone number."""

ADDRESS = re.compile(
    r"""(?<![\w$€£.,:/-]) (?P<number>\d{1,5})[A-Za-z]? (?:-\d{1,4})? [ ]
    (?:(?:[NSEW]|North|South|East|West)\.?[ ])?
    (?:(?:St\. | [A-ZÀ-Þ][A-Za-zÀ-ÿ'\u2019-]* | \d{1,3}(?:st|nd|rd|th))[ ]){1,3}
    (?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Square|Sq
      |Terrace|Way|Close|Crescent|Highway|Hwy|Parkway|Pkwy|Mews|Gardens|Grove|Quay) \b
    (?:[ ](?:[NSEW]{1,2}|North|South|East|West)\b)?
    (?:(?:,|[ ]-)?[ ](?:Apt|Apartment|Suite|Unit|Flat)\.?[ ]\#?\w+)?""",
    FLAGS,
)

SUSPECT = re.compile(r"[\d@] | \.\w | ://", FLAGS)
"""Every masked text contains one of these; texts without any are not examined further."""

MIN_IBAN_DIGITS = 10
MIN_PHONE_DIGITS = 7
COUNTRIES = ("GB", "IE", "AU", "NZ", "IN", "CN", "DE", "FR", "ES", "IT")
"""Countries with national telephone numbers that are masked without a country code.

The United States and Canada are handled separately: their fictional numbers (555) count, too.
"""

LOCAL_US_NUMBER = re.compile(r"[2-9]\d{2}-\d{4}", re.ASCII)

MAX_CANDIDATES = 1000
"""Candidates of telephone numbers per text; bounds the time for texts that are full of digits."""

COUNTED = re.compile(
    r"""\s? (?: [%] | (?:percent|dollars?|usd|euros?|eur|pounds?|gbp|bucks|cents?|yuan|rmb|rupees?
    |orders?|customers?|people|users?|units?|items?|views?|meals?|stores?|restaurants?
    |a[ ](?:day|week|month|year)) \b )""",
    IGNORE_CASE,
)
"""What follows a number that is an amount."""

DATE = re.compile(
    r"""\d{1,2}\D\d{1,2}\D(?:19|20)\d{2} | (?:19|20)\d{2}\D\d{1,2}\D\d{1,2}
    | (?:19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d""",
    FLAGS,
)
HOURS = re.compile(r"(?:[01]\d|2[0-4])[0-5]\d-(?:[01]\d|2[0-4])[0-5]\d", FLAGS)
YEAR = re.compile(r"(?:19|20)\d{2}", FLAGS)
BEFORE_YEAR = re.compile(r"\b(?:in|since|by|during|until|of|after|before|for)[ ]$", IGNORE_CASE)


def mask(text: str) -> tuple[str, Counter[str]]:
    """Replace personal data by placeholders.

    Returns:
        The text, and the number of placeholders by kind: EMAIL, PHONE, URL, ACCOUNT, IP, ADDRESS.
    """
    counts: Counter[str] = Counter()
    if not SUSPECT.search(text):
        return text, counts

    for rule in RULES:
        text, count = rule.apply(text)
        if count:
            counts[rule.name] += count
    return text, counts


def mask_dialogue(dialogue: Dialogue) -> tuple[Dialogue, Counter[str]]:
    """Mask the turns and attributes of a dialogue, but not its id.

    Returns:
        The dialogue, and the number of placeholders by kind.
    """
    total: Counter[str] = Counter()

    def masked(text: str) -> str:
        clean, counts = mask(text)
        total.update(counts)
        return clean

    turns = tuple(turn.model_copy(update={"text": masked(turn.text)}) for turn in dialogue.turns)
    attributes = {name: masked(value) for name, value in dialogue.attributes.items()}
    return dialogue.model_copy(update={"turns": turns, "attributes": attributes}), total


def _always(_: re.Match[str]) -> bool:
    return True


@dataclass(frozen=True)
class PatternRule:
    """Masks what a pattern matches, if a check confirms it.

    Attributes:
        name: The placeholder.
        pattern: Matches candidates; its group ``label``, if any, is kept.
        check: Whether a candidate is personal data.
    """

    name: str
    pattern: re.Pattern[str]
    check: Callable[[re.Match[str]], bool] = _always

    def apply(self, text: str) -> tuple[str, int]:
        """Return the masked text and the number of placeholders."""
        count = 0

        def replace(match: re.Match[str]) -> str:
            nonlocal count
            if not self.check(match):
                return match[0]
            count += 1
            return f"{match.groupdict().get('label', '')}[{self.name}]"

        return self.pattern.sub(replace, text), count


class IbanRule:
    """Masks IBANs, but not what follows them."""

    name = "ACCOUNT"

    def apply(self, text: str) -> tuple[str, int]:
        """Return the masked text and the number of placeholders."""
        count = 0

        def replace(match: re.Match[str]) -> str:
            nonlocal count
            end = _iban_length(match[0])
            count += end > 0
            return f"[{self.name}]{match[0][end:]}" if end else match[0]

        return IBAN.sub(replace, text), count


class PhoneRule:
    """Masks telephone numbers that ``phonenumbers`` finds."""

    name = "PHONE"

    def apply(self, text: str) -> tuple[str, int]:
        """Return the masked text and the number of placeholders."""
        count = 0
        for country in (None, "US", *COUNTRIES):
            # Neighboring numbers may be found only after the others are masked.
            while spans := _phone_spans(text, country):
                count += len(spans)
                for start, end in reversed(spans):
                    text = f"{text[:start]}[{self.name}]{text[end:]}"
        return text, count


def _phone_spans(text: str, country: str | None) -> list[tuple[int, int]]:
    """Return where telephone numbers are; without a country, those with a country code."""
    if sum(character.isdigit() for character in text) < MIN_PHONE_DIGITS:
        return []

    phonenumbers = import_optional_module("phonenumbers", "corpus")
    leniency = phonenumbers.Leniency.VALID
    if country in (None, "US"):
        leniency = phonenumbers.Leniency.POSSIBLE
    matches = phonenumbers.PhoneNumberMatcher(text, country, leniency, MAX_CANDIDATES)
    return [(match.start, match.end) for match in matches if _is_phone(text, match, country)]


def _is_phone(text: str, match: Any, country: str | None) -> bool:
    """Return whether a match is a telephone number rather than an amount, a date or a range."""
    number: str = match.raw_string
    if not number.startswith("+") and not NUMBER_STARTS.match(text, match.start):
        return False
    if not NUMBER_ENDS.match(text, match.end):
        return False

    digits = len(str(match.number.national_number))
    if country == "US" and digits != 10 and not LOCAL_US_NUMBER.fullmatch(number):
        return False
    return number.startswith("+") or _is_plausible_phone(number, text, match.end)


def _is_plausible_phone(number: str, text: str, end: int) -> bool:
    """Return whether a number is long enough, and not round, a range or an amount."""
    groups = re.findall(r"\d+", number)
    min_digits = 9 if groups[0].startswith("0") else MIN_PHONE_DIGITS
    if sum(map(len, groups)) < min_digits:
        return False
    return not (_is_round(groups) or _is_amount(number, text, end))


def _is_round(groups: list[str]) -> bool:
    """Return whether a number is round, or a range with a round end such as 500-1000."""
    size = sum(map(len, groups))
    last = groups[-1]
    if len(groups) == 1:
        return int(last) % (1000 if size < 9 else 10000) == 0
    return len(groups) == 2 and size == 7 and int(last) % 50 == 0 and not last.startswith("0")


def _is_amount(number: str, text: str, end: int) -> bool:
    """Return whether a number is a date, hours, years, or counts something."""
    return bool(
        DATE.fullmatch(number)
        or HOURS.fullmatch(number)
        or COUNTED.match(text, end)
        or all(YEAR.fullmatch(group) for group in re.findall(r"\d+", number))
    )


def _is_unassigned_phone(match: re.Match[str]) -> bool:
    return _is_plausible_phone(match[0], match.string, match.end())


def _is_labeled_phone(match: re.Match[str]) -> bool:
    number = match[0].removeprefix(match["label"])
    return not _is_amount(number, match.string, match.end())


def _is_ipv6(match: re.Match[str]) -> bool:
    try:
        IPv6Address(match[0])
    except ValueError:
        return False
    return any(character.isdigit() for character in match[0])


def _iban_length(text: str) -> int:
    """Return the length of the longest valid IBAN at the beginning of a text.

    Without valid check digits: the length of the text if it has enough digits, else 0.
    """
    iban = import_optional_module("stdnum.iban", "corpus")
    for word in reversed(list(re.finditer(r"\w+", text))):
        if iban.is_valid(text[: word.end()]):
            return word.end()
    return len(text) if sum(map(str.isdigit, text)) >= MIN_IBAN_DIGITS else 0


def _is_account(match: re.Match[str]) -> bool:
    """Return whether a number is not a list of years."""
    return not all(YEAR.fullmatch(group) for group in re.findall(r"\d+", match[0]))


def _is_address(match: re.Match[str]) -> bool:
    """Return whether the number is not a year: "in 2018 Wall Street fell" has no address."""
    if not YEAR.fullmatch(match["number"]):
        return True
    return BEFORE_YEAR.search(match.string, 0, match.start()) is None


RULES = (
    PatternRule("URL", URL),
    PatternRule("EMAIL", EMAIL),
    PatternRule("IP", IPV4),
    PatternRule("IP", IPV6, _is_ipv6),
    IbanRule(),
    PatternRule("ACCOUNT", ACCOUNT, _is_account),
    PatternRule("ACCOUNT", LABELED_ACCOUNT),
    PhoneRule(),
    PatternRule("PHONE", UNASSIGNED_PHONE, _is_unassigned_phone),
    PatternRule("PHONE", LABELED_PHONE, _is_labeled_phone),
    PatternRule("ADDRESS", ADDRESS, _is_address),
)
"""In the order of application: a kind that may contain the form of another comes first."""
