"""The defaults of a task, and values stored by another version."""

from dataclasses import asdict

from app.domain.policy import Policy


def test_the_defaults_are_those_of_the_product():
    assert Policy() == Policy(
        misfire="latest",
        misfire_cap=10,
        grace_seconds=3600,
        overlap="skip",
        overlap_cap=10,
        retries=2,
        retry_delay_seconds=30,
        retry_cap_seconds=900,
        is_idempotent=True,
    )


def test_stored_values_come_back():
    policy = Policy(misfire="all", overlap="queue_all", retries=0)
    assert Policy.of(asdict(policy)) == policy


def test_values_of_another_version_do_no_harm():
    assert Policy.of({"overlap": "allow", "colour": "blue"}) == Policy(overlap="allow")
