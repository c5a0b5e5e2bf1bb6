"""Why something did not happen, in words."""

from app.domain.reasons import words


def test_reasons_have_words():
    assert words("overlap") == "the run before it was still going"
    assert words("some_new_reason") == "some new reason"
    assert words("") == "no reason given"
