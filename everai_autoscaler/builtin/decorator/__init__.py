"""What turns a snapshot, or a set of arguments, into another."""
