"""Shopify's `products.json`: one document with a list of products, each with its variants, options and images."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from endcap.errors import DataError
from endcap.lake.importers.sources import RAW_TEXT, SAMPLE_ROWS, Chunk, Limits, Reject, Source, SourceFile
from endcap.lake.importers.text import Watched, empty_table

COLUMNS = (
    "id",
    "title",
    "body_html",
    "vendor",
    "product_type",
    "tags",
    "price",
    "stock",
    "image",
    "url",
    "colour",
    "size",
    "material",
    "created_at",
)
OPTIONS = {"color": "colour", "colour": "colour", "size": "size", "material": "material", "fabric": "material"}
"""Names of options, and the column that their values go to."""
BLOCK_ROWS = 8_192


def is_shopify(head: bytes) -> bool:
    """Whether a JSON document that begins so is a list of products, not one object a line."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" and b'"products"' in head[:4096].split(b"[", 1)[0]


class ShopifySource(Source):
    """One document, read whole. A product without an id, or that is no object, is one reject."""

    def __init__(self, file: SourceFile, limits: Limits) -> None:
        super().__init__(replace(file, format="products"))
        if file.size > limits.whole:
            raise DataError(f"{file.path} has {file.size:,} bytes, at most {limits.whole:,} are read at once.")
        with Watched(file, limits) as stream:
            text = stream.read(limits.whole + 1)
        if len(text) > limits.whole:
            raise DataError(f"{file.path} unpacks to more than {limits.whole:,} bytes: refused.")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file.path} is not valid JSON: {error}.") from None
        products = document.get("products") if isinstance(document, dict) else None
        if not isinstance(products, list) or not products:
            raise DataError(
                f'{file.path} has no list of "products" with something in it.',
                fix="Save https://YOUR-SHOP/products.json?limit=250, one file a page.",
            )
        self._products: list[Any] = products

    @property
    def columns(self) -> list[str]:
        return list(COLUMNS)

    @property
    def rows(self) -> int:
        return len(self._products)

    def sample(self, columns: Sequence[str]) -> pa.Table:
        return self._table(self._products[:SAMPLE_ROWS], 1)[0]

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        for first in range(0, len(self._products), BLOCK_ROWS):
            table, rejects = self._table(self._products[first : first + BLOCK_ROWS], first + 1)
            yield Chunk(table, rejects)

    def _table(self, products: Sequence[Any], first: int) -> tuple[pa.Table, tuple[Reject, ...]]:
        rows: list[dict[str, str | None]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        for number, product in enumerate(products, start=first):
            if isinstance(product, dict):
                rows.append(_row(product))
                numbers.append(number)
            else:
                rejects.append(Reject(number, "not a JSON object", json.dumps(product)[:RAW_TEXT]))
        if not rows:
            return empty_table(COLUMNS), tuple(rejects)
        text = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in COLUMNS}
        return pa.table({**text, "_row": pa.array(numbers, pa.int64())}), tuple(rejects)


def _row(product: dict[str, Any]) -> dict[str, str | None]:
    variants = [each for each in _listed(product.get("variants")) if isinstance(each, dict)]
    images = [each for each in _listed(product.get("images")) if isinstance(each, dict)]
    handle = _text(product.get("handle"))
    tags = product.get("tags")
    found = {name: _text(product.get(name)) for name in ("title", "body_html", "vendor", "product_type", "created_at")}
    return {
        **found,
        "id": _text(product.get("id")) or handle,
        "tags": _text(tags) if isinstance(tags, str) else ",".join(filter(None, map(_text, _listed(tags)))),
        "price": _least(variants),
        "stock": _stock(variants),
        "image": _text(images[0].get("src")) if images else _text(_under(product.get("image"), "src")),
        "url": f"/products/{handle}" if handle else None,
        **_options(product),
    }


def _options(product: dict[str, Any]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for option in _listed(product.get("options")):
        column = OPTIONS.get((_text(_under(option, "name")) or "").strip().lower())
        if column is not None:
            values = filter(None, map(_text, _listed(_under(option, "values"))))
            found[column] = "|".join(value.replace("|", "/") for value in values) or None
    return found


def _least(variants: Sequence[dict[str, Any]]) -> str | None:
    """The price from which it is to be had, as it was written."""
    told = [_text(each.get("price")) for each in variants]
    amounts = [(amount, text) for text in told if text and (amount := _amount(text)) is not None]
    return min(amounts)[1] if amounts else next((text for text in told if text), None)


def _amount(text: str) -> float | None:
    try:
        amount = float(text)
    except ValueError:
        return None
    return amount if math.isfinite(amount) else None


def _stock(variants: Sequence[dict[str, Any]]) -> str | None:
    """How many are left; 0 where every variant is said to be unavailable, nothing where nothing is said."""
    counts = [each["inventory_quantity"] for each in variants if type(each.get("inventory_quantity")) is int]
    if counts:
        return str(max(sum(counts), 0))
    return "0" if variants and all(each.get("available") is False for each in variants) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _under(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() or None
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        return None
    return str(value)
