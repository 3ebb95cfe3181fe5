"""What every test may use, and the order of files: the longest first, so that no worker is left alone with one."""

import os

# Matrices of tests are small: threads that wait for each other's core cost a hundred times what they compute.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

pytest_plugins = ["no_skips", "databases", "s3", "operations", "valkeys"]

LONGEST = (
    "examples/test_examples.py",
    "jobs/test_kill_jobs.py",
    "web/test_shop_pictures.py",
    "web/test_stage.py",
    "web/test_console_shell.py",
    "api/test_every_recipe.py",
    "web/test_console_pictures.py",
    "jobs/test_solution_training.py",
    "jobs/test_worker.py",
    "web/test_storefront_pages.py",
    "api/test_workers_kill.py",
    "jobs/test_migration.py",
    "api/test_workers.py",
    "web/test_data_models.py",
    "journeys/test_cli_journey.py",
    "jobs/test_deleting.py",
    "jobs/test_kill.py",
    "journeys/test_boto3_journey.py",
    "storage/test_log_redis.py",
    "api/test_server.py",
    "web/test_inspector_page.py",
    "jobs/test_lifecycles.py",
)
"""Those of seventeen seconds and more."""


def pytest_collection_modifyitems(items):
    """Keep the order within a file, and of all other files."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get("/".join(item.path.parts[-2:]), len(LONGEST)))
