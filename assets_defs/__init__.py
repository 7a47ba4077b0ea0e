"""The pipeline as Dagster sees it: assets, checks, partitions, the job and its schedule.

An asset opens the catalog, calls a stage, and returns metadata for Dagster's web UI.
"""
