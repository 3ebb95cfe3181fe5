"""`endcap train --group`: what a feature group says of shoppers and products, and groups that cannot be meant."""

from typing import Any

from endcap.features.groups import Feature, FeatureGroup
from endcap.jobs.workspace import open_workspace
from endcap.registry.feature_groups import FeatureGroups
from endcap.registry.lineage import USER_GROUPS
from endcap.settings import load_settings


def test_groups_are_named_with_whose_they_are(imported: Any) -> None:
    told = ("train", "fm", "--set", "factors=2", "--set", "epochs=1", "--group")
    assert "'nothing'" in imported(*told, "nothing=user_id", code=2)
    workspace = open_workspace(load_settings())
    features = (Feature("id", "String"), Feature("at", "Fractional"), Feature("club", "String"))
    group = FeatureGroup(workspace.settings.account_key, "customers", "id", "at", features)
    FeatureGroups(workspace.database).create(group)
    made = imported.json(*told, "customers=user_id")
    assert workspace.versions.find(made["version"]).lineage.metrics[USER_GROUPS] == ["customers"]
    assert "GROUP=user_id" in imported(*told, "customers=order", code=2)
