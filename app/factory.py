"""The web application: bootstrap, then guard, pages, errors, headers and the API."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import bootstrap
from app.api import docs, openapi, problems
from app.settings import Settings, read
from app.web import (
    accounts,
    alerts,
    assets,
    audit,
    backfills,
    banners,
    budgets,
    calendar,
    calendar_moves,
    calendars,
    compare,
    editor,
    errors,
    feeds,
    graph,
    guard,
    health,
    insights,
    library,
    library_publishing,
    library_saving,
    library_shared,
    live,
    me,
    models,
    my_calendars,
    offers,
    pings,
    pools,
    rehearsals,
    render,
    run_bulk,
    run_with,
    runs,
    search,
    security,
    settings,
    spreading,
    suggestions,
    system,
    tasks,
    thread_review,
    threads,
    today,
    tokens,
    uploads,
    values,
)

SUBJECTS = (
    today, tasks, graph, threads, thread_review, editor, backfills, runs, run_bulk, run_with, rehearsals, compare,
    accounts, calendar, calendar_moves, spreading, insights, suggestions,
    me, settings, models, calendars, pools, budgets, values, tokens, audit, system, alerts, pings, feeds, my_calendars,
    library, library_saving, library_publishing, library_shared, offers, banners, live, health, search,
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
    for subject in SUBJECTS:
        app.register_blueprint(subject.blueprint)
    openapi.attach(app)
    app.register_blueprint(docs.blueprint)
    if hops := values.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's own way
    return app
