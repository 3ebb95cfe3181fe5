"""Settings: environment over file over default; nothing unknown passes."""

from pathlib import Path

import pytest

from endcap.errors import InputError, UnknownName
from endcap.settings import Settings, load_settings


def test_defaults(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path) == Settings()
    assert Settings().port == 8420 and Settings().host == "127.0.0.1" and Settings().home == Path(".endcap")


def test_environment_over_file_over_default(tmp_path: Path) -> None:
    (tmp_path / "endcap.toml").write_text('port = 9000\nregion = "eu-west-1"\n')
    found = load_settings({"ENDCAP_PORT": "9001", "PATH": "/bin"}, tmp_path)
    assert (found.port, found.region) == (9001, "eu-west-1")


def test_an_unknown_key_is_an_error_that_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"home.*ENDCAP_HOEM"):
        load_settings({"ENDCAP_HOEM": "x"}, tmp_path)
    (tmp_path / "endcap.toml").write_text("prot = 1\n")
    with pytest.raises(UnknownName, match="port"):
        load_settings({}, tmp_path)


@pytest.mark.parametrize("value", ["eighty", "0", "70000", ""])
def test_a_bad_port_is_an_error(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match="port"):
        load_settings({"ENDCAP_PORT": value}, tmp_path)


def test_broken_toml_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "endcap.toml").write_text("port = = 1")
    with pytest.raises(InputError, match="not valid TOML"):
        load_settings({}, tmp_path)
