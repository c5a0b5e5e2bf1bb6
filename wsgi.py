"""The doors for servers: `app` for any WSGI server, `asgi` with Flask on threads beside the streams."""

from a2wsgi import WSGIMiddleware

from app.factory import create_app

app = create_app()
asgi = WSGIMiddleware(app.wsgi_app, workers=app.config["SETTINGS"].web_threads)  # type: ignore[arg-type]  # the same protocol under two names
