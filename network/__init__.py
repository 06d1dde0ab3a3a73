"""The 5G and C-V2X link: where stations are and what they send, in; what arrives, when and why, out."""
