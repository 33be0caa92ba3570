"""What a network costs as a function of its sizes: exact formulas found from a few runs, verified at others."""
