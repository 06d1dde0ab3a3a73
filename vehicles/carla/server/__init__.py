"""A CARLA server without graphics: CARLA 0.9.16's wire protocol over our vehicle dynamics."""
