"""`endcap migrate personalize`: move an account of Amazon Personalize in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from endcap.cli.output import AsJson, ScreenProgress, emit, say, settings, table

if TYPE_CHECKING:
    from endcap.jobs.migration import Moved
    from endcap.jobs.migration_clients import Account

POLL_SECONDS = 0.2
"""How often this server is asked whether something is ready; the other one is asked every few seconds."""


def command(
    service: Annotated[Literal["personalize"], typer.Argument(help="What to move in from: personalize.")],
    profile: Annotated[str | None, typer.Option(help="Profile of the AWS configuration to read with.")] = None,
    region: Annotated[str | None, typer.Option(help="Region of the account to read.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Another endpoint to read from.")] = None,
    groups: Annotated[list[str] | None, typer.Option("--groups", "-g", help="A dataset group; repeat.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    include_data: Annotated[
        str, typer.Option(metavar="S3-LOCATION", help="Export data there, and import it here; both must reach it.")
    ] = "",
    role_arn: Annotated[str, typer.Option(help="Role for exports; by default the account's last one.")] = "",
    train: Annotated[
        bool, typer.Option("--train", help="Also train each solution here, so campaigns can follow.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recreate an account's groups, schemas, solutions, filters and more on the server that runs here."""
    from endcap.jobs.migration import Options, migrate
    from endcap.jobs.migration_clients import connect

    del service  # there is only one yet
    target = _here()
    source = connect(profile=profile, region=region, endpoint=endpoint_url)
    _require_two(source, target)
    options = Options(tuple(groups or ()), dry_run, include_data, role_arn, train)
    moved = migrate(source, target, options, progress=ScreenProgress())
    if as_json:
        emit({"dryRun": dry_run, "resources": [each.json() for each in moved]})
        return
    _show(moved)


def _here() -> Account:
    """This home's own server, by the development key. Raises `UnavailableError` while none runs."""
    from endcap.cli.env_command import exports
    from endcap.errors import UnavailableError
    from endcap.jobs.migration_clients import connect

    known = exports()
    key = known["AWS_ACCESS_KEY_ID"], known["AWS_SECRET_ACCESS_KEY"]
    address = known["AWS_ENDPOINT_URL_PERSONALIZE"]
    try:
        return connect(region=settings().region, endpoint=address, credentials=key, every=POLL_SECONDS)
    except UnavailableError as error:
        raise UnavailableError(f"No server answers at {address}.", fix="Start it first: endcap serve") from error


def _require_two(source: Account, target: Account) -> None:
    from endcap.errors import InputError

    if source.client.meta.endpoint_url == target.client.meta.endpoint_url:
        raise InputError(
            "The account to move in is this server itself.",
            fix="Unset AWS_ENDPOINT_URL_PERSONALIZE, or name another with --endpoint-url.",
        )


def _show(moved: list[Moved]) -> None:
    if not moved:
        say("The account holds no dataset groups and no schemas.")
        return
    rows = [[each.name, each.kind, each.outcome, each.note] for each in moved]
    table(("name", "what", "outcome", "why"), rows)
    counts = Counter(each.outcome for each in moved)
    say("\n" + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + ".")
