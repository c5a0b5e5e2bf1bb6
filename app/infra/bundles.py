"""Templates in files, `.carillon`: a zip that is signed as a whole, and distrusted until all of it is checked."""

import base64
import io
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.core.errors import CarillonError
from app.domain import library
from app.domain.library import Content, Unfit

ENDING = ".carillon"
LARGEST = 1024 * 1024
"""Of a bundle, and of what is in it all together."""

MANIFEST, SIGNATURE = "manifest.json", "signature"
DEFINITION, FORM, CONTRACT, SAMPLE = "definition.json", "form.json", "contract.json", "samples/result.txt"
_CONTENT = (DEFINITION, FORM, CONTRACT, SAMPLE)
_NAMES = (MANIFEST, *_CONTENT, SIGNATURE)
_HIGHEST_RATIO = 100
_SMALL = 64 * 1024
_DEEPEST = 40
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_FINGERPRINT = 20
_ENCRYPTED = 0x1

_Plain = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Refused(CarillonError):
    """A bundle that is not taken; the message is one sentence."""


class Manifest(BaseModel):
    """What a bundle says of itself. `key` is the public key it is signed with, `files` have a SHA-256 each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")
    name: _Plain
    version: int = Field(ge=1, le=1000)
    publisher: _Plain
    key: str = Field(max_length=60)
    made_at: str = Field(max_length=40)
    files: dict[str, _Digest] = {}


@dataclass(frozen=True)
class Bundle:
    """A template that came in a bundle whose signature is good; `digest` is the SHA-256 of the whole file."""

    manifest: Manifest
    content: Content
    digest: str


def new_seed() -> bytes:
    """Return what a signing key is made of."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key(seed: bytes) -> str:
    """Return the public key of a seed, as it stands in bundles and settings."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()).decode()


def fingerprint(key: str) -> str:
    """Return a public key for people to compare: 3f2a 91bc 7d02 e4f1 08aa."""
    whole = sha256(key.encode()).hexdigest()[:_FINGERPRINT]
    return " ".join(whole[at : at + 4] for at in range(0, _FINGERPRINT, 4))


def sign(seed: bytes, data: bytes) -> str:
    """Return the signature of some bytes."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(seed).sign(data)).decode()


def is_signed(key: str, data: bytes, signature: str) -> bool:
    """Whether the owner of a public key has signed these bytes."""
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
        public.verify(base64.b64decode(signature, validate=True), data)
    except (ValueError, InvalidSignature):
        return False
    return True


def pack(content: Content, slug: str, publisher: str, made_at: str, seed: bytes) -> bytes:
    """Return a template as a bundle; the same one is the same bytes."""
    whole = content.model_dump(mode="json")
    form, contract, sample = whole.pop("form"), whole.pop("contract"), whole.pop("sample")
    files = {DEFINITION: _written(whole), FORM: _written(form), CONTRACT: _written(contract), SAMPLE: sample.encode()}
    manifest = Manifest(
        slug=slug, name=content.name, version=len(content.notes), publisher=publisher, key=public_key(seed),
        made_at=made_at, files={name: sha256(data).hexdigest() for name, data in files.items()},
    )  # fmt: skip
    head = _written(manifest.model_dump(mode="json"))
    into = io.BytesIO()
    with ZipFile(into, "w") as archive:
        for name, data in {MANIFEST: head, **files, SIGNATURE: sign(seed, head).encode()}.items():
            member = ZipInfo(name, _LONG_AGO)
            member.external_attr, member.create_system = 0o644 << 16, 3
            archive.writestr(member, data, ZIP_STORED)
    return into.getvalue()


def unpack(data: bytes) -> Bundle:
    """Return what is in a bundle, all of it checked. Raises Refused."""
    files = _files(data)
    manifest = _manifest(files[MANIFEST])
    if not is_signed(manifest.key, files[MANIFEST], files[SIGNATURE].decode("ascii", "replace").strip()):
        raise Refused("The signature is not that of its key: the bundle was changed, or never signed.")
    if set(manifest.files) != set(_CONTENT):
        raise Refused("The list of files in the bundle is not the one that a template has.")
    for name in _CONTENT:
        if sha256(files[name]).hexdigest() != manifest.files[name]:
            raise Refused(f"{name} is not what was signed: the bundle was changed.")
    content = _content(files)
    if (content.name, len(content.notes)) != (manifest.name, manifest.version):
        raise Refused("The bundle says one name or version, and the template in it another.")
    if named := library.named_outright(content, "secrets"):
        raise Refused(f"It takes the secret {named[0]} without asking. A template asks for secrets in its form.")
    return Bundle(manifest, content, sha256(data).hexdigest())


def parsed(data: bytes, name: str) -> Any:
    """Return the JSON of a file somebody sent. Raises Refused for what is none, or is nested too deep."""
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(f"{name} can't be read as JSON.") from None
    if _is_deeper(found, _DEEPEST):
        raise Refused(f"{name} is nested deeper than any template is.")
    return found


def _files(data: bytes) -> dict[str, bytes]:
    if len(data) > LARGEST:
        raise Refused(f"A bundle has at most {LARGEST // 1024} KB.")
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check(members)
            return {one.filename: _read(archive, one) for one in members}
    except Refused:
        raise
    except Exception:  # noqa: BLE001 a damaged archive fails in many ways, and none of them is ours
        raise Refused("This is no bundle of a template, or it was damaged or changed. Get it again.") from None


def _check(members: list[ZipInfo]) -> None:
    if sorted(one.filename for one in members) != sorted(_NAMES) or any(
        one.orig_filename != one.filename for one in members
    ):
        raise Refused("The bundle has other files than a template has.")
    if sum(one.file_size for one in members) > LARGEST:
        raise Refused(f"What is in the bundle has at most {LARGEST // 1024} KB.")
    for one in members:
        ratio = one.file_size / max(1, one.compress_size)
        if one.compress_type not in {ZIP_STORED, ZIP_DEFLATED} or one.flag_bits & _ENCRYPTED:
            raise Refused(f"{one.filename} is packed in a way that bundles are not.")
        if one.file_size > _SMALL and ratio > _HIGHEST_RATIO:
            raise Refused(f"{one.filename} is packed smaller than any text is.")


def _read(archive: ZipFile, member: ZipInfo) -> bytes:
    with archive.open(member) as stream:
        data = stream.read(member.file_size + 1)
    if len(data) != member.file_size:
        raise BadZipFile
    return data


def _manifest(data: bytes) -> Manifest:
    try:
        return Manifest.model_validate(parsed(data, MANIFEST))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise Refused(f"{MANIFEST}: {where or 'all of it'} is not as this version of Carillon reads it.") from None


def _content(files: dict[str, bytes]) -> Content:
    definition = parsed(files[DEFINITION], DEFINITION)
    if not isinstance(definition, dict) or {"form", "contract", "sample"} & set(definition):
        raise Refused(f"{DEFINITION} is not a definition.")
    try:
        sample = files[SAMPLE].decode("utf-8")
        parts = {"form": parsed(files[FORM], FORM), "contract": parsed(files[CONTRACT], CONTRACT), "sample": sample}
        return library.parse({**definition, **parts})
    except Unfit as error:
        raise Refused(f"The template in the bundle is not whole: {error}") from None
    except UnicodeDecodeError:
        raise Refused(f"{SAMPLE} is no text.") from None


def _written(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _no_number(_name: str) -> float:
    raise ValueError


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return levels == 0 or any(
        _is_deeper(one, levels - 1) for one in (value.values() if isinstance(value, dict) else value)
    )
