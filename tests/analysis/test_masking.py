"""Nothing leaves the analysis with more than the last four characters of a secret."""

import pytest

from app.analysis.base import Evidence, Finding
from app.analysis.masking import cleaned, evidence, masked, shown


@pytest.mark.parametrize(("secret", "text"), [("Tiger-Fake-4471", "…4471"), ("abc123", "…123"), ("xy", "…y")])
def test_a_secret_is_shown_by_its_end(secret, text):
    assert shown(secret) == text


def test_every_place_is_masked_and_the_longer_secret_first():
    assert masked("a: fake-1234-long, b: fake-1234", ["fake-1234", "fake-1234-long"]) == "a: …long, b: …1234"


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
