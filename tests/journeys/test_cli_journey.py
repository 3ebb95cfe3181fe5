"""The AWS CLI, unmodified but for `--endpoint-url`, from a schema to recommendations and back to nothing.

Each start of it costs most of a second, so after the first command one process of the CLI takes all of them in turn.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from homes import BIN, Home, pause, served
from shop_data import interactions, items

ROLE = "arn:aws:iam::000000000000:role/PersonalizeS3"


_ONE_AFTER_THE_OTHER = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from awscli.clidriver import create_clidriver
for line in sys.stdin:
    with redirect_stdout(io.StringIO()) as said, redirect_stderr(io.StringIO()) as errors:
        code = create_clidriver().main(json.loads(line))
    print(json.dumps([code, said.getvalue(), errors.getvalue()]), flush=True)
"""
"""What the script `aws` does, for each line of arguments that it is given."""


@dataclass
class Commands:
    """A served home, and the CLI in its environment."""

    home: Home
    process: subprocess.Popen[str]

    def run(self, *arguments: str) -> str:
        """What one command prints; fails the test with all it said where it fails."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        code, said, errors = json.loads(self.process.stdout.readline())
        assert code == 0, f"aws {' '.join(arguments)}\n{said}\n{errors}"
        return str(said)


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with served(tmp_path_factory.mktemp("cli")) as home:
        command = [sys.executable, "-c", _ONE_AFTER_THE_OTHER]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=home.environ, stdin=pipe, stdout=pipe, text=True) as process:
            yield Commands(home, process)
            process.kill()


def aws(cli: Commands, service: str, command: str, *arguments: str) -> Any:
    endpoint = cli.home.environ["AWS_ENDPOINT_URL_PERSONALIZE"]
    said = cli.run(service, command, "--endpoint-url", endpoint, "--output", "json", *arguments)
    return json.loads(said) if said.strip() else {}


def until(cli: Commands, command: str, key: str, flag: str, arn: str) -> dict[str, Any]:
    for _ in range(600):
        found = _looked(cli, command, flag, arn)[key]
        if found["status"] in ("ACTIVE", "CREATE FAILED", "INACTIVE"):
            assert found["status"] == "ACTIVE", found
            return dict(aws(cli, "personalize", command, flag, arn)[key])
        pause()
    raise AssertionError(f"{command} never ended")


def _looked(cli: Commands, command: str, flag: str, arn: str) -> dict[str, Any]:
    """The same answer without a process for every look."""
    first, *others = flag.removeprefix("--").split("-")
    member = first + "".join(map(str.capitalize, others))
    return dict(getattr(cli.home.personalize, command.replace("-", "_"))(**{member: arn}))


def write(path: Path, header: tuple[str, ...], rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_the_same_journey_by_the_aws_cli(cli: Commands) -> None:
    bucket = cli.home.path / "buckets" / "shop"
    write(bucket / "interactions.csv", ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"), interactions())
    write(bucket / "items.csv", ("ITEM_ID", "PRICE", "CATEGORY", "TAGS"), items())
    endpoint = cli.home.environ["AWS_ENDPOINT_URL_PERSONALIZE"]
    first = ("personalize", "create-dataset-group", "--endpoint-url", endpoint, "--name", "cli")
    group = json.loads(cli.home.run(str(BIN / "aws"), *first, "--output", "json"))["datasetGroupArn"]
    until(cli, "describe-dataset-group", "datasetGroup", "--dataset-group-arn", group)
    made = [_import(cli, group, kind, fields) for kind, fields in _SCHEMAS.items()]
    solution, version = _train(cli, group)
    campaign = _campaign(cli, version)
    tracker = aws(cli, "personalize", "create-event-tracker", "--name", "cli", "--dataset-group-arn", group)
    _events(cli, tracker["trackingId"], campaign)
    cheap = _filter(cli, group, campaign)
    _batch(cli, version, bucket)
    for command, flag, arn in (
        ("campaign", "--campaign-arn", campaign),
        ("event-tracker", "--event-tracker-arn", tracker["eventTrackerArn"]),
        ("filter", "--filter-arn", cheap),
        ("solution", "--solution-arn", solution),
        *(("dataset", "--dataset-arn", dataset) for dataset, _ in made),
    ):
        aws(cli, "personalize", f"delete-{command}", flag, arn)
        _gone(cli, f"describe-{command}", flag, arn)
    for _, schema in made:
        aws(cli, "personalize", "delete-schema", "--schema-arn", schema)
    aws(cli, "personalize", "delete-dataset-group", "--dataset-group-arn", group)
    _gone(cli, "describe-dataset-group", "--dataset-group-arn", group)
    assert aws(cli, "personalize", "list-dataset-groups")["datasetGroups"] == []


_TEXT = {"type": "string"}
_SCHEMAS = {
    "interactions": [
        {"name": "USER_ID", **_TEXT},
        {"name": "ITEM_ID", **_TEXT},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "EVENT_TYPE", **_TEXT},
    ],
    "items": [
        {"name": "ITEM_ID", **_TEXT},
        {"name": "PRICE", "type": "float"},
        {"name": "CATEGORY", **_TEXT, "categorical": True},
        {"name": "TAGS", "type": ["string", "null"], "categorical": True},
    ],
}


def _import(cli: Commands, group: str, kind: str, fields: list[dict[str, Any]]) -> tuple[str, str]:
    record = {"type": "record", "name": kind.title(), "namespace": "shop", "fields": fields, "version": "1.0"}
    made = aws(cli, "personalize", "create-schema", "--name", f"cli-{kind}", "--schema", json.dumps(record))
    schema = made["schemaArn"]
    asked = ("--name", kind, "--schema-arn", schema, "--dataset-group-arn", group, "--dataset-type", kind)
    dataset = aws(cli, "personalize", "create-dataset", *asked)["datasetArn"]
    until(cli, "describe-dataset", "dataset", "--dataset-arn", dataset)
    source = ("--data-source", f"dataLocation=s3://shop/{kind}.csv", "--role-arn", ROLE)
    job = aws(
        cli, "personalize", "create-dataset-import-job", "--job-name", f"cli-{kind}", "--dataset-arn", dataset, *source
    )["datasetImportJobArn"]
    until(cli, "describe-dataset-import-job", "datasetImportJob", "--dataset-import-job-arn", job)
    return dataset, schema


def _train(cli: Commands, group: str) -> tuple[str, str]:
    recipe = "arn:aws:personalize:::recipe/aws-user-personalization"
    asked = ("--name", "cli", "--dataset-group-arn", group, "--recipe-arn", recipe, "--no-perform-auto-training")
    solution = aws(cli, "personalize", "create-solution", *asked)["solutionArn"]
    until(cli, "describe-solution", "solution", "--solution-arn", solution)
    version = aws(cli, "personalize", "create-solution-version", "--solution-arn", solution)["solutionVersionArn"]
    until(cli, "describe-solution-version", "solutionVersion", "--solution-version-arn", version)
    metrics = aws(cli, "personalize", "get-solution-metrics", "--solution-version-arn", version)["metrics"]
    assert 0 < metrics["precision_at_5"] <= 1
    return solution, version


def _campaign(cli: Commands, version: str) -> str:
    asked = ("--name", "cli", "--solution-version-arn", version, "--min-provisioned-tps", "1")
    campaign = aws(cli, "personalize", "create-campaign", *asked)["campaignArn"]
    until(cli, "describe-campaign", "campaign", "--campaign-arn", campaign)
    asked = ("--campaign-arn", campaign, "--user-id", "u1", "--num-results", "5")
    answer = aws(cli, "personalize-runtime", "get-recommendations", *asked)
    assert len(answer["itemList"]) == 5 and answer["recommendationId"].startswith("RID-")
    return str(campaign)


def _events(cli: Commands, tracking: str, campaign: str) -> None:
    event = [{"eventType": "View", "sentAt": 1_790_000_000, "itemId": item} for item in ("tea1", "tea2", "tea3")]
    asked = ("--tracking-id", tracking, "--session-id", "cli-1", "--event-list", json.dumps(event))
    aws(cli, "personalize-events", "put-events", *asked)
    asked = ("--campaign-arn", campaign, "--user-id", "cli-1", "--num-results", "10")
    answer = aws(cli, "personalize-runtime", "get-recommendations", *asked)["itemList"]
    assert sum(item["itemId"].startswith("tea") for item in answer) >= 6


def _filter(cli: Commands, group: str, campaign: str) -> str:
    text = 'INCLUDE ItemID WHERE Items.CATEGORY IN ("tool")'
    asked = ("--name", "tools", "--dataset-group-arn", group, "--filter-expression", text)
    made = aws(cli, "personalize", "create-filter", *asked)["filterArn"]
    until(cli, "describe-filter", "filter", "--filter-arn", made)
    asked = ("--campaign-arn", campaign, "--user-id", "u0", "--num-results", "20", "--filter-arn", made)
    answer = aws(cli, "personalize-runtime", "get-recommendations", *asked)["itemList"]
    assert len(answer) == 20 and all(item["itemId"].startswith("tool") for item in answer)
    return str(made)


def _batch(cli: Commands, version: str, bucket: Path) -> None:
    (bucket / "users.json").write_text('{"userId": "u1"}\n{"userId": "u2"}\n')
    job = aws(
        cli,
        "personalize",
        "create-batch-inference-job",
        *("--job-name", "cli", "--solution-version-arn", version, "--role-arn", ROLE, "--num-results", "3"),
        *("--job-input", "s3DataSource={path=s3://shop/users.json}"),
        *("--job-output", "s3DataDestination={path=s3://shop/out/}"),
    )["batchInferenceJobArn"]
    until(cli, "describe-batch-inference-job", "batchInferenceJob", "--batch-inference-job-arn", job)
    lines = (bucket / "out" / "users.json.out").read_text().splitlines()
    assert [json.loads(line)["input"]["userId"] for line in lines] == ["u1", "u2"]


def _gone(cli: Commands, command: str, flag: str, arn: str) -> None:
    for _ in range(600):
        try:
            _looked(cli, command, flag, arn)
        except cli.home.personalize.exceptions.ResourceNotFoundException:
            return
        pause()
    raise AssertionError(f"{arn} is still there")
