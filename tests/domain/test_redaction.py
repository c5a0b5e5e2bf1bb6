"""Secrets never reach the log: in clear, encoded, in part, or cut in two."""

import base64
import json
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.redaction import MASK, Redactor

SECRET = "s3cr3t/of the+bell=é"


def test_a_secret_is_masked_wherever_it_stands():
    redact = Redactor(["bell-4711"]).redact
    assert redact("token=bell-4711; again bell-4711.") == "token=•••; again •••."


def test_text_without_secrets_is_left_as_it_is():
    text = "nothing to see"
    assert Redactor([]).redact(text) is text
    assert Redactor(["bell-4711"]).redact(text) is text


def test_an_empty_value_masks_nothing():
    assert Redactor(["", "\n"]).redact("all\nof it") == "all\nof it"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        quote_plus(SECRET),
        quote(SECRET, safe="").replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d").replace("%C3%A9", "%c3%a9"),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(SECRET).replace("/", "\\/"),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)  # fmt: skip
def test_a_secret_is_masked_in_every_form(form):
    shown = Redactor([SECRET]).redact(f"<{form}>")
    assert shown.replace('"', "") == f"<{MASK}>"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "user:"])
@pytest.mark.parametrize("after", ["", "z", "zy", "zyx"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_inside_longer_base64_leaves_no_character_that_holds_a_bit_of_it(before, after, encode):
    encoded = encode((before + SECRET + after).encode()).decode()
    head, tail = Redactor([SECRET]).redact(encoded).split(MASK)
    first_bit, last_bit = len(before) * 8, (len(before) + len(SECRET.encode())) * 8
    assert head == encoded[: first_bit // 6]
    assert encoded.endswith(tail)
    assert (len(encoded) - len(tail)) * 6 >= last_bit


def test_each_line_of_a_secret_is_masked_but_tiny_ones():
    redact = Redactor(["-----BEGIN KEY-----\nMIIEvQ+IBADAN\r\nok\n"]).redact
    assert redact("1: MIIEvQ+IBADAN") == "1: •••"
    assert redact("it is ok") == "it is ok"
    assert redact("-----BEGIN KEY-----") == MASK


def test_a_short_secret_is_masked_in_clear_only():
    redact = Redactor(["q7"]).redact
    assert redact("pin q7") == "pin •••"
    assert redact("7137") == "7137"


def test_secrets_that_overlap_are_masked_as_one():
    assert Redactor(["abcd", "cdef", "cd"]).redact("-abcdef-cd-") == "-•••-•••-"
    assert Redactor(["aXa"]).redact("aXaXa") == MASK


def test_a_secret_that_begins_another_does_not_uncover_its_end():
    assert Redactor(["hunter", "hunter2-long"]).redact("hunter2-long") == MASK


def test_a_secret_cut_between_two_pieces_is_masked():
    stream = Redactor(["bell-4711"]).stream()
    pieces = [stream.feed("token=bell-"), stream.feed("4711; go"), stream.flush()]
    assert "".join(pieces) == "token=•••; go"
    assert pieces[0].startswith("token")


def test_what_only_began_like_a_secret_comes_out_in_the_end():
    stream = Redactor(["bell-4711"]).stream()
    assert "bell" not in stream.feed("the bell")
    assert stream.flush().endswith("bell")
    assert stream.flush() == ""


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_base64_cut_anywhere_is_masked_as_if_it_were_whole(before):
    redactor = Redactor([SECRET])
    encoded = base64.b64encode(f"{before}{SECRET}zyx".encode()).decode()
    for cut in range(len(encoded)):
        stream = redactor.stream()
        assert stream.feed(encoded[:cut]) + stream.feed(encoded[cut:]) + stream.flush() == redactor.redact(encoded)


@given(
    st.lists(st.sampled_from(["tower", "towertop", "pq", "opto", "er\ntop", "a/b+c"]), max_size=4),
    st.lists(
        st.sampled_from(
            [
                "tower",
                "top",
                "to",
                "w",
                "p",
                "pq",
                "opto",
                " ",
                "er\ntop",
                "a/b+c",
                "dG93ZXI=",
                "B0b3dlc",
                "746f776572",
                "A",
            ]
        ),
        max_size=12,
    ),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_however_a_text_is_cut_it_comes_out_as_if_it_were_whole(secrets, parts, cuts):
    redactor, text = Redactor(secrets), "".join(parts)
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    stream = redactor.stream()
    pieces = [stream.feed(text[start:end]) for start, end in pairwise(places)]
    assert "".join([*pieces, stream.flush()]) == redactor.redact(text)


TEXT = st.text("abAB12é/+=%\\ \n", max_size=12)


@given(TEXT.filter(str.strip), TEXT, TEXT)
def test_no_secret_is_left_in_any_text(secret, before, after):
    shown = Redactor([secret]).redact(before + secret + after)
    assert MASK in shown
    assert secret not in shown
