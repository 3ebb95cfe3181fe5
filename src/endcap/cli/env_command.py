"""`endcap env`: what a shell needs so that AWS clients, and curl, talk to this server."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

import typer

from endcap.cli.output import AsJson, emit, say, settings

SERVICES = (
    *("PERSONALIZE", "PERSONALIZE_RUNTIME", "PERSONALIZE_EVENTS"),
    *("SAGEMAKER", "SAGEMAKER_FEATURESTORE_RUNTIME", "SAGEMAKER_RUNTIME", "KINESIS"),
)
UNWANTED = "AWS_SESSION_TOKEN"
"""Of other credentials: clients would send it along, and it fits no key of ours."""


def exports() -> dict[str, str]:
    """Environment variables that any AWS SDK or the AWS CLI reads, and `ENDCAP_TOKEN` for everything else.

    The development key is made here where no server has made it before.
    """
    from endcap.jobs.running import endpoint
    from endcap.jobs.workspace import open_workspace
    from endcap.registry.development import development_key
    from endcap.registry.keys import Keys

    workspace = open_workspace(settings())
    chosen = workspace.settings
    key = development_key(chosen, Keys(workspace.database, clock=workspace.clock))
    address = endpoint(chosen)
    return {
        **{f"AWS_ENDPOINT_URL_{service}": address for service in SERVICES},
        "AWS_DEFAULT_REGION": chosen.region,
        "AWS_REGION": chosen.region,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "ENDCAP_TOKEN": f"{key.id}:{key.secret}",
    }


def command(
    shell: Annotated[Literal["bash", "fish"], typer.Option(help="Whose syntax to print; zsh reads bash's.")] = "bash",
    as_json: AsJson = False,
) -> None:
    """Print exports for AWS clients: eval "$(endcap env)" is all it takes."""
    found = exports()
    if as_json:
        emit(found)
        return
    for name, value in found.items():
        say(f"set -gx {name} {shlex.quote(value)};" if shell == "fish" else f"export {name}={shlex.quote(value)}")
    say(f"set -e {UNWANTED};" if shell == "fish" else f"unset {UNWANTED}")
