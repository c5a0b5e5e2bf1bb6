"""Stored files: once for each content, whole or absent, never a link."""

import io
import os

import pytest

from app.core.errors import NotFound
from app.infra.storage import Storage


class Cut(io.BytesIO):
    """A source that breaks off after its first piece, like a killed upload."""

    def read(self, size=-1):
        if self.tell():
            raise OSError("cut")
        return super().read(size)


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "files")


def test_the_same_content_is_stored_once(storage):
    first, size = storage.keep(io.BytesIO(b"hello"))
    assert (storage.keep(io.BytesIO(b"hello")), size) == ((first, 5), 5)
    assert storage.path(first).read_bytes() == b"hello"


def test_what_breaks_off_is_absent(storage):
    with pytest.raises(OSError, match="cut"):
        storage.keep(Cut(b"x" * (3 << 20)))
    assert [path for path in storage.folder.rglob("*") if path.is_file()] == []


def test_a_link_is_refused(storage, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic"):
        storage.keep_file(tmp_path / "link")


@pytest.mark.parametrize("digest", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_that_is_no_digest_finds_nothing(storage, digest):
    with pytest.raises(NotFound):
        storage.path(digest)


def test_what_was_removed_is_gone_and_may_be_removed_again(storage):
    digest, _ = storage.keep(io.BytesIO(b"hello"))
    os.utime(storage.path(digest), (0, 0))
    for _ in range(2):
        storage.remove(digest)
    with pytest.raises(NotFound):
        storage.path(digest)


def test_what_was_kept_again_lately_is_not_removed(storage):
    digest, _ = storage.keep(io.BytesIO(b"hello"))
    os.utime(storage.path(digest), (0, 0))
    storage.keep(io.BytesIO(b"hello"))
    storage.remove(digest)
    assert storage.path(digest)
