"""Many runs: what varies between them, who computes them, and what came of them."""
