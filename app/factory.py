"""The web application: bootstrap, then guard, pages, errors, headers and the API."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import bootstrap
from app.api import docs, openapi, problems
from app.settings import Settings, read
from app.web import (
    accounts,
    action_links,
    alerts,
    assets,
    audit,
    backfills,
    badges,
    banners,
    budgets,
    calendar,
    calendar_moves,
    calendars,
    channels,
    compare,
    devices,
    editor,
    errors,
    feeds,
    graph,
    guard,
    health,
    hooks,
    incidents,
    insights,
    library,
    library_publishing,
    library_saving,
    library_shared,
    live,
    me,
    metrics,
    models,
    my_calendars,
    notifications,
    offers,
    pings,
    pools,
    pwa,
    rehearsals,
    render,
    reports,
    rules,
    run_bulk,
    run_with,
    runs,
    savings,
    search,
    security,
    settings,
    spreading,
    suggestions,
    system,
    tagging,
    tasks,
    thread_review,
    threads,
    today,
    tokens,
    uploads,
    values,
    wall,
    webhooks,
    wishes,
)

SUBJECTS = (
    today, tasks, graph, threads, thread_review, editor, backfills, runs, run_bulk, run_with, rehearsals, compare,
    accounts, calendar, calendar_moves, spreading, insights, reports, savings, suggestions,
    me, settings, models, calendars, pools, budgets, values, webhooks, hooks, channels, tokens, audit, system, metrics,
    alerts, incidents, action_links, notifications, rules, wishes, tagging, pings, feeds, my_calendars, wall, badges,
    library, library_saving, library_publishing, library_shared, offers, banners, live, health, search, devices, pwa,
)  # fmt: skip

_LARGEST_REQUEST_BYTES = 64 * 1024 * 1024
_LARGEST_FIELDS_BYTES = 2 * 1024 * 1024


def create_app(given: Settings | None = None) -> Flask:
    """Return the web application for `given` settings, or for those of the environment. Raises SettingError."""
    values = given or read()
    app = bootstrap.start(values)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_REQUEST_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = _LARGEST_FIELDS_BYTES
    uploads.attach(app)
    render.attach(app)
    security.attach(app)
    guard.attach(app)
    errors.attach(app, problems.answer)
    assets.attach(app, bootstrap.ROOT / "static")
    pwa.attach(app)
    for subject in SUBJECTS:
        app.register_blueprint(subject.blueprint)
    app.register_blueprint(channels.mine)
    openapi.attach(app)
    app.register_blueprint(docs.blueprint)
    if hops := values.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's own way
    return app
