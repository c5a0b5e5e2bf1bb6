"""Where code sees the files and processes of the host, the call filter keeps those of its own user from it."""

import json
import subprocess
import sys

import pytest

from app.infra import sandbox_seccomp
from app.settings import ROOT

CODE = """
import json, os, resource, sys
sys.path.insert(0, sys.argv[1])
from app.infra.sandbox_launcher import _check, _libc, _seccomp
_check(_libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
_seccomp(bytes.fromhex(sys.argv[2]))
def works(do):
    try:
        do()
    except OSError:
        return False
    return True
print(json.dumps({
    "truncate": works(lambda: os.truncate(sys.argv[3], 0)),
    "limits of another": works(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)),
    "its own limits": works(lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))),
    "truncate what is open": works(lambda: open(sys.argv[3], "r+b").truncate(1)),
}))
"""


@pytest.mark.parametrize("is_alone", [True, False])
def test_what_the_same_user_might_do_to_others(tmp_path, is_alone):
    lines = sandbox_seccomp.program(has_unix=False, has_inet=False, is_alone=is_alone)
    (tmp_path / "file").write_bytes(b"content")
    said = subprocess.run(
        [sys.executable, "-I", "-c", CODE, str(ROOT), lines.hex(), str(tmp_path / "file")],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert json.loads(said) == {
        "truncate": is_alone, "limits of another": is_alone, "its own limits": True, "truncate what is open": True,
    }  # fmt: skip
