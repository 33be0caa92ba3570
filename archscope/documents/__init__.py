"""What is told of a result, as data: one file a result says what and in which order, and every format renders it."""
