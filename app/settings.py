"""Settings: read once from the environment, checked, frozen."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]

_PUBLIC_KEY = re.compile(r"[A-Za-z0-9+/]{43}=")
_ANY_OR_OWN = {"127.0.0.1", "::1", "0.0.0.0", "::"}  # noqa: S104 compared, not bound


class SettingError(Exception):
    """A setting is wrong; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be set. Each field is documented in `.env.example`."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8700
    public_url: str = ""
    database_url: str = ""
    redis_url: str = ""
    key_file: Path | None = None
    storage: str = "folder"
    backup_minutes: int = 1440
    backup_keep: int = 7
    backup_folder: Path | None = None
    postgres_bin: Path | None = None
    low_disk_mib: int = 200
    import_mib: int = 2048
    allow_hosts: tuple[str, ...] = ()
    allow_unsandboxed: bool = False
    publish: bool = False
    index_urls: tuple[str, ...] = ()
    index_keys: tuple[str, ...] = ()
    io_slots: int = 64
    code_slots: int = field(default_factory=lambda: os.cpu_count() or 2)
    workers: int = 1
    workers_max: int = 0
    web_threads: int = 8
    trusted_proxies: int = 0
    log_level: str = "info"
    smtp_url: str = ""
    alert_email: tuple[str, ...] = ()
    alert_webhook: str = ""
    heartbeat_url: str = ""
    heartbeat_seconds: float = 60.0
    google_client_id: str = ""
    google_client_secret: str = ""
    google_authorize_url: str = "https://accounts.google.com/o/oauth2/v2/auth"
    google_token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 an address
    google_revoke_url: str = "https://oauth2.googleapis.com/revoke"
    google_caldav_url: str = "https://apidata.googleusercontent.com/caldav/v2"
    watch_seconds: float = 2.0
    lease_seconds: float = 10.0
    renew_seconds: float = 3.0
    unseen_seconds: float = 7.0
    reconcile_seconds: float = 2.0
    requeue_seconds: float = 10.0
    stop_grace_seconds: float = 10.0

    @property
    def url(self) -> str:
        """The address people use, without a trailing slash."""
        host = "localhost" if self.host in _ANY_OR_OWN else self.host
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def import_bytes(self) -> int:
        """How large a file with conversations may be."""
        return self.import_mib * 1024 * 1024

    @property
    def is_https(self) -> bool:
        """Whether people reach Carillon over TLS, so that cookies are `Secure`."""
        return self.url.startswith("https://")

    @property
    def sql_url(self) -> str:
        """The SQLAlchemy address of the database: SQLite in the data directory unless one is set."""
        return self.database_url or f"sqlite:///{self.data_dir / 'carillon.db'}"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a SQLite file."""
        return self.sql_url.startswith("sqlite")

    @property
    def master_key_file(self) -> Path:
        """The file with the master key for secrets."""
        return self.key_file or self.data_dir / "key"

    @property
    def backups(self) -> Path:
        """The folder for the backups that Carillon makes by itself."""
        return self.backup_folder or self.data_dir / "backups"

    @property
    def sqlite_file(self) -> Path | None:
        """The file of the database, if it is one of SQLite."""
        return Path(self.sql_url.removeprefix("sqlite:///")) if self.is_sqlite else None

    @property
    def most_workers(self) -> int:
        """How many workers `up` starts at most."""
        return max(self.workers, self.workers_max)

    @property
    def redis_address_file(self) -> Path:
        """Where the supervisor leaves the address of the embedded Redis for processes started alone."""
        return self.data_dir / "redis-url"

    @property
    def watchdog_file(self) -> Path:
        """What the watchdog of this host touches whenever it has looked."""
        return self.data_dir / "watchdog-seen"


def read(environ: Mapping[str, str] | None = None, **given: object) -> Settings:
    """Read settings from `environ` (default: the process's), `given` ones winning.

    `NAME_FILE` names a file that holds the value of `NAME` (for secrets). Raises SettingError.
    """
    env = dict(os.environ if environ is None else environ)
    _refuse_unknown(env)
    values: dict[str, object] = {}
    for name, (variable, parse) in _VARIABLES.items():
        text = _text(env, variable)
        if text is not None:
            values[name] = parse(variable, text)
    values.update({name: value for name, value in given.items() if value is not None})
    values["data_dir"] = Path(str(values.get("data_dir", ROOT / "carillon-data"))).absolute()
    settings = Settings(**values)  # type: ignore[arg-type]  # each parser returns its field's type
    _check(settings)
    return settings


def _refuse_unknown(env: Mapping[str, str]) -> None:
    for name in sorted(env):
        if name.startswith("CARILLON_") and name not in VARIABLES and name.removesuffix("_FILE") not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, 1)
            hint = f"Did you mean {near[0]}?" if near else "They are listed in .env.example."
            raise SettingError(f"{name} is not a setting. {hint}")


def _text(env: Mapping[str, str], variable: str) -> str | None:
    if path := env.get(f"{variable}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{variable}_FILE names {path}, which can't be read: {error}.") from error
    value = env.get(variable, "").strip()
    return value or None


def _whole(variable: str, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise SettingError(f"{variable} is “{text}”; it takes a whole number.") from None
    if number < 0:
        raise SettingError(f"{variable} is {number}; it takes a number that is not negative.")
    return number


def _seconds(variable: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise SettingError(f"{variable} is “{text}”; it takes seconds, like 10 or 2.5.") from None
    if not 0 < number < 86_400:  # noqa: PLR2004 seconds of a day
        raise SettingError(f"{variable} is {text}; it takes between 0 and 86,400 seconds.")
    return number


def _yes(variable: str, text: str) -> bool:
    if text.lower() in {"1", "yes", "true", "on"}:
        return True
    if text.lower() in {"0", "no", "false", "off"}:
        return False
    raise SettingError(f"{variable} is “{text}”; it takes 1 or 0.")


def _words(_variable: str, text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _path(_variable: str, text: str) -> Path:
    return Path(text)


def _as_is(_variable: str, text: str) -> str:
    return text


_VARIABLES = {
    "data_dir": ("CARILLON_DATA", _path),
    "host": ("CARILLON_HOST", _as_is),
    "port": ("CARILLON_PORT", _whole),
    "public_url": ("CARILLON_URL", lambda _variable, text: text.rstrip("/")),
    "database_url": ("DATABASE_URL", _as_is),
    "redis_url": ("REDIS_URL", _as_is),
    "key_file": ("CARILLON_KEY_FILE", _path),
    "storage": ("CARILLON_STORAGE", _as_is),
    "backup_minutes": ("CARILLON_BACKUP_MINUTES", _whole),
    "backup_keep": ("CARILLON_BACKUP_KEEP", _whole),
    "backup_folder": ("CARILLON_BACKUP_FOLDER", _path),
    "postgres_bin": ("CARILLON_POSTGRES_BIN", _path),
    "low_disk_mib": ("CARILLON_LOW_DISK_MIB", _whole),
    "import_mib": ("CARILLON_IMPORT_MIB", _whole),
    "allow_hosts": ("CARILLON_ALLOW_HOSTS", _words),
    "allow_unsandboxed": ("CARILLON_ALLOW_UNSANDBOXED", _yes),
    "publish": ("CARILLON_PUBLISH", _yes),
    "index_urls": ("CARILLON_INDEX_URLS", _words),
    "index_keys": ("CARILLON_INDEX_KEYS", _words),
    "io_slots": ("CARILLON_IO_SLOTS", _whole),
    "code_slots": ("CARILLON_CODE_SLOTS", _whole),
    "workers": ("CARILLON_WORKERS", _whole),
    "workers_max": ("CARILLON_WORKERS_MAX", _whole),
    "web_threads": ("CARILLON_WEB_THREADS", _whole),
    "trusted_proxies": ("CARILLON_TRUSTED_PROXIES", _whole),
    "log_level": ("CARILLON_LOG_LEVEL", _as_is),
    "smtp_url": ("CARILLON_SMTP_URL", _as_is),
    "alert_email": ("CARILLON_ALERT_EMAIL", _words),
    "alert_webhook": ("CARILLON_ALERT_WEBHOOK", _as_is),
    "heartbeat_url": ("CARILLON_HEARTBEAT_URL", _as_is),
    "heartbeat_seconds": ("CARILLON_HEARTBEAT_SECONDS", _seconds),
    "google_client_id": ("CARILLON_GOOGLE_CLIENT_ID", _as_is),
    "google_client_secret": ("CARILLON_GOOGLE_CLIENT_SECRET", _as_is),
    "google_authorize_url": ("CARILLON_GOOGLE_AUTHORIZE_URL", _as_is),
    "google_token_url": ("CARILLON_GOOGLE_TOKEN_URL", _as_is),
    "google_revoke_url": ("CARILLON_GOOGLE_REVOKE_URL", _as_is),
    "google_caldav_url": ("CARILLON_GOOGLE_CALDAV_URL", _as_is),
    "watch_seconds": ("CARILLON_WATCH_SECONDS", _seconds),
    "lease_seconds": ("CARILLON_LEASE_SECONDS", _seconds),
    "renew_seconds": ("CARILLON_RENEW_SECONDS", _seconds),
    "unseen_seconds": ("CARILLON_UNSEEN_SECONDS", _seconds),
    "reconcile_seconds": ("CARILLON_RECONCILE_SECONDS", _seconds),
    "requeue_seconds": ("CARILLON_REQUEUE_SECONDS", _seconds),
    "stop_grace_seconds": ("CARILLON_STOP_GRACE_SECONDS", _seconds),
}

VARIABLES = tuple(variable for variable, _ in _VARIABLES.values())


def _check(settings: Settings) -> None:
    if not 0 < settings.port < 65_536:  # noqa: PLR2004 ports of TCP
        raise SettingError(f"CARILLON_PORT is {settings.port}; it takes a number from 1 to 65535.")
    _check_addresses(settings)
    if settings.storage not in {"folder", "database"}:
        raise SettingError("CARILLON_STORAGE takes folder or database.")
    if settings.renew_seconds * 2 > settings.lease_seconds:
        raise SettingError("CARILLON_RENEW_SECONDS is at most half of CARILLON_LEASE_SECONDS.")
    _check_alerts(settings)
    _check_indexes(settings)
    _check_google(settings)
    if 0 < settings.workers_max < settings.workers:
        raise SettingError("CARILLON_WORKERS_MAX is at least CARILLON_WORKERS, or 0 for as many.")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise SettingError("CARILLON_LOG_LEVEL takes debug, info, warning or error.")
    for name in ("workers", "web_threads", "io_slots", "code_slots", "backup_keep", "import_mib"):
        if not getattr(settings, name):
            raise SettingError(f"{_VARIABLES[name][0]} takes at least 1.")


def _check_addresses(settings: Settings) -> None:
    if settings.public_url and urlsplit(settings.public_url).scheme not in {"http", "https"}:
        raise SettingError(
            f"CARILLON_URL is “{settings.public_url}”; it takes an address like https://carillon.example."
        )
    if settings.database_url and not settings.database_url.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise SettingError("DATABASE_URL takes postgresql+psycopg://user:password@host/name, or sqlite:////path.")
    if settings.redis_url and not settings.redis_url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingError("REDIS_URL takes redis://, rediss:// or unix:// and the server's address.")


def _check_alerts(settings: Settings) -> None:
    if settings.smtp_url and urlsplit(settings.smtp_url).scheme not in {"smtp", "smtps"}:
        raise SettingError(
            "CARILLON_SMTP_URL takes smtp://user:password@host:587?from=carillon@your.example, or smtps://."
        )
    if settings.alert_email and not settings.smtp_url:
        raise SettingError("CARILLON_ALERT_EMAIL needs a mail server: set CARILLON_SMTP_URL, too.")
    if wrong := next((text for text in settings.alert_email if text.count("@") != 1), ""):
        raise SettingError(f"CARILLON_ALERT_EMAIL has “{wrong}”; it takes e-mail addresses, separated by commas.")
    for name in ("alert_webhook", "heartbeat_url"):
        if (url := getattr(settings, name)) and urlsplit(url).scheme not in {"http", "https"}:
            raise SettingError(f"{_VARIABLES[name][0]} takes an address like https://example.com/path.")


def _check_indexes(settings: Settings) -> None:
    if bool(settings.index_urls) != bool(settings.index_keys):
        raise SettingError("CARILLON_INDEX_URLS and CARILLON_INDEX_KEYS belong together: set both, or none.")
    if wrong := next((url for url in settings.index_urls if urlsplit(url).scheme not in {"http", "https"}), ""):
        raise SettingError(f"CARILLON_INDEX_URLS has “{wrong}”; it takes addresses, like https://example.com/i.json.")
    if wrong := next((key for key in settings.index_keys if not _PUBLIC_KEY.fullmatch(key)), ""):
        raise SettingError(f"CARILLON_INDEX_KEYS has “{wrong}”; it takes public keys, as installations show them.")


def _check_google(settings: Settings) -> None:
    if bool(settings.google_client_id) != bool(settings.google_client_secret):
        raise SettingError(
            "CARILLON_GOOGLE_CLIENT_ID and CARILLON_GOOGLE_CLIENT_SECRET belong together: set both, or none."
        )
    for name in ("google_authorize_url", "google_token_url", "google_revoke_url", "google_caldav_url"):
        if urlsplit(getattr(settings, name)).scheme not in {"http", "https"}:
            raise SettingError(f"{_VARIABLES[name][0]} takes an address like https://example.com/path.")
