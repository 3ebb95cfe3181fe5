"""Seeded shops with known ground truth: their history as files, and shoppers that react to a live server."""
