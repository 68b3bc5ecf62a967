"""Small tools that every other package may use; none of them knows about calls or customers."""
