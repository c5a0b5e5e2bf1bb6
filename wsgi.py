"""The doors for servers: `app` for any WSGI server, `asgi` with Flask on threads beside the streams."""

from app.api.feeds import Feeds
from app.factory import create_app
from app.web.hub import Hub

app = create_app()
asgi = Hub(app, Feeds(app))
