"""The twin service on the wall clock, and recorded runs published to it."""
