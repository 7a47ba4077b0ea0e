"""Pictures as bytes: encoding, decoding safely, and provenance inside the file."""
