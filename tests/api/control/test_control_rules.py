"""What operations do beyond the shapes: lists, tags, references, configurations, updates, deletion."""

import sqlite3
import threading
import uuid
from typing import Any

import pytest
from control_plane import Plane
from control_world import (
    INPUT,
    INTERACTIONS,
    ITEMS,
    METRIC,
    OUTPUT,
    RECIPE,
    ROLE,
    USERS,
    World,
    arn,
    avro,
    requests,
)

from endcap.registry.dependencies import PARTS, Dependencies
from endcap.registry.recipe_arns import offers
from endcap.types import AccountKey, ShopKey

UP = f"{RECIPE}aws-user-personalization"


def refused(call: Any, error: str, **request: Any) -> str:
    client = call.__self__
    with pytest.raises(getattr(client.exceptions, f"{error}Exception")) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Message"])


def invalid(call: Any, **request: Any) -> str:
    return refused(call, "InvalidInput", **request)


class TestLists:
    def test_pages_are_in_order_of_creation_and_hold_everything_once(self, plane: Plane) -> None:
        client = plane.client()
        names = [f"page-{n}" for n in range(7)]
        before = len(client.list_schemas()["schemas"])
        for name in names:
            client.create_schema(name=name, schema=USERS)
        for size in (1, 2, 3, 100):
            pages = list(client.get_paginator("list_schemas").paginate(PaginationConfig={"PageSize": size}))
            assert all(len(page["schemas"]) <= size for page in pages)
            assert [schema["name"] for page in pages for schema in page["schemas"]][before:] == names

    def test_a_page_goes_on_where_the_last_one_ended_whatever_was_deleted(self, plane: Plane) -> None:
        client = plane.client()
        first = [client.create_schema(name=f"gone-{n}", schema=USERS)["schemaArn"] for n in range(3)]
        everything = client.list_schemas()["schemas"]
        place = [schema["schemaArn"] for schema in everything].index(first[0])
        page = client.list_schemas(maxResults=place + 1)
        client.delete_schema(schemaArn=first[0])
        rest = client.list_schemas(nextToken=page["nextToken"])["schemas"]
        assert [schema["schemaArn"] for schema in rest] == first[1:]

    def test_a_token_belongs_to_its_list(self, world: World) -> None:
        token = world.client.list_schemas(maxResults=1)["nextToken"]
        refused(world.client.list_dataset_groups, "InvalidNextToken", nextToken=token)
        refused(world.client.list_recipes, "InvalidNextToken", nextToken=token)
        other = world.plane.client(region="us-west-2")
        refused(other.list_schemas, "InvalidNextToken", nextToken=token)
        refused(world.client.list_schemas, "InvalidNextToken", nextToken=token[:-2] + "AA")

    def test_lists_are_narrowed_by_their_arns(self, world: World) -> None:
        client = world.client
        assert client.list_campaigns(solutionArn=world["solution similar"])["campaigns"] == []
        assert [each["name"] for each in client.list_campaigns(solutionArn=world["solution up"])["campaigns"]] == [
            "home"
        ]
        assert client.list_datasets(datasetGroupArn=world["group empty"])["datasets"] == []
        assert len(client.list_datasets(datasetGroupArn=world["group"])["datasets"]) == 4
        assert len(client.list_datasets()["datasets"]) == 5
        assert client.list_filters(datasetGroupArn=world["group"])["Filters"][0]["name"] == "cheap"
        jobs = client.list_dataset_import_jobs(datasetArn=world["dataset items"])
        assert jobs["datasetImportJobs"] == []

    def test_the_newest_version_is_last(self, fresh: World) -> None:
        client = fresh.client
        made = [client.create_solution_version(solutionArn=fresh["solution up"]) for _ in range(3)]
        listed = client.list_solution_versions(solutionArn=fresh["solution up"])["solutionVersions"]
        assert listed[-1]["solutionVersionArn"] == made[-1]["solutionVersionArn"]
        latest = client.describe_solution(solutionArn=fresh["solution up"])["solution"]["latestSolutionVersion"]
        assert latest["solutionVersionArn"] == made[-1]["solutionVersionArn"]
        assert latest["trainingType"] == "MANUAL"

    def test_metrics_of_an_attribution_by_pages(self, fresh: World) -> None:
        more = [{**METRIC, "metricName": name} for name in ("b", "c")]
        fresh.client.update_metric_attribution(metricAttributionArn=fresh["attribution"], addMetrics=more)
        pages = fresh.client.get_paginator("list_metric_attribution_metrics").paginate(
            metricAttributionArn=fresh["attribution"], PaginationConfig={"PageSize": 2}
        )
        assert [[metric["metricName"] for metric in page["metrics"]] for page in pages] == [["revenue", "b"], ["c"]]


class TestRecipes:
    def test_all_recipes_are_listed_and_described(self, plane: Plane) -> None:
        client = plane.client()
        pages = client.get_paginator("list_recipes").paginate(
            recipeProvider="SERVICE", PaginationConfig={"PageSize": 7}
        )
        arns = [recipe["recipeArn"] for page in pages for recipe in page["recipes"]]
        assert arns == [offer.arn for offer in offers()]
        assert {f"{RECIPE}aws-hrnn", f"{RECIPE}aws-sims", f"{RECIPE}endcap-als"} <= set(arns)
        for each in arns:
            recipe = client.describe_recipe(recipeArn=each)["recipe"]
            assert "Trained here with Endcap's" in recipe["description"]
            client.describe_algorithm(algorithmArn=recipe["algorithmArn"])
            client.describe_feature_transformation(featureTransformationArn=recipe["featureTransformationArn"])

    def test_a_domain_narrows_the_list(self, plane: Plane) -> None:
        recipes = plane.client().list_recipes(domain="ECOMMERCE")["recipes"]
        assert len(recipes) == 5
        assert all(recipe["domain"] == "ECOMMERCE" for recipe in recipes)

    def test_hyper_parameters_with_ranges(self, plane: Plane) -> None:
        found = plane.client().describe_algorithm(
            algorithmArn="arn:aws:personalize:::algorithm/aws-user-personalization"
        )
        ranges = found["algorithm"]["defaultHyperParameterRanges"]["integerHyperParameterRanges"]
        assert {"name": "hidden_dimension", "minValue": 32, "maxValue": 256, "isTunable": True} in ranges
        assert found["algorithm"]["defaultHyperParameters"]["hidden_dimension"] == "149"
        name = "arn:aws:personalize:::feature-transformation/aws-user-personalization"
        found = plane.client().describe_feature_transformation(featureTransformationArn=name)
        parameters = found["featureTransformation"]["defaultParameters"]
        assert parameters["max_user_history_length_percentile"] == "0.99"

    @pytest.mark.parametrize("member", ["featureTransformationParameters", "algorithmHyperParameters"])
    def test_cold_items_are_told_as_the_notebooks_of_the_service_do(self, fresh: World, member: str) -> None:
        given = {
            "cold_start_max_duration": "5",
            "cold_start_relative_from": "latestItem",
            "cold_start_max_interactions": "15",
        }
        made = fresh.client.create_solution(
            name="cold",
            datasetGroupArn=fresh["group"],
            recipeArn=f"{RECIPE}aws-hrnn-coldstart",
            solutionConfig={member: given},
        )
        found = fresh.client.describe_solution(solutionArn=made["solutionArn"])["solution"]
        assert found["solutionConfig"] == {member: given}
        name = "arn:aws:personalize:::feature-transformation/aws-hrnn-coldstart"
        found = fresh.client.describe_feature_transformation(featureTransformationArn=name)["featureTransformation"]
        assert given.keys() <= found["defaultParameters"].keys()


class TestTags:
    def test_a_job_that_moves_the_resource_on_does_not_refuse_tags(
        self, fresh: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        records = fresh.plane.workspace.resources
        change, moved = records.change, []

        def overtaken(resource: Any, **given: Any) -> Any:
            if "tags" in given and len(moved) < 3:
                moved.append(change(resource, status="CREATE IN_PROGRESS"))
            return change(resource, **given)

        arn_ = fresh.client.create_dataset_group(name="busy", tags=[{"tagKey": "old", "tagValue": "1"}])
        monkeypatch.setattr(records, "change", overtaken)
        fresh.client.tag_resource(resourceArn=arn_["datasetGroupArn"], tags=[{"tagKey": "a", "tagValue": "1"}])
        fresh.client.untag_resource(resourceArn=arn_["datasetGroupArn"], tagKeys=["old"])
        tags = fresh.client.list_tags_for_resource(resourceArn=arn_["datasetGroupArn"])["tags"]
        assert len(moved) == 3 and tags == [{"tagKey": "a", "tagValue": "1"}]

    def test_tags_are_added_replaced_and_removed(self, world: World) -> None:
        client, group = world.client, world["group domain"]
        client.tag_resource(resourceArn=group, tags=[{"tagKey": "a", "tagValue": "1"}, {"tagKey": "b", "tagValue": ""}])
        client.tag_resource(resourceArn=group, tags=[{"tagKey": "a", "tagValue": "2"}])
        client.untag_resource(resourceArn=group, tagKeys=["b", "none"])
        assert client.list_tags_for_resource(resourceArn=group)["tags"] == [{"tagKey": "a", "tagValue": "2"}]

    def test_every_taggable_kind_can_be_tagged(self, world: World) -> None:
        names = ("group", "dataset items", "import", "export", "deletion", "tracker", "filter", "recommender")
        names += ("solution up", "version up", "campaign", "batch", "segment")
        for name in names:
            world.client.tag_resource(resourceArn=world[name], tags=[{"tagKey": "été", "tagValue": "x y"}])
            tags = world.client.list_tags_for_resource(resourceArn=world[name])["tags"]
            assert {"tagKey": "été", "tagValue": "x y"} in tags

    def test_what_cannot_be_tagged(self, world: World) -> None:
        for name in ("schema users", "attribution"):
            invalid(world.client.list_tags_for_resource, resourceArn=world[name])
        tags = [{"tagKey": "a", "tagValue": "1"}] * 2
        assert "twice" in invalid(world.client.tag_resource, resourceArn=world["group"], tags=tags)
        tags = [{"tagKey": "aws:x", "tagValue": "1"}]
        assert "reserved" in invalid(world.client.tag_resource, resourceArn=world["group"], tags=tags)

    def test_fifty_in_all(self, world: World) -> None:
        arn_ = world.client.create_dataset_group(name="tagged")["datasetGroupArn"]
        tags = [{"tagKey": f"k{n}", "tagValue": "v"} for n in range(50)]
        world.client.tag_resource(resourceArn=arn_, tags=tags)
        world.client.tag_resource(resourceArn=arn_, tags=tags)
        more = [{"tagKey": "one-more", "tagValue": "v"}]
        refused(world.client.tag_resource, "TooManyTags", resourceArn=arn_, tags=more)


class TestGroups:
    def test_schema_text_is_checked(self, plane: Plane) -> None:
        create = plane.client().create_schema
        assert "not valid JSON" in invalid(create, name="bad", schema="{")
        assert "missing required field(s) USER_ID" in invalid(
            create, name="bad", schema=avro("Interactions", ("ITEM_ID", "string"))
        )
        assert "PRICE" in invalid(
            create, name="bad", schema=avro("Items", ("ITEM_ID", "string"), ("X", "int")), domain="ECOMMERCE"
        )

    def test_a_dataset_fits_its_schema_and_group(self, world: World) -> None:
        create, group = world.client.create_dataset, world["group"]
        given = {"name": "d", "datasetGroupArn": group, "datasetType": "Actions"}
        assert "the dataset of Actions" in invalid(create, schemaArn=world["schema users"], **given)
        assert "has the domain ECOMMERCE" in invalid(
            create,
            name="d",
            datasetType="Interactions",
            datasetGroupArn=world["group empty"],
            schemaArn=world["schema domain"],
        )
        assert "expected one of" in invalid(
            create, schemaArn=world["schema users"], **{**given, "datasetType": "Orders"}
        )

    def test_the_wire_names_of_a_dataset(self, world: World) -> None:
        assert world["dataset action_events"] == arn("dataset", "shop/ACTION_INTERACTIONS")
        found = world.client.describe_dataset(datasetArn=world["dataset action_events"])["dataset"]
        assert found["datasetType"] == "ACTION_INTERACTIONS"
        tracker = world.client.describe_event_tracker(eventTrackerArn=world["tracker"])["eventTracker"]
        assert found["trackingId"] == tracker["trackingId"] == str(uuid.UUID(tracker["trackingId"]))
        assert "trackingId" not in world.client.describe_dataset(datasetArn=world["dataset items"])["dataset"]

    def test_a_new_schema_has_what_the_old_one_had(self, fresh: World) -> None:
        client, dataset = fresh.client, fresh["dataset interactions"]
        fields = [("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long")]
        for name, extra, said in (
            ("less", [], "lacks the field EVENT_TYPE"),
            ("strict", [("EVENT_TYPE", "string"), ("PRICE", "float")], "must allow null"),
        ):
            schema = client.create_schema(name=name, schema=avro("Interactions", *fields, *extra))["schemaArn"]
            assert said in invalid(client.update_dataset, datasetArn=dataset, schemaArn=schema)
        client.update_dataset(datasetArn=dataset, schemaArn=fresh["schema wider"])
        before = client.describe_dataset(datasetArn=dataset)["dataset"]
        assert before["schemaArn"] == fresh["schema interactions"]
        assert before["latestDatasetUpdate"]["status"] == "UPDATE PENDING"
        refused(client.delete_schema, "ResourceInUse", schemaArn=fresh["schema wider"])
        fresh.plane.settle()
        assert client.describe_dataset(datasetArn=dataset)["dataset"]["schemaArn"] == fresh["schema wider"]

    def test_key_and_role_go_together(self, plane: Plane) -> None:
        assert "kmsKeyArn and roleArn" in invalid(plane.client().create_dataset_group, name="k", roleArn=ROLE)

    def test_one_tracker_and_one_attribution_in_a_group(self, world: World) -> None:
        refused(world.client.create_event_tracker, "LimitExceeded", name="second", datasetGroupArn=world["group"])
        given = {"metrics": [METRIC], "metricsOutputConfig": {"roleArn": ROLE}, "datasetGroupArn": world["group"]}
        refused(world.client.create_metric_attribution, "LimitExceeded", name="second", **given)

    def test_jobs_need_their_locations(self, world: World) -> None:
        request = {**requests(world)["CreateDatasetImportJob"], "dataSource": {}}
        assert "dataLocation" in invalid(world.client.create_dataset_import_job, **request)
        request = requests(world)["CreateDatasetImportJob"] | {"publishAttributionMetricsToS3": True}
        request["datasetArn"] = world["dataset domain"]
        assert "no metric attribution" in invalid(world.client.create_dataset_import_job, **request)

    def test_five_imports_at_once(self, fresh: World) -> None:
        request = requests(fresh)["CreateDatasetImportJob"]
        for n in range(5):
            fresh.client.create_dataset_import_job(**{**request, "jobName": f"j{n}"})
        message = refused(fresh.client.create_dataset_import_job, "LimitExceeded", **request)
        assert message.startswith("More than 5 resources with PENDING or IN_PROGRESS status.")
        fresh.plane.settle()
        fresh.client.create_dataset_import_job(**request)

    def test_attribution_expressions(self, fresh: World) -> None:
        add = {"metricAttributionArn": fresh["attribution"]}
        for expression in ("SUM(Items.COLOUR)", "SUM(Users.AGE)", "AVG(Items.PRICE)", "SUM(Items.CATEGORY_L1)", "x"):
            metric = {**METRIC, "metricName": "m", "expression": expression}
            assert expression in invalid(fresh.client.update_metric_attribution, addMetrics=[metric], **add)
        assert "not there" in invalid(fresh.client.update_metric_attribution, removeMetrics=["none"], **add)
        assert "0 metrics" in invalid(fresh.client.update_metric_attribution, removeMetrics=["revenue"], **add)
        fresh.client.update_metric_attribution(
            addMetrics=[{**METRIC, "expression": "samplecount( )"}], removeMetrics=["revenue"], **add
        )


class TestSolutions:
    def test_defaults(self, world: World) -> None:
        made = world.client.create_solution(name="defaults", datasetGroupArn=world["group"], recipeArn=UP)
        found = world.client.describe_solution(solutionArn=made["solutionArn"])["solution"]
        assert found["performAutoTraining"] is True
        assert found["performHPO"] is found["performAutoML"] is found["performIncrementalUpdate"] is False
        assert found["status"] == "CREATE PENDING"

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ({"algorithmHyperParameters": {"factors": "9"}}, "no hyperparameter 'factors'"),
            ({"algorithmHyperParameters": {"hidden_dimension": "9"}}, "expected 32 to 256"),
            ({"algorithmHyperParameters": {"hidden_dimension": "many"}}, "expected a integer value"),
            ({"algorithmHyperParameters": {"recency_mask": "perhaps"}}, "expected one of true, false"),
            ({"featureTransformationParameters": {"min_user_history_length_percentile": "2"}}, "expected 0 to 1"),
            ({"featureTransformationParameters": {"hidden_dimension": "64"}}, "no hyperparameter"),
            ({"eventValueThreshold": "much"}, "expected a number"),
            ({"eventValueThreshold": "nan"}, "expected a number"),
            ({"hpoConfig": {"hpoResourceConfig": {"maxNumberOfTrainingJobs": "0"}}}, "from 1 to 100"),
            ({"hpoConfig": {"hpoResourceConfig": {"maxParallelTrainingJobs": "two"}}}, "from 1 to 10"),
            ({"hpoConfig": {"hpoResourceConfig": {"maxParallelTrainingJobs": "٢"}}}, "from 1 to 10"),
            ({"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}, "1 to 30"),
            ({"autoTrainingConfig": {"schedulingExpression": "rate(0 days)"}}, "1 to 30"),
            ({"eventsConfig": {"eventParametersList": [{"weight": 1.0}]}}, "no eventType"),
            ({"eventsConfig": {"eventParametersList": [{"eventType": "a"}] * 2}}, "twice"),
            ({"optimizationObjective": {"itemAttribute": "CATEGORY_L1"}}, "numerical column"),
            ({"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["COLOUR"]}}}, "does not have"),
            ({"trainingDataConfig": {"excludedDatasetColumns": {"Items": ["ITEM_ID"]}}}, "always needed"),
            ({"trainingDataConfig": {"includedDatasetColumns": {"Orders": ["PRICE"]}}}, "names the dataset 'Orders'"),
        ],
    )
    def test_configurations_that_cannot_be(self, world: World, config: dict[str, Any], said: str) -> None:
        given = {"name": "never", "datasetGroupArn": world["group"], "recipeArn": UP, "solutionConfig": config}
        assert said in invalid(world.client.create_solution, **given)

    @pytest.mark.parametrize(
        ("kind", "entry", "said"),
        [
            ("integer", {"name": "hidden_dimension", "minValue": 64, "maxValue": 32}, "minValue is the larger"),
            ("integer", {"name": "hidden_dimension", "minValue": 1, "maxValue": 64}, "expected 32 to 256"),
            ("integer", {"name": "hidden_dimension"}, "needs minValue and maxValue"),
            ("continuous", {"name": "hidden_dimension", "minValue": 32.0, "maxValue": 64.0}, "is integer"),
            ("continuous", {"name": "exploration_weight", "minValue": 0.0, "maxValue": 1.0}, "cannot be tuned"),
            ("categorical", {"name": "recency_mask", "values": []}, "no values"),
            ("categorical", {"name": "recency_mask", "values": ["maybe"]}, "expected one of"),
            ("categorical", {"values": ["a"]}, "no hyperparameter ''"),
        ],
    )
    def test_searches_that_cannot_be(self, world: World, kind: str, entry: dict[str, Any], said: str) -> None:
        config = {"hpoConfig": {"algorithmHyperParameterRanges": {f"{kind}HyperParameterRanges": [entry]}}}
        given = {"name": "never", "datasetGroupArn": world["group"], "recipeArn": UP, "solutionConfig": config}
        assert said in invalid(world.client.create_solution, performHPO=True, **given)

    def test_recipe_or_automl(self, world: World) -> None:
        create, given = world.client.create_solution, {"name": "never", "datasetGroupArn": world["group"]}
        assert "recipeArn is required" in invalid(create, **given)
        assert "must not be given" in invalid(create, performAutoML=True, recipeArn=UP, **given)
        assert "recommender" in invalid(create, recipeArn=f"{RECIPE}aws-ecomm-recommended-for-you", **given)
        assert "semantic-similarity" in invalid(create, recipeArn=UP, performIncrementalUpdate=True, **given)
        config = {"autoMLConfig": {"recipeList": [f"{RECIPE}aws-sims"]}}
        assert "USER_PERSONALIZATION" in invalid(create, performAutoML=True, solutionConfig=config, **given)
        events = {"eventsConfig": {"eventParametersList": [{"eventType": "a", "weight": 1.0}]}}
        assert "one of the two" in invalid(create, recipeArn=UP, eventType="a", solutionConfig=events, **given)

    def test_a_whole_configuration_comes_back_as_it_was_given(self, world: World) -> None:
        config = {
            "eventValueThreshold": "0.5",
            "hpoConfig": {
                "hpoResourceConfig": {"maxNumberOfTrainingJobs": "4", "maxParallelTrainingJobs": "2"},
                "algorithmHyperParameterRanges": {
                    "integerHyperParameterRanges": [{"name": "hidden_dimension", "minValue": 32, "maxValue": 64}],
                    "categoricalHyperParameterRanges": [{"name": "recency_mask", "values": ["true", "false"]}],
                },
            },
            "algorithmHyperParameters": {"hidden_dimension": "64"},
            "featureTransformationParameters": {"max_user_history_length_percentile": "0.9"},
            "eventsConfig": {"eventParametersList": [{"eventType": "view", "eventValueThreshold": 1.0, "weight": 0.1}]},
            "optimizationObjective": {"itemAttribute": "PRICE", "objectiveSensitivity": "LOW"},
            "trainingDataConfig": {"excludedDatasetColumns": {"Items": ["PRICE"], "USERS": ["AGE"]}},
            "autoTrainingConfig": {"schedulingExpression": "rate(30 days)"},
        }
        given = {"datasetGroupArn": world["group"], "recipeArn": UP, "performHPO": True}
        made = world.client.create_solution(name="whole", solutionConfig=config, **given)["solutionArn"]
        assert world.client.describe_solution(solutionArn=made)["solution"]["solutionConfig"] == config

    def test_a_version_keeps_the_configuration_of_its_moment(self, fresh: World) -> None:
        client, solution = fresh.client, fresh["solution up"]
        made = client.create_solution_version(solutionArn=solution, name="spring")["solutionVersionArn"]
        found = client.describe_solution_version(solutionVersionArn=made)["solutionVersion"]
        assert (found["name"], found["trainingMode"], found["trainingType"]) == ("spring", "FULL", "MANUAL")
        assert found["recipeArn"] == UP and found["status"] == "CREATE PENDING"
        assert made.startswith(f"{solution}/") and len(made.rpartition("/")[2]) == 8
        assert "AUTOTRAIN" in invalid(client.create_solution_version, solutionArn=solution, trainingMode="AUTOTRAIN")
        client.create_solution_version(solutionArn=solution, trainingMode="UPDATE")
        similar = fresh["solution similar"]
        assert "not supported" in invalid(client.create_solution_version, solutionArn=similar, trainingMode="UPDATE")

    def test_training_can_be_stopped(self, fresh: World) -> None:
        client = fresh.client
        version = client.create_solution_version(solutionArn=fresh["solution up"])["solutionVersionArn"]
        client.stop_solution_version_creation(solutionVersionArn=version)
        found = client.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
        assert found["status"] == "CREATE STOPPING"
        resource = fresh.plane.workspace.resources.find(version)
        assert [job.cancel for job in fresh.plane.workspace.jobs.on(resource)] == [True]
        fresh.plane.settle()
        found = client.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
        assert found["status"] == "CREATE STOPPED"

    def test_metrics_are_numbers(self, world: World) -> None:
        found = world.client.get_solution_metrics(solutionVersionArn=world["version up"])
        assert found["metrics"] == {"coverage": 0.5, "precision_at_5": 0.1234}

    def test_a_solution_update_is_described_beside_what_holds(self, fresh: World) -> None:
        client, solution = fresh.client, fresh["solution up"]
        assert "Nothing to update" in invalid(client.update_solution, solutionArn=solution)
        config = {"autoTrainingConfig": {"schedulingExpression": "rate(3 days)"}}
        client.update_solution(solutionArn=solution, performAutoTraining=True, solutionUpdateConfig=config)
        found = client.describe_solution(solutionArn=solution)["solution"]
        assert found["performAutoTraining"] is False
        assert found["latestSolutionUpdate"]["solutionUpdateConfig"] == config
        assert found["latestSolutionUpdate"]["status"] == "UPDATE PENDING"


class TestServing:
    def test_the_latest_version(self, fresh: World) -> None:
        client, latest = fresh.client, f"{fresh['solution up']}/$LATEST"
        sync = {"syncWithLatestSolutionVersion": True}
        create = client.create_campaign
        made = create(name="latest", solutionVersionArn=latest, campaignConfig=sync)["campaignArn"]
        assert client.describe_campaign(campaignArn=made)["campaign"]["solutionVersionArn"] == latest
        assert "/$LATEST" in invalid(create, name="bad", solutionVersionArn=fresh["version up"], campaignConfig=sync)
        empty = client.create_solution(name="empty", datasetGroupArn=fresh["group"], recipeArn=UP)["solutionArn"]
        fresh.plane.settle()
        refused(create, "ResourceNotFound", name="bad", solutionVersionArn=f"{empty}/$LATEST")
        client.create_solution_version(solutionArn=empty)
        refused(create, "ResourceInUse", name="bad", solutionVersionArn=f"{empty}/$LATEST")

    def test_what_a_campaign_cannot_serve(self, world: World) -> None:
        create = world.client.create_campaign
        assert "cannot serve" in invalid(create, name="no", solutionVersionArn=world["version segments"])
        for config, said in (
            ({"explorationWeight": "2"}, "from 0 to 1."),
            ({"explorationWeight": "x"}, "expected a number"),
            ({"explorationItemAgeCutOff": "inf"}, "from 0 to 36500"),
            ({"weight": "1"}, "no setting"),
        ):
            given = {"solutionVersionArn": world["version up"], "campaignConfig": {"itemExplorationConfig": config}}
            assert said in invalid(create, name="no", **given)
        config = {"itemExplorationConfig": {"explorationWeight": "0.3"}}
        given = {"solutionVersionArn": world["version similar"], "campaignConfig": config}
        assert "does not explore" in invalid(create, name="no", **given)

    def test_the_old_version_serves_while_an_update_is_pending(self, fresh: World) -> None:
        client, campaign = fresh.client, fresh["campaign"]
        config = {"itemExplorationConfig": {"explorationWeight": "0.5", "explorationItemAgeCutOff": "7"}}
        assert "Nothing to update" in invalid(client.update_campaign, campaignArn=campaign)
        client.update_campaign(campaignArn=campaign, minProvisionedTPS=5, campaignConfig=config)
        found = client.describe_campaign(campaignArn=campaign)["campaign"]
        assert (found["status"], found["minProvisionedTPS"]) == ("ACTIVE", 1)
        update = found["latestCampaignUpdate"]
        assert (update["status"], update["minProvisionedTPS"]) == ("UPDATE PENDING", 5)
        assert update["solutionVersionArn"] == fresh["version up"]
        fresh.plane.settle()
        found = client.describe_campaign(campaignArn=campaign)["campaign"]
        assert (found["minProvisionedTPS"], found["campaignConfig"]) == (5, config)

    def test_an_update_holds_its_solution(self, fresh: World) -> None:
        client = fresh.client
        client.update_campaign(campaignArn=fresh["campaign"], solutionVersionArn=fresh["version similar"])
        refused(client.delete_solution, "ResourceInUse", solutionArn=fresh["solution similar"])
        fresh.plane.settle()
        client.delete_solution(solutionArn=fresh["solution up"])
        assert client.list_campaigns(solutionArn=fresh["solution similar"])["campaigns"]

    def test_recommenders_belong_to_domains(self, world: World) -> None:
        create, recipe = world.client.create_recommender, f"{RECIPE}aws-ecomm-recommended-for-you"
        assert "has no domain" in invalid(create, name="no", datasetGroupArn=world["group"], recipeArn=recipe)
        store = {"name": "no", "datasetGroupArn": world["group domain"]}
        assert "no use case" in invalid(create, recipeArn=f"{RECIPE}aws-vod-top-picks", **store)
        assert "no use case" in invalid(create, recipeArn=UP, **store)

    def test_a_recommender_is_stopped_and_started(self, fresh: World) -> None:
        client, recommender = fresh.client, fresh["recommender"]

        def status() -> str:
            return str(client.describe_recommender(recommenderArn=recommender)["recommender"]["status"])

        client.stop_recommender(recommenderArn=recommender)
        assert status() == "STOP PENDING"
        fresh.plane.settle()
        assert status() == "INACTIVE"
        client.start_recommender(recommenderArn=recommender)
        assert status() == "START PENDING"
        fresh.plane.settle()
        assert status() == "ACTIVE"

    def test_a_recommender_keeps_what_an_update_does_not_name(self, fresh: World) -> None:
        client, recommender = fresh.client, fresh["recommender"]
        config = {"enableMetadataWithRecommendations": True}
        client.update_recommender(recommenderArn=recommender, recommenderConfig=config)
        found = client.describe_recommender(recommenderArn=recommender)["recommender"]
        expected = {"minRecommendationRequestsPerSecond": 1, **config}
        assert found["latestRecommenderUpdate"]["recommenderConfig"] == expected
        refused(client.stop_recommender, "ResourceInUse", recommenderArn=recommender)

    def test_a_recommender_is_trained_anew_for_other_training_data_only(self, fresh: World) -> None:
        client, recommender, jobs = fresh.client, fresh["recommender"], fresh.plane.workspace.jobs
        data = {"trainingDataConfig": {"includedDatasetColumns": {"INTERACTIONS": ["EVENT_TYPE"]}}}
        more = {"minRecommendationRequestsPerSecond": 3}
        for config, verb in ((data, "retrain"), (data | more, "update"), (more, "update")):
            client.update_recommender(recommenderArn=recommender, recommenderConfig=config)
            (job,) = jobs.pending()
            assert (job.verb, job.kind) == (verb, "recommender")
            fresh.plane.settle()
            update = fresh.plane.workspace.resources.find(recommender)
            ended = {"latestRecommenderUpdate": None, "recommenderConfig": {**data, **config}}
            fresh.plane.workspace.resources.change(update, document=ended)

    def test_what_could_not_be_deleted_can_be_asked_to_go_again(self, fresh: World) -> None:
        resources = fresh.plane.workspace.resources
        resources.change(resources.find(fresh["campaign"]), status="DELETE FAILED")
        assert fresh.client.describe_campaign(campaignArn=fresh["campaign"])["campaign"]["status"] == "DELETE FAILED"
        fresh.client.delete_campaign(campaignArn=fresh["campaign"])
        assert resources.find(fresh["campaign"]).status == "DELETE PENDING"
        refused(fresh.client.delete_campaign, "ResourceInUse", campaignArn=fresh["campaign"])

    def test_filters_are_read_when_they_are_made(self, world: World) -> None:
        create, group = world.client.create_filter, {"name": "no", "datasetGroupArn": world["group"]}
        for expression in ("INCLUDE", "INCLUDE ItemID WHERE Items.COLOUR IN ($C)", "drop table", "(" * 2000):
            assert "Could not create filter" in invalid(create, filterExpression=expression, **group)

    def test_what_batches_refuse(self, world: World) -> None:
        batch = {"jobName": "no", "jobInput": INPUT, "jobOutput": OUTPUT, "roleArn": ROLE}
        infer, segment = world.client.create_batch_inference_job, world.client.create_batch_segment_job
        up, segments = ({"solutionVersionArn": world[f"version {name}"], **batch} for name in ("up", "segments"))
        assert "CreateBatchSegmentJob" in invalid(infer, **segments)
        assert "USER_SEGMENTATION" in invalid(segment, **up)
        assert "expected 1 to 500" in invalid(infer, numResults=501, **up)
        assert "expected 1 to 5,000,000" in invalid(segment, numResults=0, **segments)
        themes = {"batchInferenceJobMode": "THEME_GENERATION"}
        names = {"themeGenerationConfig": {"fieldsForThemeGeneration": {"itemName": "TITLE"}}}
        assert "needs themeGenerationConfig" in invalid(infer, **up, **themes)
        assert "needs the recipe aws-similar-items" in invalid(infer, **up, **themes, **names)
        assert "was given, but" in invalid(infer, **up, **names)
        refused(infer, "ResourceNotFound", **up, filterArn=arn("filter", "none"))


class TestDeleting:
    def test_what_uses_it_is_named(self, world: World) -> None:
        message = refused(world.client.delete_solution, "ResourceInUse", solutionArn=world["solution up"])
        assert world["campaign"] in message
        message = refused(world.client.delete_dataset_group, "ResourceInUse", datasetGroupArn=world["group"])
        assert world["dataset interactions"] in message
        message = refused(world.client.delete_schema, "ResourceInUse", schemaArn=world["schema items"])
        assert world["dataset items"] in message

    def test_what_is_being_made_is_cancelled(self, fresh: World) -> None:
        client = fresh.client
        campaign = client.create_campaign(name="brief", solutionVersionArn=fresh["version up"])["campaignArn"]
        client.delete_campaign(campaignArn=campaign)
        resource = fresh.plane.workspace.resources.find(campaign)
        jobs = {job.verb: job.cancel for job in fresh.plane.workspace.jobs.on(resource)}
        assert jobs == {"create": True, "delete": False}
        assert resource.status == "DELETE PENDING"
        fresh.plane.settle()
        refused(client.describe_campaign, "ResourceNotFound", campaignArn=campaign)

    def test_nothing_is_made_in_a_group_that_goes(self, fresh: World) -> None:
        fresh.client.delete_dataset_group(datasetGroupArn=fresh["group empty"])
        given = {"datasetGroupArn": fresh["group empty"], "recipeArn": UP}
        refused(fresh.client.create_solution, "ResourceInUse", name="late", **given)

    def test_all_of_a_group_goes_in_the_order_that_is_offered(self, fresh: World) -> None:
        plane = fresh.plane
        dependencies = Dependencies(plane.workspace.database)
        shop = ShopKey(AccountKey("111111111111", "eu-west-1"), "shop")
        schemas = dependencies.schemas_of(shop)
        parts = {kind for kinds in PARTS.values() for kind in kinds}
        for resource in dependencies.group(shop):
            if resource.kind not in parts:
                dependencies.delete(resource)
                plane.settle()
        assert dependencies.group(shop) == []
        names = {schema.id for schema in schemas}
        assert names == {"shop-interactions", "shop-items", "shop-users", "shop-action_events"}
        for schema in schemas:
            fresh.client.delete_schema(schemaArn=schema.arn)


class TestTheLoop:
    def test_reading_goes_on_while_writing_waits(self, fresh: World) -> None:
        """One request waits for the database's writer; the event loop, and other requests, do not."""
        path = fresh.plane.workspace.settings.home / "metadata.db"
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        done = threading.Event()

        def write() -> None:
            fresh.client.create_schema(name="late", schema=INTERACTIONS)
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        try:
            reader = fresh.plane.client()
            for _ in range(20):
                assert reader.describe_schema(schemaArn=fresh["schema items"])["schema"]["schema"] == ITEMS
            assert not done.is_set()
        finally:
            lock.execute("ROLLBACK")
            lock.close()
        writer.join(20)
        assert done.is_set()

    def test_times_are_seconds_to_the_millisecond(self, world: World) -> None:
        status, answer = world.plane.connection().call("DescribeSchema", {"schemaArn": world["schema items"]})
        made = answer["schema"]["creationDateTime"]
        assert status == 200 and 1_700_000_000 < made < 5_000_000_000
        assert round(made * 1000) == pytest.approx(made * 1000, abs=1e-3)
        resource = world.plane.workspace.resources.find(world["schema items"])
        assert made == resource.created // 1000 / 1000

    def test_every_answer_has_a_request_id(self, world: World) -> None:
        first, second = (world.client.list_schemas()["ResponseMetadata"] for _ in range(2))
        assert first["RequestId"] != second["RequestId"]
        with pytest.raises(world.client.exceptions.ResourceNotFoundException) as caught:
            world.client.describe_schema(schemaArn=arn("schema", "none"))
        assert caught.value.response["ResponseMetadata"]["RequestId"]
