"""The studio model's training photos: scenes, meshes, light, negatives, albums."""
