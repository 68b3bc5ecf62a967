"""Masking: personal data becomes placeholders; prices, times, years and counts stay."""

import json
import time

import pytest

from gsim_env.corpus.masking import mask, mask_dialogue
from gsim_env.dialogue import Dialogue, Turn
from tests.data import P4G, needs_p4g


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to jo.smith+x@mail.example.co.uk, please.", "Write to [EMAIL], please."),
        ("See https://a.b.com/x?y=1, or www.foo.org.", "See [URL], or [URL]."),
        ("Look at savethechildren.org!", "Look at [URL]!"),
        ("It is https://bob@example.com/a.", "It is [URL]."),
        ("Ring +44 (0)20 7946 0958 now", "Ring [PHONE] now"),
        ("+1 (555) 123-4567.", "[PHONE]."),
        ("+33 1 23 45 67 89 or +442079460958", "[PHONE] or [PHONE]"),
        ("0044 20 7946 0958, 020 7946 0958", "[PHONE], [PHONE]"),
        ("07911 123456; (02) 9374 4000; 0171/1234567", "[PHONE]; [PHONE]; [PHONE]"),
        ("555-123-4567 (555) 123-4567 555.123.4567", "[PHONE] [PHONE] [PHONE]"),
        ("1-800-555-0199 or 5551234567", "[PHONE] or [PHONE]"),
        ("My number is 555-1234, ok?", "My number is [PHONE], ok?"),
        ("Call me on 555 1234 after 6.", "Call me on [PHONE] after 6."),
        ("Ring 0800 1111.", "Ring [PHONE]."),
        ("我的电话是13800138000。", "我的电话是[PHONE]。"),
        ("138 0013 8000 oder 98765 43210, si 612 345 678", "[PHONE] oder [PHONE], si [PHONE]"),
        ("01 23 45 67 89 or 030 123456", "[PHONE] or [PHONE]"),
        ("+1 (555) 123-4567 and +1 212 555 0142", "[PHONE] and [PHONE]"),
        ("It's 555-1234.", "It's [PHONE]."),
        ("Card 4111 1111 1111 1111.", "Card [ACCOUNT]."),
        ("3782-822463-10005 and 4111111111111111", "[ACCOUNT] and [ACCOUNT]"),
        ("DE89 3704 0044 0532 0130 00 is it", "[ACCOUNT] is it"),
        ("GB82WEST12345698765432", "[ACCOUNT]"),
        ("My account number is 12345678.", "My account number is [ACCOUNT]."),
        ("Card 4111-1111-1111-1111 EXP SOON", "Card [ACCOUNT] EXP SOON"),
        ("My SSN is 219-09-9998.", "My SSN is [ACCOUNT]."),
        ("IBAN FR14 2004 1010 0505 0001 3M02 606 OK", "IBAN [ACCOUNT] OK"),
        ("4111 1111 1111 1112, 219-00-9998", "[ACCOUNT], [ACCOUNT]"),  # mistyped
        ("It is GB82 WEST 1234 5698 7654 33.", "It is [ACCOUNT]."),
        ("8790892, 54818256 or 447911123456", "[PHONE], [PHONE] or [PHONE]"),
        ("03-1234-5678, 090-1234-5678, 119 5553 7132", "[PHONE], [PHONE], [PHONE]"),
        ("From 192.168.1.10.", "From [IP]."),
        ("2001:db8::8a2e:370:7334", "[IP]"),
        ("I am at 14 Mill Road, Leeds", "I am at [ADDRESS], Leeds"),
        ("221B Baker St.", "[ADDRESS]."),
        ("1600 Pennsylvania Avenue NW", "[ADDRESS]"),
        ("350 5th Ave, Suite 3", "[ADDRESS]"),
        ("12 St. John's Lane", "[ADDRESS]"),
    ],
)
def test_what_identifies_is_masked(text, expected):
    masked, counts = mask(text)
    assert masked == expected
    assert counts.total() == expected.count("[")
    assert mask(expected)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "We do 8 to 12 orders a day, 50-60 at weekends, 500-1000 orders a month.",
        "$0.50, $1,500,000, € 1234567, 1234567 dollars, 1.234.567,89 and 18.50.",
        "1500000 orders, 1000000, 10 000 000, 100 200 300, 250-1500.",
        "22 minutes, 12-15 minutes, 24/7, 9-5, 09:30-11:45, 0900-1700, 10:30:45.",
        "30% of 100%, 3.14159265, version 1.2.3, 401k.",
        "In 2018, 2018-2019, the 1800s, 2016 2017 2018 2019.",
        "01-02-2018, 01/02/2018, 12.05.2018, 2018-05-12, 20180512.",
        "Call me on 01-02-2018 at 10:30, call at 1000-1700, or reach 1000000 customers.",
        "In 2018 Wall Street fell. I saw 3 Street artists. It is 5 minutes down the road.",
        "22 minutes. Drive safe. At 10 Mrs Hill called.",
        "I love it.Not now. e.g. this.that, std::vector, 07 08 09 10.",
        "[EMAIL] and [PHONE] are masked already.",
    ],
)
def test_what_does_not_identify_is_left_alone(text):
    assert mask(text) == (text, {})


def test_each_kind_is_counted():
    text, counts = mask(
        "a@b.com or c@d.org, 020 7946 0958, 10 Downing Street, www.x.com, 10.0.0.1, "
        "4111 1111 1111 1111"
    )
    assert text == "[EMAIL] or [EMAIL], [PHONE], [ADDRESS], [URL], [IP], [ACCOUNT]"
    assert counts == {"EMAIL": 2, "PHONE": 1, "ADDRESS": 1, "URL": 1, "IP": 1, "ACCOUNT": 1}


def test_a_dialogue_is_masked_in_turns_and_attributes_and_keeps_the_rest():
    turns = (
        Turn(role="sales", text="Who is it?", stage="opening"),
        Turn(role="customer", text="Jo, jo@x.com.", stage="answer", concern="price"),
    )
    dialogue = Dialogue(id="a", turns=turns, attributes={"home": "14 Mill Road", "age": "48"})
    masked, counts = mask_dialogue(dialogue)
    assert [turn.text for turn in masked.turns] == ["Who is it?", "Jo, [EMAIL]."]
    assert [(turn.stage, turn.concern) for turn in masked.turns] == [
        ("opening", None),
        ("answer", "price"),
    ]
    assert masked.attributes == {"home": "[ADDRESS]", "age": "48"}
    assert counts == {"EMAIL": 1, "ADDRESS": 1}
    assert dialogue.turns[1].text == "Jo, jo@x.com."


@needs_p4g
def test_real_calls_about_money_keep_their_numbers():
    """P4g is full of donations, shares and years; its contact details are masked already."""
    texts = []
    for line in P4G.read_text(encoding="utf-8").splitlines():
        texts += [turn["text"] for turn in json.loads(line)["turns"]]
    assert sum(any(map(str.isdigit, text)) for text in texts) > 1000
    counts = sum((mask(text)[1] for text in texts), mask("")[1])
    assert set(counts) == {"URL", "ADDRESS"}
    assert counts["ADDRESS"] == 2  # of the charity, given by persuaders
    assert counts["URL"] < 40


@pytest.mark.parametrize(
    "text",
    ["1", "0 ", "1.1.", "a@", "a.a", "AB12", "1 Aa ", "call 1", "1-", "+1 1", "12 ", "a:", "1111-"],
)
def test_no_text_takes_long(text):
    start = time.perf_counter()
    mask(text * 3000)
    assert time.perf_counter() - start < 2
