"""What is written for containers, systemd and Kubernetes fits what there is: commands, settings, probes, graces.

Neither Docker nor a cluster is needed: the files are read, and what they start is started as plain processes.
"""

import argparse
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from app.cli.__main__ import COMMANDS
from app.factory import create_app
from app.infra import vault
from app.infra.vault import Vault
from app.settings import ROOT, VARIABLES, Settings, read
from tests.house.source import document
from tests.processes import eventually
from tests.servers import closed_port

UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
COMPOSE = yaml.safe_load(document("compose.yaml"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "carillon"}
OBJECTS = [(path.name, one) for path in MANIFESTS for one in yaml.safe_load_all(path.read_text()) if "kind" in one]
WORKLOADS = {one["metadata"]["name"]: one for _, one in OBJECTS if one["kind"] in {"Deployment", "Job"}}
CONFIG = next(one["data"] for _, one in OBJECTS if one["kind"] == "ConfigMap")


def pod(workload):
    return workload["spec"]["template"]["spec"]


def container(workload):
    (only,) = pod(workload)["containers"]
    return only


def is_understood(words):
    """Whether `carillon WORDS` is a command that takes these words."""
    command, *rest = words
    module = import_module(f"app.cli.{command}")
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.arguments(parser)
    parser.parse_args(rest)
    return command in COMMANDS


def seconds(text):
    return int(text.removesuffix("s"))


def longest_stop(part, settings):
    """How long a process may take to stop of its own will: a worker lets runs end, then those it has asked to stop."""
    return settings.stop_grace_seconds * 2 + 5 if part == "worker" else settings.stop_grace_seconds + 3


# --- commands


def commands():
    for name, service in OURS.items():
        yield f"compose {name}", service["command"]
        if "test" in service["healthcheck"]:
            yield f"compose {name} health", service["healthcheck"]["test"][2:]
    for name, workload in WORKLOADS.items():
        yield name, container(workload)["args"]
        for kind in ("startupProbe", "livenessProbe"):
            probe = container(workload).get(kind, {}).get("exec")
            if probe:
                yield f"{name} {kind}", probe["command"][1:]
    for path in UNITS:
        line = re.search(r"^ExecStart=(\S+) (.+)$", path.read_text(), re.MULTILINE)
        assert line[1] == "/opt/carillon/carillon"
        yield path.name, shlex.split(line[2])
    image = document("Dockerfile")
    yield "image", json.loads(re.search(r"^CMD (.+)$", image, re.MULTILINE)[1])
    yield "image health", json.loads(re.search(r"^HEALTHCHECK .*CMD (.+)$", image, re.MULTILINE)[1])[1:]


@pytest.mark.parametrize(
    ("where", "words"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_command_that_is_written_down_is_one(where, words):
    assert is_understood(words), where


def test_a_probe_asks_for_the_process_it_stands_beside():
    for name, service in OURS.items():
        assert name == "migrate" or service["healthcheck"]["test"] == ["CMD", "carillon", "probe", name]
    for workload in WORKLOADS.values():
        (part,) = container(workload)["args"]
        probes = [container(workload)[kind] for kind in ("startupProbe", "livenessProbe") if part != "migrate"]
        assert part == "web" or all(probe["exec"]["command"] == ["carillon", "probe", part] for probe in probes)


# --- settings


def environments():
    for name, service in OURS.items():
        yield f"compose {name}", service["environment"]
    yield "kubernetes", CONFIG
    shared = dict(line.split("=", 1) for line in document("deploy/systemd/carillon.env").splitlines() if "=" in line)
    for path in UNITS:
        pairs = [
            word for line in re.findall(r"^Environment=(.+)$", path.read_text(), re.MULTILINE) for word in line.split()
        ]
        yield path.name, shared | dict(pair.split("=", 1) for pair in pairs)
    words = re.search(r"^ENV (.+)$", document("Dockerfile"), re.MULTILINE)[1].split()
    yield "image", {name: text for name, text in (word.split("=") for word in words) if name.startswith("CARILLON_")}


@pytest.mark.parametrize(
    ("where", "given"), list(environments()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_settings_that_are_written_down_are_taken(where, given, tmp_path):
    assert {name for name in given if name not in VARIABLES} <= {f"{name}_FILE" for name in VARIABLES}, where
    (tmp_path / "database_url").write_text("postgresql+psycopg://carillon:x@database/carillon")
    (tmp_path / "redis_url").write_text("redis://:x@queue:6379/0")
    files = {name: str(tmp_path / Path(text).name) for name, text in given.items() if name.endswith("_URL_FILE")}
    plain = {name: re.sub(r"\$\{\w+:-(.+)\}", r"\1", text) for name, text in given.items()}
    settings = read(plain | files)
    if where != "image":  # which is told the rest where it runs
        assert settings.storage == "database"
        assert settings.database_url
        assert settings.redis_url


def test_files_that_settings_name_are_handed_over():
    for service in OURS.values():
        files = {Path(text).name for name, text in service["environment"].items() if name.endswith("_FILE")}
        assert files == set(service["secrets"]) <= set(COMPOSE["secrets"])
    (secret,) = [one for _, one in OBJECTS if one["kind"] == "Secret"]
    for workload in WORKLOADS.values():
        volumes = {volume["name"]: volume for volume in pod(workload)["volumes"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in container(workload)["volumeMounts"]}
        assert set(mounts) == set(volumes)
        assert volumes["secrets"]["secret"]["secretName"] == secret["metadata"]["name"]
        named = {Path(text) for name, text in CONFIG.items() if name.endswith("_FILE")}
        assert {str(path.parent) for path in named} == {mounts["secrets"]}
        assert {path.name for path in named} == set(secret["stringData"])
        assert Path(CONFIG["CARILLON_DATA"]).parent == Path(mounts["data"])
    for path in UNITS:
        text = path.read_text()
        assert set(re.findall(r"%d/(\w+)", text)) == set(re.findall(r"^LoadCredential=(\w+):", text, re.MULTILINE))


def test_secrets_are_made_once_and_are_what_is_asked_for(tmp_path):
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([ROOT / "deploy/secrets.sh", folder], check=True)
        kept = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(kept) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert folder.stat().st_mode & 0o777 == 0o700
    Vault.open(folder / "key")
    settings = read({"DATABASE_URL_FILE": str(folder / "database_url"), "REDIS_URL_FILE": str(folder / "redis_url")})
    assert kept["postgres_password"] in settings.database_url
    assert kept["redis_password"] in settings.redis_url
    hosts = set(re.findall(r"@(\w+)", settings.database_url + settings.redis_url))
    assert hosts <= set(COMPOSE["services"])


# --- probes, ports, graces


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routes")
    vault.create_key(folder / "key")
    return {rule.rule for rule in create_app(Settings(data_dir=folder)).url_map.iter_rules()}


def test_web_is_asked_where_it_answers(addresses):
    web = container(WORKLOADS["carillon-web"])
    asked = [probe["httpGet"] for probe in web.values() if isinstance(probe, dict) and "httpGet" in probe]
    assert [probe["path"] for probe in asked] == ["/readyz", "/healthz", "/healthz"]
    annotations = WORKLOADS["carillon-web"]["spec"]["template"]["metadata"]["annotations"]
    assert {probe["path"] for probe in asked} | {annotations["prometheus.io/path"]} <= addresses
    (port,) = web["ports"]
    exposed = re.search(r"^EXPOSE (\d+)$", document("Dockerfile"), re.MULTILINE)[1]
    default = str(read({}).port)
    assert {str(port["containerPort"]), exposed, annotations["prometheus.io/port"]} == {default}
    assert OURS["web"]["ports"] == [f"{default}:{default}"]
    assert {probe["port"] for probe in asked} == {port["name"]}


def test_whoever_stops_a_process_waits_longer_than_it_takes():
    default = read({})
    for name in ("web", "clock", "worker"):
        assert seconds(OURS[name]["stop_grace_period"]) > longest_stop(name, default)
        workload = WORKLOADS[f"carillon-{name}"]
        before = container(workload).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
        given = read({"CARILLON_STOP_GRACE_SECONDS": CONFIG["CARILLON_STOP_GRACE_SECONDS"]})
        takes = 10 if name in {"clock", "watchdog"} else longest_stop(name, given)
        assert pod(workload)["terminationGracePeriodSeconds"] > takes + int(before[1])
    for path in UNITS:
        part = path.stem.removeprefix("carillon-").removesuffix("@")
        if part != "migrate":
            stop = int(re.search(r"^TimeoutStopSec=(\d+)$", path.read_text(), re.MULTILINE)[1])
            assert stop > longest_stop(part, default)


# --- what is shared and what is locked


def test_objects_find_each_other():
    kustomization = yaml.safe_load(document("deploy/kubernetes/kustomization.yaml"))
    assert all((ROOT / "deploy/kubernetes" / name).is_file() for name in kustomization["resources"])
    labels = [workload["spec"]["template"]["metadata"]["labels"].items() for workload in WORKLOADS.values()]
    for _, one in OBJECTS:
        selector = one.get("spec", {}).get("selector")
        if selector:
            assert any(set(selector.get("matchLabels", selector).items()) <= set(found) for found in labels)
    (service,) = [one for _, one in OBJECTS if one["kind"] == "Service"]
    (ingress,) = [one for _, one in OBJECTS if one["kind"] == "Ingress"]
    (backend,) = [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
    assert backend == {"name": service["metadata"]["name"], "port": {"name": service["spec"]["ports"][0]["name"]}}
    (scaled,) = [one for _, one in OBJECTS if one["kind"] == "ScaledObject"]
    assert scaled["spec"]["scaleTargetRef"]["name"] in WORKLOADS


def test_there_are_two_clocks_and_nobody_is_root():
    assert OURS["clock"]["deploy"]["replicas"] == WORKLOADS["carillon-clock"]["spec"]["replicas"] == 2
    for workload in WORKLOADS.values():
        assert pod(workload)["securityContext"]["runAsNonRoot"]
        locked = container(workload)["securityContext"]
        assert (locked["allowPrivilegeEscalation"], locked["capabilities"]) == (False, {"drop": ["ALL"]})
    uid = re.search(r"^USER (\d+)$", document("Dockerfile"), re.MULTILINE)[1]
    assert {str(pod(workload)["securityContext"]["runAsUser"]) for workload in WORKLOADS.values()} == {uid}
    assert all(re.search(r"^User=carillon$", path.read_text(), re.MULTILINE) for path in UNITS)
    assert all(
        "network_mode" not in service and "privileged" not in service for service in COMPOSE["services"].values()
    )


def test_images_are_pinned_and_the_last_stage_builds_nothing():
    base = re.search(r"^ARG PYTHON=(.+)$", document("Dockerfile"), re.MULTILINE)[1]
    others = [service["image"] for name, service in COMPOSE["services"].items() if name not in OURS]
    assert all(re.search(r":\d", image) for image in (base, *others))
    last = document("Dockerfile").rpartition("\nFROM ")[2]
    assert "bubblewrap" in last
    assert not re.search(r"pip install|gcc|build-essential|-dev\b", last)


def test_metrics_that_are_asked_for_are_told(addresses):
    told = set(re.findall(r'"(carillon_\w+)"', document("app/web/health.py")))
    texts = (document("deploy/prometheus-alerts.yaml"), document("deploy/kubernetes/worker-keda.example.yaml"))
    asked = {name for text in texts for name in re.findall(r"\b(carillon_\w+)", text)}
    assert asked <= told
    rules = yaml.safe_load(texts[0])["groups"][0]["rules"]
    assert all(rule["expr"] and rule["annotations"]["summary"].endswith(".") for rule in rules)


# --- by the tools themselves, where there are any


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path):
    """An older systemd does not know each key, and passes it over; the program stands elsewhere here."""
    for path in sorted((ROOT / "deploy/systemd").glob("carillon*.*")):
        (tmp_path / path.name).write_text(path.read_text().replace("/opt/carillon/carillon", "/bin/true"))
    names = ["carillon.target", *(path.name.replace("@", "@1") for path in UNITS)]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(tmp_path / name for name in names)],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    problems = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "carillon" in line]
    assert [line for line in problems if "DelegateSubgroup" not in line] == []


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_builds_the_manifests():
    done = subprocess.run(
        ["kubectl", "kustomize", ROOT / "deploy/kubernetes"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout)]
    assert sorted(kinds) == sorted(
        [
            "ConfigMap",
            *["Deployment"] * 4,
            "Ingress",
            "Job",
            "Service",
            *["PodDisruptionBudget"] * 3,
        ]
    )


# --- what the image holds is enough


@pytest.mark.slow
def test_what_is_copied_into_the_image_starts(tmp_path, settings):
    left_out = shutil.ignore_patterns(*(line.removeprefix("**/") for line in document(".dockerignore").split()))
    top = {line for line in document(".dockerignore").split() if "/" not in line}
    inside = tmp_path / "app"
    shutil.copytree(
        ROOT, inside, ignore=lambda folder, names: left_out(folder, names) if folder == str(ROOT) else ["__pycache__"]
    )
    assert not top & {path.name for path in inside.iterdir()}
    [compiles] = [
        line.split()[2:] for line in document("Dockerfile").splitlines() if line.startswith("RUN /venv/bin/py")
    ]
    subprocess.run([sys.executable, *compiles], cwd=inside, check=True)
    assert all(list((inside / folder / "__pycache__").glob("*.pyc")) for folder in ("app/web", "jobs", "migrations"))
    port = closed_port()
    given = {
        name: text for name, text in os.environ.items() if not name.startswith(("CARILLON_", "DATABASE_", "REDIS_"))
    }
    given |= {
        "CARILLON_DATA": str(tmp_path / "data" / "carillon"), "CARILLON_KEY_FILE": str(settings.key_file), "TZ": "UTC",
        "CARILLON_PORT": str(port), "REDIS_URL": settings.redis_url, "PYTHONPATH": str(inside),
        "CARILLON_STORAGE": "database", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    (tmp_path / "data").mkdir()
    start = [sys.executable, "-P", "-m", "app.cli"]
    for _ in range(2):  # an upgrade migrates where there is a data folder already
        subprocess.run([*start, "migrate"], env=given, cwd=inside, check=True)
    running = [
        subprocess.Popen([*start, part], env=given, cwd=inside) for part in ("web", "clock", "worker", "watchdog")
    ]
    try:
        ready = eventually(lambda: all(_ready(port).values()) and _ready(port), seconds=40)
        assert set(ready) == {"ready", "database", "tables", "redis", "clock", "worker"}
        for part in ("web", "clock", "worker", "watchdog"):
            assert subprocess.run([*start, "probe", part], env=given, cwd=inside, check=False).returncode == 0
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)


def _ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return json.loads(connection.getresponse().read())
    except OSError:
        return {"ready": False}
    finally:
        connection.close()
