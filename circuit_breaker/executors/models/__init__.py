"""What assistants and agents have in common: a model with tools at work, as an executor."""
