"""The pipeline as Dagster sees it: assets, checks, partitions, the job and its schedule.

An asset body reads: open the catalog, call a stage, return what a person wants to see of it.
"""
