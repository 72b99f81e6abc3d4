"""A queue in front of workers: who gets which request. No socket, no process, no clock."""
