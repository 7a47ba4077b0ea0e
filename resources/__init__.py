"""Dagster resources: what assets are given to work with, and how it differs by deployment."""
