"""Schemas, dataset groups and datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.api.personalize.control.desk import Call, active, named, parsed_schema
from endcap.api.personalize.control.tagging import tags_of
from endcap.api.personalize.control.updates import begin_update
from endcap.errors import InputError
from endcap.lake.schemas import KINDS as DATASET_KINDS
from endcap.lake.schemas import RECORDS, DatasetKind, Schema
from endcap.registry.resources import Resource


def create_schema(call: Call) -> Mapping[str, Any]:
    """There at once: the text is an Avro record that fits its domain."""
    given = call.given
    Schema.from_avro(given["schema"], given.get("domain"))
    document = named(given, "name", "schema", "domain")
    made = call.create(Resource(call.account, "schema", given["name"], document=document), verb="")
    return {"schemaArn": made.arn}


def create_dataset_group(call: Call) -> Mapping[str, Any]:
    """A shop. A key for encryption and the role that may use it come together; both are kept and shown only."""
    given = call.given
    if ("kmsKeyArn" in given) != ("roleArn" in given):
        raise InputError("kmsKeyArn and roleArn go together: one was given without the other.")
    document = named(given, "name", "domain", "roleArn", "kmsKeyArn")
    tags = tags_of(given)
    group = Resource(call.account, "dataset-group", given["name"], given["name"], "", "CREATE PENDING", document, tags)
    return {"datasetGroupArn": call.create(group).arn, "domain": given.get("domain")}


def create_dataset(call: Call) -> Mapping[str, Any]:
    """One of each type in a group, with a schema of that type and the group's domain."""
    given = call.given
    kind = _dataset_kind(given["datasetType"])
    group = call.usable(given["datasetGroupArn"], "dataset-group")
    schema = call.find(given["schemaArn"], "schema")
    _require_fit(parsed_schema(schema), schema, kind, group)
    document = {
        **named(given, "name", "schemaArn"),
        "datasetGroupArn": group.arn,
        "datasetType": kind.upper(),
    }
    identity = f"{group.id}/{kind.upper()}"
    tags = tags_of(given)
    dataset = Resource(call.account, "dataset", identity, group.id, "", "CREATE PENDING", document, tags)
    return {"datasetArn": call.create(dataset, group, schema).arn}


def update_dataset(call: Call) -> Mapping[str, Any]:
    """Another schema: it has every field of the one before, and what is new in it may be null."""
    given = call.given
    dataset = active(call.find(given["datasetArn"], "dataset"))
    schema = call.find(given["schemaArn"], "schema")
    group = call.desk.resources.get(call.account, "dataset-group", dataset.shop)
    after = parsed_schema(schema)
    _require_fit(after, schema, _dataset_kind(str(dataset.document["datasetType"])), group)
    _require_successor(call.schema(str(dataset.document["schemaArn"])), after)
    begin_update(call, dataset, "latestDatasetUpdate", {"schemaArn": schema.arn}, schema)
    return {"datasetArn": dataset.arn}


def _dataset_kind(text: str) -> DatasetKind:
    for kind in DATASET_KINDS:
        if text.lower() == kind:
            return kind
    raise InputError(f"datasetType is {text!r}, expected one of {', '.join(RECORDS.values())} (in any case).")


def _require_fit(schema: Schema, record: Resource, kind: DatasetKind, group: Resource) -> None:
    if schema.kind != kind:
        raise InputError(f"Schema {record.arn} is one of {RECORDS[schema.kind]}, the dataset of {RECORDS[kind]}.")
    wanted = group.document.get("domain")
    if schema.domain != wanted:
        raise InputError(
            f"Schema {record.arn} has the domain {schema.domain or 'none'}, its dataset group {wanted or 'none'}.",
            fix="Create a schema of the group's domain.",
        )


def _require_successor(before: Schema, after: Schema) -> None:
    for field in before.fields:
        if field.name not in after:
            raise InputError(f"The new schema lacks the field {field.name}, which the dataset has.")
        if after[field.name].type != field.type:
            raise InputError(f"Field {field.name} is {after[field.name].type}, it was {field.type}: types stay.")
    for field in after.fields:
        if field.name not in before and not field.nullable:
            raise InputError(f"The new field {field.name} must allow null: the rows there are have no value for it.")
