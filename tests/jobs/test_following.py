"""What web processes leave behind for whoever asks about all of them."""

from pathlib import Path

from endcap.jobs.following import FRESH_SECONDS, Note, Notes
from endcap.types import SECOND, Micros

NOW = Micros(1_700_000_000 * SECOND)


def note(name: str, at: int = NOW, **given: object) -> Note:
    return Note(name=name, process=1, at=Micros(at), **given)  # type: ignore[arg-type]


def test_only_who_spoke_lately_is_there_and_nobody_after_it_left(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    assert notes.living(NOW) == []
    one, two = note("one", ends=(5, 7), told=(5, 4)), note("two", NOW - (FRESH_SECONDS + 1) * SECOND)
    notes.leave(one, b"a 1\n")
    notes.leave(two, b"a 2\n")
    assert notes.living(NOW) == [one] and one.lag == (0, 3)
    assert notes.metrics(NOW, besides="") == {"one": b"a 1\n"} and notes.metrics(NOW, besides="one") == {}
    (tmp_path / "workers" / "torn.json").write_bytes(b'{"name": "to')
    assert notes.living(NOW) == [one]
    notes.forget("one")
    notes.forget("one")
    assert notes.living(NOW) == [] and not (tmp_path / "workers" / "one.prom").exists()


def test_a_home_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("a file")
    Notes(tmp_path).leave(note("one"), b"")
    assert Notes(tmp_path).living(NOW) == []
