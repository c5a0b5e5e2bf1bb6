"""Hosts of a network of their own, made of namespaces: each with its own host name and address, on no other network.

The links lie between these namespaces alone; the machine's own network is neither used nor changed. A namespace lives
as long as the process that holds it, and that one no longer than the test: nothing is left behind.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.infra import processes

NETWORK = "10.231.7"


def why_not() -> str:
    """Why there can be no such hosts here; empty when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing := [name for name in ("ip", "unshare", "nsenter") if not shutil.which(name)]:
        return f"{missing[0]} is not installed"
    done = subprocess.run(
        ["unshare", "--net", "--uts", "ip", "link", "add", "br0", "type", "bridge"], capture_output=True, check=False
    )
    return f"no bridge can be made: {done.stderr.decode().strip()}" if done.returncode else ""


@dataclass
class Host:
    """A namespace with one link to the others."""

    name: str
    address: str
    holder: "subprocess.Popen[bytes]"
    switch: "Host | None" = None

    @property
    def enter(self) -> list[str]:
        """What to put before a command, to start it there."""
        return ["nsenter", "--target", str(self.holder.pid), "--net", "--uts", "--"]

    def do(self, *command: str) -> str:
        """Carry out a command there; returns what it said."""
        return subprocess.run([*self.enter, *command], check=True, capture_output=True, text=True).stdout

    def cut(self) -> None:
        """Take the link away."""
        assert self.switch
        self.switch.do("ip", "link", "set", f"to-{self.name}", "down")

    def mend(self) -> None:
        """Bring the link back."""
        assert self.switch
        self.switch.do("ip", "link", "set", f"to-{self.name}", "up")


@dataclass
class Network:
    """A switch and its hosts."""

    switch: Host
    hosts: list[Host] = field(default_factory=list)

    def add(self, name: str) -> Host:
        """Make a host; names have at most 12 letters."""
        host = _hold(name, f"{NETWORK}.{len(self.hosts) + 1}", self.switch)
        self.hosts.append(host)
        port = f"to-{name}"
        self.switch.do("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(host.holder.pid))
        self.switch.do("ip", "link", "set", port, "master", "br0", "up")
        host.do("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
        host.do("ip", "link", "set", "eth0", "up")
        return host


@contextmanager
def network() -> Iterator[Network]:
    """Make a network; it is gone at the end."""
    made = Network(_hold("switch", ""))
    try:
        made.switch.do("ip", "link", "add", "br0", "type", "bridge")
        made.switch.do("ip", "link", "set", "br0", "up")
        yield made
    finally:
        for host in (*made.hosts, made.switch):
            host.holder.kill()
            host.holder.wait()


def _hold(name: str, address: str, switch: Host | None = None) -> Host:
    started = f"hostname {name} && ip link set lo up && echo && exec sleep 600"
    holder = subprocess.Popen(
        ["unshare", "--net", "--uts", "sh", "-c", started],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        preexec_fn=processes.tied(),  # noqa: PLW1509 it calls one function of the C library
    )
    assert holder.stdout
    with holder.stdout as said:
        assert said.readline() == b"\n"
    return Host(name, address, holder, switch)
