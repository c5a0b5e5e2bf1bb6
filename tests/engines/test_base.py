"""A request to stop, as an engine hears it."""

from app.engines.base import Cancellation


def test_now_overrides_after_the_step_and_is_never_taken_back():
    cancellation = Cancellation()
    cancellation.ask("person", "after_step")
    assert (cancellation.mode, cancellation.is_now) == ("after_step", False)
    cancellation.ask("shutdown")
    cancellation.ask("person", "after_step")
    assert (cancellation.mode, cancellation.reason, cancellation.is_now) == ("now", "shutdown", True)
