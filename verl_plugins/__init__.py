"""What verl loads: nothing else in this project imports verl."""
