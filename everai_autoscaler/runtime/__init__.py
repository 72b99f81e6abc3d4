"""Operates any engine: stores, ticks, keeps an operator's override, and shows all of it on a page and in metrics."""
