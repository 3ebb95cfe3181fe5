"""Live state is what the log holds beyond the lake: after a restart, a sink, a kill or a swap it is the same."""

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import OTHER, SHOP, seen, streams

from endcap.lake.tables import Lake, Snapshot
from endcap.storage.log import Log, Record, open_log, open_log_reader
from endcap.stream.collect import event_record
from endcap.stream.live import Live
from endcap.stream.records import Event
from endcap.stream.replay import Feed, lake_offsets, live_since
from endcap.stream.sink import sink, trim_sunk


def event(name: str, shop: object = SHOP) -> Record:
    given = Event(event_id=name, event_type="View", time=5, item_id=f"i{name}", user_id=f"u{name[:1]}", session_id="s")
    return event_record(shop, given)  # type: ignore[arg-type]


def follow(feed: Feed[Live], log: Log, lake: Lake, snapshot: Snapshot | None = None) -> Live:
    return feed.add(SHOP, Live(SHOP, after=lake_offsets(log, lake, SHOP, snapshot)))


@settings(deadline=None, max_examples=8)
@given(streams, streams, st.integers(1, 3))
def test_a_restart_gives_the_state_before_it_whatever_was_sunk(
    tmp_path_factory: object, first: list[Record], second: list[Record], partitions: int
) -> None:
    folder = tmp_path_factory.mktemp("replay")  # type: ignore[attr-defined]
    log, lake = open_log(f"sqlite:///{folder}/log.db", partitions=partitions), Lake(folder / "lake")
    log.append(first)
    sink(log, lake)
    snapshot = lake.snapshot(SHOP)
    live = follow(Feed(log), log, lake, snapshot)
    log.append(second)
    before = seen(live)
    sink(log, lake)  # a newer snapshot does not change what is beyond the older one
    log.close()
    log = open_log(f"sqlite:///{folder}/log.db")
    again = live_since(log, lake, SHOP, snapshot)
    after = {**seen(again), "impressed": before["impressed"]}  # decisions have no snapshots: those sunk are sunk
    assert after == before
    trim_sunk(log, lake)
    empty = live_since(log, lake, SHOP)
    assert {**seen(empty), "impressed": 0} == {**seen(Live(SHOP)), "impressed": 0}
    log.close()


WRITER = """
import sys
from pathlib import Path
from endcap.lake.tables import Lake
from endcap.storage.log import open_log
from endcap.stream.replay import Feed
from test_replay import event, follow
home = Path(sys.argv[1])
log, lake = open_log(f"sqlite:///{home}/log.db"), Lake(home / "lake")
live = follow(Feed(log), log, lake)
n = 0
while True:
    names = [f"{sys.argv[2]}-{n}-{m}" for m in range(3)]
    log.append([event(name) for name in names])
    found = live.recent(f"u{sys.argv[2]}").items
    assert {f"i{name}" for name in names} <= set(found), "folded before it is acknowledged"
    print(names[-1], flush=True)
    n += 1
"""


def test_after_a_kill_the_state_holds_every_acknowledged_event(tmp_path: Path) -> None:
    lake, rng = Lake(tmp_path / "lake"), np.random.Generator(np.random.PCG64(1))
    for round_ in range(4):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(round_)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(__file__).parents[n]) for n in (0, 1))}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            said = child.stdout.readline()
            time.sleep(0.05 * rng.random())
            os.kill(child.pid, signal.SIGKILL)
            said += child.stdout.read()
        last = said.decode().split("\n")[:-1]
        log = open_log(f"sqlite:///{tmp_path}/log.db")
        live = live_since(log, lake, SHOP)
        acknowledged = {f"i{line.rsplit('-', 1)[0]}-{m}" for line in last for m in range(3)}
        newest = set(live.recent(f"u{round_}").items)
        assert acknowledged and (acknowledged <= newest or len(newest) == 512)
        if round_ == 1:
            sink(log, lake)
            trim_sunk(log, lake)
        log.close()


def test_following_beside_live_traffic_misses_nothing(tmp_path: Path) -> None:
    log, lake = open_log(f"sqlite:///{tmp_path}/log.db"), Lake(tmp_path / "lake")
    feed: Feed[Live] = Feed(log)
    stop = threading.Event()
    sent: list[str] = []

    def shop() -> None:
        while not stop.is_set() and len(sent) < 5_000:
            name = f"{len(sent) % 400:03d}-{len(sent)}"
            log.append([event(name), event(name, OTHER)])
            sent.append(name)

    thread = threading.Thread(target=shop, daemon=True)
    thread.start()
    held = [follow(feed, log, lake) for _ in range(8)]
    while len(sent) < 400:
        time.sleep(0.01)
    sink(log, lake)
    newer = follow(feed, log, lake, lake.snapshot(SHOP))
    stop.set()
    thread.join()
    assert all(seen(live) == seen(held[0]) for live in held) and len(held[0].recent("u0")) > 50
    beyond = lake_offsets(log, lake, SHOP, lake.snapshot(SHOP)).at("interactions", 0)
    fresh = [each for offset, each in log.read(0) if offset.n > beyond and each.shop == SHOP]
    assert sum(len(newer.recent(f"u{digit}")) for digit in range(10)) == len(fresh)
    feed.keep([newer])
    log.append([event("9-last")])
    assert "i9-last" in newer.recent("u9").items and "i9-last" in held[0].recent("u9").items
    gone = weakref.ref(held.pop())
    assert gone() is None, "what nobody holds is let go"
    assert feed.newest() == [newer]
    feed.keep([])
    log.append([event("9-unheard")])
    assert "i9-unheard" in newer.recent("u9").items and feed.newest() == []
    log.close()


def test_a_reader_in_another_process_builds_the_same(tmp_path: Path) -> None:
    lake, reader = Lake(tmp_path / "lake"), open_log_reader(f"sqlite:///{tmp_path}/log.db")
    assert live_since(reader, lake, SHOP).changed("item") == [] and sink(reader, lake).upto == {}
    log = open_log(f"sqlite:///{tmp_path}/log.db")
    log.append([event("1")])
    assert seen(live_since(reader, lake, SHOP)) == seen(live_since(log, lake, SHOP))
    log.close()
    reader.close()
