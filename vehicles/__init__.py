"""What drives: dynamics, sensing, driving functions and twins."""
