import sys
from pathlib import Path

from homes import served

from s3 import S3Server


def test_unmodified_client_code_runs_against_it(tmp_path: Path, s3: S3Server) -> None:
    where = {"s3_endpoint": s3.url, "s3_access_key": "test", "s3_secret_key": "test"}
    with served(tmp_path, **where) as home:
        home.environ = {**home.environ, "AWS_ENDPOINT_URL_S3": s3.url}
        said = home.run(sys.executable, str(Path(__file__).with_name("client.py")), "shop-data")
        assert said.rstrip().endswith("done")
        assert "solutionVersion: CREATE PENDING" in said or "solutionVersion: CREATE IN_PROGRESS" in said
