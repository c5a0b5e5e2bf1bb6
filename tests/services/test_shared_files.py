"""Files kept in the database: what one host stores, every host reads, whole or not at all."""

import io
import os
import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from app.core.errors import NotFound
from app.factory import create_app
from app.infra import blobs, database, storage
from app.infra.blobs import Blob, BlobPiece
from app.infra.storage import Storage
from app.services.unit import batch
from tests.factories import ago, rows

LARGE = os.urandom(1 << 20) * 3 + b"the end"


@pytest.fixture
def shared(settings):
    app = create_app(replace(settings, storage="database"))
    with app.app_context():
        yield
        database.dispose()
    storage.attach(settings)


@pytest.fixture
def here(tmp_path, shared):
    return Storage(tmp_path / "here" / "files")


@pytest.fixture
def there(tmp_path, shared):
    """The store of another host: nothing but the database is the same."""
    return Storage(tmp_path / "there" / "files")


def age(digest, **parts):
    with batch() as work:
        work.connection.execute(sa.update(Blob).where(Blob.digest == digest).values(kept_at=ago(**parts)))


def test_what_one_host_stores_another_reads(here, there):
    digest, size = here.keep(io.BytesIO(LARGE))
    assert size == len(LARGE)
    assert there.path(digest).read_bytes() == LARGE
    assert [(row.digest, row.size_bytes) for row in rows(Blob)] == [(digest, size)]
    assert [len(row.content) for row in rows(BlobPiece)] == [1 << 20, 1 << 20, 1 << 20, len("the end")]


def test_nothing_is_there_twice_and_an_empty_file_is_a_file(here, there):
    for store in (here, there, here):
        store.keep(io.BytesIO(b"hello"))
    digest, _ = here.keep(io.BytesIO(b""))
    assert there.path(digest).read_bytes() == b""
    assert (len(rows(Blob)), len(rows(BlobPiece))) == (2, 1)


def test_many_who_store_the_same_at_once_store_it_once(here, there):
    threads = [threading.Thread(target=store.keep, args=[io.BytesIO(LARGE)]) for store in (here, there) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (blob,) = rows(Blob)
    assert blob.is_whole
    assert there.path(blob.digest).read_bytes() == LARGE


def cut(content):
    yield content[: 1 << 20]
    raise OSError("cut")


def test_what_breaks_off_on_its_way_is_absent_until_it_comes_again(here, there):
    digest, _ = Storage(here.folder.parent / "aside").keep(io.BytesIO(b"other"))
    with pytest.raises(OSError, match="cut"):
        blobs.keep("a" * 64, len(LARGE), cut(LARGE))
    with pytest.raises(NotFound):
        there.path("a" * 64)
    blobs.sweep()
    assert len(rows(Blob)) == 2
    age("a" * 64, days=2)
    age(digest, days=2)
    blobs.sweep()
    assert [row.digest for row in rows(Blob)] == [digest]


def test_a_file_that_was_damaged_is_not_given_out(here, there):
    digest, _ = here.keep(io.BytesIO(LARGE))
    with batch() as work:
        work.connection.execute(sa.delete(BlobPiece).where(BlobPiece.number == 1))
    with pytest.raises(NotFound):
        there.path(digest)


def test_what_nothing_names_goes_from_every_host_unless_it_was_kept_again_lately(here, there):
    digest, _ = here.keep(io.BytesIO(LARGE))
    there.remove(digest)
    assert there.path(digest)
    age(digest, hours=2)
    there.remove(digest)
    assert (rows(Blob), rows(BlobPiece)) == ([], [])
    with pytest.raises(NotFound):
        Storage(there.folder.parent / "third").path(digest)


def test_copies_that_nobody_uses_go_and_are_fetched_again(here, there):
    digest, _ = here.keep(io.BytesIO(b"hello"))
    copy = there.path(digest)
    os.utime(copy, (0, 0))
    there.sweep()
    assert not copy.exists()
    assert there.path(digest).read_bytes() == b"hello"
    there.sweep()
    assert copy.exists()


def test_what_was_kept_in_the_folder_stays_there_and_can_be_shared(settings, here, there):
    storage.attach(settings)
    digest, _ = here.keep(io.BytesIO(b"from before"))
    storage.attach(replace(settings, storage="database"))
    os.utime(here.path(digest), (0, 0))
    here.sweep()
    assert here.path(digest).read_bytes() == b"from before"
    with pytest.raises(NotFound):
        there.path(digest)
    assert here.share() == 1
    assert there.path(digest).read_bytes() == b"from before"
