"""Dagster resources: catalog, engine and scorer, by deployment."""
