"""Photographs that the studio model learns from: scenes, meshes, light, negatives, albums."""
