"""The child process of an import."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import msgspec
import pyarrow as pa

from endcap.errors import DataError, ResourceError, UnknownName
from endcap.jobs.children import serve
from endcap.jobs.importing import ImportReport, KindReport, Reason, Request
from endcap.lake.declarations import declare
from endcap.lake.importers import Plan, Staging, hashed, plan_import
from endcap.lake.importers.opening import open_source
from endcap.lake.importers.preview import Preview, preview_import
from endcap.lake.importers.remembering import Remembered, recalled
from endcap.lake.importers.sources import find_files
from endcap.lake.intake import Staged
from endcap.lake.locks import locked, make_directory
from endcap.lake.schemas import KINDS, DatasetKind, Domain, Schema
from endcap.lake.tables import ImportMode, Lake
from endcap.seams import Disk, Progress, Tick, no_progress
from endcap.types import AccountKey, ShopKey

_STAGING_SHARE, _COMMIT_SHARE = 0.35, 0.2
"""Of the memory limit, what rows in staging and the table's own sorting may take; the rest is the process itself."""


def run_import(request: Request, progress: Progress = no_progress, disk: Disk | None = None) -> ImportReport:
    """One import in this process. Raises `EndcapError` as `import_source` says."""
    disk = disk or Disk()
    started = time.perf_counter()
    shop = ShopKey(AccountKey(request.account, request.region), request.group)
    lake = Lake(Path(request.home) / "lake", disk, memory_mb=max(128, int(request.memory_mb * _COMMIT_SHARE)))
    directory = lake.directory(shop)
    request, plan = _planned(request)
    seconds = {"plan": time.perf_counter() - started}
    if request.purpose == "try":
        return _try(request, plan, disk, progress, seconds)
    make_directory(directory, disk)
    with locked(directory / ".import.lock"):  # so that every spill directory found here is a dead import's
        for stale in directory.glob(".import-spill-*"):
            shutil.rmtree(stale, ignore_errors=True)
        spill = directory / f".import-spill-{request.job}"
        try:
            if (schema := _schemas(request).get("interactions")) is not None:
                declare(lake.directory(shop), schema.signals, disk)
            with Staging(plan, spill, max(128, int(request.memory_mb * _STAGING_SHARE)), request.threads) as staging:
                return _import(request, plan, staging, lake, shop, disk, progress, seconds)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ResourceError(f"The disk of {request.home} is full.", fix="Free some space and retry.") from error
            raise
        finally:
            shutil.rmtree(spill, ignore_errors=True)


def _planned(request: Request) -> tuple[Request, Plan]:
    """The plan, and the request with what was remembered of such files where nothing was said of them."""
    schemas = _schemas(request) or None
    if request.remembered and not (request.mapping or request.dialect or request.kind or schemas):
        found = find_files([Path(path) for path in request.paths])
        memory = recalled([open_source(file).columns for file in found], request.remembered)
        if memory is not None:
            said = {"mapping": memory.mapping, "kind": memory.kind, "dialect": memory.dialect}
            request = msgspec.structs.replace(request, **said)
    plan = plan_import(
        request.paths,
        dialect=request.dialect,
        mapping=request.mapping,
        kind=_kind(request.kind),
        schemas=schemas,
    )
    return request, plan


def _try(request: Request, plan: Plan, disk: Disk, progress: Progress, seconds: dict[str, float]) -> ImportReport:
    """Read and check everything, and commit nothing; the rows that would be rejected lie in the scratch folder."""
    timed, scratch = _Timer(seconds), Path(request.scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    make_directory(scratch, disk)
    with Staging(
        plan, scratch / "spill", max(128, int(request.memory_mb * _STAGING_SHARE)), request.threads
    ) as staging:
        with timed("read"):
            staging.load(progress)
            rejects = _write_rejects(staging, scratch / "rejects", disk)
        seconds["total"] = sum(seconds.values())
        nowhere = dict.fromkeys(plan.kinds, -1)
        return _report(request, plan, staging, nowhere, rejects, (), "", seconds)


def _import(
    request: Request,
    plan: Plan,
    staging: Staging,
    lake: Lake,
    shop: ShopKey,
    disk: Disk,
    progress: Progress,
    seconds: dict[str, float],
) -> ImportReport:
    timed = _Timer(seconds)
    with ThreadPoolExecutor(1) as beside:
        hashing = beside.submit(lambda: tuple(msgspec.to_builtins(hashed(source.file)) for source in plan.sources))
        beside.submit(import_module, "endcap.lake.index")  # loads Arrow's functions, 20 ms, which only the commit needs
        with timed("read"):
            staging.load(progress)
            rejects = _write_rejects(staging, lake.directory(shop) / "rejects" / request.job, disk)
        with timed("hash"):  # what is left of it once the rows are read
            sources = hashing.result()
    _judge(staging, request.max_rejected, rejects)
    manifest = _write_manifest(request, plan, sources, lake.directory(shop) / "raw" / request.job, disk)
    versions: dict[DatasetKind, int] = {}
    with timed("commit"):
        for kind in plan.kinds:
            count = staging.counts[kind].accepted
            with progress(f"writing {kind}", total=count, unit="rows") as tick:
                rows = staging.accepted(kind)
                versions[kind] = lake.commit(
                    shop,
                    kind,
                    rows if isinstance(rows, Staged) else _ticking(rows, tick),
                    schema=plan.schemas[kind].arrow(),
                    mode=cast(ImportMode, request.mode),
                    job=request.job,
                )
                if isinstance(rows, Staged):
                    tick(count)
    seconds["total"] = sum(seconds.values())
    return _report(request, plan, staging, versions, rejects, sources, str(manifest), seconds)


def _report(
    request: Request,
    plan: Plan,
    staging: Staging,
    versions: Mapping[DatasetKind, int],
    rejects: Mapping[DatasetKind, str],
    sources: tuple[Mapping[str, Any], ...],
    manifest: str,
    seconds: Mapping[str, float],
) -> ImportReport:
    return ImportReport(
        job=request.job,
        shop=request.group,
        dialect=plan.dialect.name,
        mode=request.mode,
        kinds={kind: _kind_report(staging, kind, versions[kind], rejects.get(kind, "")) for kind in plan.kinds},
        notes=plan.notes,
        sources=tuple(dict(source) for source in sources),
        manifest=manifest,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        said=Remembered(
            columns=tuple(dict.fromkeys(name for source in plan.sources for name in source.columns)),
            mapping=request.mapping,
            kind=request.kind,
            dialect=request.dialect,
        ),
    )


class _Timer:
    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - started


def _kind(kind: str | None) -> DatasetKind | None:
    if kind is not None and kind not in KINDS:
        raise UnknownName("dataset kind", kind, KINDS)
    return kind


def _schemas(request: Request) -> dict[DatasetKind, Schema]:
    parsed = [Schema.from_avro(text, cast("Domain | None", request.domain)) for text in request.schemas.values()]
    return {schema.kind: schema for schema in parsed}


def _write_rejects(staging: Staging, folder: Path, disk: Disk) -> dict[DatasetKind, str]:
    """One Parquet file per dataset that has rejects; durable before anything is committed."""
    written: dict[DatasetKind, str] = {}
    for kind, counts in staging.counts.items():
        if not counts.rejected or staging.is_grouped(kind):
            continue
        make_directory(folder, disk)
        path = folder / f"{kind}.parquet"
        staging.write_rejects(kind, path)
        disk.fsync(path)
        written[kind] = str(path)
    if written:
        disk.fsync(folder)
    return written


def _judge(staging: Staging, max_rejected: float, rejects: Mapping[DatasetKind, str]) -> None:
    for kind, counts in staging.counts.items():
        rejected = sum(one.rows for one in counts.rejected)
        if not counts.rows:
            raise DataError(f"There are no rows of {kind}: the file has a header only.", fix="Check the export.")
        if rejected < counts.rows * max_rejected:
            continue
        first = counts.rejected[0]
        file, row, _ = first.examples[0] if first.examples else ("", None, "")
        where = f" (first in {file}, row {row})" if file else ""
        how_many = "All" if rejected == counts.rows else f"{rejected:,} of"
        raise DataError(
            f"{how_many} {counts.rows:,} rows of {kind} were rejected, most because {first.reason}{where};"
            " nothing was imported.",
            row=row,
            column=first.column or None,
            fix=f"All rejected rows with their reasons: {rejects[kind]}" if kind in rejects else "",
        )


def _write_manifest(
    request: Request, plan: Plan, sources: Sequence[Mapping[str, Any]], folder: Path, disk: Disk
) -> Path:
    """What was read, for lineage: files with hashes, mapping, schemas."""
    make_directory(folder, disk)
    manifest = {
        "job": request.job,
        "created": request.created,
        "mode": request.mode,
        "dialect": msgspec.to_builtins(plan.dialect),
        "mapping": request.mapping,
        "sources": list(sources),
        "schemas": {kind: schema.to_avro() for kind, schema in plan.schemas.items()},
    }
    path, waiting = folder / "manifest.json", folder / ".manifest.json"
    disk.write(waiting, json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    disk.rename(waiting, path)
    disk.fsync(folder)
    return path


def _kind_report(staging: Staging, kind: DatasetKind, version: int, rejects: str) -> KindReport:
    counts = staging.counts[kind]
    return KindReport(
        rows=counts.rows,
        accepted=counts.accepted,
        duplicates=counts.duplicates,
        merged=counts.merged,
        version=version,
        rejected=tuple(
            Reason(reason=one.reason, column=one.column, rows=one.rows, examples=one.examples)
            for one in counts.rejected
        ),
        rejects=rejects,
        grouped=staging.is_grouped(kind),
    )


def _ticking(batches: Iterator[pa.RecordBatch], tick: Tick) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        tick(batch.num_rows)


def work(line: bytes, progress: Progress) -> Any:
    """Do the import that a request names. Raises `EndcapError` as `import_source` says."""
    request = msgspec.json.decode(line, type=Request)
    _limit_memory(request.memory_mb)
    try:
        if request.purpose == "preview":
            return msgspec.to_builtins(_preview(request))
        return msgspec.to_builtins(run_import(request, progress))
    except MemoryError:
        raise _out_of_memory(request.memory_mb) from None


def _preview(request: Request) -> Preview:
    return preview_import(
        request.paths,
        dialect=request.dialect,
        mapping=None if request.remembered else request.mapping,
        kind=_kind(request.kind),
        remembered=request.remembered,
    )


def _out_of_memory(memory_mb: int) -> ResourceError:
    return ResourceError(
        f"The import needs more than its {memory_mb} MiB of memory; the tables are as they were.",
        fix="Raise import_memory_mb (ENDCAP_IMPORT_MEMORY_MB), or import in parts with INCREMENTAL.",
    )


def _limit_memory(megabytes: int) -> None:
    wanted = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


if __name__ == "__main__":
    os._exit(serve(work))  # at once: a thread still reads stdin, and nothing is left to tidy up
