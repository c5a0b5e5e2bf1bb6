"""Whether and when a failed attempt is tried again, by class of error."""

import pytest

from app.domain.policy import Policy
from app.domain.retries import CLASSES, class_of, decide, most


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (60, 900)])
def test_the_wait_doubles_up_to_its_cap_and_takes_its_share_of_chance(failures, ceiling):
    policy = Policy(retries=100)
    assert decide(policy, failures, "transient", 0.0).delay_seconds == 0
    assert decide(policy, failures, "transient", 0.5).delay_seconds == ceiling / 2
    assert decide(policy, failures, "transient", 0.999999).delay_seconds == pytest.approx(ceiling, rel=0.001)


@pytest.mark.parametrize(
    ("retries", "failures", "is_again"), [(2, 1, True), (2, 2, True), (2, 3, False), (0, 1, False)]
)
def test_so_many_retries_and_no_more(retries, failures, is_again):
    decision = decide(Policy(retries=retries), failures, "transient", 0.5)
    assert decision.is_again is is_again
    assert decision.why == ("" if is_again else "all attempts are used up")


def test_each_class_has_a_number_of_its_own():
    policy = Policy(retries=1, crash_retries=2, rate_retries=3)
    assert [most(policy, name) for name in CLASSES] == [1, 3, 2, 0]
    for name in CLASSES:
        assert [decide(policy, number, name, 0.5).is_again for number in range(1, 5)] == [
            number <= most(policy, name) for number in range(1, 5)
        ]


def test_an_error_that_says_no_class_may_pass():
    assert class_of("") == "transient"
    assert class_of("crash") == "crash"


def test_what_would_not_help_is_not_tried():
    decision = decide(Policy(), 1, "permanent", 0.5)
    assert not decision.is_again
    assert decision.why == "trying again would not help"


@pytest.mark.parametrize(("retry_after", "delay"), [(500, 500), (1, 15), (5000, 5000), (0, 15)])
def test_what_a_provider_asks_for_is_never_shortened(retry_after, delay):
    assert decide(Policy(), 1, "rate_limited", 0.5, retry_after).delay_seconds == delay


def test_an_attempt_of_very_many_has_a_delay():
    assert decide(Policy(retries=10_000), 5000, "transient", 0.5).delay_seconds == 450
