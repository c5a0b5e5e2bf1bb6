"""What forms do beyond what browsers do: drafts, code, toasts with Undo, times that go on, a live view that is lost."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Response, redirect, render_template_string, request
from playwright.sync_api import expect

from app.web.guard import guard
from tests.browser.conftest import visiting

PAGE = """
{%- extends "layout.html" -%}{% block title %}Form{% endblock %}
{% block content %}
<form id="long" method="post" data-draft>{{ ui.csrf(csrf_token) }}
{{ ui.input('name', 'Name') }}{{ ui.textarea('code', 'Code', code=true) }}
{{ ui.check('fast', 'Fast') }}
<button class="btn primary" type="submit">Keep it</button></form>
<button class="btn" id="speak" hx-get="?toast=1" hx-swap="none">Say</button>
<p data-copy>to copy</p>
<time id="soon" datetime="{{ soon }}">in 1 min</time>
<span id="count" data-since="{{ began }}">0.1 s</span>
{% if is_live %}<div id="live" hx-sse:connect="/t/{{ team.slug }}/gone"></div>{% endif %}
{% endblock %}
"""


@pytest.fixture
def form_page(app):
    """A page with a long form at /probe, before anything is asked of the site."""

    @guard("see")
    def probe():
        if request.args.get("toast"):
            toast = {"text": "Task paused.", "undo_url": "undone"}
            return Response("", headers={"HX-Trigger": json.dumps({"toast": toast})})
        if request.method == "POST":
            return redirect("today", 303)
        now = datetime.now(UTC)
        words = {"soon": (now + timedelta(hours=3)).isoformat(), "began": (now - timedelta(seconds=64)).isoformat()}
        return render_template_string(PAGE, is_live="live" in request.args, **words)

    @guard("see")
    def undone():
        return redirect("settings/general", 303)

    @guard("see")
    def gone():
        return Response(iter([b":\n\n"]), mimetype="text/event-stream")

    app.add_url_rule("/t/<team>/probe", view_func=probe, methods=["GET", "POST"])
    app.add_url_rule("/t/<team>/undone", view_func=undone, methods=["POST"])
    app.add_url_rule("/t/<team>/gone", view_func=gone)


def test_what_was_typed_comes_back_when_the_network_was_away(form_page, site):
    page = site.open("/probe")
    page.get_by_label("Name").fill("Disk check")
    page.get_by_label("Code").fill("df -h\ndate")
    page.get_by_label("Fast").check()
    site.context.set_offline(True)
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("You are offline, so nothing was sent.")).to_be_visible()
    site.context.set_offline(False)
    site.open("/probe")
    expect(page.get_by_label("Name")).to_have_value("Disk check")
    expect(page.get_by_label("Code")).to_have_value("df -h\ndate")
    expect(page.get_by_label("Fast")).to_be_checked()
    expect(page.locator(".toast")).to_contain_text("What you typed here is back.")
    site.problems.clear()


def test_what_was_kept_is_not_brought_back(form_page, site):
    page = site.open("/probe")
    page.get_by_label("Name").fill("Disk check")
    page.get_by_role("button", name="Keep it").click()
    expect(page).to_have_url(f"{site.at}/today")
    site.open("/probe")
    expect(page.get_by_label("Name")).to_have_value("")


def test_tab_indents_code_and_escape_lets_it_go(form_page, site):
    page = site.open("/probe")
    code = page.get_by_label("Code")
    code.fill("if x:\n")
    code.press("Tab")
    page.keyboard.type("y")
    expect(code).to_have_value("if x:\n    y")
    code.press("Control+a")
    code.press("Tab")
    expect(code).to_have_value("    if x:\n        y")
    code.press("Control+z")
    expect(code).to_have_value("if x:\n    y")
    code.press("Escape")
    code.press("Tab")
    expect(code).not_to_be_focused()


def test_control_enter_sends_the_form(form_page, site):
    page = site.open("/probe")
    page.get_by_label("Name").fill("x")
    page.get_by_label("Name").press("Control+Enter")
    expect(page).to_have_url(f"{site.at}/today")


def test_a_toast_can_be_undone(form_page, site):
    page = site.open("/probe")
    page.locator("#speak").click()
    expect(page.locator("#say")).to_have_text("Task paused.")
    page.get_by_role("button", name="Undo").click()
    expect(page).to_have_url(f"{site.at}/settings/general")


def test_a_text_to_copy_has_a_button(form_page, site):
    site.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = site.open("/probe")
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#say")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "to copy"


def test_times_go_on(form_page, app, address, browser):
    with visiting(app, address, browser) as site:  # a browser that has another clock keeps it
        site.page.clock.install()
        page = site.open("/probe")
        page.clock.run_for(31_000)
        expect(page.locator("#soon")).to_have_text("in 3 h")
        expect(page.locator("#count")).to_have_text(re.compile(r"^1 min \d+ s$"))


def test_a_live_view_that_is_lost_says_so(form_page, site):
    page = site.open("/probe?live=1")
    page.route("**/gone", lambda route: route.abort())
    expect(page.get_by_text("Live view lost, trying again.")).to_be_visible(timeout=8000)
    page.unroute("**/gone")
    expect(page.get_by_text("Live view lost, trying again.")).to_be_hidden(timeout=15000)
    site.problems.clear()
