"""CARLA: what the client's side and the headless server share, and each of them."""
