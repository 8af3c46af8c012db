"""Programs of this machine: permitted, limited, and ended with all that they started."""
