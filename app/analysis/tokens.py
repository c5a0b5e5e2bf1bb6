"""The shapes of keys and tokens that providers give out, told by how they begin."""

import re
from collections.abc import Iterator

_W, _D = r"[A-Za-z0-9]", r"[\w-]"
_BEGINNINGS = (
    ("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_", r"\w{8,250}"),
    ("Stripe webhook secret", "whsec_", r"[A-Za-z0-9+/=]{12,200}"),
    ("Anthropic key", "sk-ant-", _D + "{8,250}"),
    ("OpenAI key", "sk-proj- sk-svcacct- sk-admin-", _D + "{8,250}"),
    ("API key", "sk-", _D + "{16,200}"),
    (
        "API key",
        " ".join(
            f"{head}{dash}{stage}{dash}"
            for head in ("sk", "pk", "rk", "key", "tok", "token", "api", "secret")
            for dash in "-_"
            for stage in ("live", "test", "prod", "sandbox", "dev")
        ),
        _D + "{6,200}",
    ),
    ("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\w{12,255}"),
    ("GitLab token", "glpat- gldt- glrt- glcbt- glptt- glsoat-", _D + "{10,200}"),
    ("Slack token", "xoxa- xoxb- xoxc- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", _D + "{10,250}"),
    ("Slack webhook", "https://hooks.slack.com/services/ https://hooks.slack.com/workflows/", r"[\w/-]{16,200}"),
    (
        "Discord webhook",
        "https://discord.com/api/webhooks/ https://discordapp.com/api/webhooks/",
        r"\d{5,25}/[\w-]{10,120}",
    ),
    ("AWS key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("Google key", "AIza", _D + "{20,60}"),
    ("Google token", "ya29. GOCSPX-", _D + "{12,400}"),
    ("SendGrid key", "SG.", r"[\w-]{10,60}\.[\w-]{10,120}"),
    ("Hugging Face token", "hf_", _W + "{16,80}"),
    ("npm token", "npm_", _W + "{20,80}"),
    ("PyPI token", "pypi-", _D + "{16,400}"),
    ("Docker token", "dckr_pat_ dckr_oat_", _D + "{12,80}"),
    ("Shopify token", "shpat_ shpss_ shpca_ shppa_", _W + "{16,80}"),
    ("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{16,80}"),
    ("Square token", "sq0atp- sq0csp-", _D + "{16,80}"),
    ("Mailgun key", "key-", r"[0-9a-f]{24,40}"),
    ("Twilio key", "SK", r"[0-9a-f]{32}"),
    ("Notion token", "ntn_ secret_", _W + "{24,80}"),
    ("Airtable token", "pat", r"[A-Za-z0-9]{14}\.[a-f0-9]{32,80}"),
    ("Linear key", "lin_api_ lin_oauth_", _W + "{16,80}"),
    ("Databricks token", "dapi", r"[a-f0-9]{32}"),
    (
        "API key",
        "gsk_ r8_ tvly- pplx- xai- fc- jina_ phc_ phx_ re_ nvapi- csk- tskey- sntrys_ glsa_ dp.pt. pul- figd_ hvs.",
        _D + "{20,200}",
    ),
    ("Age key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{20,80}"),
    ("JSON web token", "eyJ", r"[\w-]{8,2000}\.eyJ[\w-]{8,4000}\.[\w-]{8,1000}"),
)
_SHAPES = [(kind, tuple(heads.split()), re.compile(rest)) for kind, heads, rest in _BEGINNINGS]
# told by what stands in their middle
_OTHERS = (
    ("Telegram token", re.compile(r"(?<![\w:.-])\d{8,10}:[A-Za-z0-9_-]{30,45}(?![\w-])")),
    ("Mailchimp key", re.compile(r"(?<![\w-])[0-9a-f]{32}-us\d{1,2}\b")),
)


def tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """Return what has the shape of a provider's key: its text, what it is, its place."""
    for kind, heads, rest in _SHAPES:
        for head in heads:
            for at in places(text, head):
                if at and (text[at - 1].isalnum() or text[at - 1] in "_-"):
                    continue  # within a longer word; a long one is looked at once
                if tail := rest.match(text, at + len(head)):
                    yield text[at : tail.end()].rstrip("-_."), kind, at
    for kind, shape in _OTHERS:
        yield from ((hit[0], kind, hit.start()) for hit in shape.finditer(text))


def places(text: str, word: str) -> Iterator[int]:
    """Return each place of a word in a text."""
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)
