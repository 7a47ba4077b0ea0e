"""The stages of a refresh, each a function over a ``Catalog``: read, call the rooms below, store.

A stage knows the order of things and nothing else: no SQL, no templates, no tensors, no Dagster.
The assets in ``assets_defs`` and the commands in ``cli`` both call these functions, so a picture
drawn from the command line and one drawn by the schedule took the same road.
"""
