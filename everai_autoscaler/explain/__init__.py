"""What bound a decision, and what would flip it."""
