"""`endcap keys`: who may call, and as what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from endcap.cli.output import AsJson, emit, say, settings, table

if TYPE_CHECKING:
    from endcap.registry.keys import AccessKey


def command(
    action: Annotated[Literal["create", "list", "revoke"], typer.Argument(help="create, list or revoke.")],
    identity: Annotated[str | None, typer.Argument(metavar="ID", help="The key to revoke.")] = None,
    role: Annotated[str, typer.Option(help="admin, operator, reader, runtime or events.")] = "admin",
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    account: Annotated[str | None, typer.Option(help="The account, 12 digits; the settings' by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make access keys, list them, revoke them; a running server follows within a second."""
    from endcap.jobs.workspace import open_workspace
    from endcap.registry.keys import Keys

    if (action == "revoke") != (identity is not None):
        raise typer.BadParameter("endcap keys revoke takes the ID of a key, and nothing else does", param_hint="ID")
    workspace = open_workspace(settings())
    keys = Keys(workspace.database, clock=workspace.clock)
    if identity is not None:
        _say_revoked(keys.revoke(identity), as_json)
    elif action == "create":
        _say_created(keys.create(account or workspace.settings.account, role, label), as_json)
    else:
        _list(keys.list(account), as_json)


def _say_created(key: AccessKey, as_json: bool) -> None:
    if as_json:
        emit({**_document(key), "secret": key.secret, "token": f"{key.id}:{key.secret}"})
        return
    say(f"Made a key with the role {key.role} in account {key.account}. Its secret is shown only now:\n")
    say(f"  access key id      {key.id}")
    say(f"  secret access key  {key.secret}")
    say(f"\nAWS clients sign with the two. Others send: Authorization: Bearer {key.id}:…the secret…")


def _say_revoked(key: AccessKey, as_json: bool) -> None:
    if as_json:
        emit(_document(key))
        return
    say(f"{key.id} is revoked; servers refuse it within a second.")


def _list(found: list[AccessKey], as_json: bool) -> None:
    if as_json:
        emit({"keys": [_document(key) for key in found]})
        return
    if not found:
        say("There are no keys yet. Make one: endcap keys create --role admin")
        return
    rows = [
        [key.id, key.account, key.role, key.label, _time(key.created), _time(key.revoked) if key.revoked else "–"]
        for key in found
    ]
    table(("key", "account", "role", "label", "made", "revoked"), rows)


def _document(key: AccessKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "account": key.account,
        "role": key.role,
        "label": key.label,
        "created": key.created,
        "revoked": key.revoked,
    }


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M")
