"""Times: every wire unit becomes the same microseconds, and what could be two things is asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import DataError, InputError
from endcap.lake.importers.times import TimeReading, offsets
from importer_reading import columns, read, written

MOMENT = datetime(2023, 7, 14, 9, 30, 15, tzinfo=UTC)
MICROS = int(MOMENT.timestamp() * 1_000_000)
NEAR = st.datetimes(datetime(1995, 1, 1), datetime(2090, 1, 1)).map(lambda time: time.replace(tzinfo=UTC))


def one(folder: Path, text: str, **options: object) -> int:
    path = written(folder, f'user_id,item_id,timestamp\na,b,"{text}"\n')
    (row,) = read(path, **options).rows()
    return int(row["timestamp"])


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000, 1_000_000_000])
def test_seconds_to_nanoseconds_are_told_apart(tmp_path: Path, scale: int) -> None:
    assert one(tmp_path, str(MICROS * scale // 1_000_000)) == MICROS


@pytest.mark.parametrize(
    "text",
    [
        "2023-07-14T09:30:15Z",
        "2023-07-14 09:30:15",
        "2023-07-14T11:30:15+02:00",
        "2023-07-14T09:30:15.000000Z",
        "14.07.2023 09:30:15",
        "7/14/2023 9:30:15",
        "14/07/2023 09:30:15",
        "2023/07/14 09:30:15",
    ],
)
def test_text_in_common_forms(tmp_path: Path, text: str) -> None:
    assert one(tmp_path, text) == MICROS


def test_a_day_alone_is_its_midnight(tmp_path: Path) -> None:
    assert one(tmp_path, "2023-07-14") == int(datetime(2023, 7, 14, tzinfo=UTC).timestamp()) * 1_000_000


def test_naive_times_are_in_the_zone_declared(tmp_path: Path) -> None:
    expected = int(datetime(2023, 7, 14, 9, 30, 15, tzinfo=ZoneInfo("Europe/London")).timestamp() * 1e6)
    assert one(tmp_path, "2023-07-14 09:30:15", mapping={"time_zone": "Europe/London"}) == expected
    assert one(tmp_path, "2023-07-14T09:30:15Z", mapping={"time_zone": "Europe/London"}) == MICROS
    assert one(tmp_path, "14.07.2023 09:30:15", mapping={"time_zone": "Europe/London"}) == expected


@pytest.mark.parametrize("text", ["1", "20230714", "03/04/2023 10:00", "yesterday"])
def test_what_could_be_two_things_or_none_is_asked_for(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="TIMESTAMP") as caught:
        one(tmp_path, text)
    assert "--map time_" in caught.value.fix
    assert caught.value.column == "TIMESTAMP"


def test_seconds_and_milliseconds_mixed_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f"user_id,item_id,timestamp\na,b,{MICROS // 10**6}\nc,d,{MICROS // 1000}\n")
    with pytest.raises(DataError, match="not one of seconds, milliseconds"):
        read(path)
    found = read(path, mapping={"time_unit": "s"})
    assert found.reasons() == {"TIMESTAMP is not a time in seconds between 1900 and 2100": 1}


def test_a_declared_form_settles_it(tmp_path: Path) -> None:
    march, april = (datetime(2023, month, 7 - month, tzinfo=UTC) for month in (3, 4))
    for form, day in (("%d/%m/%Y", april), ("%m/%d/%Y", march)):
        assert one(tmp_path, day.strftime(form), mapping={"time_format": form}) == int(day.timestamp() * 1e6)


def test_unknown_units_and_zones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no time unit 'minutes'"):
        one(tmp_path, "1", mapping={"time_unit": "minutes"})
    with pytest.raises(InputError, match="no time zone"):
        one(tmp_path, "1", mapping={"time_zone": "Middle/Earth"})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_arrow_timestamps(tmp_path: Path, unit: str, zone: str | None) -> None:
    times = pa.array([MICROS], pa.timestamp("us")).cast(pa.timestamp(unit))
    times = times if zone is None else times.cast(pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit, zone))
    path = columns({"user_id": ["a"], "item_id": ["b"], "timestamp": times}, tmp_path / "e.parquet")
    assert read(path).rows()[0]["timestamp"] == MICROS


@settings(max_examples=20, deadline=None)
@given(
    time=NEAR,
    unit=st.sampled_from(["s", "ms", "us", "iso"]),
    shift=st.integers(-11, 11),
)
def test_any_time_comes_back(tmp_path_factory, time: datetime, unit: str, shift: int) -> None:
    micros = (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    scale = {"s": 1_000_000, "ms": 1_000, "us": 1, "iso": 1}[unit]
    micros -= micros % scale
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    zone = ZoneInfo(f"Etc/GMT{shift:+d}")
    text = moment.astimezone(zone).isoformat() if unit == "iso" else str(micros // scale)
    folder = tmp_path_factory.mktemp("times")
    assert one(folder, text, mapping={"time_unit": unit}) == micros
    assert one(folder, text) == micros


@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia"]
)
def test_the_short_way_through_a_zone_gives_what_its_calendar_gives(zone: str) -> None:
    assert len(offsets(zone)) > 10
    short = TimeReading("native", zone).sql("t")
    calendar = f"epoch_us(timezone('UTC', timezone('{zone}', t)))"
    times = "range(TIMESTAMP '1990-01-01', TIMESTAMP '2040-01-01', INTERVAL 47 MINUTE) times(t)"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        query = f"SELECT count(*), count(*) FILTER (({short}) IS DISTINCT FROM {calendar}) FROM {times}"
        rows, different = connection.execute(query).fetchall()[0]
    assert rows > 500_000 and different == 0
