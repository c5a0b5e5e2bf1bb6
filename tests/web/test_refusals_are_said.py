"""Whatever is refused is refused with a sentence on the page: no form comes back without a word."""

import pytest
from werkzeug.routing import IntegerConverter

from tests.web.test_hostile_texts import hostile

__all__ = ["hostile"]

pytestmark = pytest.mark.alike

ENDS = {"removal", "deletion", "leaving", "sign-out", "revocation"}
"""What needs no more than a press, and would take away what the next form is about."""

SAID = ('class="err', "note is-fail", 'role="alert"')
NOTHING = '<div id="alerts" role="alert"></div>'
NONSENSE = {
    "name": "", "text": "at the full moon", "kind": "nonsense", "email": "nowhere", "url": "nowhere", "at": "never",
    "to": "never", "role": "emperor", "minutes": "many", "limit": "-1", "engine": "nonsense", "first": "x", "for": "x",
}  # fmt: skip


@pytest.mark.parametrize("form", [{}, NONSENSE], ids=["nothing", "nonsense"])
def test_a_form_that_is_refused_says_why(app, ada, northgate, hostile, form):
    known = {"team": northgate, "slug": hostile}
    silent, refused = [], 0
    for rule in app.url_map.iter_rules():
        if "POST" not in rule.methods or not (rule.rule.startswith("/t/<team>") or rule.rule.startswith("/me/")):
            continue
        values = {
            name: known.get(name, 1 if isinstance(converter, IntegerConverter) else hostile)
            for name, converter in rule._converters.items()
        }
        if rule.rule.rpartition("/")[2] in ENDS:
            continue
        answer = ada.post(rule.build(values)[1], form)
        assert answer.status_code < 500, rule.rule
        if answer.status_code == 422 and answer.mimetype == "text/html":
            refused += 1
            if not any(mark in answer.text.replace(NOTHING, "") for mark in SAID):
                silent.append(rule.rule)
    assert silent == []
    assert refused > 15
