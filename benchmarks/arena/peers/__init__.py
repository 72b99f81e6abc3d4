"""The policies of others, each from its published rule, and the arguments that are tuned."""
