"""What a leader looks for again and again, in the store alone; one duty each."""
