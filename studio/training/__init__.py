"""Train the studio model: the loop, its optimizer, checkpoints and exports."""
