"""What the tests saw of the service: every boto3 call of every test, its answer checked against the service model.

A pytest plugin that records while tests run, and a command that turns records into docs/reference/personalize.md:

    pytest --record-operations=build/operations
    python tests/operations.py build/operations [--check]
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

SERVICES = ("personalize", "personalize-runtime", "personalize-events")
CHECKED = (*SERVICES, "sagemaker", "sagemaker-featurestore-runtime", "kinesis")
"""Whose answers are held against their shapes; of those after the first three only some operations are answered."""
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "personalize.md"
_seen: dict[str, set[str]] = defaultdict(set)
_NUMBERS = ("integer", "long", "float", "double")


def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def faults(value: Any, shape: Shape, where: str = "$") -> Iterator[str]:
    """What a JSON value has that its output shape does not allow: stricter than any SDK's parser."""
    kinds = {StructureShape: dict, ListShape: list, MapShape: dict}
    if type(shape) not in kinds:
        if not _fits(value, shape):
            yield f"{where} is {value!r}, not a {shape.type_name}"
    elif not isinstance(value, kinds[type(shape)]):
        yield f"{where} is {value!r}, not a {shape.type_name}"
    elif isinstance(shape, StructureShape):
        yield from _structure_faults(value, shape, where)
    else:
        inner = shape.member if isinstance(shape, ListShape) else shape.value
        for place, each in enumerate(value) if isinstance(shape, ListShape) else value.items():
            yield from faults(each, inner, f"{where}[{place!r}]")


def _structure_faults(value: dict[str, Any], shape: StructureShape, where: str) -> Iterator[str]:
    yield from (f"{where} lacks {name}" for name in shape.required_members if name not in value)
    for name, member in value.items():
        if name in shape.members:
            yield from faults(member, shape.members[name], f"{where}.{name}")
        else:
            yield f"{where} has the unknown member {name}"


def _fits(value: Any, shape: Shape) -> bool:
    if shape.type_name in ("integer", "long"):
        return isinstance(value, int) and not isinstance(value, bool)
    if shape.type_name in ("float", "double", "timestamp"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if shape.type_name == "boolean":
        return isinstance(value, bool)
    allowed = getattr(shape, "enum", None)
    return isinstance(value, str) and (not allowed or value in allowed)


def _look(http_response: Any, model: Any, **_: Any) -> None:
    service = model.service_model.service_name
    if service not in CHECKED:
        return
    name = f"{service}:{model.name}"
    if http_response.status_code == 200:
        body = json.loads(http_response.content or b"{}")
        wrong = list(faults(body, model.output_shape)) if model.output_shape else []
        assert not wrong, f"{name} answered what its shape does not allow: {wrong}"
        _seen[name].add("ok")
        return
    code = http_response.headers.get("x-amzn-errortype", "").partition(":")[0]
    _seen[name].add(code)


_plain_init = BaseClient.__init__


def _watched_init(self: BaseClient, *arguments: Any, **named: Any) -> None:
    _plain_init(self, *arguments, **named)
    if self.meta.service_model.service_name in CHECKED:
        self.meta.events.register("after-call", _look)


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--record-operations", default="", help="folder to record every call of the service into")


def pytest_configure(config: Any) -> None:
    BaseClient.__init__ = _watched_init


def pytest_sessionfinish(session: Any) -> None:
    folder = session.config.getoption("--record-operations")
    if folder and _seen:
        target = Path(session.config.rootpath, folder)
        target.mkdir(parents=True, exist_ok=True)
        found = {name: sorted(codes) for name, codes in sorted(_seen.items())}
        (target / f"{os.getpid()}.json").write_text(json.dumps(found))


def page(folder: Path) -> tuple[str, list[str]]:
    """The page, and what is missing for it to be whole."""
    seen: dict[str, set[str]] = defaultdict(set)
    for path in folder.glob("*.json"):
        for name, codes in json.loads(path.read_text()).items():
            seen[name].update(codes)
    lines, missing, passed, total = [], [], 0, 0
    for service in SERVICES:
        lines += [
            "",
            f"## {service}",
            "",
            "| operation | answer matches its shape | documented errors provoked |",
            "|---|---|---|",
        ]
        known = model(service)
        for name in known.operation_names:
            total += 1
            got = seen[f"{service}:{name}"]
            passed += "ok" in got
            errors = [shape.name for shape in known.operation_model(name).error_shapes]
            provoked = [error for error in errors if error in got]
            missing += [f"{service} {name}: {what}" for what in ["ok", *errors] if what not in got]
            told = f"{len(provoked)} of {len(errors)}: {', '.join(provoked)}" if errors else "none documented"
            lines.append(f"| {name} | {'yes' if 'ok' in got else 'NO'} | {told} |")
    head = [
        "# The Personalize API, as tested",
        "",
        "Generated from the test run (`make docs-operations`), never by hand. Each operation is called with boto3",
        "against a running server; its answer is compared, member by member, with the output shape of botocore's",
        "service model; and each error that the model documents for it is provoked at least once.",
        "",
        f"**{passed} of {total} operations.**",
    ]
    return "\n".join([*head, *lines]) + "\n", missing


def main() -> int:
    text, missing = page(Path(sys.argv[1]))
    for each in missing:
        print("missing:", each)
    if "--check" in sys.argv:
        same = PAGE.exists() and PAGE.read_text("utf-8") == text
        print("docs/reference/personalize.md is", "up to date" if same else "stale: run make docs-operations")
        return 0 if same and not missing else 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
