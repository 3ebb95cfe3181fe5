"""Records of feature groups for whoever stands beside the server: asked of it, or looked up in the lake."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from endcap.errors import InputError, UnavailableError, UnknownName
from endcap.jobs.running import endpoint
from endcap.jobs.workspace import Workspace
from endcap.lake.feature_tables import FeatureTables
from endcap.registry.development import development_key
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.keys import Keys

SECONDS = 10.0
"""How long the server may take to answer."""
_TIMES = ("_event_time", "write_time", "_until")
_NAMED = {"_event_time": "event_time", "is_deleted": "deleted", "_until": "expires", "_stores": "only"}
_PRIVATE = ("_record", "_record_id", "_order")


def read_records(workspace: Workspace, group: str, identities: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the running server has online of these records, by id, those that it has.

    Raises `UnknownName`, `InputError` for what it refuses, `UnavailableError` where none runs.
    """
    _require(workspace, group)
    asked = [{"FeatureGroupName": group, "RecordIdentifiersValueAsString": list(identities)}]
    answer = _ask(workspace, "POST", "/BatchGetRecord", {"Identifiers": asked})
    for error in answer["Errors"]:
        raise InputError(error["ErrorMessage"])
    return {each["RecordIdentifierValueAsString"]: _values(each["Record"]) for each in answer["Records"]}


def write_record(workspace: Workspace, group: str, values: Mapping[str, str]) -> None:
    """Have the running server write a record: durable and to be read on return. Raises as `read_records`."""
    _require(workspace, group)
    record = [{"FeatureName": name, "ValueAsString": value} for name, value in values.items()]
    _ask(workspace, "PUT", f"/FeatureGroup/{quote(group, safe='')}", {"Record": record})


def record_history(workspace: Workspace, group: str, identity: str, limit: int) -> list[dict[str, Any]]:
    """What was written of a record and has reached the lake, newest first; times as text. Raises `UnknownName`."""
    found = FeatureGroups(workspace.database, clock=workspace.clock).get(workspace.settings.account_key, group)
    tables = FeatureTables(workspace.lake)
    if not tables.exists(found.account, found.key):
        return []
    own = (found.identifier, found.event_time)
    rows = []
    for row in tables.history(found.account, found.key, found.identity(identity), limit).to_pylist():
        told = {_NAMED.get(name, name): _text(name, value) for name, value in row.items() if name not in _PRIVATE}
        rows.append({name: value for name, value in told.items() if name not in own})
    return rows


def _require(workspace: Workspace, group: str) -> None:
    groups = FeatureGroups(workspace.database, clock=workspace.clock).list(workspace.settings.account_key)
    if group not in [each.name for each in groups]:
        raise UnknownName("feature group", group, [each.name for each in groups], fix="endcap features list.")


def _ask(workspace: Workspace, method: str, path: str, body: Mapping[str, Any]) -> Any:
    key = development_key(workspace.settings, Keys(workspace.database, clock=workspace.clock))
    address = endpoint(workspace.settings)
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {key.id}:{key.secret}",
        "x-endcap-region": workspace.settings.region,
    }
    request = urllib.request.Request(address + path, msgspec.json.encode(body), headers, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - our own server's address
            return msgspec.json.decode(answer.read())
    except urllib.error.HTTPError as error:
        said = str(msgspec.json.decode(error.read()).get("message", ""))
        raise (InputError if error.code < 500 else UnavailableError)(said or f"The server said {error.code}.") from None
    except (urllib.error.URLError, OSError) as error:
        fix = "Start it: endcap serve."
        raise UnavailableError(f"No server answers at {address}: online records are in it.", fix=fix) from error


def _values(record: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {each["FeatureName"]: each.get("ValueAsString", each.get("ValueAsStringList")) for each in record}


def _text(name: str, value: Any) -> Any:
    if name not in _TIMES or value is None:
        return value
    return datetime.fromtimestamp(value / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
