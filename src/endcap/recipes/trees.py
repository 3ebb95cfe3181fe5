"""A tree ensemble of XGBoost as plain arrays: scored and explained without XGBoost, bit for bit as XGBoost scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from endcap.errors import ArtefactError, InputError
from endcap.recipes.trees_kernels import contribute, predict
from endcap.recipes.trees_ubj import read_ubj
from endcap.types import Float32, Float64, Int32

DEEPEST = 10
"""Trees are laid out complete, 2^depth leaves each: deeper ones are refused."""


@dataclass(frozen=True)
class Forest:
    """t trees of one depth d, shallower ones filled up below their leaves (a leaf's value then stands there 2^n times).

    `column` int32 [t, 2^d - 1] is twice the feature asked, plus 1 where a missing value goes left; `threshold` float32
    alike: smaller values go left. `leaf` is float32 [t, 2^d], `mean` float64 [t, 2^(d + 1) - 1] the mean of the leaves
    under each node, by how many rows reached them.
    """

    column: Int32
    threshold: Float32
    leaf: Float32
    mean: Float64
    base: np.float32
    n_features: int

    def __len__(self) -> int:
        return len(self.column)

    @property
    def depth(self) -> int:
        """Steps from root to leaf."""
        return int(self.leaf.shape[1]).bit_length() - 1

    @classmethod
    def read(cls, data: bytes) -> Forest:
        """From a model as `Booster.save_raw("ubj")` writes it. Raises `ArtefactError` for one that does not fit."""
        document = read_ubj(data)
        try:
            learner = document["learner"]
            parameters = learner["learner_model_param"]
            booster = learner["gradient_booster"]
            if booster["name"] != "gbtree" or int(parameters["num_class"]) or int(parameters["num_target"]) != 1:
                raise _unfit("it is not one sum of trees")
            features = int(parameters["num_feature"])
            trees = [_Tree.of(each, features) for each in booster["model"]["trees"]]
            return _laid_out(trees, _base(str(parameters["base_score"]), str(learner["objective"]["name"])), features)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise _unfit(f"{type(error).__name__} {error}") from error

    def scores(self, block: Float32) -> Float32:
        """float32 [m] margins (log-odds under a logistic objective) of float32 [m, f]; NaN is missing. Thread safe."""
        block = self._checked(block)
        out = np.empty(len(block), np.float32)
        predict(block, self.column, self.threshold, self.leaf, self.depth, self.base, out)
        return out

    def contributions(self, block: Float32) -> Float32:
        """float32 [m, f]: what each feature adds to a row's score, over the mean score of the training rows.

        Path attribution (Saabas 2014): a step of a tree credits its feature with the change in the mean of the leaves
        still within reach. Cheap and exact in sum, but of two features that decide together the later one gets more;
        XGBoost calls it `approx_contribs`.
        """
        block = self._checked(block)
        out = np.zeros(block.shape, np.float64)
        contribute(block, self.column, self.threshold, self.change, self.depth, out)
        return out.astype(np.float32)

    @cached_property
    def change(self) -> Float64:
        """float64 [t, 2^(d + 1) - 1]: the mean under each node less that under its parent; 0 at the root."""
        change = np.zeros_like(self.mean)
        below = np.arange(1, self.mean.shape[1])
        change[:, below] = self.mean[:, below] - self.mean[:, (below - 1) // 2]
        return change

    @property
    def bias(self) -> float:
        """What a row's contributions are added to: the mean score."""
        return float(self.base) + float(self.mean[:, 0].sum())

    def _checked(self, block: Float32) -> Float32:
        if block.ndim != 2 or block.shape[1] != self.n_features:
            raise InputError(f"The block is {block.shape}, expected [rows, {self.n_features}] features.")
        return np.ascontiguousarray(block, np.float32)


@dataclass(frozen=True)
class _Tree:
    """One tree as it was written: arrays by node."""

    left: Int32
    right: Int32
    feature: Int32
    threshold: Float32
    default_left: np.ndarray
    cover: Float64

    @classmethod
    def of(cls, tree: Mapping[str, Any], features: int) -> _Tree:
        size = int(tree["tree_param"]["num_nodes"])
        names = ("left_children", "right_children", "split_indices", "split_conditions", "default_left", "sum_hessian")
        parts = [np.asarray(tree[name]) for name in names]
        if any(len(part) != size for part in parts) or not size:
            raise _unfit("a tree's arrays differ in length")
        found = cls(*parts)
        inner = found.left >= 0
        children = np.concatenate((found.left[inner], found.right[inner]))
        if len(children) and (children.min() < 0 or children.max() >= size):
            raise _unfit("a tree names nodes that it does not have")
        if len(found.feature) and (found.feature.min() < 0 or found.feature.max() >= features):
            raise _unfit("a tree asks for features that there are not")
        if np.asarray(tree["split_type"]).any():
            raise _unfit("it splits by category")
        return found

    def depth(self) -> int:
        """Steps to the deepest leaf. Raises `ArtefactError` above `DEEPEST`, where nodes run in circles too."""
        level, steps = np.zeros(1, np.int64), 0
        while len(level := level[self.left[level] >= 0]):
            level, steps = np.concatenate((self.left[level], self.right[level])).astype(np.int64), steps + 1
            if steps > DEEPEST:
                raise _unfit(f"it is deeper than {DEEPEST} steps")
        return steps


def _laid_out(trees: list[_Tree], base: np.float32, features: int) -> Forest:
    depth = max((tree.depth() for tree in trees), default=0)
    t, first_leaf = len(trees), (1 << depth) - 1
    nodes = 2 * first_leaf + 1
    column = np.ones((t, first_leaf), np.int32)
    threshold = np.full((t, first_leaf), np.inf, np.float32)
    value, cover = np.zeros((t, nodes), np.float32), np.zeros((t, nodes), np.float64)
    for row, tree in enumerate(trees):
        level, place = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for step in range(depth + 1):
            leaf = tree.left[level] < 0
            value[row, place[leaf]], cover[row, place] = tree.threshold[level[leaf]], tree.cover[level]
            for below in range(1, depth - step + 1):
                for at, node in zip(place[leaf], level[leaf], strict=True):
                    low = ((at + 1) << below) - 1
                    value[row, low : low + (1 << below)] = tree.threshold[node]
                    cover[row, low] = tree.cover[node]  # all of it on the path that every row takes
            level, place = level[~leaf], place[~leaf]
            if not len(level):
                break
            column[row, place] = 2 * tree.feature[level] + (tree.default_left[level] != 0)
            threshold[row, place] = tree.threshold[level]
            level = np.concatenate((tree.left[level], tree.right[level])).astype(np.int64)
            place = np.concatenate((2 * place + 1, 2 * place + 2))
    leaves = np.ascontiguousarray(value[:, first_leaf:])
    return Forest(column, threshold, leaves, _means(leaves, cover, depth), base, features)


def _means(leaf: Float32, cover: Float64, depth: int) -> Float64:
    """float64 [t, nodes]: mean of the leaves under each node, weighted by their cover."""
    mean = np.zeros_like(cover)
    mean[:, (1 << depth) - 1 :] = leaf
    for step in range(depth - 1, -1, -1):
        low, high = (1 << step) - 1, (1 << (step + 1)) - 1
        left, right = (slice(2 * low + side, 2 * high + side, 2) for side in (1, 2))
        weights, total = cover[:, left], cover[:, left] + cover[:, right]
        share = np.where(total > 0, weights / np.where(total > 0, total, 1.0), 0.5)
        mean[:, low:high] = share * mean[:, left] + (1 - share) * mean[:, right]
    return mean


def _base(written: str, objective: str) -> np.float32:
    """The margin that the sum of trees starts from."""
    value = np.float32(written.strip("[]"))
    if objective.startswith(("binary:logi", "reg:logistic")):
        return np.float32(-np.log(np.float32(1) / value - np.float32(1)))
    if objective.startswith(("rank:", "reg:squarederror")):
        return np.float32(value)
    raise _unfit(f"its objective is {objective}")


def _unfit(what: str) -> ArtefactError:
    return ArtefactError(f"The tree model cannot be served: {what}.", fix="Train it again.")
