"""The example of the guide's page is run as it stands, by a client that has what `endcap env` exports."""

import os
import re
import subprocess
import sys
from pathlib import Path

from shop_server import running

from endcap.cli.env_command import SERVICES
from endcap.settings import Settings

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "feature-store.md").read_text("utf-8")


def test_the_example_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    with running(Settings(home=tmp_path, port=0)) as server:
        environ = {
            **os.environ,
            **{f"AWS_ENDPOINT_URL_{service}": server.address for service in SERVICES},
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": server.key.id,
            "AWS_SECRET_ACCESS_KEY": server.key.secret,
        }
        done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.startswith("c1 [{'FeatureName': 'customer_id', 'ValueAsString': 'c1'}") and "c2" not in done.stdout
    )
    assert {"SAGEMAKER", "SAGEMAKER_FEATURESTORE_RUNTIME", "KINESIS"} <= set(SERVICES)
