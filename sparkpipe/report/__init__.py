"""What people see of a run. Each module reads its events and nothing else."""
