"""Batch inference: line formats, bad lines, filters, the same answers as online, kills and constant memory."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InputError
from endcap.jobs.answering import open_snapshot
from endcap.jobs.batch import job_folder, run_batch
from endcap.jobs.batch_inference import infer
from endcap.jobs.batch_lines import LONGEST, chunks, failed, is_json
from endcap.jobs.children import Stopped
from endcap.registry.campaigns import CampaignConfig
from endcap.registry.versions import Version
from endcap.seams import Tick
from endcap.serving.recommend import Request, recommend
from endcap.storage.objects import open_objects
from jobs_shop import SmallShop
from s3 import S3Server


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    return SmallShop(tmp_path_factory.mktemp("batch"), settings={"threads": 2})


@pytest.fixture(scope="module")
def als(shop: SmallShop) -> Version:
    return shop.train("als", factors=8)


def run(shop: SmallShop, version: Version, lines: list[Any], name: str, **members: Any) -> list[dict[str, Any]]:
    return shop.run(infer, version, lines, name, **members)


def test_users_are_answered_as_online(shop: SmallShop, als: Version) -> None:
    lines = [{"userId": f"u{number}"} for number in range(60)] + [{"userId": "nobody"}]
    answers = run(shop, als, lines, "users")
    snapshot = open_snapshot(shop.workspace, shop.workspace.campaigns.deploy(shop.shop, "online", als))
    asked = shop.workspace.resources.get(shop.shop.account, "batch-inference-job", "users").created
    assert [answer["input"] for answer in answers] == lines
    for line, answer in zip(lines, answers, strict=True):
        online = recommend(snapshot, Request(k=25, user_id=line["userId"], asked=asked))
        assert answer["error"] is None and answer["output"]["recommendedItems"] == online.items
        assert answer["output"]["scores"] == pytest.approx([score or 0.0 for score in online.scores], abs=1e-6)
    assert answers[0]["output"] != answers[1]["output"] and len(answers[-1]["output"]["recommendedItems"]) == 25


@pytest.mark.parametrize("recipe", ["popularity", "blend"])
def test_other_recipes_too(shop: SmallShop, recipe: str) -> None:
    version = shop.train(recipe)
    lines = [{"userId": f"u{number}"} for number in range(12)]
    answers = run(shop, version, lines, f"recipe-{recipe}", numResults=7)
    snapshot = open_snapshot(shop.workspace, shop.workspace.campaigns.deploy(shop.shop, f"on-{recipe}", version))
    asked = shop.workspace.resources.get(shop.shop.account, "batch-inference-job", f"recipe-{recipe}").created
    for line, answer in zip(lines, answers, strict=True):
        online = recommend(snapshot, Request(k=7, user_id=line["userId"], asked=asked))
        assert answer["output"]["recommendedItems"] == online.items


def test_related_items(shop: SmallShop) -> None:
    version = shop.train("item-item")
    lines = [{"itemId": f"i{number}"} for number in range(8)] + [{"itemId": "unheard of"}]
    answers = run(shop, version, [*lines, {"userId": "u1"}], "related", numResults=5)
    assert "itemId is missing" in answers.pop()["error"]
    snapshot = open_snapshot(shop.workspace, shop.workspace.campaigns.deploy(shop.shop, "related", version))
    for line, answer in zip(lines, answers, strict=True):
        online = recommend(snapshot, Request(k=5, item_id=line["itemId"]))
        assert answer["output"] == {"recommendedItems": online.items}
        assert line["itemId"] not in answer["output"]["recommendedItems"]


def test_rankings(shop: SmallShop, als: Version) -> None:
    items = ["i3", "never seen", "i2", "i10", "i3", "i21"]
    lines = [{"userId": "u4", "itemList": items}, {"userId": "nobody", "itemList": items}]
    answers = run(shop, als, lines, "ranking")
    snapshot = open_snapshot(shop.workspace, shop.workspace.campaigns.deploy(shop.shop, "ranking", als))
    asked = shop.workspace.resources.get(shop.shop.account, "batch-inference-job", "ranking").created
    for line, answer in zip(lines, answers, strict=True):
        online = recommend(snapshot, Request(user_id=line["userId"], candidates=tuple(items), asked=asked))
        assert answer["output"]["recommendedItems"] == online.items
        assert answer["output"]["scores"] == pytest.approx([score or 0.0 for score in online.scores], abs=1e-6)
    assert answers[0]["output"]["recommendedItems"][-1] == "never seen" and answers[0]["output"]["scores"][-1] == 0


def test_influence_and_exploration_as_a_campaign_has_them(shop: SmallShop, als: Version) -> None:
    lines = [json.dumps({"userId": f"u{number}"}) for number in range(20)]
    settings = {"explorationWeight": "0.5", "explorationItemAgeCutOff": "36500"}
    given = {"itemExplorationConfig": settings, "rankingInfluence": {"POPULARITY": 0.4, "FRESHNESS": 0.1}}
    answers = run(shop, als, lines, "explored", batchInferenceJobConfig=given, numResults=10)
    config = CampaignConfig.from_document({"campaignConfig": given})
    snapshot = open_snapshot(shop.workspace, shop.workspace.campaigns.deploy(shop.shop, "explored", als, config=config))
    asked = shop.workspace.resources.get(shop.shop.account, "batch-inference-job", "explored").created
    plain = run(shop, als, lines, "unexplored", numResults=10)
    for line, answer in zip(lines, answers, strict=True):
        token = blake2b(line.encode(), digest_size=8).hexdigest()
        user = json.loads(line)["userId"]
        online = recommend(snapshot, Request(k=10, user_id=user, asked=asked), token)
        assert answer["output"]["recommendedItems"] == online.items
    assert [answer["output"] for answer in plain] != [answer["output"] for answer in answers]


BAD = [
    ("{bad", "not valid JSON"),
    ('"u1"', "cannot be used"),
    ("[" * 5000, "cannot be used"),
    ('{"userId": ' + "[" * 5000, "cannot be used"),
    ('{"userId": 1}', "cannot be used"),
    ('{"userId": ""}', "userId is missing"),
    ('{"itemId": "i1"}', "userId is missing"),
    ('{"userId": "u1", "filterValues": {"X": 1}}', "cannot be used"),
    ('{"userId": NaN}', "not valid JSON"),
    (json.dumps({"userId": "u1", "itemList": ["i1"] * 501}), "at most 500"),
    (json.dumps({"userId": "u" * (LONGEST + 10)}), "longer than"),
]


def test_bad_lines_are_reported_in_place_and_the_rest_goes_on(shop: SmallShop, als: Version) -> None:
    lines: list[Any] = []
    for bad, _ in BAD:
        lines += [bad, "", {"userId": "u1"}]
    answers = run(shop, als, lines, "bad")
    assert len(answers) == 2 * len(BAD)
    good = answers[1]["output"]
    for place, (bad, why) in enumerate(BAD):
        answer = answers[2 * place]
        assert answer["error"].startswith("User error: ") and why in answer["error"]
        assert answer["output"] == {"recommendedItems": [], "scores": []}
        assert answers[2 * place + 1] == {"input": {"userId": "u1"}, "output": good, "error": None}
        if is_json(bad.encode()):
            assert answer["input"] == json.loads(bad)


def test_invalid_utf_8_does_not_break_the_file(shop: SmallShop, als: Version) -> None:
    place = shop.place("s3://shop/bytes/in.json")
    place.parent.mkdir(parents=True)
    place.write_bytes(b'\xef\xbb\xbf{"userId":"u1"}\r\n{"userId":"\xff\xfe"}\n{"userId":"\xc3\xbc"}')
    job = shop.job(als, "bytes", jobInput={"s3DataSource": {"path": "s3://shop/bytes/"}})
    infer(shop.workspace, job)
    answers = shop.answers("s3://shop/out/in.json.out")
    assert [answer["error"] is None for answer in answers] == [True, False, True]
    assert answers[2]["input"] == {"userId": "ü"}


def test_filters_static_with_values_and_per_user(shop: SmallShop, als: Version) -> None:
    lines = [{"userId": f"u{number}", "filterValues": {"LIMIT": "15"}} for number in range(20)]
    lines += [{"userId": "u1"}, {"userId": "u1", "filterValues": {"LIMIT": '"no number"'}}]
    arn = shop.filter(
        'INCLUDE ItemID WHERE Items.PRICE < $LIMIT | EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("Purchase")'
    )
    answers = run(shop, als, lines, "filtered", filterArn=arn, numResults=3)
    events = shop.events()
    bought = {
        (user, item)
        for user, item, kind in zip(
            *(events[name].to_pylist() for name in ("user_id", "item_id", "event_type")), strict=True
        )
        if kind == "Purchase"
    }
    for line, answer in zip(lines[:20], answers, strict=False):
        items = answer["output"]["recommendedItems"]
        qualifying = {f"i{n}" for n in range(10)} - {item for user, item in bought if user == line["userId"]}
        assert set(items) <= qualifying and len(items) == min(3, len(qualifying))
    assert "LIMIT" in answers[20]["error"] and answers[21]["error"].startswith("User error: ")


def test_a_filter_on_users_is_refused(shop: SmallShop, als: Version) -> None:
    arn = shop.filter("INCLUDE UserID WHERE Users.AGE > 30", "grown")
    with pytest.raises(InputError, match="not about items"):
        run(shop, als, [{"userId": "u1"}], "user-filter", filterArn=arn)


def test_what_cannot_begin_says_why(shop: SmallShop, als: Version) -> None:
    shop.put("s3://shop/in-one/a.json", [{"userId": "u1"}])
    for name, match, members in (
        ("no-bucket", "bucket does not exist: nowhere", {"jobInput": {"s3DataSource": {"path": "s3://nowhere/x"}}}),
        ("no-key", "key does not exist", {"jobInput": {"s3DataSource": {"path": "s3://shop/nothing/"}}}),
        ("too-many", "numResults is 501", {"numResults": 501}),
        ("theme", "needs a recipe of type RELATED_ITEMS", {"batchInferenceJobMode": "THEME_GENERATION"}),
    ):
        with pytest.raises(InputError, match=match):
            infer(shop.workspace, shop.job(als, name, **members))
    with pytest.raises(InputError, match="not available"):
        infer(shop.workspace, shop.job(shop.train("trending"), "trends"))


def test_every_file_of_a_folder_and_never_its_own_answers(shop: SmallShop, als: Version) -> None:
    for name in ("a.json", "deep/b.json"):
        shop.put(f"s3://shop/folder/{name}", [{"userId": "u1"}, {"userId": "u2"}])
    paths = {
        "jobInput": {"s3DataSource": {"path": "s3://shop/folder/"}},
        "jobOutput": {"s3DataDestination": {"path": "s3://shop/folder/out/"}},
    }
    for name in ("once", "again"):
        totals = infer(shop.workspace, shop.job(als, name, **paths))
        assert totals.file == 2 and totals.lines == 4
    found = open_objects(shop.workspace.settings).files("s3://shop/folder/")
    assert [each.name for each in found] == ["a.json", "deep/b.json", "out/a.json.out", "out/deep/b.json.out"]


def test_a_stopped_job_says_so_and_a_finished_one_is_not_done_twice(shop: SmallShop, als: Version) -> None:
    shop.put("s3://shop/stop/a.json", [{"userId": f"u{n}"} for n in range(60)])
    job = shop.job(als, "stop", jobInput={"s3DataSource": {"path": "s3://shop/stop/"}})
    with pytest.raises(Stopped, match="was stopped"):
        run_batch(shop.workspace, job, cancelled=lambda: True)
    assert not job_folder(shop.workspace, job).exists()
    totals = infer(shop.workspace, job, chunk=10)
    assert totals.lines == 60 and len(shop.answers("s3://shop/out/a.json.out")) == 60
    assert sorted(path.name for path in job_folder(shop.workspace, job).iterdir()) == [
        "done.json",
        "mark.json",
        "plan.json",
    ]
    written = shop.place("s3://shop/out/a.json.out").stat().st_mtime_ns
    assert infer(shop.workspace, job) == totals
    assert shop.place("s3://shop/out/a.json.out").stat().st_mtime_ns == written


KILLED = """
import sys, time
from contextlib import contextmanager
from hashlib import blake2b
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from endcap.jobs.batch_inference import infer
from endcap.jobs.workspace import open_workspace
from endcap.settings import Settings
workspace = open_workspace(Settings(home=Path(sys.argv[1]), threads=2))
@contextmanager
def progress(label, total=None, unit=""):
    def tick(n=1):
        print(label, n, flush=True)
        sys.stdin.readline()  # goes on when told, so that it can be killed at any tick
    yield tick
job = workspace.resources.find(sys.argv[2])
infer(workspace, job, progress=progress, chunk=25)
print("finished", 0, flush=True)
"""


def test_killed_at_any_moment_it_goes_on_where_it_was(shop: SmallShop, als: Version) -> None:
    lines = [{"userId": f"u{n % 70}", "n": n} if n % 9 else "bad" for n in range(260)]
    shop.put("s3://shop/killed/a.json", lines)
    shop.put("s3://shop/killed/b.json", lines[:40])
    where = {"jobInput": {"s3DataSource": {"path": "s3://shop/killed/"}}}
    whole = {"jobOutput": {"s3DataDestination": {"path": "s3://shop/whole/"}}}
    infer(shop.workspace, shop.job(als, "whole", **where, **whole), chunk=25)
    job = shop.job(als, "killed", **where, jobOutput={"s3DataDestination": {"path": "s3://shop/pieces/"}})
    done = 0
    for moment in (3, 5, 99):
        told = _run_until(shop.home, job.arn, moment)
        ticks = [(label, int(n)) for label, n in (line.rsplit(" ", 1) for line in told)]
        assert ticks[0] == ("answering", done)  # it takes up what was durable, and nothing less
        if moment != 99:
            assert not shop.place("s3://shop/pieces").exists()
            # The last tick may or may not have become durable.
            state = json.loads((job_folder(shop.workspace, job) / "mark.json").read_text())
            done = state["read"] + (shop.place("s3://shop/killed/a.json").stat().st_size if state["file"] else 0)
    assert told[-1] == "finished 0"
    for name in ("a.json.out", "b.json.out"):
        same_answers(shop.answers(f"s3://shop/pieces/{name}"), shop.answers(f"s3://shop/whole/{name}"))


def same_answers(given: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Line by line the same, but for the last digits: BLAS rounds sums by how many threads and rows it is given."""
    assert [(line["input"], line["error"]) for line in given] == [(line["input"], line["error"]) for line in expected]
    for ours, theirs in zip((line["output"] for line in given), (line["output"] for line in expected), strict=True):
        scores = dict(zip(theirs["recommendedItems"], theirs["scores"], strict=True))
        assert ours["scores"] == pytest.approx(theirs["scores"], rel=1e-5)
        assert [scores[item] for item in ours["recommendedItems"]] == pytest.approx(theirs["scores"], rel=1e-5)


def _run_until(home: Path, arn: str, moment: int) -> list[str]:
    """Run a job in a process of its own, which is killed at its n-th tick; what it told."""
    command = [sys.executable, "-c", KILLED, str(home), arn]
    told = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as child:
        assert child.stdin is not None and child.stdout is not None
        for line in child.stdout:
            told.append(line.strip())
            if len(told) == moment:
                child.kill()
                break
            if told[-1] != "finished 0":
                child.stdin.write("\n")
    return told


def test_in_a_child_process_from_one_server_s_bucket_to_another(s3: S3Server, tmp_path: Path) -> None:
    settings = {"s3_endpoint": s3.url, "s3_access_key": "test", "s3_secret_key": "test"}
    shop = SmallShop(tmp_path, settings=settings)
    for bucket in ("batch-in", "batch-out"):
        s3.client().create_bucket(Bucket=bucket)
    s3.client().put_object(Bucket="batch-in", Key="users/a.json", Body=b'{"userId":"u1"}\n{"userId":"u2"}\n')
    job = shop.job(
        shop.train("popularity"),
        "on-s3",
        jobInput={"s3DataSource": {"path": "s3://batch-in/users/"}},
        jobOutput={"s3DataDestination": {"path": "s3://batch-out/to/"}},
    )
    labels = []

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        labels.append((label, unit))
        yield lambda n=1: None

    assert run_batch(shop.workspace, job, progress=progress).lines == 2
    assert labels == [("answering", "bytes"), ("storing", "files")]
    body = s3.client().get_object(Bucket="batch-out", Key="to/a.json.out")["Body"].read()
    assert [json.loads(line)["input"]["userId"] for line in body.splitlines()] == ["u1", "u2"]


def test_a_killed_child_is_followed_by_one_that_goes_on(shop: SmallShop, als: Version) -> None:
    shop.put("s3://shop/child/a.json", [{"userId": f"u{n % 60}", "n": n} for n in range(90)])
    where = {"jobOutput": {"s3DataDestination": {"path": "s3://shop/child-out/"}}}
    job = shop.job(als, "child", jobInput={"s3DataSource": {"path": "s3://shop/child/"}}, **where)
    labels, ticks = [], []

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        labels.append(label)

        def tick(n: int = 1) -> None:
            ticks.append(n)
            if len(ticks) == 6:
                for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                    if b"batch_child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(int(pid), signal.SIGKILL)

        yield tick

    assert run_batch(shop.workspace, job, progress=progress, chunk=10).lines == 90
    assert labels == ["answering", "answering", "storing"] and 0 not in ticks[6:]
    assert [answer["input"]["n"] for answer in shop.answers("s3://shop/child-out/a.json.out")] == list(range(90))


def test_a_job_that_fails_leaves_nothing_in_the_home(shop: SmallShop, als: Version) -> None:
    job = shop.job(als, "hopeless", jobInput={"s3DataSource": {"path": "s3://shop/nothing here/"}})
    with pytest.raises(InputError, match="key does not exist"):
        run_batch(shop.workspace, job)
    assert not job_folder(shop.workspace, job).exists()


@given(st.binary(max_size=300), st.integers(1, 4))
def test_chunks_hold_every_line_once_and_end_where_the_next_begins(
    tmp_path_factory: Any, data: bytes, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "chunks"
    path.write_bytes(data)
    expected = [line.strip() for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    with path.open("rb") as file:
        found, ends = [], []
        for chunk in chunks(file, size):
            assert len(chunk) <= size
            found += chunk
            ends.append((file.tell(), len(found)))
    assert found == [line for line in expected if line]
    for end, count in ends:
        with path.open("rb") as file:
            file.seek(end)
            assert [line for chunk in chunks(file, 3) for line in chunk] == found[count:]


@given(st.binary(min_size=1, max_size=200))
def test_an_answer_to_any_line_is_json(line: bytes) -> None:
    told = json.loads(failed(line.strip() or b"x", "why", b"null"))
    assert told["error"] == "User error: why"


def test_memory_does_not_grow_with_the_file(shop: SmallShop, als: Version) -> None:
    program = (
        "import sys, resource\nfrom pathlib import Path\nfrom endcap.jobs.batch_inference import infer\n"
        "from endcap.jobs.workspace import open_workspace\nfrom endcap.settings import Settings\n"
        "workspace = open_workspace(Settings(home=Path(sys.argv[1]), threads=2))\n"
        "for arn in sys.argv[2:]:\n"
        "    infer(workspace, workspace.resources.find(arn), chunk=1000)\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    arns = []
    for name, count in (("small", 1_000), ("large", 12_000)):
        shop.put(f"s3://shop/{name}/a.json", [{"userId": f"u{n % 60}"} for n in range(count)])
        arns.append(shop.job(als, name, jobInput={"s3DataSource": {"path": f"s3://shop/{name}/"}}).arn)
    told = subprocess.run(
        [sys.executable, "-c", program, str(shop.home), *arns],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    small, large = map(int, told.stdout.split())
    assert large - small < 40, (small, large)


def test_an_erased_snapshot_begins_the_job_anew(shop: SmallShop, als: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("s3://shop/erased/a.json", [{"userId": f"u{n}"} for n in range(30)])
    job = shop.job(als, "erased", jobInput={"s3DataSource": {"path": "s3://shop/erased/"}})
    ticks = []

    @contextmanager
    def progress(label: str, total: int | None = None, unit: str = "") -> Iterator[Tick]:
        def tick(n: int = 1) -> None:
            ticks.append(n)
            if len(ticks) == 3:
                raise InputError("stopped here")

        yield tick

    with pytest.raises(InputError, match="stopped here"):
        infer(shop.workspace, job, progress=progress, chunk=10)
    plan = job_folder(shop.workspace, job) / "plan.json"
    told = json.loads(plan.read_text())
    plan.write_text(json.dumps({**told, "snapshot": "interactions@999"}))
    assert infer(shop.workspace, job, chunk=10).lines == 30
    assert json.loads(plan.read_text())["snapshot"] == told["snapshot"]
