"""A thread done again without a model: its working calls as the steps of a task, in their order."""

from app.analysis.replay.costs import Way, compare
from app.analysis.replay.keeping import Dropped
from app.analysis.replay.missing import Lacking
from app.analysis.replay.plan import Replay, replay

__all__ = ["Dropped", "Lacking", "Replay", "Way", "compare", "replay"]
