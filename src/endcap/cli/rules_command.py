"""`endcap rules`: whether a rule file can be read, what it asks, and what each rule says of a shop's items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcap.cli.output import AsJson, ShopName, emit, recipe_settings, say, settings, table

if TYPE_CHECKING:
    from endcap.lake.dataset import Dataset
    from endcap.recipes.knowledge_rules import RuleFile


def command(
    file: Annotated[Path, typer.Argument(help="The rule file (TOML).")],
    shop: ShopName = None,
    as_json: AsJson = False,
) -> None:
    """Check a rule file of the recipe knowledge; with --shop also whether the shop has what its rules name."""
    from endcap.recipes.knowledge_rules import parse

    rules = parse(recipe_settings([f"rules=@{file}"])["rules"])
    unasked = rules.fields() - {question.field for question in rules.questions}
    if shop is not None:
        unasked -= _checked(rules, shop)
    if as_json:
        names = {"rules": [rule.name for rule in rules.rules], "questions": [each.name for each in rules.questions]}
        emit({**names, "unasked": sorted(unasked)})
        return
    says = ("must", "prefer", "avoid")
    table(
        ("rule", "says", "reads", "words"),
        [
            [
                rule.name,
                ", ".join(part for part in says if getattr(rule, part)),
                ", ".join(sorted({*rule.when, *rule.answers()})) or "–",
                rule.because,
            ]
            for rule in rules.rules
        ],
    )
    if unasked:
        say(f"No question asks for {', '.join(sorted(unasked))}: profiles or requests must bring it.")
    say(f"Next: endcap train knowledge --set rules={file}")


def _checked(rules: RuleFile, shop: str) -> frozenset[str]:
    """The fields that the shop's profiles have. Raises `InputError` for a rule that its items cannot be judged by."""
    from endcap.jobs.workspace import open_workspace
    from endcap.recipes.knowledge_facts import MOMENTS, ItemFacts

    workspace = open_workspace(settings())
    dataset: Dataset = workspace.lake.dataset(workspace.shop(shop))
    ItemFacts.of(dataset.item_metadata, dataset.n_items, rules)
    users = dataset.user_metadata
    return frozenset((*MOMENTS, *(() if users is None else (name.lower() for name in users.column_names))))
