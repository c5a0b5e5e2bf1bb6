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
from app.infra import sandbox, sandbox_files, sandbox_seccomp
from app.infra.sandbox_output import Output
from tests.sandboxes import KINDS, Ran, Runs, gone, living, started

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
    assert ran.outcome.sentence == "Stopped: it used more than 64 MB of memory."


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


def told(pieces, limit_bytes=10_000_000):
    lines = []
    output = Output(lambda stream, text, _is_cut: lines.append((stream, text)), limit_bytes)
    for stream, piece in pieces:
        output.feed(stream, piece)
    return lines, output.close()


def test_lines_are_put_together_across_reads():
    lines, last = told([("out", b"on"), ("err", b"bad\n"), ("out", b"e\ntw"), ("out", b"o")])
    assert lines == [("err", "bad"), ("out", "one"), ("out", "two")]
    assert last == "bad"


def test_letters_cut_by_a_read_stay_whole():
    letters = "é→🙂".encode()
    lines, _ = told([("out", letters[index : index + 1]) for index in range(len(letters))])
    assert lines == [("out", "é→🙂")]


def test_unreadable_bytes_are_marked_and_colours_kept():
    lines, last = told([("out", b"\x1b[31mred\x1b[0m \xff\0\r\n10%\r100%\n")])
    assert lines == [("out", "\x1b[31mred\x1b[0m ��"), ("out", "100%")]
    assert last == "100%"


def test_a_long_line_comes_in_pieces():
    lines, _ = told([("out", ("é" * 50_000 + "\n").encode())])
    assert "".join(text for _, text in lines) == "é" * 50_000
    assert max(len(text.encode()) for _, text in lines) <= 16 * 1024


def test_what_is_over_the_limit_keeps_head_and_tail():
    lines, last = told([("out", b"%06d\n" % number) for number in range(100_000)], 200_000)
    texts = [text for _, text in lines]
    assert texts[0] == "000000"
    assert texts[-1] == last == "099999"
    marker = next(text for text in texts if "left out" in text)
    assert marker.endswith("left out …")
    assert texts.count(marker) == 1


# --- files


def test_only_plain_files_are_taken_out(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_text("private", encoding="utf-8")
    workspace = tmp_path / "workspace"
    kept = workspace / "artifacts"
    (kept / "deep").mkdir(parents=True)
    (kept / "good.txt").write_text("good", encoding="utf-8")
    (kept / "deep" / "also.txt").write_text("also", encoding="utf-8")
    (kept / "soft").symlink_to(outside / "key")
    (kept / "folder").symlink_to(outside)
    os.link(outside / "key", kept / "hard")
    os.mkfifo(kept / "pipe")
    (kept / "odd\nname").write_text("x", encoding="utf-8")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(kept / "socket"))
    found = sandbox_files.collect(workspace, ["artifacts/*"], 1000)
    assert sorted(found.files) == ["artifacts/deep/also.txt", "artifacts/good.txt"]
    assert len(found.refused) == 5


def test_files_taken_out_are_bounded(tmp_path):
    for number in range(120):
        (tmp_path / f"{number:03}").write_bytes(b"x" * 10)
    assert len(sandbox_files.collect(tmp_path, ["*"], 10_000).files) == 100
    assert len(sandbox_files.collect(tmp_path, ["*"], 55).files) == 5


@pytest.mark.parametrize("name", ["../up", "/etc/x", "a/../../up", "", "."])
def test_files_are_not_put_outside(tmp_path, name):
    with pytest.raises(ValueError, match="leaves the workspace"):
        sandbox_files.prepare(tmp_path / "workspace", 0, {}, {name: "x"})


# --- the probe


def test_probe_says_what_holds_and_what_is_lacking():
    with started():
        found = sandbox.isolation()
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"level", "controls", "lacks", "command"}
    assert found["controls"]["syscalls"] == "call filter"
    assert found["command"] == ""


def test_probe_without_bubblewrap_names_the_command_that_helps():
    with started(None):
        assert sandbox.level() <= 1
        assert sandbox.isolation()["command"] == "apt-get install bubblewrap"


def test_a_sandbox_that_breaks_later_is_noticed_and_refused(tmp_path):
    wrapper = tmp_path / "bwrap"
    wrapper.symlink_to("/usr/bin/bwrap")
    with started(str(wrapper)) as folder:
        if sandbox.level() < 2:
            pytest.skip("needs bubblewrap")
        runs = Runs(folder)
        wrapper.unlink()
        wrapper.write_text(
            "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n", encoding="utf-8"
        )
        wrapper.chmod(0o755)
        ran = runs.run(shell, {"script": "echo never"}, min_isolation=2)
        assert (ran.outcome.state, ran.outcome.reason) == ("blocked", "no_isolation")
        assert "never" not in ran.lines
        assert sandbox.level() <= 1


def test_no_code_runs_where_nothing_holds():
    with started() as folder:
        sandbox._here.place = None
        ran = Runs(folder).run(shell, {"script": "echo never"}, min_isolation=0)
        assert "never" not in ran.lines
        assert (ran.outcome.state, ran.outcome.reason) == ("blocked", "no_isolation")


def test_code_runs_only_in_a_worker(tmp_path):
    ran = Ran(tmp_path)
    with pytest.raises(sandbox.SandboxUnavailable):
        Runs(tmp_path).run(shell, {"script": "true"}, ran=ran)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_call_filter_is_within_what_the_kernel_takes(machine):
    lines = sandbox_seccomp.program(has_unix=True, has_inet=True, machine=machine)
    assert len(lines) % 8 == 0
    assert 100 < len(lines) // 8 < 4096
    assert sandbox_seccomp.program(has_unix=True, has_inet=True, machine="riscv64") == b""
