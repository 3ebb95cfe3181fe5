"""What every test may use."""

pytest_plugins = ["no_skips", "databases", "s3", "operations", "valkeys"]
