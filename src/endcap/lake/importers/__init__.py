"""Importers: files in many shapes become the canonical columns of a schema, every bad row kept with its reason.

`plan_import` decides from headers and first rows, `Staging` reads, maps and checks; committing is the caller's.
"""

from endcap.lake.importers.mapping import Dialect, dialect_names, load_dialect
from endcap.lake.importers.plan import Plan, plan_import
from endcap.lake.importers.sources import Limits, hashed
from endcap.lake.importers.staging import REJECTS, Counts, Rejected, Staging

__all__ = [
    "REJECTS",
    "Counts",
    "Dialect",
    "Limits",
    "Plan",
    "Rejected",
    "Staging",
    "dialect_names",
    "hashed",
    "load_dialect",
    "plan_import",
]
