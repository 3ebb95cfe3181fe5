"""Small steps of the control plane: a dataset's other schema, a filter that is checked against the data there is."""

from __future__ import annotations

from endcap.jobs.datasets import kind_of, schema_of
from endcap.jobs.lifecycles import Work
from endcap.lake.schemas import DatasetKind, Schema


def adopt_schema(work: Work) -> None:
    """The schema asked for holds from the next import on."""
    work.facts["members"] = {"schemaArn": work.resource.document["latestDatasetUpdate"]["schemaArn"]}


def check_filter(work: Work) -> None:
    """The expression can be read, and its fields are in the group's datasets. Raises `InputError`."""
    from endcap.serving.filters.checking import check  # noqa: PLC0415 - only filters need it
    from endcap.serving.filters.parser import parse  # noqa: PLC0415

    schemas: dict[DatasetKind, Schema] = {}
    for dataset in work.workspace.resources.list(work.resource.account, "dataset", shop=work.resource.shop):
        avro, domain = schema_of(work.workspace, dataset)
        schemas[kind_of(dataset)] = Schema.from_avro(avro, domain)  # type: ignore[arg-type]
    check(parse(str(work.resource.document["filterExpression"])), schemas)
