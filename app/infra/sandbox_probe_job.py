"""What the probe runs inside a sandbox: it tries each thing once and prints, as JSON, what held (true) or not."""

import ctypes
import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from functools import partial

_KEYCTL = {"x86_64": 250, "aarch64": 219}
_UNSHARE_USER = 0x10000000
_SESSION_KEYRING = -3
_FOLDERS = ("/usr", "/etc", "/")
_OURS = 4
"""Processes at most of a sandbox with numbers of its own, where the worker's number may be one of them by chance."""


def _fails(action: Callable[[], object]) -> bool:
    try:
        action()
    except OSError:
        return True
    return False


def _connects(family: int, address: object) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        client.connect(address)  # type: ignore[arg-type]  # an address of the family


def _reads(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def _writes(folder: str) -> None:
    with open(f"{folder}/x", "w", encoding="utf-8"):  # noqa: PTH123 without site-packages, every import counts
        pass


def _calls() -> bool:
    """Whether a filter is in force: a new user namespace and the kernel's key ring are both refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    return _is_refused(libc.unshare(_UNSHARE_USER)) and _is_refused(
        libc.syscall(_KEYCTL.get(os.uname().machine, 0), 0, _SESSION_KEYRING, 1)
    )


def _is_refused(result: int) -> bool:
    return result < 0 and ctypes.get_errno() == errno.EPERM


def _main() -> None:
    targets = json.loads(sys.argv[1])
    folder = targets["folder"]
    answers = {
        "files": _fails(lambda: _reads(targets["file"])) and all(_fails(partial(_writes, name)) for name in _FOLDERS),
        "network": _fails(lambda: _connects(socket.AF_INET, ("127.0.0.1", int(targets["port"])))),
        "sockets": _fails(lambda: _connects(socket.AF_UNIX, f"{folder}/socket"))
        and _fails(lambda: _connects(socket.AF_UNIX, "\0" + targets["abstract"])),
        "processes": _fails(lambda: _reads(f"/proc/{targets['worker']}/stat")) or _only_ours(),
        "signals": _fails(lambda: os.kill(int(targets["worker"]), 0)) or _only_ours(),
        "syscalls": _calls(),
        "rights": _fails(lambda: os.chmod(targets["file"], 0o644)),  # noqa: PTH101 without site-packages, every import counts
        "limits": _is_bounded(),
        "uid": os.getuid() != 0,
    }
    sys.stdout.write(json.dumps(answers) + "\n")


def _only_ours() -> bool:
    return sum(name.isdigit() for name in os.listdir("/proc")) <= _OURS  # noqa: PTH208 names are all it needs


def _is_bounded() -> bool:
    """Whether a fork is refused before 20 of them."""
    children = []
    try:
        for _ in range(20):
            pid = os.fork()
            if not pid:
                os.close(_gate[1])
                os.read(_gate[0], 1)
                os._exit(0)
            children.append(pid)
    except OSError:
        return True
    finally:
        os.close(_gate[1])
        for pid in children:
            os.waitpid(pid, 0)
    return False


_gate = os.pipe()

if __name__ == "__main__":
    _main()
