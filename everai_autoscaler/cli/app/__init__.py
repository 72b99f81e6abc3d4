"""Commands that run and look at an app."""
