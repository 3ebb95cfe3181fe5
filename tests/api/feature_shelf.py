"""A server with clients of the feature store, and groups to write into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from shop_server import Server

from endcap.registry.keys import AccessKey

DEFINITIONS = [
    {"FeatureName": "customer_id", "FeatureType": "String"},
    {"FeatureName": "EventTime", "FeatureType": "Fractional"},
    {"FeatureName": "age", "FeatureType": "Integral"},
    {"FeatureName": "health", "FeatureType": "Fractional"},
    {"FeatureName": "recent", "FeatureType": "String", "CollectionType": "List"},
]
OFFLINE = {"S3StorageConfig": {"S3Uri": "s3://bucket/features"}}
NOW = 1_790_000_000


@dataclass
class Shelf:
    """boto3 clients of both services."""

    server: Server
    key: AccessKey | None = None
    region: str = "us-east-1"

    def __post_init__(self) -> None:
        self.control = self.server.client("sagemaker", key=self.key)
        self.runtime = self.server.client("sagemaker-featurestore-runtime", key=self.key)

    def create(self, name: str, **more: Any) -> str:
        told: dict[str, Any] = {
            "RecordIdentifierFeatureName": "customer_id",
            "EventTimeFeatureName": "EventTime",
            "FeatureDefinitions": DEFINITIONS,
            "OnlineStoreConfig": {"EnableOnlineStore": True},
            "OfflineStoreConfig": OFFLINE,
            **more,
        }
        told = {key: value for key, value in told.items() if value is not None}
        return str(self.control.create_feature_group(FeatureGroupName=name, **told)["FeatureGroupArn"])

    def put(
        self, name: str, identity: str, at: float = NOW, *, values: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        self.runtime.put_record(FeatureGroupName=name, Record=record(identity, at, **(values or {})), **more)

    def get(self, name: str, identity: str, **more: Any) -> dict[str, Any] | None:
        answer = self.runtime.get_record(FeatureGroupName=name, RecordIdentifierValueAsString=identity, **more)
        return read(answer["Record"]) if "Record" in answer else None


def record(identity: str, at: float = NOW, **values: Any) -> list[dict[str, Any]]:
    told = {"customer_id": identity, "EventTime": str(at), **values}
    kinds = {name: "ValueAsStringList" if isinstance(value, list) else "ValueAsString" for name, value in told.items()}
    return [{"FeatureName": name, kinds[name]: value} for name, value in told.items()]


def read(told: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["FeatureName"]: each.get("ValueAsString", each.get("ValueAsStringList")) for each in told}


def refused(code: str, call: Any, said: str = "", **given: Any) -> str:
    """The message of a call that must be refused in this way."""
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    assert error["Code"] == code and said in error["Message"], error
    return str(error["Message"])
