"""What benchmarks, and the tests beside them, are built from."""
