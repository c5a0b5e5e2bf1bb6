"""Messages on their way to people: what is due for a channel goes as one, with patience, and else another way."""

from app.services.deliveries.memory import set_aside, tell_later
from app.services.deliveries.sending import Sender, carry_out
from app.services.deliveries.taking import MOST_TRIES, Due, take, waiting

__all__ = ["MOST_TRIES", "Due", "Sender", "carry_out", "set_aside", "take", "tell_later", "waiting"]
