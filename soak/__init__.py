"""`make soak`: what the market must survive, done to it for half an hour."""
