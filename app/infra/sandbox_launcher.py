"""A process of its own that confines code where bubblewrap can't, stays its ancestor, and leaves nothing of it behind.

It is started as `python -I -S`, so it uses the standard library only. The first line of its input says what to run;
when its input ends, the worker is gone and so is everything below.
"""

import ctypes
import json
import os
import resource
import select
import signal
import stat
from typing import Any

from app.infra import sandbox_tree

_SET_DEATH_SIGNAL, _SET_SUBREAPER, _NO_NEW_PRIVILEGES, _SET_SECCOMP = 1, 36, 38, 22
_FILTER = 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_BENEATH = 1
_VERSION_ONLY = 1

_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 5: 0xFFFF}
"""What each version of Landlock governs: execute, write, read, make, remove …; then refer, truncate, ioctl."""
_READ_AND_RUN = 0b1101
_ON_A_FILE = 0xC007
_TCP = 0b11
_TCP_SINCE, _SCOPES_SINCE = 4, 6

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


def landlock_version() -> int:
    """Return the version of Landlock the kernel speaks; 0 where it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_ONLY)))


def main() -> None:
    """Run what the first line of the input says; the exit code is that of the code."""
    spec = json.loads(_first_line())
    _check(_libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0), "subreaper")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    trouble, says = os.pipe()
    child = os.fork()
    if not child:
        _become(spec, says)
    os.close(says)
    is_set_up = not os.read(trouble, 1)
    code = _wait(child)
    sandbox_tree.end_below(os.getpid())
    if is_set_up:
        os.write(spec["status"], b'{"exit-code": %d}\n' % code)
    os._exit(code)


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            os._exit(125)
        line += piece
    return line


def _wait(child: int) -> int:
    """Wait for the code or for the end of the worker, reaping what is orphaned meanwhile."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(os.pidfd_open(child), select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll(200)]
        if 0 in ready:
            return 137
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 137
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if not pid:
                break


def _become(spec: dict[str, Any], says: int) -> None:
    """Turn this process into the code; whatever fails is told and ends it."""
    try:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        folders = _opened(spec)
        for name, value in spec["limits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
        if spec["uid"]:
            os.setgroups([])
            os.setresgid(spec["uid"], spec["uid"], spec["uid"])
            os.setresuid(spec["uid"], spec["uid"], spec["uid"])
        os.chdir(spec["workspace"])
        os.umask(0o077)
        _check(_libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0), "death signal")
        _check(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no_new_privs")
        if spec["landlock"]:
            _landlock(folders, has_network=spec["network"])
        if spec["seccomp"]:
            _seccomp(bytes.fromhex(spec["seccomp"]))
        os.set_inheritable(says, False)
        os.closerange(3, says)
        os.closerange(says + 1, 4096)
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 this is what it is for
    except BaseException as error:  # noqa: BLE001 nothing may return into the parent's code
        os.write(2, f"sandbox: {error}\n".encode())
        os.write(says, b"!")
        os._exit(125)


def _opened(spec: dict[str, Any]) -> list[tuple[int, bool]]:
    """Open the folders and files the code may use, while we still may; True where it may write."""
    wanted = [(path, False) for path in spec["reads"]] + [(path, True) for path in spec["writes"]]
    return [(os.open(path, os.O_PATH), may_write) for path, may_write in wanted if os.path.exists(path)]  # noqa: PTH110 without site-packages, every import counts


def _landlock(folders: list[tuple[int, bool]], *, has_network: bool) -> None:
    version = landlock_version()
    rights = _FILE_RIGHTS[max(known for known in _FILE_RIGHTS if known <= version)]
    governed = _Ruleset(rights)
    size = 8
    if version >= _TCP_SINCE:
        governed.network, size = 0 if has_network else _TCP, 16
    if version >= _SCOPES_SINCE:
        governed.scopes, size = 0b11, 24
    ruleset = _check(_libc.syscall(_CREATE_RULESET, ctypes.byref(governed), ctypes.c_size_t(size), 0), "Landlock")
    for descriptor, may_write in folders:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        allowed = rights if may_write else _READ_AND_RUN
        rule = _Beneath(allowed if is_folder else allowed & _ON_A_FILE, descriptor)
        _check(_libc.syscall(_ADD_RULE, ruleset, _BENEATH, ctypes.byref(rule), 0), "Landlock rule")
    _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "Landlock")


def _seccomp(lines: bytes) -> None:
    program = _Program(len(lines) // 8, lines)
    _check(_libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0), "seccomp")


def _check(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result
