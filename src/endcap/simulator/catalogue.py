"""What a shop sells: products with believable titles, prices, margins, stock, quality and dates of launch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from endcap.simulator.streams import CATALOGUE, stream
from endcap.simulator.themes import Theme
from endcap.types import DAY, Float32, Float64, Int16, Int32, Int64

LAUNCHED = 0.08
"""Share of the catalogue that is launched during the run, evenly over it."""
AGE = 720 * DAY
"""How old the other products are at most when it begins."""
TIERS = (-0.35, 0.45)
"""Range of what a brand adds to the log of the price."""


@dataclass(frozen=True)
class Catalogue:
    """Products in columns [n], sorted by type; ids are `P00001` ….

    `weight` sums to 1 (Zipf–Mandelbrot); `price` in money with two decimals; `margin` a share of it; `quality` standard
    normal; `created` microseconds UTC; `starts` [types + 1] where each type's products begin.
    """

    type: Int16
    style: Int16
    brand: Int16
    weight: Float64
    price: Float32
    margin: Float32
    quality: Float32
    created: Int64
    stock: Int32
    starts: Int64
    variant: Int16
    size: Int16
    word: Int16

    def __len__(self) -> int:
        return len(self.type)

    @cached_property
    def ids(self) -> pa.Array:
        """External ids."""
        width = max(5, len(str(len(self))))
        return pa.array([f"P{number:0{width}d}" for number in range(1, len(self) + 1)])

    @cached_property
    def cumulative(self) -> Float64:
        """float64 [n + 1]: running sum of `weight`, from which products of a type are drawn."""
        return np.concatenate(([0.0], np.cumsum(self.weight)))

    @cached_property
    def relative_price(self) -> Float32:
        """Log of the price over the middle of its type's products."""
        logs = np.log(self.price)
        middle = np.array([np.median(logs[a:b]) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)])
        return np.asarray(logs - middle[self.type], np.float32)


def make_catalogue(theme: Theme, items: int, seed: int, start: int, days: int) -> Catalogue:
    """A catalogue of `items` products for a run of `days` that begins at `start` (microseconds UTC)."""
    random = stream(seed, CATALOGUE)
    kinds = len(theme.types)
    share = random.dirichlet(np.full(kinds, 4.0))
    kind = np.sort(np.concatenate((np.arange(kinds), random.choice(kinds, max(items - kinds, 0), p=share))))[:items]
    style = random.integers(0, len(theme.styles), items)
    brand = _brands(theme, kind, random)
    tier = random.uniform(*TIERS, len(theme.brands))
    middle = np.array([each.price for each in theme.types])
    factor = np.array([each.price for each in theme.styles])
    logs = np.log(middle[kind] * factor[style]) + tier[brand] + random.normal(0, 0.12, items)
    rank = random.permutation(items) + 1.0
    weight = (rank + theme.shift) ** -theme.exponent
    created = start - random.integers(0, AGE, items)
    launched = random.random(items) < LAUNCHED
    created[launched] = start + random.integers(0, max(days, 1) * DAY, int(launched.sum()))
    low, high = theme.margin
    return Catalogue(
        kind.astype(np.int16),
        style.astype(np.int16),
        brand.astype(np.int16),
        weight / weight.sum(),
        _priced(np.exp(logs)),
        np.round(random.uniform(low, high, items), 3).astype(np.float32),
        random.normal(0, 1, items).astype(np.float32),
        created // 1_000_000 * 1_000_000,
        random.poisson(20 + 2_000 * weight / weight.max(), items).astype(np.int32),
        np.searchsorted(kind, np.arange(kinds + 1)).astype(np.int64),
        random.integers(0, 1 << 14, items).astype(np.int16),
        random.integers(0, 1 << 14, items).astype(np.int16),
        random.integers(0, 1 << 14, items).astype(np.int16),
    )


def _brands(theme: Theme, kind: Int64, random: np.random.Generator) -> Int64:
    """A brand makes products of some departments only; a few brands have most of each."""
    departments = list(dict.fromkeys(each.department for each in theme.types))
    there = np.array([departments.index(each.department) for each in theme.types])[kind]
    known = np.stack([random.permutation(len(theme.brands))[:6] for _ in departments])
    chosen = np.minimum(random.geometric(0.3, len(kind)) - 1, known.shape[1] - 1)
    return np.asarray(known[there, chosen], np.int64)


def _priced(values: Float64) -> Float32:
    """Prices as shops write them: whole units less a cent from 20 on, ending in 5 or 9 below."""
    high = np.maximum(np.round(values), 1) - 0.01
    low = np.maximum(np.round(values * 10) / 10 - 0.01, 0.29)
    return np.where(values >= 20, high, low).astype(np.float32)


def titles(theme: Theme, catalogue: Catalogue) -> list[str]:
    """Names, e.g. `Hollin Farm Organic Greek Yoghurt, Honey, 500 g`."""
    found = []
    for number in range(len(catalogue)):
        kind = theme.types[catalogue.type[number]]
        words = theme.styles[catalogue.style[number]].words
        word, variant = words[catalogue.word[number] % len(words)], _of(kind.variants, catalogue.variant[number])
        brand, size = theme.brands[catalogue.brand[number]], _of(kind.sizes, catalogue.size[number])
        found.append(f"{brand} {word} {kind.name}, {variant}, {size}")
    return found


def _of(words: tuple[str, ...], number: int) -> str:
    return words[int(number) % len(words)]


def catalogue_table(theme: Theme, catalogue: Catalogue, seed: int) -> pa.Table:
    """The items as a table of the shop's columns, in lower case; times in microseconds UTC."""
    random = stream(seed, CATALOGUE, 1)
    kinds, styles = [theme.types[each] for each in catalogue.type], [theme.styles[each] for each in catalogue.style]
    count = len(catalogue)
    rating = np.clip(3.9 + 0.45 * catalogue.quality + random.normal(0, 0.1, count), 1, 5)
    reviews = random.poisson(4 + 400 * catalogue.weight / catalogue.weight.max())
    positive = random.binomial(reviews, np.clip((rating - 1) / 4, 0.02, 0.98))
    names = titles(theme, catalogue)
    columns = {
        "item_id": catalogue.ids,
        "name": names,
        "product_description": [
            f"{name}. {kind.name} from our {kind.category.lower()} range, {style.name.replace('_', ' ')} style."
            for name, kind, style in zip(names, kinds, styles, strict=True)
        ],
        "price": np.round(catalogue.price.astype(np.float64), 2),
        "category_l1": [kind.department for kind in kinds],
        "category_l2": [kind.category for kind in kinds],
        "category_l3": [kind.name for kind in kinds],
        "brand": [theme.brands[each] for each in catalogue.brand],
        "stock": pa.array(catalogue.stock, pa.int64()),
        "margin": np.round(catalogue.margin.astype(np.float64), 3),
        "average_rating": np.round(rating, 2),
        "review_count": pa.array(reviews, pa.int64()),
        "positive_review_count": pa.array(positive, pa.int64()),
        "negative_review_count": pa.array(reviews - positive, pa.int64()),
        "tags": [style.name for style in styles],
        "creation_timestamp": pa.array(catalogue.created, pa.int64()),
    }
    return pa.table(columns)
