"""A Target made of processes on this machine: router, queue, workers, store."""
