"""Is a picture good enough? CLIP scores, measured signals, the rubric, and the choice."""
