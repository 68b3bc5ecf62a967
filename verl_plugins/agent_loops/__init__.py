"""Agent loops of verl: simulated calls with the policy as salesperson or as customer."""
