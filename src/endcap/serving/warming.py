"""The first request is as quick as the others: what it would compile, map or count is done before it comes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
from scipy import sparse

from endcap.lake.recordio import Records, read_records, write_records
from endcap.serving.predicting import OfFeatures, Oracle
from endcap.serving.recommend import Request, answer
from endcap.serving.slate import Slate
from endcap.serving.snapshot import Snapshot

SOME = 10
_TOKEN = "0" * 16


def warm(snapshot: Snapshot) -> None:
    """Answer a busy shopper with each version, alone and beside another, and order a list; nothing of it is logged."""
    config = msgspec.structs.replace(snapshot.deployment.config, exploration_weight=0.0)
    quiet = replace(snapshot, deployment=replace(snapshot.deployment, config=config))
    user = snapshot.state.busy_shopper or ""
    some = tuple(snapshot.state.catalogue.names(snapshot.state.popular[:SOME]))
    for model in snapshot.models.values():
        alone = replace(quiet, models=dict.fromkeys(snapshot.models, model))
        answer([Slate(alone, Request(SOME, user), _TOKEN)])
        answer([Slate(alone, Request(SOME, name), _TOKEN) for name in (user, "")])
        if some and not snapshot.is_about_actions:
            answer([Slate(alone, Request(len(some), user, candidates=some), _TOKEN)])
        if isinstance(model.retriever, OfFeatures):
            nothing = Records(sparse.csr_matrix((1, model.retriever.n_features), dtype=np.float32))
            Oracle.of(alone, "").features(read_records(write_records(nothing)).rows)
