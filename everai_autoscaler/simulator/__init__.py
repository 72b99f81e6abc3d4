"""What a policy would have cost: workloads, a cluster in virtual time, runs of it, and how good anything could be."""
