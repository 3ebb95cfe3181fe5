"""`endcap env`: shell exports that point AWS clients at this server."""

from __future__ import annotations

import shlex

from endcap.cli.output import AsJson, emit, say, settings

SERVICES = ("PERSONALIZE", "PERSONALIZE_RUNTIME", "PERSONALIZE_EVENTS")


def exports() -> dict[str, str]:
    """Environment variables that any AWS SDK or the AWS CLI reads."""
    from endcap.jobs.running import endpoint

    chosen = settings()
    address = endpoint(chosen)
    # The development server checks no signature yet, but every AWS client insists on signing with some key.
    return {
        **{f"AWS_ENDPOINT_URL_{service}": address for service in SERVICES},
        "AWS_DEFAULT_REGION": chosen.region,
        "AWS_REGION": chosen.region,
        "AWS_ACCESS_KEY_ID": "endcap-development",
        "AWS_SECRET_ACCESS_KEY": "endcap-development",
    }


def command(as_json: AsJson = False) -> None:
    """Print exports for AWS clients: eval "$(endcap env)" is all it takes."""
    found = exports()
    if as_json:
        emit(found)
        return
    for name, value in found.items():
        say(f"export {name}={shlex.quote(value)}")
