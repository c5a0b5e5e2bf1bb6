"""Every built-in template on recorded answers: with good ones its contract is met, with wrong ones it is not."""

import io
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app import bootstrap
from app.domain import library
from app.engines.base import Cancellation
from app.infra import database, fetch, redis, sandbox
from app.infra.storage import Storage
from app.infra.writer import Writer
from app.models.runs import Artifact, LogChunk, Run
from app.services import tasks
from app.services.execution import claims
from app.services.execution.perform import Tools, perform
from app.services.library import builtin
from app.services.tasks import from_template
from app.services.tasks.attached import Upload
from app.services.unit import batch
from app.settings import Settings
from tests import agents, factories, sandboxes
from tests.factories import rows
from tests.library import recorded
from tests.library.recorded import Web
from tests.llm_server import Script, llm_server
from tests.servers import certificate, web_server
from tests.services.test_checkpoints import seal

pytestmark = pytest.mark.sandbox


@dataclass
class House:
    """One application for all of them: a database, a sandbox, and a web and a model that say what was recorded."""

    tools: Tools
    web: Web
    llm: Any
    tls_port: int
    actor: Any
    folder: Any

    def made(self, slug, given, files):
        """A task of the template, as its page makes it."""
        template = builtin.templates()[slug]
        answers = library.starts(template) | given | {name: file["name"] for name, file in files.items()}
        came_to = library.made(template, answers, {"TOKEN"})
        uploads = [Upload(file["name"], io.BytesIO(file["text"].encode())) for file in files.values()]
        return tasks.create(self.actor, from_template.draft(template, came_to, ""), self.folder, uploads)

    def ran(self, task, answers, says):
        """A run of the task while the web and the model say this."""
        self.web.answers, self.web.posted = {path: body.lstrip("\n") for path, body in answers.items()}, []
        self.llm.script = Script(recorded.turns(says))
        run_id = factories.run(self.actor.team_id, task.id)
        with batch() as work:
            (held,) = claims.claim(work, [(run_id, 1)], "one", timedelta(seconds=10))
        perform(held, self.tools, Cancellation())
        return rows(Run, Run.id == run_id)[0]


@pytest.fixture(scope="module")
def house(home, sqlite_template, redis_server, key_file):
    folder = home / "library"
    folder.mkdir()
    shutil.copyfile(sqlite_template, folder / "carillon.db")
    settings = Settings(
        data_dir=folder, database_url=f"sqlite:///{folder / 'carillon.db'}", redis_url=redis_server.url,
        key_file=key_file, log_level="error", allow_hosts=("127.0.0.1",),
    )  # fmt: skip
    app = bootstrap.start(settings)
    claims.forget()
    with ExitStack() as stack:
        stack.enter_context(app.app_context())
        stack.callback(database.dispose)
        stack.enter_context(sandboxes.started())
        if not sandbox.can_run():
            pytest.skip("no sandbox here")
        fetch.configure(settings)
        writer, vault = Writer(batch), app.extensions["vault"]
        stack.callback(writer.close)
        web, llm = stack.enter_context(Web()), stack.enter_context(llm_server())
        stack.callback(web.shutdown)
        tls = stack.enter_context(web_server("127.0.0.1", certificate(folder, "127.0.0.1")[1]))
        team = factories.team("library")
        agents.model(team, llm)
        actor = factories.owner(team)
        seal(vault, team, "TOKEN", "a-token-of-nobody")
        tools = Tools(writer, vault, Storage(folder / "files"), folder / "work", lambda _: None)
        yield House(tools, web, llm, tls.port, actor, folder / "files")
    redis.client().connection_pool.disconnect()


def log(run):
    return "\n".join(line[2] for chunk in rows(LogChunk, LogChunk.run_id == run.id) for line in chunk.lines)


@pytest.mark.parametrize("slug", list(builtin.templates()))
def test_with_good_answers_its_contract_is_met(house, slug):
    told = recorded.read(slug, house.web, house.tls_port)
    task = house.made(slug, told["given"], told.get("files", {}))
    run = house.ran(task, told.get("good", {}), told.get("says", []))
    assert run.state == "succeeded", (run.sentence, log(run))
    assert run.checks
    assert {one["state"] for one in run.checks} == {"met"}
    assert told.get("shows", "") in log(run)
    assert told.get("posted", "") in "".join(house.web.posted)
    assert set(told.get("keeps", [])) <= {row.name for row in rows(Artifact, Artifact.run_id == run.id)}
    if "again" in told:
        more = {path: body for path, body in told["again"].items() if path.startswith("/")}
        run = house.ran(task, told["good"] | more, told.get("says", []))
        assert run.state == "succeeded", (run.sentence, log(run))
        assert told["again"]["shows"] in log(run)


@pytest.mark.parametrize("slug", list(builtin.templates()))
def test_with_wrong_answers_it_is_not(house, slug):
    told = recorded.read(slug, house.web, house.tls_port)
    wrong = told["wrong"]
    task = house.made(slug, told["given"] | wrong.get("given", {}), wrong.get("files", {}))
    run = house.ran(task, {path: body for path, body in wrong.items() if path.startswith("/")}, wrong.get("says", []))
    assert run.state == wrong.get("expects", "unmet"), (run.sentence, log(run))
    assert run.sentence
