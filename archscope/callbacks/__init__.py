"""Inside of a training program: what a model costs is logged before it starts, and it starts only within its budget."""
