"""What steps hand to each other: documents of JSON without secrets, and not too large."""

import math
from collections.abc import Callable, Mapping
from typing import Any

LARGEST_BYTES = 256 * 1024
"""Of the outputs of one step as JSON."""

_DEEPEST = 100


def clean(value: Any, hide: Callable[[str], str], depth: int = 0) -> Any:
    """Return a document of JSON with `hide` applied to every text and number that holds a secret.

    What JSON can't hold (infinite numbers) becomes null. Raises ValueError when it is nested too deep.
    """
    if depth > _DEEPEST:
        raise ValueError(f"is nested more than {_DEEPEST} deep")
    if isinstance(value, Mapping):
        return {hide(str(key)): clean(one, hide, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [clean(one, hide, depth + 1) for one in value]
    if isinstance(value, str):
        return hide(value)
    if value is None or isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return value if isinstance(value, bool) else None
    shown = hide(str(value))
    return value if shown == str(value) else shown
