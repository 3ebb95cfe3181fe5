"""The console's Data screen: tables and their past, what is odd, what recipes still need, what arrives."""

from __future__ import annotations

import httpx
import pytest
from shop_of_files import SHOP, console_of

from endcap.api.console.tables import described
from endcap.recipes import RECIPES
from endcap.recipes.needs import MEASURES, NEEDS
from endcap.registry.keys import Keys
from endcap.storage.db import open_database


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with console_of(tmp_path_factory.mktemp("data")) as found:
        yield found


@pytest.fixture(scope="module")
def stranger(console):
    """A key of another account."""
    database = open_database(console.settings.database)
    yield Keys(database).create("123456789012", "admin")
    database.close()


def made(console, path: str):
    """The answer once it is there."""
    while (found := console.get(path))["checking"]:
        pass
    return found


class TestShop:
    def test_its_tables_are_told_with_their_times(self, console):
        found = console.get("data")
        tables = {each["kind"]: each for each in found["tables"]}
        assert {kind: each["rows"] for kind, each in tables.items()} == {"interactions": 1440, "items": 40}
        assert tables["interactions"]["oldest"] < tables["interactions"]["newest"] < found["now"]
        assert tables["items"]["newest"] == 0 and tables["items"]["bytes"] > 0
        assert (found["snapshot"], found["trainedOn"]) == ("interactions@0,items@0", [])
        past = console.get("data/history", kind="items")["versions"]
        assert [(each["version"], each["rows"], each["mode"]) for each in past] == [(0, 40, "FULL")]

    def test_one_that_is_not_there_has_no_tables_and_is_not_found_by_the_others(self, console):
        assert console.get("data", shop="nobody")["tables"] == []
        for path in ("data/history", "data/health", "data/readiness", "data/rows"):
            assert console.http.get(f"/console/api/{path}", params={"shop": "nobody"}).status_code == 404
        assert console.http.get("/console/api/data", params={"shop": "no/body"}).status_code == 400

    def test_what_is_odd_comes_with_its_effect_and_fix(self, console):
        findings = made(console, "data/health")["findings"]
        assert all(each["title"] and each["why"] and each["advice"] for each in findings)
        assert "old-data" in [each["code"] for each in findings]


class TestReadiness:
    def test_every_recipe_says_what_it_needs_in_known_measures(self):
        assert NEEDS.keys() == RECIPES.keys()
        assert all(need.measure in MEASURES for needs in NEEDS.values() for need in needs)

    def test_what_is_missing_is_counted(self, console):
        recipes = {each["recipe"]: each for each in made(console, "data/readiness")["recipes"]}
        together = recipes["bought-together"]
        orders = next(each for each in together["needs"] if each["measure"] == "orders")
        # Every order has two lines, and every third line is a view: 8 of 12 orders have two purchases.
        assert orders["have"] == 60 * 4
        assert together["said"] == f"Bought together needs {2000 - 240:,} more orders of two items or more."
        assert recipes["popularity"]["state"] == "ready"
        assert recipes["action-rate"]["state"] == "missing"


class TestRowsOverTheWire:
    def test_a_page(self, console):
        found = console.get("data/rows", kind="items", sort="price", descending="true", limit=3)
        assert [row[0] for row in found["rows"]] == ["i39", "i38", "i37"]
        assert (found["total"], found["columns"][0]["name"]) == (40, "item_id")

    @pytest.mark.parametrize(
        "asked",
        [{"limit": 0}, {"limit": 9999}, {"offset": -1}, {"filters": "no"}, {"filters": '[["a"]]'}, {"sort": "nothing"},
         {"filters": '[["item_id", "~", "x"]]'}, {"kind": "secrets"}, {"offset": "many"}],
    )  # fmt: skip
    def test_what_cannot_be_asked_is_refused(self, console, asked):
        answer = console.http.get("/console/api/data/rows", params={"shop": SHOP, **asked})
        assert answer.status_code in (400, 404), answer.text


class TestArrivals:
    def test_what_is_collected_is_shown_and_what_is_refused_with_its_reason(self, console):
        before = console.get("data/arrivals")
        events = [
            {"event_type": "view", "item_id": "i1", "event_id": "e1"},
            {"event_type": "view", "item_id": "i2", "event_id": "e2", "timestamp": "never"},
        ]
        sent = console.http.post("/collect", params={"shop": SHOP}, json={"session_id": "s1", "events": events})
        assert sent.json()["accepted"] == 1
        after = console.get("data/arrivals", after=before["cursor"])
        assert [(each["key"], each["item"], each["kind"]) for each in after["records"]] == [
            ("s1", "i1", "interactions")
        ]
        assert [each["detail"].find("never") > 0 for each in after["refused"]] == [True]
        assert after["refused"][0]["reason"]
        again = console.get("data/arrivals", after=after["cursor"])
        assert (again["records"], again["cursor"]) == ([], after["cursor"])

    def test_a_cursor_that_is_none_is_refused(self, console):
        for cursor in ("x", "1,x", "9" * 40, "-1"):
            answer = console.http.get("/console/api/data/arrivals", params={"shop": SHOP, "after": cursor})
            assert answer.status_code == 400


class TestStrangers:
    def test_no_operation_of_the_console_answers_without_a_key(self, console):
        asked = [each for each in described() if each.path.startswith("/console/api") and not each.public]
        assert len(asked) > 20
        for each in asked:
            kind = each.types[0].decode() if each.types else "application/json"
            path = each.path.replace("{id}", "0" * 16).replace("{item}", "i1").replace("{shop}", SHOP)
            answer = httpx.request(
                each.method,
                console.server.address + path,
                headers={"content-type": kind},
                content=b"{}" if each.method == "POST" else b"",
                trust_env=False,
            )
            assert answer.status_code == 403, each.name

    def test_another_account_sees_nothing_of_the_shop(self, console, stranger):
        headers = {"authorization": f"Bearer {stranger.id}:{stranger.secret}"}
        ask = httpx.Client(base_url=console.server.address, headers=headers, trust_env=False)
        assert ask.get("/console/api/data", params={"shop": SHOP}).json()["tables"] == []
        assert ask.get("/console/api/data/rows", params={"shop": SHOP}).status_code == 404
        assert ask.get("/console/api/models", params={"shop": SHOP}).json()["models"] == []
        assert ask.get("/console/api/uploads", params={"shop": SHOP}).json()["uploads"] == []
