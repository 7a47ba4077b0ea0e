"""One format or one platform a file; rows come in the feed's order, and none of them is kept."""
