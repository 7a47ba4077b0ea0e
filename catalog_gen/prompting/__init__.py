"""From a product to a prompt: templates, their fingerprints, and the text encoder's token limit."""
