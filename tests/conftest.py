"""What all tests share: a real Valkey, both databases made by the migrations, and an application of their own."""

import itertools
import shutil
import tempfile
from pathlib import Path

import pytest
import redis as redis_client
import sqlalchemy as sa
from xdist.scheduler import LoadFileScheduling

from app import bootstrap
from app.factory import create_app
from app.infra import database, fetch, migrations, redis, storage, valkey, vault
from app.services.execution import claims
from app.settings import Settings
from tests import postgres, sharing

BOTH = ("services", "jobs", "faults")
"""Folders whose tests run on SQLite and PostgreSQL; the others run on SQLite."""

WITHOUT_PAGES = ("services", "jobs")
"""Folders whose tests open no page: to make its routes would take longer than most of these tests."""

IN_A_HOUSE = ("test_walks", "test_live", "test_threads")
"""Tests in a browser that share processes of a whole house."""

_numbers = itertools.count()


def pytest_generate_tests(metafunc):
    if "backend" in metafunc.fixturenames:
        folder = Path(metafunc.definition.path).parent.name
        postgresql = pytest.param("postgresql", marks=pytest.mark.slow)
        is_alike = metafunc.definition.get_closest_marker("alike") is not None
        backends = ("sqlite", postgresql) if folder in BOTH and not is_alike else ("sqlite",)
        metafunc.parametrize("backend", backends, indirect=True)


def pytest_collection_finish():
    sharing.settle()


def pytest_collection_modifyitems(items):
    """Begin with browsers, which take longest, and spread what starts many processes among all else."""
    files = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    browsers = [path for path in files if path.parent.name == "browser"]
    busy = [path for path in files if path.parent.name in {"cli", "faults"}]
    calm = [path for path in files if path not in {*browsers, *busy}]
    spread = sorted((place / len(some), path) for some in (busy, calm) for place, path in enumerate(some))
    order = [*sorted(browsers, key=_share), *(path for _, path in spread)]
    items[:] = [item for path in order for item in files[path]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    class Shares(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return _share(Path(super()._split_scope(nodeid)))

    return Shares(config, log)


def _share(path):
    """What one process takes up as a whole: a file, or all that uses one house in one browser, or another browser."""
    if path.parent.name != "browser":
        return str(path)
    return "a browser and a house" if path.stem.startswith(IN_A_HOUSE) else "a browser"


@pytest.fixture(scope="session", autouse=True)
def _shared():
    with pytest.MonkeyPatch.context() as patch:
        sharing.begin(patch)
        yield


@pytest.fixture
def backend(request):
    return request.param


@pytest.fixture(scope="session")
def home():
    """A folder with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def in_memory(home):
    """A folder in memory where there is room: to wait for the disk after each commit takes longer than most tests."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-", dir=sharing.memory() or home))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server(home):
    run_dir = home / "redis"
    run_dir.mkdir()
    server = valkey.start(run_dir, run_dir / "data", persists=False)
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server):
    """A server with nothing in it."""
    client = redis_client.Redis.from_url(redis_server.url)
    client.flushall()
    yield redis_server.url
    client.close()


@pytest.fixture(scope="session")
def key_file(home):
    path = home / "key"
    vault.create_key(path)
    return path


@pytest.fixture(scope="session")
def sqlite_template(home):
    path = home / "template.db"
    migrations.run(Settings(data_dir=home, database_url=f"sqlite:///{path}"))
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    sharing.statements(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_cluster(home):
    cluster = postgres.start(home)
    cluster.run("DROP DATABASE IF EXISTS carillon_template", "CREATE DATABASE carillon_template")
    migrations.run(Settings(data_dir=home, database_url=cluster.url("carillon_template")))
    sharing.statements(cluster.url("postgres"))
    yield cluster
    cluster.stop()


@pytest.fixture
def database_url(backend, request, tmp_path):
    """A fresh database with today's tables."""
    if backend == "sqlite":
        # Faults meet the disk as it is.
        is_fault = Path(request.path).parent.name == "faults"
        folder = tmp_path if is_fault else request.getfixturevalue("in_memory") / str(next(_numbers))
        folder.mkdir(exist_ok=True)
        path = folder / "carillon.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        if not is_fault:
            shutil.rmtree(folder)
        return
    cluster = request.getfixturevalue("postgres_cluster")
    name = f"carillon_{next(_numbers)}"
    cluster.run(f"CREATE DATABASE {name} TEMPLATE carillon_template")
    yield cluster.url(name)
    cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(tmp_path, database_url, redis_url, key_file):
    return Settings(
        data_dir=tmp_path, database_url=database_url, redis_url=redis_url, key_file=key_file, log_level="error",
        allow_hosts=("127.0.0.1", "localhost"),
    )  # fmt: skip


@pytest.fixture
def app(settings, request):
    """The application: with pages for tests that ask for them, else as workers and the clock have it."""
    has_pages = Path(request.path).parent.name not in WITHOUT_PAGES or "client" in request.fixturenames
    app = create_app(settings) if has_pages else bootstrap.start(settings)
    app.jinja_env.bytecode_cache = sharing.templates
    claims.forget()  # ids of versions begin anew in each test's database
    fetch.configure(settings)  # as each process does
    yield app
    fetch.configure(Settings(data_dir=settings.data_dir))
    with app.app_context():
        database.dispose()
    redis.client().connection_pool.disconnect()


@pytest.fixture(autouse=True)
def files_in_the_folder():
    """Where a process keeps files is decided once a process, but here a process has many tests."""
    yield
    storage.attach(Settings(data_dir=Path()))


@pytest.fixture
def client(app):
    return app.test_client()
