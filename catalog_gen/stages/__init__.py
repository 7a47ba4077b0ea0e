"""The stages of a refresh, functions over a ``Catalog``: read, call the rooms below, store.

Stages only coordinate; SQL, templates, tensors and Dagster are in other packages. The assets in
``assets_defs`` and the commands in ``cli`` call the same functions, so the command line and the
schedule draw a picture in the same way.
"""
