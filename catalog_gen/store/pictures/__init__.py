"""The bytes of pictures by their SHA-256: in the database, in a folder, or in a bucket."""
