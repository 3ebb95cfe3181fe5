import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InputError, ResourceError, StateError, UnavailableError
from endcap.settings import Settings
from endcap.storage.objects import Location, Objects, open_objects
from s3 import S3Server

_names = count()


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Objects, str]:
    """Objects, and the name of an empty bucket that is there."""
    bucket = f"shop-{next(_names)}"
    if request.param == "folder":
        (tmp_path / "buckets" / bucket).mkdir(parents=True)
        return open_objects(Settings(home=tmp_path)), bucket
    s3: S3Server = request.getfixturevalue("s3")
    s3.client().create_bucket(Bucket=bucket)
    return open_objects(s3.settings(tmp_path)), bucket


def content(objects: Objects, location: str) -> bytes:
    (only,) = objects.files(location)
    return b"".join(objects.read(only))


def test_a_key_that_is_a_file_else_the_files_of_the_folder(place: tuple[Objects, str], tmp_path: Path) -> None:
    objects, bucket = place
    base = f"s3://{bucket}/data"
    for name in ("b.csv", "a.csv", "deep/c.csv", "_SUCCESS", ".hidden"):
        objects.write(f"{base}/{name}", [name.encode()])
    objects.write(f"s3://{bucket}/database.csv", [b"not in the folder"])
    for location in (base, f"{base}/"):
        assert [found.name for found in objects.files(location)] == ["a.csv", "b.csv", "deep/c.csv"]
    (only,) = objects.files(f"{base}/deep/c.csv")
    assert only.name == "c.csv" and only.size == 10 and str(only.location) == f"{base}/deep/c.csv"
    assert objects.exists(base) and not objects.exists(f"{base}/none") and objects.exists(f"{base}/a.csv")
    assert len(objects.files(f"s3://{bucket}")) == 4
    paths = objects.download(base, tmp_path / "got")
    assert [path.read_text() for path in paths] == ["a.csv", "b.csv", "deep/c.csv"]
    objects.delete(f"{base}/a.csv")
    assert not objects.exists(f"{base}/a.csv")


def test_names_that_need_care(place: tuple[Objects, str]) -> None:
    objects, bucket = place
    for key in ("a b%20c ü.csv", "x=1/é 🛒+&?.json", "100%.csv"):
        stored = objects.write(f"s3://{bucket}/{key}", [b"x"])
        assert str(stored.location) == f"s3://{bucket}/{key}" and content(objects, str(stored.location)) == b"x"


def test_nothing_there(place: tuple[Objects, str], tmp_path: Path) -> None:
    objects, bucket = place
    for call in (objects.files, lambda location: objects.download(location, tmp_path)):
        with pytest.raises(InputError, match=f"The specified key does not exist: s3://{bucket}/none"):
            call(f"s3://{bucket}/none")
    for call in (objects.files, objects.exists, objects.check):
        with pytest.raises(InputError, match="The specified bucket does not exist: no-such-bucket") as raised:
            call("s3://no-such-bucket/x/")
        assert raised.value.fix
    assert objects.check(f"s3://{bucket}/out/", write=True) == Location(bucket, "out")


def test_a_stream_that_breaks_stores_nothing(place: tuple[Objects, str]) -> None:
    objects, bucket = place

    def broken() -> Iterator[bytes]:
        yield b"x" * 20_000_000
        raise ZeroDivisionError

    objects.write(f"s3://{bucket}/a", [b"old"])
    with pytest.raises(ZeroDivisionError):
        objects.write(f"s3://{bucket}/a", broken())
    assert content(objects, f"s3://{bucket}/a") == b"old"


def test_an_object_that_changes_while_it_is_read_is_said(place: tuple[Objects, str]) -> None:
    objects, bucket = place
    stored = objects.write(f"s3://{bucket}/a", [b"one"])
    objects.write(f"s3://{bucket}/a", [b"three"])
    with pytest.raises(StateError, match="changed while"):
        b"".join(objects.read(stored))


@pytest.mark.parametrize(
    "location",
    [
        *("", "bucket/key", "s3://", "s3:///key", "file:///etc/passwd", "http://host/x", "s3://b/../x", "s3://b/a//c"),
        *("s3://b/a\0b", "s3://b/a\\..\\c", "s3://b/a/..", "s3://../x", "s3://b/.publishing-1/x"),
    ],
)
def test_what_is_no_location(location: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no data location"):
        open_objects(Settings(home=tmp_path)).files(location)


@pytest.mark.parametrize("bucket", ["a", "-ab", "a..b", ".hidden", "a b", "ä" * 5, "x" * 64])
def test_odd_buckets_are_refused(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        open_objects(Settings(home=tmp_path)).write(f"s3://{bucket}/x", [b""])


@given(st.text(max_size=60))
def test_no_location_leads_out_of_the_buckets(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    home = tmp_path_factory.getbasetemp() / "fuzzed-home"
    for location in (text, f"s3://{text}", f"s3://bucket/{text}"):
        try:
            open_objects(Settings(home=home)).write(location, [b"x"])
        except (InputError, ResourceError):
            continue
    assert not home.exists() or [path.name for path in home.iterdir()] == ["buckets"]


def test_writing_makes_a_folder_bucket_and_the_error_names_it(tmp_path: Path) -> None:
    objects = open_objects(Settings(home=tmp_path))
    with pytest.raises(InputError) as raised:
        objects.files("s3://new/x")
    assert str(tmp_path / "buckets" / "new") in raised.value.fix
    objects.write("s3://new/x", [b"1"])
    assert (tmp_path / "buckets" / "new" / "x").read_bytes() == b"1" and objects.exists("s3://new/x")


def test_uploads_of_aws_clients_read_through_ours_and_the_other_way(s3: S3Server, tmp_path: Path) -> None:
    client, objects, bucket = s3.client(), open_objects(s3.settings(tmp_path)), f"both-{next(_names)}"
    client.create_bucket(Bucket=bucket)
    source = tmp_path / "big.bin"
    source.write_bytes(bytes(range(256)) * 80_000)
    client.upload_file(str(source), bucket, "in/big.bin")
    client.put_object(Bucket=bucket, Key="in/", Body=b"")  # the marker that the console makes of a folder
    (got,) = objects.download(f"s3://{bucket}/in/", tmp_path / "got")
    assert got.read_bytes() == source.read_bytes()
    objects.upload(source, f"s3://{bucket}/out/big.bin")
    objects.write(f"s3://{bucket}/out/streamed.bin", (source.read_bytes()[at : at + 1_000_003] for at in _steps()))
    for key in ("out/big.bin", "out/streamed.bin"):
        head = client.head_object(Bucket=bucket, Key=key)
        assert head["ETag"].strip('"').endswith(("-2", "-3"))  # several parts
        assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == source.read_bytes()


def _steps() -> range:
    return range(0, 256 * 80_000, 1_000_003)


def test_the_environment_s_own_aws_settings_do_not_matter(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of somebody else")
    bucket = f"env-{next(_names)}"
    s3.client().create_bucket(Bucket=bucket)
    objects = open_objects(s3.settings(tmp_path))
    objects.write(f"s3://{bucket}/a", [b"x"])
    assert content(objects, f"s3://{bucket}/a") == b"x"


def test_who_may_not_is_told_in_s3_s_words(s3: S3Server, tmp_path: Path) -> None:
    bucket = f"closed-{next(_names)}"
    s3.client().create_bucket(Bucket=bucket)
    objects = open_objects(s3.settings(tmp_path))
    objects.write(f"s3://{bucket}/a", [b"x"])
    requests.post(f"{s3.url}/moto-api/reset-auth", data="0", timeout=10)  # from now on it checks
    try:
        calls = (
            lambda: objects.files(f"s3://{bucket}/a"),
            lambda: objects.files(f"s3://{bucket}/folder/"),
            lambda: objects.write(f"s3://{bucket}/b", [b"x"]),
        )
        for call in calls:
            with pytest.raises(InputError, match="Insufficient privileges for accessing data in S3: Access Denied"):
                call()
    finally:
        requests.post(f"{s3.url}/moto-api/reset-auth", data="inf", timeout=10)


def test_a_server_that_is_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from endcap.storage.blobs import s3 as backend  # noqa: PLC0415

    monkeypatch.setattr(backend, "RETRIES", 1)
    objects = open_objects(Settings(home=tmp_path, s3_endpoint="http://127.0.0.1:9"))
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9 does not answer"):
        objects.files("s3://bucket/x")
    with pytest.raises(InputError, match="expected http"):
        open_objects(Settings(home=tmp_path, s3_endpoint="localhost"))


def test_memory_stays_constant(s3: S3Server, tmp_path: Path) -> None:
    """160 MB through a process that may hold 110 MB more than it has after importing."""
    s3.client().create_bucket(Bucket="large")
    program = """
import sys, hashlib
from pathlib import Path
from endcap.settings import Settings
from endcap.storage.objects import open_objects
import obstore, obstore.store
home = Path(sys.argv[1])
def held():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
objects = open_objects(Settings(home=home, s3_endpoint=sys.argv[2], s3_access_key="test", s3_secret_key="test"))
before = held()
digest = hashlib.sha256()
def pieces():
    for n in range(160):
        piece = bytes([n]) * 1_000_000
        digest.update(piece)
        yield piece
stored = objects.write("s3://large/x", pieces())
back = hashlib.sha256()
for piece in objects.read(stored):
    back.update(piece)
assert back.digest() == digest.digest()
print((held() - before) // 1024)
"""
    command = [sys.executable, "-c", program, str(tmp_path), s3.url]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown < 110, grown


def test_another_account_sees_neither_the_homes_folders_nor_its_credentials(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    open_objects(settings).write("s3://shop/secret.csv", [b"theirs"])
    other = open_objects(settings, "111122223333")
    with pytest.raises(InputError, match="does not exist"):
        other.files("s3://shop/secret.csv")
    other.write("s3://shop/own.csv", [b"ours"])
    assert not open_objects(settings).exists("s3://shop/own.csv")
    assert open_objects(settings, settings.account).exists("s3://shop/secret.csv")
    with pytest.raises(StateError, match="no credentials"):
        open_objects(Settings(home=tmp_path, s3_endpoint="http://127.0.0.1:1"), "111122223333")
