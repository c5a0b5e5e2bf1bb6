"""The outside world behind plain functions; no business words."""
