"""Serving over HTTP, in front of workers wherever they listen."""
