"""Commands that decide, and look at policies."""
