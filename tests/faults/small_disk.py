"""A disk of a few megabytes: a tmpfs in a mount namespace of this thread and of what it starts, and nowhere else."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NEW_NAMESPACE = 0x00020000


def why_not() -> str:
    """Why there can be no such disk here; empty when there can."""
    if os.geteuid() != 0:
        return "a tmpfs needs root"
    if missing := [name for name in ("unshare", "mount") if not shutil.which(name)]:
        return f"{missing[0]} is not installed"
    tried = "mount --types tmpfs --options size=1m none /mnt"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", tried], capture_output=True, text=True, check=False)
    return f"no tmpfs can be mounted: {done.stderr.strip()}" if done.returncode else ""


class SmallDisk:
    """The disk, as a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    @property
    def free_bytes(self) -> int:
        """What is left."""
        return shutil.disk_usage(self.path).free

    def fill(self, leave_bytes: int) -> None:
        """Take all room but `leave_bytes`."""
        with self._filler.open("ab") as file:
            size, more = file.tell(), self.free_bytes - leave_bytes
            if more > 0:
                os.posix_fallocate(file.fileno(), size, more)

    def clear(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(path: Path, size_mib: int = 16) -> Iterator[SmallDisk]:
    """Mount it on `path`; it is gone at the end, with all that is on it. Threads begun inside must end inside."""
    path.mkdir(parents=True, mode=0o700)
    system, folder = ctypes.CDLL(None, use_errno=True), Path.cwd()
    with Path("/proc/thread-self/ns/mnt").open("rb") as outside:
        _check(system.unshare(_NEW_NAMESPACE))
        try:
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
            options = f"size={size_mib}m,mode=0700"
            subprocess.run(["mount", "--types", "tmpfs", "--options", options, "none", path], check=True)
            # Whatever else went wrong: nothing is ever filled but the small disk.
            assert shutil.disk_usage(path).total == size_mib * 1024**2
            yield SmallDisk(path)
        finally:
            _check(system.setns(outside.fileno(), 0))
            os.chdir(folder)


def _check(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
