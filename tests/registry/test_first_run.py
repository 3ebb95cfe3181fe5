"""The token of the first run: one for all who ask, and never half of one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from endcap.errors import ResourceError
from endcap.registry.first_run import FILE, first_run_token
from endcap.settings import Settings


def test_all_who_ask_at_once_are_told_the_same(tmp_path: Path) -> None:
    settings, told = Settings(home=tmp_path / "home"), list[str]()
    threads = [threading.Thread(target=lambda: told.append(first_run_token(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8 and len(set(told)) == 1 and len(told[0]) == 32
    assert [path.name for path in settings.home.iterdir()] == [FILE]


def test_a_process_that_dies_while_it_makes_one_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, fsync = Settings(home=tmp_path), os.fsync

    def dies(handle: int) -> None:
        raise OSError("the power is gone")

    monkeypatch.setattr(os, "fsync", dies)
    with pytest.raises(ResourceError):
        first_run_token(settings)
    assert not (tmp_path / FILE).exists()
    monkeypatch.setattr(os, "fsync", fsync)
    assert len(first_run_token(settings)) == 32
