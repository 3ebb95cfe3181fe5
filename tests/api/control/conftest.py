"""Fixtures: a served control plane a module, with one of everything; and a fresh copy of that for one test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from control_plane import Plane, serving
from control_world import World, build

from endcap.registry.quotas import Quotas

UNHURRIED = Quotas(requests_per_second=10**6)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The home of a world, closed, and its ARNs."""
    home = tmp_path_factory.mktemp("built")
    with serving(home) as served:
        arns = build(served).arns
    return home, arns


def _copied(built: tuple[Path, dict[str, str]], home: Path) -> Iterator[World]:
    source, arns = built
    shutil.copytree(source, home / "world")
    with serving(home / "world", UNHURRIED) as served:
        yield World(served, served.client(), dict(arns))


@pytest.fixture(scope="module")
def world(built: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests that leave what there is as it is."""
    yield from _copied(built, tmp_path_factory.mktemp("control"))


@pytest.fixture(scope="module")
def plane(world: World) -> Plane:
    return world.plane


@pytest.fixture(scope="module")
def doomed(built: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Another world, in which everything may be broken."""
    yield from _copied(built, tmp_path_factory.mktemp("doomed"))


@pytest.fixture
def fresh(built: tuple[Path, dict[str, str]], tmp_path: Path) -> Iterator[World]:
    """A world for one test alone."""
    yield from _copied(built, tmp_path)
