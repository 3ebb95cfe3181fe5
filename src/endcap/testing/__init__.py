"""Contract suites and tiny datasets with obvious answers, shipped so that others can prove their own parts."""
