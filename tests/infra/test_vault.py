"""The vault: what is sealed opens in its own row, under its own team, with the right key file, and nowhere else."""

import pytest

from app.infra.vault import Vault, WrongKey, create_key
from app.settings import SettingError

AAD = "7|secrets|API_KEY|sealed|1"


@pytest.fixture
def path(tmp_path):
    create_key(tmp_path / "key")
    return tmp_path / "key"


@pytest.fixture
def vault(path):
    return Vault.open(path)


def test_what_is_sealed_opens_again(vault):
    key = vault.new_data_key(7)
    sealed = vault.seal(key, "wört".encode(), AAD)
    assert vault.unseal(key, sealed, AAD) == "wört"
    assert "wört".encode() not in sealed


def test_the_same_value_is_never_sealed_alike(vault):
    key = vault.new_data_key(7)
    assert vault.seal(key, b"value", AAD) != vault.seal(key, b"value", AAD)


@pytest.mark.parametrize(
    "other", ["7|secrets|OTHER|sealed|1", "7|secrets|API_KEY|sealed|2", "8|secrets|API_KEY|sealed|1"]
)
def test_it_does_not_open_in_another_row_version_or_team(vault, other):
    key = vault.new_data_key(7)
    with pytest.raises(WrongKey):
        vault.unseal(key, vault.seal(key, b"value", AAD), other)


def test_a_teams_key_does_not_open_for_another_team(vault):
    mine, theirs = vault.new_data_key(7), vault.new_data_key(8)
    with pytest.raises(WrongKey):
        vault.unseal(theirs, vault.seal(mine, b"value", AAD), AAD)


def test_another_key_file_opens_nothing_and_is_told_by_the_canary(vault, tmp_path):
    create_key(tmp_path / "other")
    other = Vault.open(tmp_path / "other")
    key = vault.new_data_key(7)
    with pytest.raises(WrongKey):
        other.unseal(key, vault.seal(key, b"value", AAD), AAD)
    assert vault.knows(vault.canary())
    assert not other.knows(vault.canary())


def test_the_key_file_is_for_its_owner_alone_and_never_overwritten(path):
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    with pytest.raises(FileExistsError):
        create_key(path)
    assert path.read_text() == before


@pytest.mark.parametrize("content", ["", "nonsense", "carillon-key-1:c2hvcnQ=", "carillon-key-1:!!!"])
def test_a_damaged_key_file_is_told_in_a_sentence(path, content):
    path.write_text(content)
    with pytest.raises(SettingError, match=r"is not a key of Carillon\. Put the right file back"):
        Vault.open(path)


def test_a_missing_key_file_is_told_in_a_sentence(tmp_path):
    with pytest.raises(SettingError, match=r"is missing\. Put it back from your backup"):
        Vault.open(tmp_path / "nowhere")
