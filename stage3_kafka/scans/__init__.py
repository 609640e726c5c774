"""What the leader sees to, over and over, each duty a file."""
