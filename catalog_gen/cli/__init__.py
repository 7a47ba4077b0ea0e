"""The command line: it parses, calls one room, and prints; it decides nothing."""
