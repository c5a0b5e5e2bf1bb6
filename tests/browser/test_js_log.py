"""The log box: follow, find, levels, wrap, and what arrives while nobody looks at the end."""

import pytest
from flask import render_template_string, request
from markupsafe import Markup
from playwright.sync_api import expect

from app.web.guard import guard

PAGE = """
{%- extends "layout.html" -%}{% block title %}Log{% endblock %}
{% block content %}
<h2 data-title="● Running · Probe #1" data-favicon="running">Probe</h2>
{{ ui.log_box(lines, text_url='/x', is_live=is_live) }}
<button id="more" hx-get="?lines=5&amp;from=101" hx-target="#log-lines" hx-swap="beforeend">More</button>
{% endblock %}
"""
LINE = '<li id="L{0}"{1}><a href="?line={0}" aria-label="Line {0}">{0}</a><time>09:00:00</time><span>line number {0}</span></li>'


def line(no, picked):
    return LINE.format(no, ' class="pick"' if no == picked else ' class="lv-fail"' if no % 10 == 0 else "")


@pytest.fixture
def log_page(app):
    """A page with a live log of 100 lines at /probe, before anything is asked of the site."""

    @guard("see")
    def probe():
        first, count, picked = (int(request.args.get(*asked)) for asked in (("from", 1), ("lines", 100), ("line", 0)))
        lines = Markup("".join(line(no, picked) for no in range(first, first + count)))
        if "HX-Request" in request.headers:
            return lines
        return render_template_string(PAGE, lines=lines, is_live="still" not in request.args)

    app.add_url_rule("/t/<team>/probe", view_func=probe)


def distance_to_end(page):
    return page.locator("#log-lines").evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight")


def test_a_live_log_follows_its_end(log_page, site):
    page = site.open("/probe")
    assert distance_to_end(page) < 2
    page.locator("#more").click()
    expect(page.locator("#L105")).to_be_in_viewport()
    expect(page.get_by_text("Following, live")).to_be_visible()


def test_scrolling_up_stops_following_and_counts_what_is_new(log_page, site):
    page = site.open("/probe")
    page.locator("#log-lines").hover()
    page.mouse.wheel(0, -600)
    expect(page.get_by_text("Not following")).to_be_visible()
    page.locator("#more").dispatch_event("click")
    expect(page.get_by_role("button", name="5 new lines")).to_be_visible()
    expect(page.locator("#L105")).not_to_be_in_viewport()
    page.get_by_role("button", name="5 new lines").click()
    expect(page.locator("#L105")).to_be_in_viewport()
    expect(page.get_by_role("button", name="new lines", exact=False).filter(has_text="5 new")).to_be_hidden()


def test_f_turns_following_off_and_on(log_page, site):
    page = site.open("/probe")
    follow = page.get_by_role("button", name="Follow new lines")
    page.keyboard.press("f")
    expect(follow).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("f")
    expect(follow).to_have_attribute("aria-pressed", "true")


def test_a_line_that_just_came_does_not_turn_following_on_again(log_page, site):
    page = site.open("/probe")
    page.evaluate("""async () => {
        const log = document.querySelector('#log-lines')
        log.append(log.lastElementChild.cloneNode(true))
        await Promise.resolve() // the log scrolls to its end; the scroll event comes with the next frame
        document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'f', bubbles: true, cancelable: true }))
        for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame)
    }""")
    expect(page.get_by_role("button", name="Follow new lines")).to_have_attribute("aria-pressed", "false")


def test_only_the_last_2000_lines_stay_in_the_page(log_page, site):
    page = site.open("/probe?lines=2000")
    page.locator("#more").dispatch_event("click")
    expect(page.locator("#L105")).to_have_count(2)
    expect(page.locator("#log-lines > li")).to_have_count(2000)
    expect(page.locator("#L5")).to_have_count(0)


def test_finding_keeps_the_lines_with_the_words_and_counts_them(log_page, site):
    page = site.open("/probe?still=1")
    page.keyboard.press("/")
    page.keyboard.type("NUMBER 5")
    expect(page.locator("#log-lines > li:visible")).to_have_count(11)
    expect(page.locator("[data-log-state]")).to_have_text("11 of 100 lines")
    page.get_by_label("Find in the log").fill("")
    expect(page.locator("#log-lines > li:visible")).to_have_count(100)


def test_levels_leave_only_errors(log_page, site):
    page = site.open("/probe?still=1")
    page.get_by_label("Show").select_option("fail")
    expect(page.locator("#log-lines > li:visible")).to_have_count(10)


def test_a_log_that_is_over_is_no_longer_followed(log_page, site):
    page = site.open("/probe")
    page.locator("#log").dispatch_event("finished")
    expect(page.get_by_text("Following, live")).to_be_hidden()
    expect(page.get_by_role("button", name="Follow new lines")).to_be_hidden()
    expect(page.locator("#L100")).to_be_in_viewport()


def test_wrapping_is_remembered(log_page, site):
    page = site.open("/probe")
    page.get_by_role("button", name="Wrap lines").click()
    page.reload()
    expect(page.get_by_role("button", name="Wrap lines")).to_have_attribute("aria-pressed", "false")


def test_a_line_can_be_pointed_at_and_the_address_points_at_it(log_page, site):
    page = site.open("/probe?line=50")
    expect(page.locator("#L50")).to_be_in_viewport()
    page.get_by_role("link", name="Line 51", exact=True).click()
    assert page.url.endswith("line=51")
    expect(page.locator("#L51")).to_have_class("pick")


def test_title_and_favicon_follow_the_run(log_page, site):
    page = site.open("/probe")
    page.locator("#more").dispatch_event("click")
    expect(page).to_have_title("● Running · Probe #1 · Carillon")
    assert "favicon-running" in page.locator("#favicon").get_attribute("href")
