"""A shop's models: what was trained, how good it is and for whom, what serves, and how that is changed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from endcap.api.console.backstage import Backstage
from endcap.api.console.model_lines import (
    default_of,
    evaluation_row,
    limits_of,
    newest_rows,
    recipe_line,
    report_rows,
    short,
)
from endcap.api.console.model_shapes import (
    CampaignAsk,
    CampaignList,
    CampaignServed,
    EvaluateAsk,
    Evaluation,
    EvaluationList,
    GenerationLine,
    ModelAsk,
    ModelCard,
    ModelLine,
    ModelList,
    PublishAsk,
    RecipeList,
    ServedShare,
    SettingLine,
    SourceLine,
    TrainAsk,
    TrainingLine,
    VariantLine,
)
from endcap.api.console.operation import Call, Operation
from endcap.api.console.upload_shapes import Nothing
from endcap.api.console.uploads import shop_of
from endcap.api.wire import Reply
from endcap.errors import UnknownName
from endcap.jobs import comparing
from endcap.jobs.asked_training import ask_training
from endcap.jobs.publishing import publish
from endcap.jobs.workspace import Workspace
from endcap.recipes import RECIPES, recipe_class
from endcap.recipes.pages import COST, FLOOR, USE
from endcap.registry.campaigns import POLICY, Deployment
from endcap.registry.jobs import ENDED, Job
from endcap.registry.lineage import CHOICE_PAGE
from endcap.registry.recipe_arns import INNER
from endcap.registry.resources import Resource
from endcap.registry.versions import Version
from endcap.types import ShopKey

LISTED = 200
PAGE = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
)
PAST = 30


class Models:
    """`/console/api/models`, `…/recipes`, `…/campaigns` and `…/evaluations`."""

    def __init__(self, backstage: Backstage) -> None:
        self._backstage = backstage

    def operations(self) -> Sequence[Operation]:
        """List, read, train, compare, publish, roll back."""
        models_at, campaigns, evaluations = (f"/console/api/{name}" for name in ("models", "campaigns", "evaluations"))
        change = {"access": "control"}
        return (
            Operation("listModels", "GET", models_at, "What was trained, or is.", self.models, ModelAsk, ModelList),
            Operation("getModel", "GET", f"{models_at}/{{id}}", "A model's card.", self.card, ModelAsk, ModelCard),
            Operation(
                "getChoice", "GET", f"{models_at}/{{id}}/choice", "The page on how its recipe was chosen.",
                self.choice, ModelAsk, Nothing,
            ),
            Operation("trainModel", "POST", models_at, "Train a recipe.", self.train, TrainAsk, TrainingLine, **change),  # type: ignore[arg-type]
            Operation(
                "listRecipes", "GET", "/console/api/recipes", "What can be trained, with its settings.",
                self.recipes, ModelAsk, RecipeList,
            ),
            Operation("listCampaigns", "GET", campaigns, "What serves.", self.campaigns, ModelAsk, CampaignList),
            Operation(
                "publishModel", "POST", campaigns, "Serve a version.",
                self.publish, PublishAsk, CampaignServed, **change,  # type: ignore[arg-type]
            ),
            Operation(
                "rollBack", "POST", f"{campaigns}/rollback", "Serve what served before.",
                self.roll_back, CampaignAsk, CampaignServed, **change,  # type: ignore[arg-type]
            ),
            Operation(
                "compareModels", "POST", evaluations, "Judge versions beside each other on the shop's last weeks.",
                self.compare, EvaluateAsk, Evaluation, **change,  # type: ignore[arg-type]
            ),
            Operation(
                "listEvaluations", "GET", evaluations, "The comparisons.", self.evaluations, ModelAsk, EvaluationList
            ),
            Operation(
                "getEvaluation", "GET", f"{evaluations}/{{id}}", "One comparison.",
                self.evaluation, ModelAsk, Evaluation,
            ),
        )  # fmt: skip

    @property
    def _workspace(self) -> Workspace:
        return self._backstage.workspace

    def models(self, call: Call, asked: ModelAsk) -> ModelList:
        """Newest first."""
        shop, workspace = shop_of(call, asked.shop), self._workspace
        served = _shares(workspace, shop)
        now = workspace.lake.snapshot(shop).text
        # First what is being trained: what ends in between is in both lists, and is taken from the versions.
        training = self._trainings(shop)
        versions = [_model(each, served.get(each.id, ()), now) for each in workspace.versions.list(shop)[:LISTED]]
        ready = {each.id for each in versions}
        found = self._evaluations(shop)
        return ModelList(
            models=tuple(versions),
            training=tuple(each for each in training if each.id not in ready)[:10],
            live=comparing.served_version(workspace, shop),
            evaluations=tuple(each.id for each in found if each.status == "done"),
            judged=tuple(newest_rows(found)),
            report=report_rows(workspace, shop),
            snapshot=now,
        )

    def card(self, call: Call, asked: ModelAsk) -> ModelCard:
        """Raises `UnknownName`."""
        shop, workspace = shop_of(call, asked.shop), self._workspace
        version = workspace.versions.get(shop, call.part)
        kind, lineage = recipe_class(version.recipe), version.lineage
        declared = {each.name: each for each in kind.hyper_parameters()}
        shares = _shares(workspace, shop).get(version.id, ())
        return ModelCard(
            model=_model(version, shares, workspace.lake.snapshot(shop).text),
            arn=version.arn,
            about=inspect.cleandoc(kind.__doc__ or ""),
            use=USE.get(version.recipe, ""),
            cost=COST.get(version.recipe, ""),
            floor=FLOOR.get(version.recipe, ""),
            reason=kind.reason,
            settings=tuple(
                SettingLine(
                    name=name,
                    value=short(value),
                    default=short(default_of(declared[name])) if name in declared else "",
                    doc=str(declared[name].metadata.get("doc", "")) if name in declared else "",
                )
                for name, value in lineage.settings.items()
            ),
            sources=tuple(
                SourceLine(path=each.path.rpartition("/")[2], size=each.size, sha256=each.sha256)
                for each in lineage.sources
            ),
            libraries={"endcap": lineage.code_version, **lineage.libraries},
            seed=lineage.seed,
            limits=tuple(limits_of(version)),
            manifest=version.manifest.sha256,
            choice=_choice(lineage.metrics.get("choice")),
        )

    def choice(self, call: Call, asked: ModelAsk) -> Reply:
        """HTML without scripts. Raises `UnknownName` for a version whose recipe was given."""
        workspace = self._workspace
        version = workspace.versions.get(shop_of(call, asked.shop), call.part)
        page = workspace.versions.beside(version).get(CHOICE_PAGE)
        if page is None:
            fix = "Its recipe was given; performAutoML chooses one."
            raise UnknownName("choice of a recipe for version", version.id, (), fix=fix)
        return Reply(200, page, PAGE)

    def train(self, call: Call, asked: TrainAsk) -> TrainingLine:
        """Raises `UnknownName` for a recipe, `InputError` for a setting, `StateError` without interactions."""
        shop = shop_of(call, asked.shop)
        return self._training(ask_training(self._workspace, shop, asked.recipe, asked.settings, asked.solution))

    def recipes(self, call: Call, asked: ModelAsk) -> RecipeList:
        """By name; settings worth a search first, the others are advanced."""
        del call, asked
        return RecipeList(recipes=tuple(recipe_line(name) for name in sorted(RECIPES.keys() - INNER)))

    def campaigns(self, call: Call, asked: ModelAsk) -> CampaignList:
        """By name, each with its past."""
        shop = shop_of(call, asked.shop)
        found = self._workspace.campaigns.list(shop)
        return CampaignList(campaigns=tuple(self._campaign(each) for each in found))

    def publish(self, call: Call, asked: PublishAsk) -> CampaignServed:
        """Raises `UnknownName` for a version, `StateError` where it may not serve."""
        shop = shop_of(call, asked.shop)
        deployed, _ = publish(self._workspace, shop, asked.version, asked.campaign or None, asked.weight)
        return self._campaign(deployed)

    def roll_back(self, call: Call, asked: CampaignAsk) -> CampaignServed:
        """Raises `StateError` where nothing served before."""
        shop = shop_of(call, asked.shop)
        return self._campaign(self._workspace.campaigns.rollback(shop, asked.campaign))

    def compare(self, call: Call, asked: EvaluateAsk) -> Evaluation:
        """Raises `UnknownName`, `InputError` where it is too much."""
        shop = shop_of(call, asked.shop)
        made = comparing.ask(self._workspace, shop, asked.versions, asked.recipes, days=asked.days, at=asked.at)
        return self._evaluation(made)

    def evaluations(self, call: Call, asked: ModelAsk) -> EvaluationList:
        """Newest first."""
        return EvaluationList(evaluations=tuple(self._evaluations(shop_of(call, asked.shop))))

    def evaluation(self, call: Call, asked: ModelAsk) -> Evaluation:
        """Raises `UnknownName`."""
        shop = shop_of(call, asked.shop)
        found = self._workspace.resources.get(shop.account, comparing.KIND, f"{shop.group}/{call.part}")
        return self._evaluation(found)

    def _evaluations(self, shop: ShopKey) -> list[Evaluation]:
        found = self._workspace.resources.list(shop.account, comparing.KIND, shop=shop.group)
        return [self._evaluation(each) for each in found[::-1][:PAST]]

    def _evaluation(self, resource: Resource) -> Evaluation:
        job, resource = _told(self._workspace, resource)
        document = resource.document
        found = document.get("found") or {}
        return Evaluation(
            id=resource.id.rpartition("/")[2],
            versions=tuple(document.get("versions", ())),
            recipes=tuple(document.get("recipes", ())),
            created=resource.created,
            days=float(document.get("days", 0)),
            at=int(found.get("at") or document.get("at", 20)),
            cut=int(found.get("cut", 0)),
            until=int(found.get("until", 0)),
            snapshot=str(found.get("snapshot", "")),
            live=str(found.get("live", "")),
            rows=tuple(evaluation_row(each) for each in found.get("rows", ())),
            skipped=dict(found.get("skipped", {})),
            **_progress(job, resource),
        )

    def _campaign(self, deployed: Deployment) -> CampaignServed:
        past = self._workspace.campaigns.history(deployed.shop, deployed.campaign, kind=deployed.kind)[:PAST]
        recipes = {each.id: each.recipe for each in self._workspace.versions.list(deployed.shop)}
        config = {name: str(getattr(deployed.config, name)) for name in POLICY if getattr(deployed.config, name)}
        return CampaignServed(
            name=deployed.campaign,
            arn=deployed.arn,
            kind=deployed.kind,
            purpose=deployed.campaign.removeprefix(f"{deployed.shop.group}-"),
            generation=deployed.generation,
            created=deployed.created,
            policy=config,
            variants=_variants(deployed, recipes),
            past=tuple(
                GenerationLine(
                    generation=each.generation,
                    created=each.created,
                    restores=each.restores,
                    reason=each.reason,
                    variants=_variants(each, recipes),
                )
                for each in past
            ),
        )

    def _trainings(self, shop: ShopKey) -> list[TrainingLine]:
        """What was asked to be trained lately, newest first."""
        records = self._workspace.resources.list(shop.account, "solution-version", shop=shop.group)
        return [self._training(each) for each in records[::-1][:PAST]]

    def _training(self, resource: Resource) -> TrainingLine:
        recipe = str(resource.document.get("recipeArn", "")).rpartition("/")[2].removeprefix("endcap-")
        return TrainingLine(
            id=resource.id.rpartition("/")[2],
            solution=resource.parent,
            recipe=recipe,
            created=resource.created,
            **_progress(*_told(self._workspace, resource)),
        )


def _told(workspace: Workspace, resource: Resource) -> tuple[Job | None, Resource]:
    """The newest job on it, and the resource with what that job has left there: both end in one transaction, so one
    that was read while the job was at work is read again where the job has ended by now."""
    job = next(iter(workspace.jobs.on(resource)), None)
    if job is not None and job.status in ENDED and resource.status != "ACTIVE":
        resource = workspace.resources.get(resource.account, resource.kind, resource.id)
    return job, resource


def _progress(job: Job | None, resource: Resource) -> dict[str, Any]:
    told = dict(job.progress) if job is not None and job.status not in ENDED else {}
    status = job.status if job is not None else "done" if resource.status == "ACTIVE" else "failed"
    return {
        "job": job.id if job else "",
        "status": status,
        "reason": str(resource.document.get("failureReason") or (job.reason if job else "")),
        "label": str(told.get("label", "")),
        "done": int(told.get("done") or 0),
        "total": told.get("total"),
        "unit": str(told.get("unit", "")),
        "eta": told.get("eta"),
    }


def _shares(workspace: Workspace, shop: ShopKey) -> Mapping[str, tuple[ServedShare, ...]]:
    found: dict[str, tuple[ServedShare, ...]] = {}
    for each in workspace.campaigns.list(shop):
        for variant in each.variants:
            share = ServedShare(campaign=each.campaign, weight=variant.weight)
            found[variant.version_id] = (*found.get(variant.version_id, ()), share)
    return found


def _model(version: Version, shares: Sequence[ServedShare], snapshot: str) -> ModelLine:
    metrics = version.lineage.metrics
    own = metrics.get("metrics") if isinstance(metrics.get("metrics"), dict) else metrics
    return ModelLine(
        id=version.id,
        solution=version.solution,
        recipe=version.recipe,
        title=recipe_class(version.recipe).title,
        status=version.status,
        reason=version.reason,
        created=version.created,
        snapshot=version.lineage.snapshot,
        behind=version.lineage.snapshot != snapshot,
        trained_until=version.lineage.trained_until,
        seconds=round(version.lineage.seconds, 3),
        size=version.size,
        served=tuple(shares),
        metrics={name: float(value) for name, value in (own or {}).items() if _is_number(value)},
    )


def _choice(told: Mapping[str, Any] | None) -> str:
    """In a sentence, where the recipe was chosen."""
    if not told:
        return ""
    value = told["test"][0]["all items"]["value"]
    return f"A race chose it: {told['metric']} {told['validation']:.4f} on validation, {value:.4f} on the test."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _variants(deployed: Deployment, recipes: Mapping[str, str]) -> tuple[VariantLine, ...]:
    return tuple(
        VariantLine(version=each.version_id, recipe=recipes.get(each.version_id, ""), weight=each.weight)
        for each in deployed.variants
    )
