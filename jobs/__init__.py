"""The queue's doors and the processes that watch the clock and do the work."""
