"""Measured signals: small pure functions from pixels to numbers, one theme a module."""
