"""What another app shares with this one, and what it may become: a thread, a task that fetches, one for an agent."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit

Kind = Literal["thread", "link", "prompt"]

LONGEST_TEXT = 2_000_000
LONGEST_TITLE, LONGEST_URL = 300, 2000

_URL = re.compile(r"https?://[^\s<>\"]+")
_CHATS = frozenset(
    {"chatgpt.com", "chat.openai.com", "claude.ai", "gemini.google.com", "g.co", "www.perplexity.ai", "grok.com"}
)
_MOST_WORDS_AROUND = 40


@dataclass(frozen=True)
class Given:
    """What came: any of these may be empty. A link that stood at the end of a short text is its `url`."""

    title: str
    text: str
    url: str

    @property
    def address(self) -> str:
        """Return where the question about it is asked again."""
        given = {name: value for name, value in vars(self).items() if value}
        return f"/share?{urlencode(given)}" if given else "/share"

    @property
    def is_chat(self) -> bool:
        """Whether the link leads to a conversation that somebody shares."""
        parts = urlsplit(self.url)
        return parts.hostname in _CHATS and "/share" in parts.path


def read(title: str, text: str, url: str) -> Given:
    """Take apart what came: many apps write the link into the text, after its title."""
    title, text, url = " ".join(title.split())[:LONGEST_TITLE], text.strip()[:LONGEST_TEXT], url.strip()[:LONGEST_URL]
    if not _URL.fullmatch(url):
        url = ""
    found = _URL.findall(text)
    if len(found) == 1 and not url and len(text.split()) <= _MOST_WORDS_AROUND and text.endswith(found[0]):
        url, text = found[0][:LONGEST_URL], text.removesuffix(found[0]).strip()
    if url and not title and "\n" not in text:
        title, text = text[:LONGEST_TITLE], ""
    return Given(title, "" if text in {title, url} else text, url)


def kind(given: Given, is_conversation: bool) -> Kind:
    """Say what is most likely meant; `is_conversation`: the text reads as one."""
    if is_conversation or (given.is_chat and not given.text):
        return "thread"
    return "link" if given.url and not given.text else "prompt"
