"""Messages about nights that nobody watched."""
