"""Imports of files that were sent, as jobs: tried first where that is asked for, then done, with progress.

A `file-import` record holds what was asked (`uploads`, `mapping`, `kind`, `dialect`, `mode`, `dryRun`) and, once it is
done, its `report`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from endcap.errors import DataError, EndcapError, InputError, UnknownName
from endcap.jobs.importing import ImportReport, import_source, preview_files
from endcap.jobs.intake import listed
from endcap.jobs.lifecycles import Work
from endcap.jobs.memories import memories
from endcap.jobs.sinking import before
from endcap.jobs.uploads import Uploads
from endcap.jobs.workspace import Workspace
from endcap.registry.resources import Resource
from endcap.types import ShopKey

KIND = "file-import"


@dataclass(frozen=True)
class Asked:
    """What to import and how; `mapping` None takes what was remembered of such files."""

    uploads: Sequence[str]
    mapping: Mapping[str, str] | None = None
    dialect: str | None = None
    kind: str | None = None
    mode: str = "FULL"
    dry_run: bool = False


def uploads_of(workspace: Workspace) -> Uploads:
    """The files that wait in a home."""
    return Uploads(workspace.settings.home, workspace.clock)


def ask(workspace: Workspace, shop: ShopKey, asked: Asked) -> Resource:
    """A record of the import and its job, in one transaction. Raises `UnknownName` for a file that is not there."""
    if not asked.uploads:
        raise InputError("No file was named.", fix="Send one first.")
    for identity in asked.uploads:
        uploads_of(workspace).get(shop, identity)
    document = {
        "uploads": list(asked.uploads),
        "mapping": None if asked.mapping is None else dict(asked.mapping),
        "dialect": asked.dialect,
        "kind": asked.kind,
        "mode": asked.mode,
        "dryRun": asked.dry_run,
    }
    identity = f"{shop.group}/{token_hex(8)}"
    made = Resource(shop.account, KIND, identity, shop.group, status="CREATE PENDING", document=document)
    return workspace.resources.create(made, verb="create")


def find(workspace: Workspace, shop: ShopKey, identity: str) -> Resource:
    """A shop's import by the last part of its id. Raises `UnknownName`."""
    return workspace.resources.get(shop.account, KIND, f"{shop.group}/{identity}")


def preview(workspace: Workspace, shop: ShopKey, asked: Asked) -> Any:
    """What the import would make of the first rows. Raises as `preview_files`, files by the names they came with."""
    try:
        return preview_files(
            workspace.settings,
            shop,
            _paths(workspace, shop, asked.uploads),
            dialect=asked.dialect,
            mapping=asked.mapping,
            kind=asked.kind,
            remembered=memories(workspace, shop),
            clock=workspace.clock,
        )
    except EndcapError as error:
        raise _in_their_words(error, workspace, shop) from error


def bring_in_files(work: Work) -> None:
    """Read the files, and commit them unless they are only tried; a commit that was made before is found again."""
    workspace, shop, document = work.workspace, work.resource.shop_key, work.resource.document
    try:
        report = import_source(
            workspace.settings,
            shop,
            _paths(workspace, shop, document["uploads"]),
            dialect=document.get("dialect"),
            mapping=document.get("mapping"),
            kind=document.get("kind"),
            mode=str(document.get("mode", "FULL")),
            job=work.job.id,
            remembered=memories(workspace, shop) if document.get("mapping") is None else (),
            scratch=tried_folder(workspace, work.resource) if document.get("dryRun") else None,
            clock=workspace.clock,
            progress=work.progress,
            cancelled=work.cancelled,
        )
    except EndcapError as error:
        raise _in_their_words(error, workspace, shop) from error
    work.facts["members"] = {"report": _told(report, workspace, shop)}
    if not document.get("dryRun"):
        listed(workspace, shop, report)  # remembers how they were read, too
    for kind, part in report.kinds.items():
        work.say(f"{part.accepted:,} of {part.rows:,} rows of {kind} accepted, {part.rejected_rows:,} rejected")


def sink_first(work: Work) -> None:
    """What was acknowledged until now takes part in an import; a try leaves everything as it is."""
    if not work.resource.document.get("dryRun"):
        before(work)


def let_go(work: Work) -> None:
    """Files that are in the tables now are not kept."""
    document, shop = work.resource.document, work.resource.shop_key
    for identity in () if document.get("dryRun") else document["uploads"]:
        uploads_of(work.workspace).remove(shop, identity)


def rejects_of(workspace: Workspace, resource: Resource) -> list[Path]:
    """Parquet files of the rows that an import rejected, or would."""
    tried = tried_folder(workspace, resource) / "rejects"
    jobs = workspace.jobs.on(resource)
    done = workspace.lake.directory(resource.shop_key) / "rejects" / (jobs[0].id if jobs else "-")
    folder = tried if resource.document.get("dryRun") else done
    return sorted(folder.glob("*.parquet"))


def tried_folder(workspace: Workspace, resource: Resource) -> Path:
    """Where the rows lie that a try would reject: beside its first file, and gone with it."""
    first = resource.document["uploads"][0]
    return uploads_of(workspace).tried(resource.shop_key, first, resource.id.rpartition("/")[2])


def _paths(workspace: Workspace, shop: ShopKey, uploads: Sequence[str]) -> list[Path]:
    return [uploads_of(workspace).get(shop, identity).path for identity in uploads]


def _told(report: ImportReport, workspace: Workspace, shop: ShopKey) -> dict[str, Any]:
    """The report as the caller knows the files, by name."""
    text = json.dumps(report.json())
    found: dict[str, Any] = json.loads(_named(text, json.dumps(_folder(workspace, shop))[1:-1]))
    return found


def _folder(workspace: Workspace, shop: ShopKey) -> str:
    return str(uploads_of(workspace).folder(shop))


def _named(text: str, folder: str) -> str:
    """A text with the files of a folder by the names they came with."""
    return re.sub(rf"{re.escape(folder)}/[0-9a-f]{{16}}/", "", text)


def _in_their_words(error: EndcapError, workspace: Workspace, shop: ShopKey) -> EndcapError:
    """The same error with files named as they came, not as they lie here."""
    message, fix = (_named(text, _folder(workspace, shop)) for text in (error.message, error.fix))
    fix = "" if str(workspace.settings.home.absolute()) in fix else fix
    if isinstance(error, DataError):
        return type(error)(message, row=error.row, column=error.column, fix=fix)
    if isinstance(error, UnknownName):
        return InputError(message, fix=fix)
    return type(error)(message, fix=fix)


def tidy(work: Work) -> None:
    """Nothing is to be undone in the tables; what a failed try left goes."""
    if work.resource.document.get("dryRun"):
        shutil.rmtree(tried_folder(work.workspace, work.resource), ignore_errors=True)
