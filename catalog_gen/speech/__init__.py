"""Words from a voice, on this machine: from the catalog's own texts, or by any model of speech."""
