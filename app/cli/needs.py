"""What tests need of the system: Chromium and bubblewrap. Root on Debian or Ubuntu gets them; others are told how."""

import os
import shutil
import subprocess
import sys

from app.core.errors import Unavailable

BROWSERS = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")


def find() -> None:
    """Make sure of both. `TEST_CHROMIUM` says where the browser is; without it Playwright has its own."""
    browser = _which(BROWSERS) or _install("chromium", BROWSERS)
    if browser:
        os.environ["TEST_CHROMIUM"] = browser
    elif not _succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        raise Unavailable("The browser tests need Chromium. Install it (Debian and Ubuntu: apt install chromium).")
    if not (_which(("bwrap",)) or _install("bubblewrap", ("bwrap",))):
        raise Unavailable("The sandbox tests need bubblewrap. Install it (Debian and Ubuntu: apt install bubblewrap).")


def _install(package: str, programs: tuple[str, ...]) -> str | None:
    if os.geteuid() or not shutil.which("apt-get"):
        return None
    print(f"carillon: installing {package} …", file=sys.stderr)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    _succeeds(["apt-get", "-qq", "update"])
    _succeeds(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", package])
    return _which(programs)


def _which(programs: tuple[str, ...]) -> str | None:
    return next((path for program in programs if (path := shutil.which(program))), None)


def _succeeds(command: list[str]) -> bool:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        print("\n".join(f"{done.stdout}{done.stderr}".strip().splitlines()[-3:]), file=sys.stderr)
    return not done.returncode
