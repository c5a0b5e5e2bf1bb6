"""The port: taken before anything is made, refused in one sentence."""

import errno
import socket

from app.settings import SettingError, Settings

_BACKLOG = 1024
_SILENCE_MS = 15_000
"""A client that acknowledges nothing for so long is gone, so that streams to it end."""


def take(settings: Settings) -> socket.socket:
    """Take the port; web inherits it, so that nobody is turned away while web starts again. Raises SettingError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise SettingError(f"{settings.host} is no address of this machine. Give one with --host.") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MS)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingError(_why_not(error, settings)) from error
    return listener


def _why_not(error: OSError, settings: Settings) -> str:
    where = f"port {settings.port} on {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return f"Another program listens on {where}. Stop it, or give another port with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{settings.host} is no address of this machine. Give one with --host."
    return f"Carillon may not listen on {where}: {error.strerror}. Give a port from 1024 with --port."
