"""Rules of agents: what only announces work is no answer, and what is asked for can be paid."""

import pytest

from app.domain.agents import Price, affordable_tokens, is_only_a_plan

PLANS = [
    "I will read the notes and then write a summary.",
    "I'll start by reading notes.txt.",
    "Sure! I'll look into that right away.",
    "Okay, let me check the files first.",
    "Let me begin by listing the files in the workspace.",
    "First, I will fetch the page. Then I'll compare it with yesterday's.",
    "I'm going to download the report. Please wait.",
    "Here's my plan:\n1. Read the notes\n2. Summarise them\n3. Write report.md",
    "I will do the following:\n- Fetch the page\n- Compare the prices\n\nLet me know if that works for you.",
    "To start, I'll gather the data. After that, I will analyze it.",
    "I plan to review each file. Shall I go on?",
    "We'll collect the figures and then build the table. One moment.",
]

ANSWERS = [
    "The notes are about tea.",
    "I read the notes. They are about tea, and I will read them again tomorrow.",
    "There is nothing to do: no file has changed since yesterday.",
    "I can't reach the page: it answers 503.",
    "Summary:\n- Read 3 files\n- 2 have errors",
    "1. Check the backups every Monday\n2. Review the logs\n3. Write to Ada",
    "I'll keep this short: revenue rose by 4 % in July.\nCosts fell.",
    "Let me know if you need more. The total is 42.",
    "42",
    "Done.",
    "I will always remember the summer of 1999, she wrote. It was warm.",
    "Plan for Monday:\n- Write the report\n- Send it to Ben",
    "Ich fasse zusammen: Es geht um Tee.",
    "",
    "   \n",
    "Let me explain: the server was down from 3 to 4. Nothing was lost.",
    "I will write a lot. " + "And this is a real answer with content. " * 60,
]


@pytest.mark.parametrize("text", PLANS)
def test_what_only_announces_is_a_plan(text):
    assert is_only_a_plan(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_what_states_something_is_an_answer(text):
    assert not is_only_a_plan(text)


@pytest.mark.parametrize(
    ("tokens_in", "left", "tokens"),
    [
        (0, 1_000_000, 8192),  # a dollar is plenty
        (0, 10_000, 2000),  # a cent buys 2,000 tokens at 5 dollars a million
        (9_000, 10_000, 200),  # most of it goes for the question
        (9_900, 10_000, 0),  # what is left is no answer
        (20_000, 10_000, 0),
        (0, -1, 0),
    ],
)
def test_an_answer_is_as_long_as_can_be_paid(tokens_in, left, tokens):
    assert affordable_tokens(Price(1_000_000, 5_000_000), tokens_in, left, 8192) == tokens


def test_what_has_no_price_or_costs_nothing_is_not_limited():
    assert affordable_tokens(None, 10**9, 0, 8192) == 8192
    assert affordable_tokens(Price(0, 0), 10**9, 0, 8192) == 8192


def test_what_was_used_is_rounded_up():
    assert Price(150_000, 600_000).of(1, 0) == 1
    assert Price(150_000, 600_000).of(1_000_000, 1_000_000) == 750_000
