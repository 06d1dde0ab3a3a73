"""The sides of the bridge but traffic: each advances one thing and knows nothing of recording."""
