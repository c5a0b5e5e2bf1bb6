"""Install a requirements file into `.venv`: `install.py VENV FILE STAMP`. Run by `carillon` on the system's own Python.

One process at a time; one line on standard error; after a failure nothing half-made stays.
"""

import fcntl
import shutil
import subprocess
import sys
import time
from pathlib import Path

LAST_LINES = 5


def main(venv: Path, requirements: Path, stamp: str) -> int:
    """Install, unless somebody else just did, and leave the stamp. Return the exit code."""
    installed = venv / f"{requirements.name}.installed"
    with requirements.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # ends with this process, however it ends
        if installed.exists() and installed.read_text().strip() == stamp:
            return 0
        began = time.monotonic()
        print(f"Installing {requirements.name} (once, about a minute) … ", end="", file=sys.stderr, flush=True)
        is_new = not _has_pip(venv)
        try:
            problem = _install(venv, requirements, is_new=is_new)
        except BaseException:
            problem = "stopped"
            raise
        finally:
            if problem and is_new:
                shutil.rmtree(venv, ignore_errors=True)
        if problem:
            sentence = f"{requirements.name} can't be installed. What pip said stands above."
            print(f"failed.\n{problem}\ncarillon: {sentence}", file=sys.stderr)
            return 1
        installed.write_text(stamp + "\n")
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


def _install(venv: Path, requirements: Path, *, is_new: bool) -> str:
    """Return the last lines of what went wrong, or nothing."""
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet"]
    commands = [[*pip, "--requirement", str(requirements)]]
    if is_new:
        shutil.rmtree(venv, ignore_errors=True)
        commands.insert(0, [sys.executable, "-m", "venv", str(venv)])
    for command in commands:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            return "\n".join(done.stdout.strip().splitlines()[-LAST_LINES:]) or "pip said nothing."
    return ""


def _has_pip(venv: Path) -> bool:
    python = venv / "bin" / "python"
    if not python.exists():
        return False
    return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"carillon: {error.filename} can't be written: {error.strerror}.")
