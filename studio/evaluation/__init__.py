"""Measure the studio model and the pipeline's judge on pictures with known ground truth."""
