"""One reader a feed format. Each yields rows in the feed's order and keeps none of them."""
