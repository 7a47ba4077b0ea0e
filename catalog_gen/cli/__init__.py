"""The command line: parses arguments, calls a stage, and prints the result."""
