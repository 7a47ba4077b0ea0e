"""Measures the studio model and the pipeline's judge on pictures whose truth is known."""
