"""The table of lifecycles: everything that a job can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from endcap.jobs import (
    adopting,
    batches,
    comparing,
    deploying,
    file_imports,
    loading,
    removing,
    sinking,
    stocking,
    trainings,
)
from endcap.jobs.lifecycles import CREATE, Lifecycle, creating, deleting, updating

_TRAIN_RECOMMENDER = (
    ("sink", sinking.before),
    ("train", trainings.train_recommender),
    ("deploy", deploying.deploy_recommender),
    ("load", deploying.await_servers),
)
_BATCH = creating(("answer", batches.answer), queue="batches", stopped="CREATE STOPPED", undo=batches.forget)

LIFECYCLES: Mapping[tuple[str, str], Lifecycle] = {
    ("create", "dataset-group"): CREATE,
    ("stock", "dataset-group"): Lifecycle(
        "ACTIVE",
        keeps=True,
        steps=(("import", stocking.bring), ("train", stocking.train), ("serve", stocking.serve)),
        queue="imports",
    ),
    ("learn", "dataset-group"): Lifecycle(
        "ACTIVE",
        keeps=True,
        steps=(("sink", sinking.before), ("train", stocking.train), ("serve", stocking.serve)),
        queue="trainings",
    ),
    ("delete", "dataset-group"): deleting(("parts", removing.parts), ("shop", removing.shop)),
    ("create", "dataset"): CREATE,
    ("update", "dataset"): updating("latestDatasetUpdate", ("schema", adopting.adopt_schema)),
    ("delete", "dataset"): deleting(("rows", removing.dataset), ("parts", removing.parts)),
    ("create", "dataset-import-job"): creating(
        ("download", loading.download),
        ("sink", sinking.before),
        ("import", loading.import_files),
        ("metrics", loading.publish_metrics),
        ("announce", loading.publish_snapshot),
        queue="imports",
        undo=loading.tidy,
    ),
    ("create", "file-import"): creating(
        ("sink", file_imports.sink_first),
        ("import", file_imports.bring_in_files),
        ("tidy", file_imports.let_go),
        queue="imports",
        undo=file_imports.tidy,
    ),
    ("create", "evaluation"): creating(
        ("sink", sinking.before), ("judge", comparing.judge_versions), queue="trainings"
    ),
    ("create", "dataset-export-job"): creating(("sink", sinking.before), ("export", batches.export), queue="batches"),
    ("create", "data-deletion-job"): Lifecycle(
        "IN_PROGRESS",
        done="COMPLETED",
        failed="FAILED",
        steps=(
            ("download", loading.download),
            ("sink", sinking.before_deletion),
            ("delete", loading.delete_users),
        ),
        queue="imports",
        undo=loading.tidy,
    ),
    ("create", "filter"): creating(("check", adopting.check_filter)),
    ("delete", "filter"): deleting(),
    ("create", "event-tracker"): CREATE,
    ("delete", "event-tracker"): deleting(),
    ("create", "solution"): CREATE,
    ("update", "solution"): updating("latestSolutionUpdate", ("configure", trainings.adopt_solution_update)),
    ("delete", "solution"): deleting(("versions", removing.versions), ("parts", removing.parts)),
    ("create", "solution-version"): creating(
        ("sink", sinking.before),
        ("train", trainings.train_version),
        queue="trainings",
        stopped="CREATE STOPPED",
        undo=trainings.forget_version,
    ),
    ("create", "campaign"): creating(
        ("deploy", deploying.deploy_campaign), ("load", deploying.await_servers), undo=deploying.withdraw
    ),
    ("update", "campaign"): updating(
        "latestCampaignUpdate",
        ("deploy", deploying.deploy_campaign),
        ("load", deploying.await_servers),
        undo=deploying.withdraw,
    ),
    ("delete", "campaign"): deleting(("silence", deploying.await_silence), ("generations", removing.campaign)),
    ("create", "recommender"): creating(*_TRAIN_RECOMMENDER, queue="trainings", undo=trainings.take_back_recommender),
    ("update", "recommender"): updating(
        "latestRecommenderUpdate",
        ("deploy", deploying.deploy_recommender),
        ("load", deploying.await_servers),
        undo=deploying.withdraw,
    ),
    ("retrain", "recommender"): replace(
        updating("latestRecommenderUpdate", *_TRAIN_RECOMMENDER, undo=trainings.take_back_recommender),
        queue="trainings",
    ),
    ("train", "recommender"): Lifecycle(
        "ACTIVE",
        keeps=True,
        steps=_TRAIN_RECOMMENDER,
        queue="trainings",
        undo=trainings.take_back_recommender,
    ),
    ("start", "recommender"): Lifecycle(
        "START IN_PROGRESS",
        failed="INACTIVE",
        steps=(("find", deploying.find_generation), ("load", deploying.await_servers)),
    ),
    ("stop", "recommender"): Lifecycle(
        "STOP IN_PROGRESS", done="INACTIVE", failed="ACTIVE", steps=(("silence", deploying.await_silence),)
    ),
    ("delete", "recommender"): deleting(("silence", deploying.await_silence), ("generations", removing.recommender)),
    ("create", "metric-attribution"): CREATE,
    ("write", "metric-attribution"): Lifecycle(
        "ACTIVE", keeps=True, steps=(("sink", sinking.before), ("write", batches.write_metrics)), queue="batches"
    ),
    ("delete", "metric-attribution"): deleting(),
    ("create", "batch-inference-job"): _BATCH,
    ("create", "batch-segment-job"): _BATCH,
}
"""(verb, kind) → what is done. `stock` opens a shop from a file, `learn` trains it again on what happened since.
`train` and `write` are asked for by schedules only; `retrain` is an update of what a recommender learns from."""
