"""Bundles: what is packed comes back whole, and nothing else is taken: changed, added, forged, too large, or a trick."""

import io
import json
import zipfile

import pytest

from app.domain import library
from app.infra import bundles
from app.infra.bundles import Refused, pack, unpack

SEED = bytes(range(32))
CONTENT = library.parse(
    {
        "name": "Probe", "category": "Watch", "sentence": "Asks a page.", "notes": ["First version.", "Asks twice."],
        "form": [{"name": "url", "label": "Page", "kind": "url"}], "engine": "http", "settings": {"url": "{{ url }}"},
        "contract": [{"kind": "pattern", "of": "answer", "pattern": "Grüße"}], "sample": "200 OK",
    }
)  # fmt: skip


def packed(seed=SEED):
    return pack(CONTENT, "probe", "Northgate", "2026-11-28T09:00:00+00:00", seed)


def files(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(content, method=zipfile.ZIP_STORED):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, data in content.items() if isinstance(content, dict) else content:
            archive.writestr(name, data)
    return into.getvalue()


def signed(content, **manifest):
    """The files with a manifest of their own that is signed well."""
    said = json.loads(content["manifest.json"])
    said["files"] = {name: bundles.sha256(content[name]).hexdigest() for name in said["files"]}
    head = json.dumps({**said, **manifest}).encode()
    return zipped({**content, "manifest.json": head, "signature": bundles.sign(SEED, head).encode()})


def whole(**more):
    """A definition.json with something else in it."""
    kept = CONTENT.model_dump(mode="json", exclude={"form", "contract", "sample"})
    return json.dumps({**kept, **more}).encode()


def test_what_is_packed_comes_back_whole_and_is_the_same_bytes_each_time():
    data = packed()
    found = unpack(data)
    assert data == packed()
    assert found.content == CONTENT
    assert (found.manifest.publisher, found.manifest.slug, found.manifest.version) == ("Northgate", "probe", 2)
    assert found.manifest.key == bundles.public_key(SEED)
    assert unpack(zipped(files(data), zipfile.ZIP_DEFLATED)).content == CONTENT  # unpacked and packed again by hand
    assert bundles.fingerprint(found.manifest.key).count(" ") == 4


@pytest.mark.parametrize("name", ["definition.json", "form.json", "contract.json", "samples/result.txt"])
def test_a_file_that_was_changed_is_named(name):
    content = files(packed())
    content[name] += b" "
    with pytest.raises(Refused, match=f"{name} is not what was signed"):
        unpack(zipped(content))


def test_a_manifest_that_was_changed_is_no_longer_signed():
    content = files(packed())
    content["manifest.json"] = content["manifest.json"].replace(b"Northgate", b"Southgate")
    with pytest.raises(Refused, match="signature is not that of its key"):
        unpack(zipped(content))


def test_the_signature_of_another_key_does_not_count_and_another_key_is_another_publisher():
    content = files(packed())
    content["signature"] = bundles.sign(bytes(32), content["manifest.json"]).encode()
    with pytest.raises(Refused, match="signature"):
        unpack(zipped(content))
    other = unpack(packed(bytes(32))).manifest
    known = {("northgate", bundles.public_key(SEED))}
    assert library.trust(other.publisher, other.key, "", known) == "changed"
    assert library.trust("Northgate", bundles.public_key(SEED), "", known) == "known"
    assert library.trust("Elsewhere", other.key, "", known) == "new"


def test_no_file_may_be_added_missing_doubled_or_placed_elsewhere():
    content = files(packed())
    tricks = [
        {**content, "run.sh": b"echo"},
        {**content, "../../etc/cron.d/x": b"* * * * *"},
        {name: data for name, data in content.items() if name != "form.json"},
        {("/" + name if name == "form.json" else name): data for name, data in content.items()},
        {(name.replace("/", "\\") if "/" in name else name): data for name, data in content.items()},
    ]
    for trick in tricks:
        with pytest.raises(Refused, match="other files"):
            unpack(zipped(trick))
    with pytest.warns(UserWarning, match="Duplicate"):
        doubled = zipped([*content.items(), ("form.json", b"[]")])
    with pytest.raises(Refused, match="other files"):
        unpack(doubled)


def test_a_bomb_is_refused_before_it_is_unpacked():
    content = files(packed())
    with pytest.raises(Refused, match="packed smaller than any text"):
        unpack(zipped({**content, "samples/result.txt": bytes(900_000)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(Refused, match="at most 1024 KB"):
        unpack(zipped({**content, "samples/result.txt": bytes(50_000_000)}, zipfile.ZIP_DEFLATED))
    with pytest.raises(Refused, match="at most 1024 KB"):
        unpack(bytes(bundles.LARGEST + 1))
    liar = bytearray(zipped({**content, "samples/result.txt": bytes(300_000)}, zipfile.ZIP_DEFLATED))
    at = liar.rfind(b"samples/result.txt") - 46 + 24  # its size in the list at the end
    liar[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(Refused, match="no bundle"):
        unpack(bytes(liar))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"GIF89a", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_said_to_be_none(data):
    with pytest.raises(Refused, match=r"no bundle|other files"):
        unpack(data)


def test_what_is_signed_well_is_still_read_with_distrust():
    content = files(packed())
    deep = b'{"a":' * 60 + b"1" + b"}" * 60
    for change, sentence in [
        ({"definition.json": deep}, "nested deeper"),
        ({"definition.json": b'{"x":' * 200_00 + b"1"}, "can't be read as JSON"),
        ({"definition.json": b'{"seconds": [NaN, 1]}'}, "can't be read as JSON"),
        ({"definition.json": b"[]"}, "is not a definition"),
        ({"definition.json": b'{"form": []}'}, "is not a definition"),
        ({"form.json": b'[{"name": "__class__", "label": "x"}]'}, "not whole"),
        ({"samples/result.txt": b"\xff\xfe"}, "no text"),
        ({"definition.json": whole(settings={"url": "https://a.example/{{ secrets.STRIPE }}"})}, "the secret STRIPE"),
        ({"definition.json": whole(engine="shell", settings={"script": "x", "secrets": ["KEY"]})}, "the secret KEY"),
    ]:
        with pytest.raises(Refused, match=sentence):
            unpack(signed({**content, **change}))
    for manifest, sentence in [
        ({"slug": "../x"}, "slug is not as"),
        ({"version": 7}, "one name or version"),
        ({"format": 2}, "format is not as"),
        ({"more": 1}, "more is not as"),
        ({"key": "no key"}, "signature"),
        ({"files": {}}, "list of files"),
        ({"publisher": "North\x1b[2Jgate"}, "publisher is not as"),
    ]:
        with pytest.raises(Refused, match=sentence):
            unpack(signed(content, **manifest))
