import pytest

from endcap.errors import ArtefactError
from endcap.registry.lineage import Lineage, SourceFile, code_version


def test_lineage_is_data_and_back() -> None:
    lineage = Lineage(recipe="als", sources=(SourceFile("ü.csv", 1, "0" * 64),), settings={"factors": 64}, seconds=1.5)
    assert Lineage.of(lineage.data()) == lineage == lineage.stored()


def test_fields_of_newer_versions_are_left_out() -> None:
    assert Lineage.of({"recipe": "als", "from_the_future": 1}).recipe == "als"


@pytest.mark.parametrize("data", [None, [], {}, {"recipe": 1}, {"recipe": "als", "sources": [{}]}])
def test_what_is_no_lineage(data: object) -> None:
    with pytest.raises(ArtefactError, match="lineage"):
        Lineage.of(data)


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert code_version("no-such-package") == "unknown"
