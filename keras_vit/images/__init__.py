"""One picture: decoding, cropping, the preprocessing a model expects, and galleries."""
