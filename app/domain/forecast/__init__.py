"""Estimates of runs that are to come: how long, at what risk and cost, learned run by run from those that ended."""

from app.domain.forecast.calibration import Bin, Calibration
from app.domain.forecast.learner import Learner
from app.domain.forecast.rows import Ended, Estimate, Planned, Range

__all__ = ["Bin", "Calibration", "Ended", "Estimate", "Learner", "Planned", "Range"]
