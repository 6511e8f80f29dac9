"""The devices that train: strategies, clusters, workers, and the JAX backend."""
