"""What keeps code in its place: each way out is tried from inside, each limit is gone over."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from app.engines.base import Limits
from app.engines.python import engine as python
from app.engines.shell import engine as shell
from app.infra import sandbox
from tests.sandboxes import KINDS, Runs, gone, living, started

pytestmark = pytest.mark.sandbox

ESCAPES = Path(__file__).with_name("escapes.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=KINDS, ids=["bubblewrap", "without"])
def runs(request):
    with started(request.param) as folder:
        wanted = 2 if request.param else 1
        if sandbox.level() < wanted:
            pytest.skip(f"level {wanted} does not hold here: {sandbox.isolation()}")
        yield Runs(folder)


@pytest.fixture(scope="module")
def targets():
    """What code must not reach: files, sockets and a process of the host, all made for this."""
    folder = Path("/tmp") / f"carillon-targets-{os.getpid()}"
    folder.mkdir(mode=0o755)
    (folder / "app.db").write_text("secret", encoding="utf-8")
    (folder / "app.db").chmod(0o666)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.1)
        named.bind(str(folder / "redis.sock"))
        (folder / "redis.sock").chmod(0o777)
        named.listen()
        abstract.bind(f"\0{folder.name}")
        abstract.listen()
        victim = subprocess.Popen(["sleep", "60"])
        yield (
            {
                "folder": str(folder),
                "tcp": tcp.getsockname()[1],
                "udp": udp.getsockname()[1],
                "abstract": folder.name,
                "victim": victim.pid,
                "worker": os.getpid(),
            },
            udp,
        )
        victim.kill()
        victim.wait()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tried(runs, targets):
    """What became of each attempt to get out."""
    os.environ["CARILLON_CANARY"] = "worker-secret"
    try:
        ran = runs.run(python, {"code": ESCAPES, "env": {"TARGETS": json.dumps(targets[0])}})
    finally:
        del os.environ["CARILLON_CANARY"]
    assert ran.outcome.state == "succeeded", (ran.outcome, ran.lines)
    return json.loads(ran.lines[-1])


WAYS_OUT = (
    "own_environment", "environ_of_init", "environ_of_parent", "environ_of_worker", "shadow", "passwd", "database",
    "write_database", "write_usr", "write_etc", "write_root", "write_dev", "loopback_tcp", "named_socket",
    "abstract_socket", "netlink_audit", "packet_socket", "user_namespace", "clone_namespace", "keyctl", "userfaultfd",
    "bpf", "perf", "io_uring", "ptrace", "mount", "chroot", "open_by_handle", "signal_victim", "terminal_input",
    "raise_limit", "become_root", "open_descriptors", "device", "core",
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS_OUT)
def test_code_does_not_get_out(tried, way):
    assert tried[way] == "refused"


def test_all_ways_out_are_checked(tried):
    assert sorted(tried) == sorted(WAYS_OUT)


def test_a_datagram_does_not_leave(runs, tried, targets):
    with pytest.raises(TimeoutError):
        targets[1].recv(100)


def test_with_bubblewrap_ci_gets_its_level():
    if not (os.environ.get("CI") and shutil.which("bwrap")):
        pytest.skip("only where CI has bubblewrap")
    with started():
        assert sandbox.level() >= 2, sandbox.isolation()


def test_bubblewrap_shows_only_its_own_processes_and_network(runs):
    if sandbox.level() < 2:
        pytest.skip("needs namespaces")
    code = "import os, socket\nprint(len([n for n in os.listdir('/proc') if n.isdigit()]), socket.if_nameindex())"
    assert runs.run(python, {"code": code}).lines == ["2 [(1, 'lo')]"]


def test_network_is_there_when_the_task_says_so(runs):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)\nprint('connected')"
        assert runs.run(python, {"code": code, "network": True}).lines == ["connected"]


def test_the_certificates_of_the_system_can_be_read(runs):
    if not Path("/etc/ssl/certs/ca-certificates.crt").is_file():
        pytest.skip("this system keeps its certificates elsewhere")
    code = "import ssl\nprint(len(ssl.create_default_context().get_ca_certs()) > 0)"
    assert runs.run(python, {"code": code}).lines == ["True"]


def test_even_with_network_local_sockets_stay_closed(runs, targets):
    name = targets[0]["abstract"]
    code = f"import socket\nsocket.socket(socket.AF_UNIX).connect('\\0{name}')"
    assert "PermissionError" in runs.run(python, {"code": code, "network": True}).outcome.sentence


def test_common_programs_work(runs):
    code = """
        import asyncio, concurrent.futures, multiprocessing, subprocess, tempfile, threading
        assert subprocess.run(["sh", "-c", "echo $((2 + 3))"], capture_output=True).stdout == b"5\\n"
        async def main():
            process = await asyncio.create_subprocess_exec("true")
            return await process.wait()
        assert asyncio.run(main()) == 0
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        thread = threading.Thread(target=print, args=("threads",))
        thread.start(); thread.join()
        print("all fine")
        """
    assert runs.run(python, {"code": textwrap.dedent(code)}).lines == ["threads", "all fine"]


def test_variables_of_the_code_do_not_act_on_what_sets_it_up(runs):
    ran = runs.run(
        shell, {"script": "echo $LD_PRELOAD $IT", "env": {"LD_PRELOAD": "/workspace/x.so", "IT": "'\"$(id)"}}
    )
    assert "/workspace/x.so '\"$(id)" in ran.lines


# --- limits


MEGABYTE = 1024 * 1024


def limits(**given):
    return Limits(**{"timeout_seconds": 20, "grace_seconds": 0.5, **given})


def test_memory_of_one_process(runs):
    code = "import time\nkept = b'x' * (100 << 20)\ntime.sleep(10)"
    ran = runs.run(python, {"code": code}, limits=limits(memory_bytes=64 * MEGABYTE))
    assert (ran.outcome.state, ran.outcome.reason) == ("failed", "memory")
    assert ran.outcome.sentence == "Stopped: it used more than 64 MiB of memory."


def test_what_was_held_at_most_is_known_of_a_run_that_worked(runs):
    code = "import time\nkept = b'x' * (80 << 20)\ntime.sleep(0.3)\ndel kept\ntime.sleep(0.3)"
    ran = runs.run(python, {"code": code}, limits=limits(memory_bytes=256 * MEGABYTE))
    assert ran.outcome.state == "succeeded"
    assert 80 * MEGABYTE < ran.outcome.facts["memory_bytes"] < 150 * MEGABYTE


def test_memory_of_ten_processes_together(runs):
    code = "import os, time\n[os.fork() for _ in range(4)]\nkept = b'x' * (8 << 20)\ntime.sleep(10)"
    ran = runs.run(python, {"code": code}, limits=limits(memory_bytes=96 * MEGABYTE))
    assert ran.outcome.reason == "memory"
    assert ran.seconds < 5


def test_one_process_can_not_take_much_more_at_once(runs):
    ran = runs.run(python, {"code": "bytearray(400 << 20)"}, limits=limits(memory_bytes=64 * MEGABYTE))
    assert "MemoryError" in ran.outcome.sentence


def test_pages_shared_by_forks_count_once(runs):
    code = "import os, time\nkept = b'x' * (40 << 20)\n[os.fork() for _ in range(3)]\ntime.sleep(0.6)"
    ran = runs.run(python, {"code": code}, limits=limits(memory_bytes=160 * MEGABYTE))
    assert ran.outcome.state == "succeeded"


@pytest.mark.parametrize(
    "script",
    ["head -c 30000000 /dev/zero > big; sleep 0.1", "for i in $(seq 30); do head -c 1000000 /dev/zero > f$i; done"],
    ids=["one file", "many files"],
)
def test_disk(runs, script):
    ran = runs.run(shell, {"script": script}, limits=limits(disk_bytes=16 * MEGABYTE))
    assert (ran.outcome.state, ran.outcome.reason) == ("failed", "disk")


def test_disk_stops_a_run_that_goes_on(runs):
    script = "for i in $(seq 30); do head -c 1000000 /dev/zero > f$i; done; sleep 15"
    ran = runs.run(shell, {"script": script}, limits=limits(disk_bytes=16 * MEGABYTE))
    assert ran.outcome.reason == "disk"
    assert ran.seconds < 5


def test_tmp_is_bounded(runs):
    if sandbox.level() < 2:
        pytest.skip("only namespaces give a /tmp of its own")
    for folder in ("/tmp", "/dev/shm"):
        ran = runs.run(
            shell, {"script": f"head -c 100000000 /dev/zero > {folder}/x"}, limits=limits(disk_bytes=1 << 30)
        )
        assert "No space left" in ran.outcome.sentence


def test_fork_bomb_ends(runs):
    mark = f"BOMB={os.getpid()}-{runs.count}"
    bomb = "b() { b | b & }; b; sleep 20"
    ran = runs.run(shell, {"script": bomb, "env": dict([mark.split("=")])}, limits=limits(timeout_seconds=1.5))
    assert ran.outcome.state in {"timed_out", "failed"}
    assert gone(mark)


def test_two_jobs_of_one_time_do_not_share_their_number_of_processes(runs):
    if os.geteuid() and sandbox.level() < 2:
        pytest.skip("without namespaces and root, all runs have one uid")
    script = "for i in $(seq 40); do sleep 1.5 & done; echo started; wait"
    first, one = runs.begin(shell, {"script": script})
    second, two = runs.begin(shell, {"script": script})
    one.join(15)
    two.join(15)
    assert (first.outcome.state, second.outcome.state) == ("succeeded", "succeeded")


# --- ends


ESCAPEE = """
trap '' TERM
(trap '' TERM; setsid sh -c "trap '' TERM; while :; do sleep 0.2; done" &) &
setsid sleep 100 &
echo ready
while :; do sleep 0.2; done
"""


def test_daemons_and_those_who_ignore_signals_end_with_a_timeout(runs):
    mark = f"TREE={os.getpid()}-{runs.count}"
    ran = runs.run(
        shell, {"script": ESCAPEE, "env": dict([mark.split("=")])}, limits=limits(timeout_seconds=1, grace_seconds=0.5)
    )
    assert ran.outcome.state == "timed_out"
    assert ran.outcome.sentence == "Stopped at its time limit of 1 s."
    assert ran.seconds < 1.5 + 2
    assert gone(mark, 0.5)


def test_daemons_do_not_outlive_a_run_that_ended_well(runs):
    mark = f"TREE={os.getpid()}-{runs.count}"
    script = "setsid sleep 100 & setsid sh -c 'sleep 100' >/dev/null 2>&1 & echo done"
    ran = runs.run(shell, {"script": script, "env": dict([mark.split("=")])})
    assert ran.outcome.state == "succeeded"
    assert ran.seconds < 2
    assert gone(mark, 0.5)


def test_busy_loop_in_c_ends(runs):
    ran = runs.run(python, {"code": "sum(range(10**12))"}, limits=limits(timeout_seconds=1, grace_seconds=0))
    assert ran.outcome.state == "timed_out"
    assert ran.seconds < 3


def test_a_script_may_tidy_up_in_its_grace(runs):
    script = "trap 'echo tidied; exit 0' TERM\necho ready\nwhile :; do sleep 0.05; done"
    ran = runs.run(shell, {"script": script}, limits=limits(timeout_seconds=1, grace_seconds=3))
    assert ran.outcome.state == "timed_out"
    assert "tidied" in ran.lines
    assert ran.seconds < 3


WORKER = """
import sys, threading, time
from pathlib import Path
from app.engines.shell import engine
from tests.sandboxes import Runs, Ran
from app.infra import sandbox
from app.settings import Settings
folder = Path(sys.argv[1])
sandbox.start(Settings(data_dir=folder), sys.argv[2] or None)
class Told(Ran):
    def emit(self, emission):
        super().emit(emission)
        if "ready" in self.lines:
            print("ready", flush=True)
Runs(folder).run(engine, {"script": sys.argv[3], "env": {"TREE": sys.argv[4]}}, ran=Told(folder))
"""


@pytest.mark.fault
@pytest.mark.always
@pytest.mark.parametrize("kind", KINDS, ids=["bubblewrap", "without"])
def test_a_killed_worker_leaves_nothing(kind, tmp_path):
    folder = Path("/tmp") / f"carillon-killed-{os.getpid()}-{kind or 'without'}"
    folder.mkdir(mode=0o711)
    value = f"{os.getpid()}-{kind}"
    root = Path(__file__).parents[2]
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, folder, kind or "", ESCAPEE, value], cwd=root, stdout=subprocess.PIPE, text=True
    )
    try:
        assert "ready" in worker.stdout.readline()
        time.sleep(0.3)
        assert living(f"TREE={value}")
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert gone(f"TREE={value}", 1.0)
    finally:
        worker.kill()
        worker.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


# --- output


def test_flood_is_bounded_and_read_to_its_end(runs):
    script = f"yes {'x' * 199} | head -c 400000000; echo the end"
    ran = runs.run(shell, {"script": script}, limits=limits(log_bytes=MEGABYTE))
    assert ran.outcome.state == "succeeded"
    assert ran.lines[-1] == "the end"
    assert sum(map(len, ran.lines)) < 1.1 * MEGABYTE
    assert [line for line in ran.lines if "left out" in line] == ["… 399 MB left out …"]


def test_flood_of_empty_lines_is_bounded(runs):
    ran = runs.run(shell, {"script": "yes '' | head -n 20000000; echo the end"}, limits=limits(log_bytes=MEGABYTE))
    assert ran.lines[-1] == "the end"
    assert len(ran.lines) < 20_000


def test_flood_does_not_hold_up_other_runs(runs):
    runs.run(shell, {"script": "true"})
    flood, thread = runs.begin(
        shell, {"script": "timeout 3 yes 0123456789"}, limits=limits(log_bytes=MEGABYTE, timeout_seconds=6)
    )
    time.sleep(0.3)
    other = runs.run(shell, {"script": "echo quick"})
    assert flood.outcome is None
    assert other.seconds < 1.5
    thread.join(10)
