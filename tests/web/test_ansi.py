"""Log lines as HTML: our classes for the program's colours, and nothing else of what it wrote is markup."""

import pytest

from app.web.ansi import to_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m again", '<span class="ansi-red">red</span> again'),
        ("\x1b[1;32mok\x1b[m", '<span class="ansi-green ansi-bold">ok</span>'),
        ("\x1b[91mbright\x1b[39m plain", '<span class="ansi-red">bright</span> plain'),
        ("\x1b[2mdim\x1b[22m not", '<span class="ansi-dim">dim</span> not'),
        ("\x1b[38;5;31mone of 256\x1b[0m", "one of 256"),
        ("\x1b[38;2;31;32;33mof millions", "of millions"),
        ("\x1b[38:5:31mwith colons", "with colons"),
        ("\x1b[34mblue, never reset", '<span class="ansi-blue">blue, never reset</span>'),
        ("\x1b[41mon a red ground", "on a red ground"),
        ("\x1b[31m\x1b[0mnothing red", "nothing red"),
    ],
)
def test_colours_become_classes(text, html):
    assert to_html(text) == html


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b[Hx",
        "\x1b]0;a title\x07x",
        "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
        "\x1b(Bx",
        "\x9b31mx",
        "x\x1b",
        "\x00\x08x\x7f",
        "\x1b[?25lx",
    ],
)
def test_what_has_no_picture_is_left_out(text):
    assert to_html(text) == "x"


def test_a_sequence_that_was_cut_shows_no_escape():
    assert "\x1b" not in to_html("x\x1b[31")


def test_of_a_progress_bar_the_last_drawing_is_seen():
    assert to_html("10 %\r50 %\r100 %\r") == "100 %"


def test_tabs_stay():
    assert to_html("a\tb") == "a\tb"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "\x1b[31m<img src=x onerror=alert(1)>\x1b[0m",
        '"><svg onload=alert(1)>',
        "\x1b[31;<b>mx",
        "\x1b]8;;javascript:alert(1)\x07<a>\x1b]8;;\x07",
        "<scr\x1b[0mipt>",
        "<\x00script>",
    ],
)
def test_nothing_a_program_writes_is_markup(text):
    html = to_html(text).replace('<span class="ansi-red">', "").replace("</span>", "")
    assert "<" not in html
    assert '"' not in html
