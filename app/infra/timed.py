"""Sockets on which no wait outlasts a deadline, nor a silence."""

import socket
import ssl
import time
from typing import Any


class Silence(TimeoutError):
    """Nothing came for too long, though there was time left."""


class Timed(socket.socket):
    """A socket on which no wait outlasts the deadline, however slowly the bytes trickle."""

    deadline = silence = 0.0

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError when it has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        left = self.left()
        self.settimeout(min(left, self.silence or left))
        try:
            return super().recv_into(buffer, len(buffer) if nbytes is None else nbytes, flags)
        except TimeoutError as error:
            if 0 < self.silence < left:
                raise Silence from error
            raise

    def send(self, data: Any, flags: int = 0) -> int:
        self.settimeout(self.left())
        return super().send(data, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.settimeout(self.left())
        super().sendall(data, flags)


class TimedTls(Timed, ssl.SSLSocket):
    """The same over TLS, whose `sendall` is made of `send`."""
