"""Many measured times as a few numbers."""

from tests.bench.streams import percentile


def ranks(seconds, wanted=(50, 95, 99)):
    """The wanted percentiles (nearest rank) of times in seconds, in milliseconds."""
    return {f"p{rank}": percentile(seconds, rank) for rank in wanted}


def ranks_and_max(seconds):
    """The same, with the greatest of all."""
    return ranks(seconds) | {"max": percentile(seconds, 100)}
