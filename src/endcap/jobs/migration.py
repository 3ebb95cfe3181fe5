"""Move an Amazon Personalize account in: definitions, on request data, and an honest list of what stays behind.

Everything goes through the public API of both sides, so whatever answers it can be the source or the target. A second
run carries over what could not be carried before (campaigns, once something is trained) and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from endcap.errors import EndcapError, UnknownName
from endcap.jobs.migration_clients import (
    ATTRIBUTION,
    CAMPAIGN,
    DATASET,
    EXPORT,
    FILTER,
    GROUP,
    IMPORT,
    NEVER_CARRIED,
    RECOMMENDER,
    SCHEMA,
    SOLUTION,
    TRACKER,
    VERSION,
    Account,
    Document,
    Kind,
    answering,
    renamed,
    within,
)
from endcap.seams import Progress, no_progress

Outcome = Literal["carried", "would be carried", "there already", "left behind", "failed"]
LATEST = "$LATEST"
PLANNED = "planned:"
"""Stands for the ARN of what a dry run would create."""


@dataclass(frozen=True)
class Options:
    """What to move. `location` is an S3 folder that both sides reach; with `train`, solutions are trained here."""

    groups: tuple[str, ...] = ()
    dry_run: bool = False
    location: str = ""
    role: str = ""
    train: bool = False


@dataclass(frozen=True)
class Moved:
    """What became of one resource, and why."""

    kind: str
    name: str
    group: str
    outcome: Outcome
    note: str = ""
    arn: str = ""

    def json(self) -> dict[str, str]:
        """As JSON-able data."""
        return {
            "kind": self.kind,
            "name": self.name,
            "datasetGroup": self.group,
            "outcome": self.outcome,
            "note": self.note,
            "arn": self.arn,
        }


def migrate(source: Account, target: Account, options: Options, *, progress: Progress = no_progress) -> list[Moved]:
    """Carry over what can be, in the order of dependency; one entry for each resource of the source.

    A resource that is refused is an entry, not an error. Raises `UnknownName` for a group that the source lacks,
    `UnavailableError` where one side stops answering: the next run goes on from there.
    """
    with answering():
        known = source.named(GROUP)
        missing = [name for name in options.groups if name not in known]
        if missing:
            raise UnknownName("dataset group", missing[0], known, fix="Name groups of the account that is moved in.")
        chosen = {name: arn for name, arn in known.items() if not options.groups or name in options.groups}
        move = _Move(source, target, options)
        with progress("moving in", total=len(chosen), unit="groups") as tick:
            for name, arn in chosen.items():
                move.group(name, arn)
                tick()
        if not options.groups:
            move.other_schemas()
    return move.moved


class _Move:
    """One run: what was moved so far, and the source's ARNs with those they became."""

    def __init__(self, source: Account, target: Account, options: Options) -> None:
        self._source, self._target, self._options = source, target, options
        self._arns: dict[str, str] = {}
        self._seen: set[str] = set()
        self._there: dict[tuple[Kind, str], dict[str, str]] = {}
        self.moved: list[Moved] = []

    def group(self, name: str, arn: str) -> None:
        """One group and everything in it."""
        if not self._carry(GROUP, arn, name):
            return
        datasets = self._source.summaries(DATASET, arn)
        for summary in datasets:
            schema = self._source.describe(DATASET, summary[DATASET.arn])["schemaArn"]
            if schema not in self._seen:
                self._seen.add(schema)
                self._carry(SCHEMA, schema, name)
            if schema in self._arns:
                self._carry(DATASET, summary[DATASET.arn], name, arn)
        filled = [self._data(name, summary) for summary in datasets]
        for kind in (FILTER, TRACKER, ATTRIBUTION):
            for summary in self._source.summaries(kind, arn):
                self._carry(kind, summary[kind.arn], name, arn)
        for summary in self._source.summaries(SOLUTION, arn):
            self._solution(summary[SOLUTION.arn], name, arn, has_data=any(filled))
        for summary in self._source.summaries(RECOMMENDER, arn):
            self._recommender(summary, name, arn, has_data=any(filled))

    def other_schemas(self) -> None:
        """Those that no group uses."""
        for summary in self._source.summaries(SCHEMA):
            if summary[SCHEMA.arn] not in self._seen:
                self._carry(SCHEMA, summary[SCHEMA.arn], "")

    def _carry(self, kind: Kind, arn: str, group: str, parent: str = "", **more: Any) -> str:
        """Create it unless it is there; its ARN on the other side, empty where it stays behind."""
        try:
            document = self._source.describe(kind, arn)
            name = str(document.get("name") or arn)
            if "FAILED" in document.get("status", "") or "DELETE" in document.get("status", ""):
                return self._note(kind, name, group, "left behind", f"Its status is {document['status']}.")
            return self._place(kind, arn, group, self._arns.get(parent, ""), {**document, **more})
        except self._source.refused as error:
            return self._note(kind, arn.rpartition("/")[2], group, "failed", _said(error))
        except EndcapError as error:
            return self._note(kind, arn.rpartition("/")[2], group, "failed", error.message)

    def _place(self, kind: Kind, arn: str, group: str, parent: str, document: Document) -> str:
        wanted = {name: value for name, value in document.items() if name in self._target.takes(kind)}
        wanted = renamed({name: value for name, value in wanted.items() if name not in NEVER_CARRIED}, self._arns)
        name = str(document["name"])
        there = self._named(kind, parent)
        found = there.get(str(document.get(kind.named)))
        if found is not None:
            self._arns[arn] = found
            differs = _differences(wanted, self._target.describe(kind, found))
            note = f"It differs in {', '.join(differs)}; what is there was kept." if differs else ""
            return self._note(kind, name, group, "there already", note, found)
        if self._options.dry_run:
            self._arns[arn] = PLANNED + name
            return self._note(kind, name, group, "would be carried", _loses(kind, document), PLANNED + name)
        if "tags" in self._target.takes(kind) and (tags := self._source.tags(arn)):
            wanted["tags"] = tags
        made = there[str(document.get(kind.named))] = self._arns[arn] = self._target.create(kind, wanted)
        note = _loses(kind, document)
        if kind is TRACKER:
            tracking = self._target.describe(TRACKER, made)["trackingId"]
            note = f"Its tracking id is {tracking} here, {document['trackingId']} there: clients must be told."
        return self._note(kind, name, group, "carried", note, made)

    def _named(self, kind: Kind, parent: str) -> dict[str, str]:
        """{name: ARN} on the other side, asked for once."""
        if (kind, parent) not in self._there:
            self._there[kind, parent] = {} if parent.startswith(PLANNED) else self._target.named(kind, parent)
        return self._there[kind, parent]

    def _data(self, group: str, summary: Document) -> bool:
        """Export there and import here, where that was asked for; whether the dataset has data here."""
        arn, name = summary[DATASET.arn], f"{group}/{summary['datasetType']}"
        here = self._arns.get(arn, "")
        if not here:
            return False
        done = [] if here.startswith(PLANNED) else self._target.summaries(IMPORT, here)
        if any(each["status"] == "ACTIVE" for each in done):
            self._note(IMPORT, name, group, "there already", arn=here)
            return True
        if not self._options.location:
            self._note(IMPORT, name, group, "left behind", self._advice(arn))
            return False
        if self._options.dry_run:
            self._note(IMPORT, name, group, "would be carried")
            return True
        try:
            self._note(IMPORT, name, group, "carried", arn=self._import(arn, here, name, len(done)))
        except (self._source.refused, EndcapError) as error:
            self._note(IMPORT, name, group, "failed", _said(error))
            return False
        return True

    def _advice(self, dataset: str) -> str:
        ended = [each for each in self._source.summaries(EXPORT, dataset) if each["status"] == "ACTIVE"]
        if not ended:
            return "Its data needs an export: run again with --include-data s3://BUCKET/FOLDER."
        output = self._source.describe(EXPORT, ended[-1][EXPORT.arn])["jobOutput"]["s3DataDestination"]["path"]
        return f"Exported to {output} on {ended[-1]['creationDateTime']:%Y-%m-%d}; --include-data makes a new export."

    def _import(self, there: str, here: str, name: str, before: int) -> str:
        path = f"{self._options.location.rstrip('/')}/{name}/"
        exports = {each["jobName"]: each for each in self._source.summaries(EXPORT, there)}
        base = f"endcap-{name.replace('/', '-')}"[:58].lower()
        names = (base, *(f"{base}-{number}" for number in range(1, len(exports) + 1)))
        job = next(each for each in names if "FAILED" not in exports.get(each, {}).get("status", ""))
        if job in exports:
            self._source.wait(EXPORT, exports[job][EXPORT.arn])
        else:
            export = {
                "jobName": job,
                "datasetArn": there,
                "ingestionMode": "ALL",
                "roleArn": self._options.role or self._role(there),
                "jobOutput": {"s3DataDestination": {"path": path}},
            }
            self._source.create(EXPORT, export)
        again = f"-{before}" if before else ""
        job_here = {"jobName": f"{job[: 63 - len(again)]}{again}", "datasetArn": here}
        return self._target.create(IMPORT, {**job_here, "dataSource": {"dataLocation": path}, "importMode": "FULL"})

    def _role(self, dataset: str) -> str:
        """The role that the account gave its own jobs on this dataset."""
        for kind in (EXPORT, IMPORT):
            for summary in reversed(self._source.summaries(kind, dataset)):
                if role := self._source.describe(kind, summary[kind.arn]).get("roleArn"):
                    return str(role)
        raise UnknownName("role", "for exports", (), fix="Name one that may write there: --role-arn ARN.")

    def _solution(self, arn: str, group: str, parent: str, *, has_data: bool) -> None:
        here = self._carry(SOLUTION, arn, group, parent)
        trained = [each for each in self._source.summaries(VERSION, arn) if each["status"] == "ACTIVE"]
        name = arn.rpartition("/")[2]
        version = self._version(here, name, group, train=self._options.train and has_data)
        if trained and not version:
            amount = f"{len(trained)} trained version{'s' if len(trained) > 1 else ''}"
            reason = f"{amount}: models cannot be read out of the service. Train here, then run this again."
            self._note(VERSION, name, group, "left behind", reason)
        for summary in self._source.summaries(CAMPAIGN, arn):
            self._campaign(summary, group, here, version)

    def _version(self, solution: str, name: str, group: str, *, train: bool) -> str:
        """The newest version here, trained now where there is none and that was asked for."""
        if not solution or solution.startswith(PLANNED):
            return ""
        ready = [each[VERSION.arn] for each in self._target.summaries(VERSION, solution) if each["status"] == "ACTIVE"]
        if ready or not train or self._options.dry_run:
            return str(ready[-1]) if ready else ""
        try:
            made = self._target.create(VERSION, {"solutionArn": solution})
        except (self._target.refused, EndcapError) as error:
            return self._note(VERSION, name, group, "failed", _said(error))
        return self._note(VERSION, name, group, "carried", "Trained here.", made)

    def _campaign(self, summary: Document, group: str, solution: str, version: str) -> None:
        if not version:
            self._note(CAMPAIGN, summary["name"], group, "left behind", "Nothing is trained here yet.")
            return
        there = self._source.describe(CAMPAIGN, summary[CAMPAIGN.arn])
        follows = (there.get("campaignConfig") or {}).get("syncWithLatestSolutionVersion", False)
        # What follows the newest version may be told by the version that it serves at this moment.
        follows = follows or str(there["solutionVersionArn"]).endswith(LATEST)
        chosen = f"{solution}/{LATEST}" if follows else version
        self._carry(CAMPAIGN, summary[CAMPAIGN.arn], group, "", solutionVersionArn=chosen)

    def _recommender(self, summary: Document, group: str, parent: str, *, has_data: bool) -> None:
        if not has_data:
            reason = "It trains itself when it is made, and there is no data here yet."
            self._note(RECOMMENDER, summary["name"], group, "left behind", reason)
            return
        self._carry(RECOMMENDER, summary[RECOMMENDER.arn], group, parent)

    def _note(self, kind: Kind, name: str, group: str, outcome: Outcome, note: str = "", arn: str = "") -> str:
        word = "data" if kind is IMPORT else kind.word
        self.moved.append(Moved(word, name, group, outcome, note, "" if arn.startswith(PLANNED) else arn))
        return arn


def _differences(wanted: Mapping[str, Any], there: Document) -> list[str]:
    """Members that say something else; which version a campaign serves is its own matter here."""
    own = ("solutionVersionArn",)
    return [name for name, value in wanted.items() if name not in own and not within(value, there.get(name))]


def _loses(kind: Kind, document: Document) -> str:
    """What is not carried over of something that is."""
    lost = [name for name in NEVER_CARRIED if document.get(name)]
    return f"Without its {' and '.join(lost)}, which mean nothing here." if lost and kind is GROUP else ""


def _said(error: Exception) -> str:
    """A service's error without the words around it."""
    if isinstance(error, EndcapError):
        return str(error)
    answer: Mapping[str, Any] = getattr(error, "response", {}).get("Error", {})
    return f"{answer.get('Code', type(error).__name__)}: {answer.get('Message', error)}"
