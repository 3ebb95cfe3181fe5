"""Immutable model versions with their lineage, and the campaigns that say which of them serve."""
