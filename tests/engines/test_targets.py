"""What engines say they will reach, so that it can be left alone while it is away."""

from pathlib import Path

import pytest

from app.engines import agent, http
from app.engines.base import Limits, ModelChoice, RunRequest


def request(settings, model=None):
    return RunRequest(7, 1, "carillon-7/run", settings, {}, {}, Path("workspace"), Limits(), model=model)


@pytest.mark.parametrize(
    ("url", "targets"),
    [
        ("https://Example.com/a?b", ["host:example.com"]),
        ("http://user:word@example.com:8080/", ["host:example.com:8080"]),
        ("http://[::1]:8080/", ["host:[::1]:8080"]),
        (f"https://{'a' * 300}.example/", [f"host:{'a' * 190}"]),
        ("no address", []),
        ("", []),
    ],
)
def test_a_request_names_its_host_and_never_who_asks(url, targets):
    assert http.engine.targets(request({"url": url})) == targets


@pytest.mark.parametrize(
    ("base_url", "targets"),
    [("", ["model:Sonnet"]), ("http://localhost:11434/v1", ["model:Sonnet", "host:localhost:11434"])],
)
def test_an_agent_names_its_model_and_the_host_of_that(base_url, targets):
    model = ModelChoice("Sonnet", "compatible", base_url, "sonnet-5")
    assert agent.engine.targets(request({}, model)) == targets
    assert agent.engine.targets(request({})) == []
