"""Runs inside a sandbox: tries each way out once and prints what became of it. Every target is made by the test."""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

TARGETS = json.loads(os.environ["TARGETS"])
libc = ctypes.CDLL(None, use_errno=True)
CALLS = {
    "x86_64": {"keyctl": 250, "userfaultfd": 323, "bpf": 321, "perf": 298, "io_uring": 425, "handle": 304, "clone": 56},
    "aarch64": {
        "keyctl": 219,
        "userfaultfd": 282,
        "bpf": 280,
        "perf": 241,
        "io_uring": 425,
        "handle": 265,
        "clone": 220,
    },
}[os.uname().machine]


def read(path):
    return Path(path).read_bytes()


def write(path):
    Path(path).write_bytes(b"x")


def leaks(path):
    if b"worker-secret" not in read(path):
        raise PermissionError


def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        client.connect(address)


def call(name, *arguments):
    check(libc.syscall(CALLS[name], *arguments))


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def own_environment():
    if "CARILLON_CANARY" not in os.environ:
        raise PermissionError


def environ_of(pid):
    leaks(f"/proc/{pid}/environ")


def clone_namespace():
    pid = libc.syscall(CALLS["clone"], 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    check(pid)
    os.waitpid(pid, 0)


def signal_victim():
    os.kill(TARGETS["victim"], signal.SIGUSR1)


def terminal_input():
    master, slave = os.openpty() if Path("/dev/ptmx").exists() else (0, 0)
    try:
        with contextlib.suppress(OSError):
            os.setsid()
        fcntl.ioctl(slave, 0x5412, b"x")
    finally:
        if master:
            os.close(master)
            os.close(slave)


def raise_limit():
    resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))


def open_descriptors():
    extra = []
    for descriptor in range(3, 1024):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            extra.append(descriptor)
    if not extra:
        raise PermissionError


def device():
    os.mknod("disk", 0o060600, os.makedev(8, 0))


def core():
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        raise PermissionError


def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"out", ("127.0.0.1", TARGETS["udp"]))


folder = TARGETS["folder"]
WAYS = {
    "own_environment": own_environment,
    "environ_of_init": lambda: environ_of(1),
    "environ_of_parent": lambda: environ_of(os.getppid()),
    "environ_of_worker": lambda: environ_of(TARGETS["worker"]),
    "shadow": lambda: read("/etc/shadow"),
    "passwd": lambda: read("/etc/passwd"),
    "database": lambda: read(f"{folder}/app.db"),
    "write_database": lambda: write(f"{folder}/app.db"),
    "write_usr": lambda: write("/usr/x"),
    "write_etc": lambda: write("/etc/x"),
    "write_root": lambda: write("/x"),
    "write_dev": lambda: write("/dev/x"),
    "loopback_tcp": lambda: connect(socket.AF_INET, ("127.0.0.1", TARGETS["tcp"])),
    "named_socket": lambda: connect(socket.AF_UNIX, f"{folder}/redis.sock"),
    "abstract_socket": lambda: connect(socket.AF_UNIX, "\0" + TARGETS["abstract"]),
    "netlink_audit": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9),
    "packet_socket": lambda: socket.socket(17, socket.SOCK_RAW),
    "user_namespace": lambda: check(libc.unshare(0x10000000)),
    "clone_namespace": clone_namespace,
    "keyctl": lambda: call("keyctl", 0, -3, 1),
    "userfaultfd": lambda: call("userfaultfd", 1),
    "bpf": lambda: call("bpf", 0, 0, 0),
    "perf": lambda: call("perf", 0, 0, -1, -1, 0),
    "io_uring": lambda: call("io_uring", 1, ctypes.create_string_buffer(256)),
    "ptrace": lambda: check(libc.ptrace(0, 0, 0, 0)),
    "mount": lambda: check(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
    "chroot": lambda: os.chroot("."),
    "open_by_handle": lambda: call("handle", -100, 0, 0),
    "signal_victim": signal_victim,
    "terminal_input": terminal_input,
    "raise_limit": raise_limit,
    "become_root": lambda: os.setuid(0),
    "open_descriptors": open_descriptors,
    "device": device,
    "core": core,
}


def outcome(way):
    try:
        way()
    except OSError:
        return "refused"
    except ValueError:  # resource: not allowed to raise maximum limit
        return "refused"
    return "POSSIBLE"


with contextlib.suppress(OSError):
    datagram()
sys.stdout.write(json.dumps({name: outcome(way) for name, way in WAYS.items()}) + "\n")
