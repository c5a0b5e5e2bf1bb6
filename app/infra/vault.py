"""The vault: each team's own key, wrapped by a master key in a file, seals values to the row they belong to."""

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.errors import Unavailable
from app.settings import SettingError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_BYTES = 4
_PREFIX = "carillon-key-1:"


class WrongKey(Unavailable):
    """Something sealed does not open: it was sealed under another master key, or belongs to another row."""

    def __init__(self) -> None:
        super().__init__("A sealed value does not open with this key file. Put back the key file it was made with.")


class Vault:
    """AES-256-GCM in two layers (envelope encryption, NIST SP 800-38D nonces of 96 random bits).

    The associated data of a value is `team|table|row|column|version`; what is moved to another row does not open.
    """

    def __init__(self, master: bytes) -> None:
        self._master = AESGCM(master)
        self._id = hashlib.sha256(master).digest()[:_ID_BYTES]

    @classmethod
    def open(cls, path: Path) -> "Vault":
        """Return the vault of a key file. Raises SettingError with what to do when there is none or it is damaged."""
        try:
            text = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise SettingError(
                f"The key file {path} is missing. Put it back from your backup; without it the secrets stay sealed."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"The key file {path} can't be read: {error}.") from error
        return cls(_parse(text, path))

    def new_data_key(self, team_id: int) -> bytes:
        """Return a new key of a team, wrapped: only the master key and the team's id open it."""
        return self._wrap(os.urandom(_KEY_BYTES), _bond(str(team_id)))

    def seal(self, data_key: bytes, value: bytes, aad: str) -> bytes:
        """Seal `value` under a team's wrapped key, bound to `aad`."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._open_key(data_key, aad).encrypt(nonce, value, aad.encode())

    def unseal(self, data_key: bytes, sealed: bytes, aad: str) -> str:
        """Return what was sealed, as text. Raises WrongKey."""
        return self.unseal_bytes(data_key, sealed, aad).decode()

    def unseal_bytes(self, data_key: bytes, sealed: bytes, aad: str) -> bytes:
        """Return what was sealed. Raises WrongKey."""
        key = self._open_key(data_key, aad)
        try:
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad.encode())
        except InvalidTag:
            raise WrongKey from None

    def canary(self) -> str:
        """Return a value that only this master key opens, to be kept beside the data."""
        return base64.b64encode(self._wrap(b"carillon", b"canary")).decode()

    def knows(self, canary: str) -> bool:
        """Whether the data beside `canary` was sealed under this master key."""
        try:
            return self._unwrap(base64.b64decode(canary), b"canary") == b"carillon"
        except WrongKey:
            return False

    def _open_key(self, data_key: bytes, aad: str) -> AESGCM:
        return AESGCM(self._unwrap(data_key, _bond(aad.partition("|")[0])))

    def _wrap(self, content: bytes, bond: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return self._id + nonce + self._master.encrypt(nonce, content, bond)

    def _unwrap(self, wrapped: bytes, bond: bytes) -> bytes:
        head = _ID_BYTES + _NONCE_BYTES
        if wrapped[:_ID_BYTES] != self._id:
            raise WrongKey
        try:
            return self._master.decrypt(wrapped[_ID_BYTES:head], wrapped[head:], bond)
        except InvalidTag:
            raise WrongKey from None


def create_key(path: Path) -> None:
    """Write a new master key to `path`, readable by its owner alone; an existing file is never touched."""
    text = _PREFIX + base64.b64encode(os.urandom(_KEY_BYTES)).decode() + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _bond(team: str) -> bytes:
    return f"{team}|teams|data_key".encode()


def _parse(text: str, path: Path) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not text.startswith(_PREFIX) or len(key) != _KEY_BYTES:
        raise SettingError(f"The key file {path} is not a key of Carillon. Put the right file back from your backup.")
    return key
