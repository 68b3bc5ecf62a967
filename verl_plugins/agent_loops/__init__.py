"""Agent loops: how verl plays a call with the policy under training at one end of the line."""
