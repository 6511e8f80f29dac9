"""The train step: forward, backward and update, equal on one device and on many."""
