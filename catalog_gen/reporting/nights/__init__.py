"""What people are told of a night that nobody watched."""
