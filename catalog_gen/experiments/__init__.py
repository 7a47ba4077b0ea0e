"""Controlled experiments: grids over recipes' fields, what their pictures scored, what made it so.

Everything here is a function of values; ``stages.experiments`` draws and stores.
"""
