"""What several tests stand on: traces, reports, trainings, processes."""
