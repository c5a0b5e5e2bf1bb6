"""The channels that the settings name, and what the channels of people and teams are sent with."""

from app.channels.base import Channel
from app.channels.email import Email
from app.channels.kinds import Means
from app.channels.webhook import Webhook
from app.infra import mailer
from app.settings import Settings


def of(settings: Settings) -> list[Channel]:
    """Return them in a fixed order; none when nothing is set. Raises SettingError."""
    found: list[Channel] = []
    if settings.smtp_url and settings.alert_email:
        found.append(Email(mailer.read(settings.smtp_url), settings.alert_email, settings.url))
    if settings.alert_webhook:
        found.append(Webhook(settings.alert_webhook))
    return found


def means(settings: Settings) -> Means:
    """Return what messages are sent with. Raises SettingError."""
    mail = mailer.read(settings.smtp_url) if settings.smtp_url else None
    return Means(settings.url, mail, settings.allow_hosts)
