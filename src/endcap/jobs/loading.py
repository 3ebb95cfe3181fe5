"""Bring data in from where it lies: dataset import jobs, and the list of users that a deletion job names."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

from endcap.errors import DataError, InputError
from endcap.jobs.datasets import announce, announce_deletion, dataset_of, kind_of, schema_of
from endcap.jobs.importing import import_source
from endcap.jobs.lifecycles import Work
from endcap.jobs.removing import copies, states
from endcap.registry.erasures import MEMBER
from endcap.storage.objects import open_objects

LARGEST_LIST = 100 << 20
"""Bytes that the files of a data deletion job may have together."""


def scratch(work: Work) -> Path:
    """Where a job keeps what it fetched, until it has ended."""
    return work.workspace.settings.home.absolute() / "jobs" / work.job.id


def download(work: Work) -> None:
    """Fetch the files of the job's data location, whole and durable."""
    location = str(work.resource.document["dataSource"]["dataLocation"])
    objects = open_objects(work.workspace.settings, work.resource.account.account)
    found = objects.files(location)
    folder = scratch(work)
    with work.progress("fetching", total=sum(stored.size for stored in found), unit="bytes") as tick:
        paths = []
        for stored in found:
            work.cancelled.check()
            paths.append(str(objects.fetch(stored, folder / stored.name)))
            tick(stored.size)
    work.facts["files"] = paths


def import_files(work: Work) -> None:
    """Check and commit the files as one version of the dataset's table; a version made before is found again."""
    workspace, shop = work.workspace, work.resource.shop_key
    dataset = dataset_of(workspace, work.resource)
    kind, (avro, domain) = kind_of(dataset), schema_of(workspace, dataset)
    files = _files(work)
    try:
        report = import_source(
            workspace.settings,
            shop,
            files,
            kind=kind,
            mode=str(work.resource.document.get("importMode", "FULL")),
            schemas={kind: avro},
            domain=domain,
            job=work.job.id,
            clock=workspace.clock,
            progress=work.progress,
            cancelled=work.cancelled,
        )
    except DataError as error:  # files are named as the caller knows them, not as they lie here
        raise DataError(error.message.replace(f"{scratch(work)}/", ""), row=error.row, column=error.column) from error
    workspace.imports.record(shop, report.job, ",".join(sorted(report.kinds)), report.json())
    imported = report.kinds[kind]
    work.facts["version"] = imported.version
    work.say(f"{imported.accepted:,} of {imported.rows:,} rows of {kind} accepted, {imported.rejected_rows:,} rejected")
    for reason in imported.rejected:
        work.say(f"rejected {reason.rows:,}: {reason.reason}")


def publish_metrics(work: Work) -> None:
    """The metrics of what was imported, where the import was told to; the data is in whether or not they can be."""
    from endcap.jobs.attribution import write_imported_metrics  # noqa: PLC0415 - few imports need it

    workspace, resource = work.workspace, work.resource
    if not resource.document.get("publishAttributionMetricsToS3") or not resource.parent.endswith("/INTERACTIONS"):
        return
    for attribution in workspace.resources.list(resource.account, "metric-attribution", shop=resource.shop):
        try:
            written = write_imported_metrics(workspace, attribution, resource.id, int(work.facts["version"]))
        except InputError as error:
            work.say(f"metrics were not published: {error}")
        else:
            work.say(f"{written.rows:,} rows of metrics in {written.location or 'no file'}")


def publish_snapshot(work: Work) -> None:
    """Let servers take over the new data."""
    announce(work.workspace, work.resource.shop_key)
    tidy(work)


def delete_users(work: Work) -> None:
    """Remove the listed users from every table, and what was made of the tables. `numDeleted` counts the rows."""
    from endcap.jobs.feature_erasing import erase_features  # noqa: PLC0415 - features are compiled code

    users = sorted(set(_listed_users(_files(work))))
    shop = work.resource.shop_key
    with work.progress("deleting users", total=len(users), unit="users"):
        erase_features(work.workspace, shop, users)  # first: it asks whose the sessions are
        removed = work.workspace.lake.remove_users(shop, users, work.job.id)
    work.facts["members"] = {"numDeleted": int(removed), MEMBER: None}
    # Raw rows that an import refused may be anyone's.
    shutil.rmtree(work.workspace.lake.directory(shop) / "rejects", ignore_errors=True)
    copies(work.workspace, shop)
    work.workspace.imports.forget_examples(shop)
    states(work.workspace, shop)
    announce_deletion(work.workspace, shop, work.cancelled)
    tidy(work)


def tidy(work: Work) -> None:
    """Remove what was fetched."""
    shutil.rmtree(scratch(work), ignore_errors=True)


def _files(work: Work) -> list[Path]:
    """What was fetched; once more where the machine went down before it was tidied up, or the folder was cleared."""
    if not all(Path(path).exists() for path in work.facts.get("files", ())):
        download(work)
    return [Path(path) for path in work.facts["files"]]


def _listed_users(paths: list[Path]) -> Iterator[str]:
    """The USER_ID column of CSV files. Raises `DataError` for a file without it, `InputError` for too much."""
    if sum(path.stat().st_size for path in paths) > LARGEST_LIST:
        raise InputError("The data deletion job's files are larger than 100 MB.", fix="Divide them over several jobs.")
    for path in paths:
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file)
                name = next((name for name in rows.fieldnames or () if name.strip().upper() == "USER_ID"), None)
                if name is None:
                    raise DataError("Input csv is missing the following columns: [USER_ID]", column="USER_ID")
                yield from (user for row in rows if (user := (row[name] or "").strip()))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path.name} is no CSV file in UTF-8: {error}.") from error
