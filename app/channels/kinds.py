"""The kinds of channels that people set up: what each asks for, and the channel that comes of it."""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from urllib.parse import quote

from app.channels import posts
from app.channels.base import Channel, NotSent
from app.channels.email import Email
from app.channels.gateways import Gateway
from app.channels.posts import Post
from app.core.errors import Invalid
from app.infra import fetch
from app.infra.addresses import Failure, read_target
from app.infra.mailer import Server

LONGEST, LONGEST_SHOWN = 1000, 200
"""Letters of a field, and of what may be read of an address."""

Address = Mapping[str, str]
"""What a channel of a kind was told: the name of a field to what was typed."""

_SECONDS = 3.0
_PHONE = re.compile(r"\+?[0-9 ()./-]{5,24}")
_CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64}")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")  # as browsers check it
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{1,30})://.+", re.IGNORECASE)
_TELEGRAM, _NTFY = "https://api.telegram.org", "https://ntfy.sh"


@dataclass(frozen=True)
class Means:
    """What this process sends with: the mail server, the address of the pages, the inner hosts that are allowed."""

    home: str
    mail: Server | None = None
    allow_hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """One thing that a kind asks for. What is secret is never shown again; `options` are (value, word) to choose of."""

    name: str
    label: str
    hint: str = ""
    is_secret: bool = False
    is_optional: bool = False
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of channel: `checked` raises Invalid or returns what may be read of the address, `opened` makes it."""

    name: str
    label: str
    icon: str
    hint: str
    fields: tuple[Field, ...]
    checked: Callable[[Address], str]
    opened: Callable[[Address, Means], Channel]
    is_personal: bool = True


def read(kind: str, given: Address) -> tuple[Address, str]:
    """Return the address that was typed, and what may be read of it. Raises Invalid with a sentence for each field."""
    if kind not in KINDS:
        raise Invalid({"kind": "Choose one of the kinds."})
    fields = KINDS[kind].fields
    address = {field.name: str(given.get(field.name, "")).strip() for field in fields}
    wrong = {
        field.name: f"Fill in {field.label[:1].lower()}{field.label[1:]}."
        for field in fields
        if not address[field.name] and not field.is_optional
    } | {field.name: f"This has at most {LONGEST:,} letters." for field in fields if len(address[field.name]) > LONGEST}
    wrong |= {
        field.name: "Choose one of these."
        for field in fields
        if field.options and address[field.name] not in dict(field.options)
    }
    if wrong:
        raise Invalid(wrong)
    return address, KINDS[kind].checked(address)[:LONGEST_SHOWN]


def label(kind: str) -> str:
    """Name a kind."""
    return KINDS[kind].label if kind in KINDS else kind


def host(kind: str, shown: str) -> str:
    """Return what a channel goes through, by what may be read of its address: a host, or its kind where that is one
    service. It is empty where it can't be told: an address of Apprise may lead to any server.
    """
    if kind == "other":
        return ""
    is_host = kind in {"slack", "teams", "discord", "ntfy", "webhook"} or (kind == "telegram" and " on " in shown)
    return shown.rpartition(" ")[2] if is_host else kind


def recipients(address: Address) -> list[str]:
    """Return the addresses that an e-mail channel writes to."""
    return address["addresses"].replace(",", " ").replace(";", " ").split()


def is_mail(address: str) -> bool:
    """Whether this is one e-mail address and nothing else, so that no second spelling leads to the same one."""
    return _MAIL.fullmatch(address) is not None


def opened(kind: str, address: Address, means: Means) -> Channel:
    """Return the channel of a stored address. Raises NotSent for what this installation can't send by."""
    if kind not in KINDS:
        raise NotSent("This kind of channel is not known any more.", is_permanent=True)
    return KINDS[kind].opened(address, means)


# --- what was typed


def _url(name: str) -> Callable[[Address], str]:
    def checked(address: Address) -> str:
        _look_at(name, address[name])
        return read_target(address[name]).host

    return checked


def _look_at(name: str, url: str) -> None:
    """Refuse what is no web address, and what leads to an inner one now; at each message it is looked at again."""
    try:
        fetch.guard().addresses(read_target(url), _SECONDS, Future())
    except Failure as failure:
        if failure.reason in {"address", "inner_address"}:
            raise Invalid({name: failure.message}) from None


def _telegram(address: Address) -> str:
    if not re.fullmatch(r"\d{3,20}:[\w-]{10,100}", address["token"]):
        raise Invalid({"token": "A token looks like 123456:ABC-DEF. @BotFather gives you one."})
    if not _CHAT.fullmatch(address["chat"]):
        raise Invalid({"chat": "A chat is a number, or @channel."})
    _look_at("server", address["server"] or _TELEGRAM)
    return f"chat {address['chat']}" + (f" on {read_target(address['server']).host}" if address["server"] else "")


def _ntfy(address: Address) -> str:
    if not re.fullmatch(r"[\w-]{1,64}", address["topic"]):
        raise Invalid({"topic": "A topic has letters, digits, _ and -."})
    _look_at("server", address["server"] or _NTFY)
    return f"{address['topic']} on {read_target(address['server'] or _NTFY).host}"


def _phones(address: Address) -> str:
    for name in ("sender", "number"):
        if not _PHONE.fullmatch(address[name]):
            raise Invalid({name: "Type a phone number with its country, like +49 170 1234567."})
    return f"ends in {_digits(address['number'])[-3:]}"


def _mails(address: Address) -> str:
    found = recipients(address)
    if not found:
        raise Invalid({"addresses": "Type e-mail addresses, separated by commas."})
    if wrong := next((one for one in found if not is_mail(one)), ""):
        raise Invalid(
            {"addresses": f"“{wrong[:60]}” is no e-mail address. Type them like ada@example.com, with commas."}
        )
    said = ", ".join(found)
    if len(said) > LONGEST_SHOWN:
        raise Invalid({"addresses": f"Type at most {LONGEST_SHOWN} letters; a mailing list reaches more people."})
    return said


def _apprise(address: Address) -> str:
    found = _SCHEME.fullmatch(address["url"])
    if not found:
        raise Invalid({"url": "Type an address of Apprise, like pover://user@token."})
    return f"{found[1].lower()}://…"


def _digits(number: str) -> str:
    return "".join(filter(str.isdecimal, number))


# --- what comes of it


def _posted(name: str, content: posts.Content) -> Callable[[Address, Means], Channel]:
    return lambda address, _: Post(name, address["url"], content)


def _bot(address: Address, _means: Means) -> Channel:
    url = f"{(address['server'] or _TELEGRAM).rstrip('/')}/bot{address['token']}/sendMessage"
    return Post("telegram", url, posts.telegram(address["chat"]), secrets=(address["token"],))


def _topic(address: Address, _means: Means) -> Channel:
    token = address["token"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"{(address['server'] or _NTFY).rstrip('/')}/"
    return Post("ntfy", url, posts.ntfy(address["topic"]), headers, secrets=(token,))


def _letters(address: Address, means: Means) -> Channel:
    if means.mail is None:
        raise NotSent("No mail server is set. An administrator can set CARILLON_SMTP_URL.", is_permanent=True)
    return Email(means.mail, recipients(address), means.home)


_GATEWAYS = {
    "twilio": ("Twilio", "twilio://{account}:{password}@{sender}/{number}/"),
    "vonage": ("Vonage", "vonage://{account}:{password}@{sender}/{number}/"),
    "sinch": ("Sinch", "sinch://{account}:{password}@{sender}/{number}/"),
    "plivo": ("Plivo", "plivo://{account}@{password}/{sender}/{number}/"),
}


def _sms(address: Address, means: Means) -> Channel:
    parts = {name: quote(address[name], safe="") for name in ("account", "password")}
    parts |= {name: _digits(address[name]) for name in ("sender", "number")}
    url = _GATEWAYS[address["gateway"]][1].format(**parts)
    return Gateway("sms", url, means.allow_hosts, (address["password"], address["account"]))


def _other(address: Address, means: Means) -> Channel:
    secrets = [part for part in re.split(r"[/:@?&=]+", address["url"]) if len(part) > 7]  # noqa: PLR2004 no mere word
    return Gateway("other", address["url"], means.allow_hosts, secrets)


def _address(label: str, hint: str) -> tuple[Field, ...]:
    return (Field("url", label, hint, is_secret=True),)


_SERVER = Field("server", "Server", "Empty: the public one.", is_optional=True)
_NUMBERS = (
    Field("gateway", "Gateway", options=tuple((name, word) for name, (word, _) in _GATEWAYS.items())),
    Field("account", "Account", "Account SID (Twilio), API key, service plan or auth ID.", is_secret=True),
    Field("password", "Its secret", "The auth token, API secret or API token that belongs to it.", is_secret=True),
    Field("sender", "Sent from", "A number of yours at the gateway."),
    Field("number", "Sent to", "With its country, like +49 170 1234567."),
)  # fmt: skip
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("email", "E-mail", "mail", "One or more addresses that a team reads.",
             (Field("addresses", "Addresses", "Separated by commas."),), _mails, _letters, is_personal=False),
        Kind("slack", "Slack", "threads", "In Slack: Apps, Incoming Webhooks. Mattermost takes the same.",
             _address("Webhook address", "Like https://hooks.slack.com/services/T…/B…/…"), _url("url"),
             _posted("slack", posts.slack)),
        Kind("teams", "Microsoft Teams", "threads", "In Teams: Workflows, post to a channel when a webhook is called.",
             _address("Workflow address", "Like https://….logic.azure.com/workflows/…"), _url("url"),
             _posted("teams", posts.teams)),
        Kind("discord", "Discord", "threads", "In Discord: channel settings, Integrations, Webhooks.",
             _address("Webhook address", "Like https://discord.com/api/webhooks/…/…"), _url("url"),
             _posted("discord", posts.discord)),
        Kind("telegram", "Telegram", "threads", "Make a bot with @BotFather, and write to it once.",
             (Field("token", "Bot token", "Like 123456:ABC-DEF.", is_secret=True),
              Field("chat", "Chat", "A number, or @channel."), _SERVER), _telegram, _bot),
        Kind("ntfy", "ntfy", "bell", "Choose a topic that nobody guesses, and subscribe to it in the app.",
             (Field("topic", "Topic"), _SERVER, Field("token", "Access token", "Only for topics that ask for one.",
              is_secret=True, is_optional=True)), _ntfy, _topic),
        Kind("sms", "SMS", "send", "By a gateway that you have an account with; it charges for each message.",
             _NUMBERS, _phones, _sms),
        Kind("webhook", "Web address", "globe", "Gets each message as JSON by POST. For signed events: Webhooks.",
             _address("Address", "Like https://example.com/carillon"), _url("url"),
             _posted("webhook", posts.webhook)),
        Kind("other", "Another service", "plug", "Pushover, Matrix, PagerDuty and all else that Apprise speaks.",
             _address("Address of Apprise", "As its list says, like pover://user@token."), _apprise, _other),
    )
}  # fmt: skip
