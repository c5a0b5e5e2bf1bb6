"""Calendars of exception: business hours, public holidays, blackouts, imported files, and what they do to times."""

from app.domain.calendars.applied import LOOKS_AHEAD, USES, Effect, Use, effect
from app.domain.calendars.kinds import (
    KINDS,
    Calendar,
    Kind,
    between,
    check,
    coming,
    covers,
    ends,
    free_day,
    is_business_day,
)  # fmt: skip
from app.domain.calendars.public_holidays import countries, regions
from app.domain.calendars.spans import CalendarError, Span

__all__ = [
    "KINDS", "LOOKS_AHEAD", "USES", "Calendar", "CalendarError", "Effect", "Kind", "Span", "Use",
    "between", "check", "coming", "countries", "covers", "effect", "ends", "free_day", "is_business_day", "regions",
]  # fmt: skip
