"""Features: what a ranker sees of items, shoppers and moments, offline and online from the same code."""
