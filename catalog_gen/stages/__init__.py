"""The stages of a refresh, each a function over a ``Catalog``: read, call the rooms below, store.

Stages only coordinate: SQL, templates, tensors and Dagster are left to other packages. The assets
in ``assets_defs`` and the commands in ``cli`` call the same functions, so a picture is drawn the
same way from the command line and by the schedule.
"""
