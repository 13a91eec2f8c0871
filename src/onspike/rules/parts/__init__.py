"""The factors that rules are assembled from."""
