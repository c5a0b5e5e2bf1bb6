"""A program that outlives its run might swap a folder of the workspace for a link while files are taken from it."""

import os
import threading

import pytest

from app.infra.storage import Storage


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("the master key")
    (tmp_path / "workspace" / "artifacts").mkdir(parents=True)
    return tmp_path / "workspace"


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "files")


def test_a_link_on_the_way_is_refused(workspace, storage):
    (workspace / "artifacts" / "out").symlink_to(workspace.parent / "private")
    with pytest.raises(OSError, match="directory"):
        storage.keep_file(workspace / "artifacts" / "out" / "key", beneath=workspace)
    assert not storage.folder.exists()


def test_a_real_file_below_real_folders_is_kept(workspace, storage):
    (workspace / "artifacts" / "out").mkdir()
    (workspace / "artifacts" / "out" / "report").write_text("fine")
    digest, size = storage.keep_file(workspace / "artifacts" / "out" / "report", beneath=workspace)
    assert (storage.path(digest).read_text(), size) == ("fine", 4)


def test_a_pipe_holds_nobody_up(workspace, storage):
    os.mkfifo(workspace / "pipe")
    refused = threading.Event()

    def take():
        with pytest.raises(OSError, match="regular"):
            storage.keep_file(workspace / "pipe")
        refused.set()

    threading.Thread(target=take, daemon=True).start()
    assert refused.wait(2)


def test_what_lies_elsewhere_is_refused(workspace, storage):
    for path in (workspace.parent / "private" / "key", workspace / ".." / "private" / "key"):
        with pytest.raises((OSError, ValueError)):
            storage.keep_file(path, beneath=workspace)
