"""The studio model's networks, with the losses that they learn by."""
