"""Merchant feeds and Shopify documents: what is in them, what is refused, and no crash on anything hostile."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.errors import DataError, EndcapError
from endcap.lake.importers import Limits
from importer_reading import read, written

HEAD = '<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title>'
MUG = (
    "<item><g:id>m1</g:id><title>Red &amp; blue mug</title><g:description><![CDATA[<p>For <b>tea</b>&nbsp;</p>]]>"
    "</g:description><g:price>1,299.50 USD</g:price><g:availability>in_stock</g:availability><g:brand>Acme</g:brand>"
    "<g:product_type>Home &gt; Kitchen &gt; Mugs</g:product_type><g:color>Red/Blue</g:color>"
    "<g:shipping><g:price>5 USD</g:price></g:shipping></item>"
)
BAG = (
    "<item><g:id>b1</g:id><title>Bag</title><g:price>GBP 12</g:price>"
    "<g:availability>out of stock</g:availability></item>"
)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def feed(*items: str) -> str:
    return HEAD + "".join(items) + "</channel></rss>"


class TestMerchantFeed:
    def test_fields_categories_prices_and_stock(self, tmp_path: Path) -> None:
        found = read(written(tmp_path, feed(MUG, BAG), "feed.xml"))
        mug, bag = found.rows("items")
        assert found.plan.dialect.name == "merchant-feed"
        assert (mug["item_id"], mug["name"], mug["product_description"]) == ("m1", "Red & blue mug", "For tea")
        assert (mug["category_l1"], mug["category_l2"], mug["category_l3"]) == ("Home", "Kitchen", "Mugs")
        assert (mug["price"], mug["colour"], mug["stock"]) == (1299.5, "Red|Blue", None)
        assert (bag["price"], bag["stock"]) == (12.0, 0)

    def test_the_same_as_tab_separated_text(self, tmp_path: Path) -> None:
        rows = [
            "id\ttitle\tlink\tprice\tavailability",
            "1\tMug\thttp://x\t12,50 EUR\tin_stock",
            "2\tBag\thttp://y\t9.99\tsold out",
        ]
        found = read(written(tmp_path, "\n".join(rows), "feed.tsv"))
        assert [(row["item_id"], row["price"], row["stock"]) for row in found.rows("items")] == [
            ("1", 12.5, None),
            ("2", 9.99, 0),
        ]

    def test_an_atom_feed_in_gzip(self, tmp_path: Path) -> None:
        text = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>7</id><title>Cup</title><link href="http://s/7"/></entry></feed>'
        found = read(written(tmp_path, gzip.compress(text.encode()), "feed.xml.gz"))
        assert found.rows("items") == [{"item_id": "7", "name": "Cup", "url": "http://s/7"}]

    def test_bad_entries_are_counted_and_kept(self, tmp_path: Path) -> None:
        free = "<item><g:id>f</g:id><g:price>free</g:price></item>"
        long = f"<item><g:id>l</g:id><title>{'x' * 300}</title></item>"
        limits = Limits(feed_entry=200)
        found = read(
            written(tmp_path, feed(BAG, "<item><title>No id</title></item>", free, long), "f.xml"), limits=limits
        )
        assert len(found.rows("items")) == 1
        assert [(row["row"], row["reason"]) for row in found.rejects["items"]] == [
            (2, "ITEM_ID is empty"),
            (3, "PRICE is not a finite number"),
            (4, "longer than 200 characters"),
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><rss><item><id>&b;</id></item></rss>',
                "document type",
            ),
            ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><rss><item><id>1</id></item></rss>', "document type"),
            ("<rss><channel><item><id>1</id></channel></rss>", "not well-formed XML in line 1"),
            ("<rss><channel></channel></rss>", "holds no product"),
            ("<rss>" + "<a>" * 40 + "</a>" * 40 + "</rss>", "nested deeper"),
            ('<?xml version="1.0" encoding="no-such"?><rss/>', "XML"),
        ],
    )
    def test_what_is_no_feed_is_refused_with_the_reason(self, tmp_path: Path, text: str, said: str) -> None:
        with pytest.raises(DataError, match=said):
            read(written(tmp_path, text, "feed.xml"))

    @QUICK
    @given(
        st.one_of(
            st.binary(min_size=1, max_size=400),
            st.text(min_size=1, max_size=300).map(lambda each: feed(f"<item><id>1</id>{each}</item>").encode()),
        )
    )
    def test_anything_is_read_or_refused(self, tmp_path: Path, content: bytes) -> None:
        try:
            found = read(written(tmp_path, content, "feed.xml"))
        except EndcapError:
            return
        assert len(found.rows("items")) <= 2


class TestShopify:
    def test_products_with_variants_options_and_images(self, tmp_path: Path) -> None:
        shirt = {
            "id": 11,
            "title": "Linen shirt",
            "handle": "linen-shirt",
            "body_html": "<p>Soft<script>alert(1)</script></p>",
            "vendor": "Ola",
            "product_type": "Shirts",
            "tags": ["summer", "linen"],
            "created_at": "2024-01-02T10:00:00+01:00",
            "variants": [{"price": "49.00", "inventory_quantity": 2}, {"price": "45.00", "inventory_quantity": 3}],
            "images": [{"src": "https://cdn/x.jpg"}],
            "options": [{"name": "Color", "values": ["White", "Blue"]}, {"name": "Size", "values": ["S"]}],
        }
        gone = {"id": 12, "title": "Cap", "tags": "a, b", "variants": [{"price": "9", "available": False}]}
        found = read(written(tmp_path, json.dumps({"products": [shirt, gone, 7, {"title": "no id"}]}), "products.json"))
        first, second = found.rows("items")
        assert found.plan.dialect.name == "shopify"
        assert (first["price"], first["stock"], first["colour"], first["size"]) == (45.0, 5, "White|Blue", "S")
        assert (first["product_description"], first["tags"], first["url"]) == (
            "Soft",
            "summer|linen",
            "/products/linen-shirt",
        )
        assert first["creation_timestamp"] == 1_704_186_000_000_000
        assert (second["stock"], second["tags"]) == (0, "a|b")
        assert {(row["row"], row["reason"]) for row in found.rejects["items"]} == {
            (3, "not a JSON object"),
            (4, "ITEM_ID is empty"),
        }

    @pytest.mark.parametrize(
        "text", ['{"products": []}', '{"products": 5}', '{"products": [', '{"products": [' + "[" * 100_000]
    )
    def test_what_has_no_products_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(EndcapError):
            read(written(tmp_path, text, "products.json"))

    @QUICK
    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["id", "title", "variants", "options", "images", "tags", "price", "name", "values", "src"]
                    ),
                    inner,
                )
            ),
            max_leaves=12,
        )
    )
    def test_any_product_is_taken_or_one_reject(self, tmp_path: Path, product: object) -> None:
        whole = {"products": [{"id": "x", "title": "y"}, product]}
        try:
            found = read(written(tmp_path, json.dumps(whole), "products.json"))
        except EndcapError:
            return
        counts = found.counts["items"]
        assert counts.rows == counts.accepted + counts.duplicates + counts.merged + sum(
            each.rows for each in counts.rejected
        )


def test_a_csv_of_things_with_ids_and_prices_is_a_catalogue(tmp_path: Path) -> None:
    found = read(written(tmp_path, "id,title,price\n1,Mug,9.5\n2,Bag,20\n", "export.csv"))
    assert [row["item_id"] for row in found.rows("items")] == ["1", "2"]
