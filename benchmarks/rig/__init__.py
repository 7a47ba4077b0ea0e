"""What benchmarks, and tests beside them, are built from; nothing here runs alone."""
