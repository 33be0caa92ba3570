"""Running a model and recording a trace of it; nothing else in archscope runs a model."""
