"""Every family of ranking features meets the contract."""

from endcap.features.candidate import CANDIDATE
from endcap.features.catalogue import CATALOGUE
from endcap.features.context import CONTEXT
from endcap.features.own import OWN
from endcap.features.popularity import POPULARITY
from endcap.features.rates import RATES
from endcap.features.shopper import SHOPPER
from endcap.features.table import FAMILIES
from endcap.features.taste import TASTE
from endcap.testing.features import FeatureContract


class TestCandidate(FeatureContract):
    family = CANDIDATE


class TestPopularity(FeatureContract):
    family = POPULARITY


class TestRates(FeatureContract):
    family = RATES


class TestCatalogue(FeatureContract):
    family = CATALOGUE


class TestOwn(FeatureContract):
    family = OWN


class TestTaste(FeatureContract):
    family = TASTE


class TestShopper(FeatureContract):
    family = SHOPPER


class TestContext(FeatureContract):
    family = CONTEXT


def test_all_of_the_table_are_here() -> None:
    tested = {each.family for each in FeatureContract.__subclasses__()}
    assert tested == set(FAMILIES)
