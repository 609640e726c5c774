"""The servers that a stage may need, one kind in each file; `kinds` lists them."""
