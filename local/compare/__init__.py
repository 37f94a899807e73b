"""Several recipes side by side: the same budget on the same data, one table, one picture."""
