"""What every test may use, and the order of files: those that compile, so that it is done once; then the longest, so
that no worker is left alone with one."""

import os

# Matrices of tests are small: threads that wait for each other's core cost a hundred times what they compute.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

pytest_plugins = ["no_skips", "databases", "s3", "operations", "valkeys"]

KERNELS = (
    "recipes/test_ranked.py",
    "features/test_declared.py",
    "lake/test_recordio.py",
    "recipes/test_fm.py",
    "recipes/test_session_knn.py",
    "recipes/test_blend.py",
    "recipes/test_sasrec.py",
    "recipes/test_item_item.py",
    "policy/test_diversity.py",
)
"""Between them they compile most kernels, a minute's work in a fresh clone, and neighbours share few: what one worker
has compiled the other finds on disk, and so do the servers and trainings of the tests that follow."""
LONGEST = (
    "examples/test_examples.py",
    "jobs/test_kill_jobs.py",
    # Together, so that their server goes when they have ended: one without work takes a twentieth of a core.
    "web/test_shop_pictures.py",
    "web/test_stage.py",
    "web/test_console_shell.py",
    "web/test_console_pictures.py",
    "web/test_storefront_pages.py",
    "web/test_data_models.py",
    "web/test_inspector_page.py",
    "web/test_home_runs_pages.py",
    "api/test_every_recipe.py",
    "jobs/test_solution_training.py",
    "jobs/test_worker.py",
    "api/test_workers_kill.py",
    "jobs/test_migration.py",
    "api/test_workers.py",
    "journeys/test_cli_journey.py",
    "jobs/test_deleting.py",
    "jobs/test_kill.py",
    "journeys/test_boto3_journey.py",
    "storage/test_log_redis.py",
    "api/test_server.py",
    "jobs/test_lifecycles.py",
)
"""Those of seventeen seconds and more."""


def pytest_collection_modifyitems(items):
    """Keep the order within a file, and of all other files."""
    rank = {name: place for place, name in enumerate((*KERNELS, *LONGEST))}
    items.sort(key=lambda item: rank.get("/".join(item.path.parts[-2:]), len(rank)))
