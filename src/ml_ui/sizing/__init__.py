"""What the project weighs, what its platform allows, and what would help."""
