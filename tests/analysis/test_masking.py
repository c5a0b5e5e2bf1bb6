"""Nothing leaves the analysis with more than the last four characters of a secret."""

import time

import pytest

from app.analysis.base import Evidence, Finding
from app.analysis.masking import beginning, cleaned, evidence, masked, shown


@pytest.mark.parametrize(("secret", "text"), [("Tiger-Fake-4471", "…4471"), ("abc123", "…123"), ("xy", "…y")])
def test_a_secret_is_shown_by_its_end(secret, text):
    assert shown(secret) == text


def test_every_place_is_masked_and_the_longer_secret_first():
    assert masked("a: fake-1234-long, b: fake-1234", ["fake-1234", "fake-1234-long"]) == "a: …long, b: …1234"


def test_thousands_of_secrets_are_masked_as_a_few_are_and_about_as_quickly():
    many = (*(f"Fake{number}-x9{number}" for number in range(4000)), "abcd", "Fake7-x97 and more")
    text = "keys: " + ", ".join(many[100:200]) + ", abcd, Fake7-x97 and more; Fake7-x97"
    alike = [one for one in many if one in text]
    assert masked(text, many) == masked(text, alike[:20] + alike[-20:] + alike[20:-20])
    assert not any(one in masked(text, many) for one in many)
    began = time.perf_counter()
    for _ in range(2000):
        masked("nothing in here is any of them, for a line or so of plain words", many)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("count", [1, 200])
def test_a_beginning_is_never_cut_within_a_secret(count):
    secrets = tuple(f"Secret-Fake-{number:06}" for number in range(998877, 998877 - count, -1))
    text = "one two Secret-Fake-998877 three " * 2
    for most in range(len(text) + 3):
        cut = beginning(text, most, secrets)
        assert "Secret" not in cut
        assert masked(text, secrets).startswith(cut)


@pytest.mark.parametrize("at", range(30))
def test_an_excerpt_never_starts_inside_a_secret(at):
    text = "key Secret-Fake-998877 " * 3
    assert "ake-99" not in evidence(0, text, at, ["Secret-Fake-998877"]).excerpt


def test_a_secret_at_the_edge_of_an_excerpt_is_masked_too():
    text = "x" * 152 + " Secret-Fake-998877"
    assert "Secret" not in evidence(0, text, 0, ["Secret-Fake-998877"]).excerpt


def test_findings_are_masked_in_values_names_and_evidence():
    secret = "Secret-Fake-998877"
    [finding] = cleaned(
        [Finding("text", {secret: [secret, {"a": f"x {secret}"}], "n": 3}, 1.0, (Evidence(0, secret),))], [secret]
    )
    assert secret not in repr(finding)
    assert finding.value["n"] == 3
