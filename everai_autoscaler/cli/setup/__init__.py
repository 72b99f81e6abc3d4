"""Commands for plugins and this installation."""
