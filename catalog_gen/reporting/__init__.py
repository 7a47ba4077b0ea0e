"""What people look at: the gallery, contact sheets, and the feeds of sales channels."""
