"""`endcap rules`: whether a rule file can be read, what it asks, and what each rule says of a shop's items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcap.cli.output import AsJson, ShopName, emit, recipe_settings, say, settings, table

if TYPE_CHECKING:
    from endcap.lake.dataset import Dataset
    from endcap.recipes.knowledge_rules import RuleFile

MOST = 10
"""Answers that cannot be read, that are named."""


def command(
    file: Annotated[Path, typer.Argument(help="The rule file (TOML).")],
    shop: ShopName = None,
    as_json: AsJson = False,
) -> None:
    """Check a rule file of the recipe knowledge; with --shop also whether the shop has what its rules name."""
    from endcap.recipes.knowledge_rules import parse

    rules = parse(recipe_settings([f"rules=@{file}"])["rules"])
    unasked = rules.fields() - {question.field for question in rules.questions}
    notes: list[str] = []
    if shop is not None:
        known, notes = _checked(rules, shop)
        unasked -= known
    if as_json:
        names = {"rules": [rule.name for rule in rules.rules], "questions": [each.name for each in rules.questions]}
        emit({**names, "unasked": sorted(unasked), "notes": notes})
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
    for note in notes:
        say(note)
    if unasked:
        say(f"No question asks for {', '.join(sorted(unasked))}: profiles or requests must bring it.")
    say(f"Next: endcap train knowledge --set rules={file}")


def _checked(rules: RuleFile, shop: str) -> tuple[frozenset[str], list[str]]:
    """(the fields that the shop's profiles have, what is strange there though it can be followed). Raises `InputError`
    for a rule that its items cannot be judged by."""
    from endcap.jobs.workspace import open_workspace
    from endcap.recipes.knowledge_facts import MOMENTS, ItemFacts, Places
    from endcap.recipes.knowledge_faults import check, unread_profiles

    workspace = open_workspace(settings())
    dataset: Dataset = workspace.lake.dataset(workspace.shop(shop))
    items, users = dataset.item_metadata, dataset.user_metadata
    facts = ItemFacts.of(items, dataset.n_items, rules)
    places = Places(rules.columns, () if items is None else tuple(name.lower() for name in items.column_names))
    check(rules.rules, facts, places)
    usable = [rule for rule in rules.rules if places.has(rule)]
    notes = [
        f"Rule {rule.name!r}: no item passes its must; whoever it is for would be shown nothing."
        for rule in usable
        if rule.must and not facts.passes(places, rule).any()
    ]
    if users is not None:
        unread = [str(each) for each in unread_profiles(usable, facts, places, users)]
        notes += unread[:MOST] + ([f"… and {len(unread) - MOST} more such answers."] if len(unread) > MOST else [])
    fields = () if users is None else tuple(name.lower() for name in users.column_names)
    return frozenset((*MOMENTS, *fields)), notes
