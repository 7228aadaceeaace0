"""Running a checked operation."""
