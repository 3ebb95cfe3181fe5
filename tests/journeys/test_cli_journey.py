"""The AWS CLI, unmodified but for `--endpoint-url`, from a schema to recommendations and back to nothing."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from homes import BIN, Home, pause, served
from shop_data import interactions, items

ROLE = "arn:aws:iam::000000000000:role/PersonalizeS3"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with served(tmp_path_factory.mktemp("cli")) as running:
        yield running


def aws(home: Home, service: str, command: str, *arguments: str) -> Any:
    endpoint = home.environ["AWS_ENDPOINT_URL_PERSONALIZE"]
    said = home.run(str(BIN / "aws"), service, command, "--endpoint-url", endpoint, "--output", "json", *arguments)
    return json.loads(said) if said.strip() else {}


def until(home: Home, command: str, key: str, flag: str, arn: str) -> dict[str, Any]:
    for _ in range(600):
        found = _looked(home, command, flag, arn)[key]
        if found["status"] in ("ACTIVE", "CREATE FAILED", "INACTIVE"):
            assert found["status"] == "ACTIVE", found
            return dict(aws(home, "personalize", command, flag, arn)[key])
        pause()
    raise AssertionError(f"{command} never ended")


def _looked(home: Home, command: str, flag: str, arn: str) -> dict[str, Any]:
    """The same answer without a process for every look."""
    first, *others = flag.removeprefix("--").split("-")
    member = first + "".join(map(str.capitalize, others))
    return dict(getattr(home.personalize, command.replace("-", "_"))(**{member: arn}))


def write(path: Path, header: tuple[str, ...], rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_the_same_journey_by_the_aws_cli(home: Home) -> None:
    bucket = home.path / "buckets" / "shop"
    write(bucket / "interactions.csv", ("USER_ID", "ITEM_ID", "TIMESTAMP", "EVENT_TYPE"), interactions())
    write(bucket / "items.csv", ("ITEM_ID", "PRICE", "CATEGORY", "TAGS"), items())
    group = aws(home, "personalize", "create-dataset-group", "--name", "cli")["datasetGroupArn"]
    until(home, "describe-dataset-group", "datasetGroup", "--dataset-group-arn", group)
    made = [_import(home, group, kind, fields) for kind, fields in _SCHEMAS.items()]
    solution, version = _train(home, group)
    campaign = _campaign(home, version)
    tracker = aws(home, "personalize", "create-event-tracker", "--name", "cli", "--dataset-group-arn", group)
    _events(home, tracker["trackingId"], campaign)
    cheap = _filter(home, group, campaign)
    _batch(home, version, bucket)
    for command, flag, arn in (
        ("campaign", "--campaign-arn", campaign),
        ("event-tracker", "--event-tracker-arn", tracker["eventTrackerArn"]),
        ("filter", "--filter-arn", cheap),
        ("solution", "--solution-arn", solution),
        *(("dataset", "--dataset-arn", dataset) for dataset, _ in made),
    ):
        aws(home, "personalize", f"delete-{command}", flag, arn)
        _gone(home, f"describe-{command}", flag, arn)
    for _, schema in made:
        aws(home, "personalize", "delete-schema", "--schema-arn", schema)
    aws(home, "personalize", "delete-dataset-group", "--dataset-group-arn", group)
    _gone(home, "describe-dataset-group", "--dataset-group-arn", group)
    assert aws(home, "personalize", "list-dataset-groups")["datasetGroups"] == []


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


def _import(home: Home, group: str, kind: str, fields: list[dict[str, Any]]) -> tuple[str, str]:
    record = {"type": "record", "name": kind.title(), "namespace": "shop", "fields": fields, "version": "1.0"}
    made = aws(home, "personalize", "create-schema", "--name", f"cli-{kind}", "--schema", json.dumps(record))
    schema = made["schemaArn"]
    asked = ("--name", kind, "--schema-arn", schema, "--dataset-group-arn", group, "--dataset-type", kind)
    dataset = aws(home, "personalize", "create-dataset", *asked)["datasetArn"]
    until(home, "describe-dataset", "dataset", "--dataset-arn", dataset)
    source = ("--data-source", f"dataLocation=s3://shop/{kind}.csv", "--role-arn", ROLE)
    job = aws(
        home, "personalize", "create-dataset-import-job", "--job-name", f"cli-{kind}", "--dataset-arn", dataset, *source
    )["datasetImportJobArn"]
    until(home, "describe-dataset-import-job", "datasetImportJob", "--dataset-import-job-arn", job)
    return dataset, schema


def _train(home: Home, group: str) -> tuple[str, str]:
    recipe = "arn:aws:personalize:::recipe/aws-user-personalization"
    asked = ("--name", "cli", "--dataset-group-arn", group, "--recipe-arn", recipe, "--no-perform-auto-training")
    solution = aws(home, "personalize", "create-solution", *asked)["solutionArn"]
    until(home, "describe-solution", "solution", "--solution-arn", solution)
    version = aws(home, "personalize", "create-solution-version", "--solution-arn", solution)["solutionVersionArn"]
    until(home, "describe-solution-version", "solutionVersion", "--solution-version-arn", version)
    metrics = aws(home, "personalize", "get-solution-metrics", "--solution-version-arn", version)["metrics"]
    assert 0 < metrics["precision_at_5"] <= 1
    return solution, version


def _campaign(home: Home, version: str) -> str:
    asked = ("--name", "cli", "--solution-version-arn", version, "--min-provisioned-tps", "1")
    campaign = aws(home, "personalize", "create-campaign", *asked)["campaignArn"]
    until(home, "describe-campaign", "campaign", "--campaign-arn", campaign)
    asked = ("--campaign-arn", campaign, "--user-id", "u1", "--num-results", "5")
    answer = aws(home, "personalize-runtime", "get-recommendations", *asked)
    assert len(answer["itemList"]) == 5 and answer["recommendationId"].startswith("RID-")
    return str(campaign)


def _events(home: Home, tracking: str, campaign: str) -> None:
    event = [{"eventType": "View", "sentAt": 1_790_000_000, "itemId": item} for item in ("tea1", "tea2", "tea3")]
    asked = ("--tracking-id", tracking, "--session-id", "cli-1", "--event-list", json.dumps(event))
    aws(home, "personalize-events", "put-events", *asked)
    asked = ("--campaign-arn", campaign, "--user-id", "cli-1", "--num-results", "10")
    answer = aws(home, "personalize-runtime", "get-recommendations", *asked)["itemList"]
    assert sum(item["itemId"].startswith("tea") for item in answer) >= 6


def _filter(home: Home, group: str, campaign: str) -> str:
    text = 'INCLUDE ItemID WHERE Items.CATEGORY IN ("tool")'
    asked = ("--name", "tools", "--dataset-group-arn", group, "--filter-expression", text)
    made = aws(home, "personalize", "create-filter", *asked)["filterArn"]
    until(home, "describe-filter", "filter", "--filter-arn", made)
    asked = ("--campaign-arn", campaign, "--user-id", "u0", "--num-results", "20", "--filter-arn", made)
    answer = aws(home, "personalize-runtime", "get-recommendations", *asked)["itemList"]
    assert len(answer) == 20 and all(item["itemId"].startswith("tool") for item in answer)
    return str(made)


def _batch(home: Home, version: str, bucket: Path) -> None:
    (bucket / "users.json").write_text('{"userId": "u1"}\n{"userId": "u2"}\n')
    job = aws(
        home,
        "personalize",
        "create-batch-inference-job",
        *("--job-name", "cli", "--solution-version-arn", version, "--role-arn", ROLE, "--num-results", "3"),
        *("--job-input", "s3DataSource={path=s3://shop/users.json}"),
        *("--job-output", "s3DataDestination={path=s3://shop/out/}"),
    )["batchInferenceJobArn"]
    until(home, "describe-batch-inference-job", "batchInferenceJob", "--batch-inference-job-arn", job)
    lines = (bucket / "out" / "users.json.out").read_text().splitlines()
    assert [json.loads(line)["input"]["userId"] for line in lines] == ["u1", "u2"]


def _gone(home: Home, command: str, flag: str, arn: str) -> None:
    for _ in range(600):
        try:
            _looked(home, command, flag, arn)
        except home.personalize.exceptions.ResourceNotFoundException:
            return
        pause()
    raise AssertionError(f"{arn} is still there")
