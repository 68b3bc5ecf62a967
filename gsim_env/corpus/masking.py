"""Personal data out of texts.

What identifies somebody by its form alone is replaced by a placeholder, and counted.

Names are not found: only forms are looked at. Precision comes first, for a masked price or time is
a lost fact: a number is a telephone number only in a form that telephone numbers have, or where a
word such as "call" or "mobile" says so.
"""

import re
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address

from gsim_env.dialogue import Dialogue

__all__ = ["mask", "mask_dialogue"]

# re.ASCII: in Chinese text a number stands between letters without a space, and has to be found there, too.
FLAGS = re.ASCII | re.VERBOSE
START = r"(?<![\w.,:/#$€£¥₹+-]) (?<![$€£¥₹][ ])"
END = r"(?! \w | % | [.,:/-]\d )"

URL = re.compile(
    r"""(?:https?://|\bwww\.) [\w.~:/?#\[\]@!$&'()*+,;=%-]* [\w/=&#%~+-]
    | (?<![\w@.-]) (?:[a-z0-9][a-z0-9-]{0,62}\.){1,4} (?:com|org|net|edu|gov|io|info|biz|co\.uk|org\.uk|com\.au|com\.cn)
      (?![\w@-]|\.\w) (?:/[\w.~:/?#@!$&'()*+,;=%-]*[\w/=&#%~+-])?""",
    FLAGS | re.IGNORECASE,
)
EMAIL = re.compile(
    r"(?<![\w.+%-]) [\w.+%-]{1,64} @ (?:[a-z0-9-]{1,63}\.){1,8} [a-z]{2,24} (?![\w@-])",
    FLAGS | re.IGNORECASE,
)
IPV4 = re.compile(
    r"(?<![\w.]) (?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3} (?:25[0-5]|2[0-4]\d|1?\d?\d) (?! \w | \.\d )",
    FLAGS,
)
IPV6 = re.compile(r"(?<![\w:.]) (?:[0-9A-Fa-f]{0,4}:){2,7} [0-9A-Fa-f]{0,4} (?![\w:])", FLAGS)
IBAN = re.compile(r"\b [A-Z]{2}\d{2} (?:[ ]?[A-Z0-9]{4}){2,7} (?:[ ]?[A-Z0-9]{1,3})? \b", FLAGS)
ACCOUNT = re.compile(
    START
    + r"""(?: \d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7} | \d{4}[ -]\d{6}[ -]\d{5} | \d{13,19} | \d{3}-\d{2}-\d{4} )"""  # cards, SSN
    + END,
    FLAGS,
)
ACCOUNT_SAID = re.compile(
    r"(?P<said> \b (?:account|acct|card|routing|policy|sort[ ]code) (?:[ ](?:number|no\.?|is|code))* [ :#]{1,3})"
    r"\d (?:[ -]?\d){5,18}" + END,
    FLAGS | re.IGNORECASE,
)
INTERNATIONAL = re.compile(  # +44 (0)20 7946 0958
    r"(?<![\w+]) \+\d{1,3} (?:[ ./-]?\(?\d{1,5}\)?) (?:[ ./-]?\d{2,8}){1,4} (?!\w)", FLAGS
)
NATIONAL = re.compile(
    START
    + r"""(?: (?:1[ .-]?)? (?: \(\d{3}\)[ ]? | \d{3}[ .-] ) \d{3}[ .-]\d{4}  # 555-123-4567
    | \(?0\d{1,4}\)? (?:[ .-]?\d{2,8}){1,4} | 0\d{2,4}/\d{4,8}  # 020 7946 0958, 0171/1234567
    | 1\d{2}[ -]\d{4}[ -]\d{4} | \d{5}[ -]\d{5} | [6-9]\d{2}[ -]\d{3}[ -]\d{3}  # 138 0013 8000, 98765 43210, 612 345 678
    | [2-9]\d{2}-\d{4} | \d{7,12} )"""
    + END,
    FLAGS,
)
PHONE_SAID = re.compile(
    r"""(?P<said> \b (?:phone|telephone|tel|mobile|cell|fax|whatsapp|call|ring|text|dial|reach)
    (?:[ ](?:number|no\.?|me|us|him|her|them|is|was|at|on|under|my))* [ .:]{1,3} ) \+? \(?\d (?:[ ().-]{0,2}\d){6,14}"""
    + END,
    FLAGS | re.IGNORECASE,
)
ADDRESS = re.compile(
    r"""(?<![\w$€£.,:/-]) (?P<number>\d{1,5})[A-Za-z]? (?:-\d{1,4})? [ ] (?:(?:[NSEW]|North|South|East|West)\.?[ ])?
    (?:(?:St\. | [A-ZÀ-Þ][A-Za-zÀ-ÿ'\u2019-]* | \d{1,3}(?:st|nd|rd|th))[ ]){1,3}
    (?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Square|Sq|Terrace|Way|Close|Crescent
      |Highway|Hwy|Parkway|Pkwy|Mews|Gardens|Grove|Quay) \b
    (?:[ ](?:[NSEW]{1,2}|North|South|East|West)\b)? (?:(?:,|[ ]-)?[ ](?:Apt|Apartment|Suite|Unit|Flat)\.?[ ]\#?\w+)?""",
    FLAGS,
)

SUSPECT = re.compile(r"[\d@] | \.\w | ://", FLAGS)
"""Whatever is masked has one of these.

A turn without any, as most are, need not be looked at rule by rule.
"""

COUNTED = re.compile(
    r"\s? (?: [%] | (?:percent|dollars?|usd|euros?|eur|pounds?|gbp|bucks|cents?|yuan|rmb|rupees?|orders?|customers?|people"
    r"|users?|units?|items?|views?|meals?|stores?|restaurants?|a[ ](?:day|week|month|year)) \b )",
    FLAGS | re.IGNORECASE,
)
DATE = re.compile(
    r"\d{1,2}\D\d{1,2}\D(?:19|20)\d{2} | (?:19|20)\d{2}\D\d{1,2}\D\d{1,2} | (?:19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d",
    FLAGS,
)
HOURS = re.compile(r"(?:[01]\d|2[0-4])[0-5]\d-(?:[01]\d|2[0-4])[0-5]\d", FLAGS)
YEAR = re.compile(r"(?:19|20)\d{2}", FLAGS)
DATED = re.compile(r"\b(?:in|since|by|during|until|of|after|before|for)[ ]$", FLAGS | re.IGNORECASE)


def mask(text: str) -> tuple[str, Counter[str]]:
    """Return ``text`` with placeholders, and how many of each.

    EMAIL, PHONE, URL, ACCOUNT, IP, ADDRESS.
    """
    counts: Counter[str] = Counter()
    if not SUSPECT.search(text):
        return text, counts
    for name, pattern, wanted in RULES:

        def replaced(
            match: re.Match[str], name: str = name, wanted: Callable[[re.Match[str]], bool] = wanted
        ) -> str:
            if not wanted(match):
                return match[0]
            counts[name] += 1
            return f"{match.groupdict().get('said', '')}[{name}]"

        text = pattern.sub(replaced, text)
    return text, counts


def mask_dialogue(dialogue: Dialogue) -> tuple[Dialogue, Counter[str]]:
    """Return the dialogue with turns and attributes masked, and the counts of :func:`mask`.

    Its id is left as it is.
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


def _is_ipv6(match: re.Match[str]) -> bool:
    try:
        IPv6Address(match[0])
    except ValueError:
        return False
    return any(character.isdigit() for character in match[0])


def _is_iban(match: re.Match[str]) -> bool:
    return sum(character.isdigit() for character in match[0]) >= 10


def _is_account(match: re.Match[str]) -> bool:
    return not all(YEAR.fullmatch(group) for group in re.findall(r"\d+", match[0]))


def _is_international(match: re.Match[str]) -> bool:
    return 7 <= sum(character.isdigit() for character in match[0]) <= 15


def _is_said_phone(match: re.Match[str]) -> bool:
    """Whether a number after a word such as "call" is not a date, hours, years or an amount after all."""
    number = match[0].removeprefix(match.groupdict().get("said", ""))
    return not (
        DATE.fullmatch(number)
        or HOURS.fullmatch(number)
        or COUNTED.match(match.string, match.end())
        or all(YEAR.fullmatch(group) for group in re.findall(r"\d+", number))
    )


def _is_phone(match: re.Match[str]) -> bool:
    """Whether a number in a telephone's form is none of these, nor a round number or a range that ends in one."""
    groups = re.findall(r"\d+", match[0])
    size, last = sum(map(len, groups)), groups[-1]
    round_range = (
        len(groups) == 2 and size == 7 and int(last) % 50 == 0 and not last.startswith("0")
    )
    round_number = len(groups) == 1 and int(last) % (1000 if size < 9 else 10000) == 0
    fits = size >= (9 if groups[0].startswith("0") else 7)
    return fits and not round_range and not round_number and _is_said_phone(match)


def _is_address(match: re.Match[str]) -> bool:
    """Whether the number is not a year: "in 2018 Wall Street fell" has no address."""
    return not (YEAR.fullmatch(match["number"]) and DATED.search(match.string, 0, match.start()))


RULES: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]], ...] = (
    ("URL", URL, _always),
    ("EMAIL", EMAIL, _always),
    ("IP", IPV4, _always),
    ("IP", IPV6, _is_ipv6),
    ("ACCOUNT", IBAN, _is_iban),
    ("ACCOUNT", ACCOUNT, _is_account),
    ("ACCOUNT", ACCOUNT_SAID, _always),
    ("PHONE", INTERNATIONAL, _is_international),
    ("PHONE", NATIONAL, _is_phone),
    ("PHONE", PHONE_SAID, _is_said_phone),
    ("ADDRESS", ADDRESS, _is_address),
)
"""In the order of application: what may hold another one's form comes before it."""
