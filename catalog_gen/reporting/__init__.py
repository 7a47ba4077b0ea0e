"""What people look at: the gallery, thumbnails, and the feeds of sales channels."""
