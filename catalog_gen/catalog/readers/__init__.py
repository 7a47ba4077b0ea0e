"""Readers, one file per format or platform; they stream rows in the feed's order."""
