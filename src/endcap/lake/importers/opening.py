"""Files opened by what they hold: one place that knows every format."""

from __future__ import annotations

from endcap.lake.importers.delimited import CsvSource
from endcap.lake.importers.feeds import FeedSource
from endcap.lake.importers.jsonlines import JsonSource
from endcap.lake.importers.parquet import ParquetSource
from endcap.lake.importers.shopify import ShopifySource, is_shopify
from endcap.lake.importers.sources import Limits, Source, SourceFile
from endcap.lake.importers.text import Watched
from endcap.lake.importers.workbook import WorkbookSource


def open_source(file: SourceFile, encoding: str = "utf-8", limits: Limits | None = None) -> Source:
    """The file, opened by its format. Raises `DataError` where it is not what its name says, or asks for too much."""
    bounds = limits or Limits()
    if file.format == "parquet":
        return ParquetSource(file, bounds)
    if file.format == "workbook":
        return WorkbookSource(file, bounds)
    if file.format == "feed":
        return FeedSource(file, bounds)
    if file.format == "json" and _is_products(file, bounds):
        return ShopifySource(file, bounds)
    if file.format == "json":
        return JsonSource(file, bounds, encoding)
    return CsvSource(file, bounds, encoding)


def _is_products(file: SourceFile, limits: Limits) -> bool:
    with Watched(file, limits) as stream:
        return is_shopify(stream.read(4096))
