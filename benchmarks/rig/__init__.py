"""Shared parts of benchmarks and tests."""
