"""The kinds of critics, one a file."""
