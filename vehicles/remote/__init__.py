"""Remote driving beyond the vehicle's own function: video, and who drives from afar."""
