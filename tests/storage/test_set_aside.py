"""What could not be taken is kept, bounded, by any number of processes."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from endcap.storage.set_aside import SetAside
from endcap.types import AccountKey, ShopKey

SHOP, OTHER = (ShopKey(AccountKey(), name) for name in ("corner-shop", "other"))


def test_each_shop_has_its_own_oldest_first(tmp_path: Path) -> None:
    kept = SetAside(tmp_path)
    assert kept.read(SHOP) == b""
    kept.keep(SHOP, [b"one", b"two"])
    kept.keep(OTHER, [b"theirs"])
    kept.keep(SHOP, [b"three"])
    assert kept.read(SHOP) == b"one\ntwo\nthree\n"


def test_of_a_full_file_only_the_one_before_is_kept(tmp_path: Path) -> None:
    kept = SetAside(tmp_path, limit=100)
    for n in range(100):
        kept.keep(SHOP, [b"%09d" % n])
    lines = kept.read(SHOP).split()
    assert lines[-1] == b"%09d" % 99 and lines == sorted(lines) and 100 < 10 * len(lines) <= 220


def test_processes_that_keep_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    writers = [SetAside(tmp_path, limit=2_000) for _ in range(4)]  # each with a file of its own, as processes have

    def work(number: int) -> None:
        for n in range(40):
            writers[number].keep(SHOP, [json.dumps([number, n]).encode()])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(writers[0].read(SHOP).splitlines()) == 160


def test_what_is_forgotten_is_gone_with_the_older_file_and_others_stay(tmp_path: Path) -> None:
    kept = SetAside(tmp_path, limit=20)
    kept.forget(SHOP)  # nothing was ever kept
    kept.keep(OTHER, [b"theirs"])
    for n in range(9):
        kept.keep(SHOP, [b"%09d" % n])
    assert kept.newest(SHOP, 1) == [b"%09d" % 8]
    kept.forget(SHOP)
    assert kept.read(SHOP) == b"" and kept.newest(SHOP, 5) == []
    assert [path for path in tmp_path.rglob("*") if b"0000" in (path.read_bytes() if path.is_file() else b"")] == []
    assert kept.read(OTHER) == b"theirs\n"
