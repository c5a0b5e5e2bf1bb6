"""Alerts to a web address: one POST of JSON each, with an id that stays the same over all tries."""

from app.channels import posts


class Webhook(posts.Post):
    """Sends to `url`; an inner address only if the settings allow it."""

    def __init__(self, url: str) -> None:
        super().__init__("webhook", url, posts.webhook, is_secret=False)
