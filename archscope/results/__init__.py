"""What the judges found: one file of plain data a result, each with its JSON form."""
