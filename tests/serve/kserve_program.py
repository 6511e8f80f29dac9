"""kserve's own server in front of a LiteRT file: `kserve_program.py FILE PORT`.

Runs in an environment of its own: kserve, ai-edge-litert, pillow, and this package on the path.
"""

import base64
import sys

import kserve
import numpy as np

from keras_vit.inference import open_artefact


class Classifier(kserve.Model):
    """Answers pictures as `serve_bytes` does."""

    def __init__(self, name, path):
        super().__init__(name)
        self.artefact = open_artefact(path)
        self.ready = True

    def predict(self, payload, headers=None, **_):
        """Answers a request of the V1 protocol."""
        pictures = [base64.b64decode(x["image_bytes"]["b64"]) for x in payload["instances"]]
        images = np.stack([self.artefact.read_image(each) for each in pictures])
        probabilities = self.artefact.predict(images)
        order = np.argsort(-probabilities, axis=-1)
        return {
            "predictions": [
                {
                    "valid": True,
                    "classes": [self.artefact.class_names[index] for index in best],
                    "scores": row[best].tolist(),
                }
                for row, best in zip(probabilities, order, strict=True)
            ]
        }


if __name__ == "__main__":
    path, port = sys.argv[1:]
    server = kserve.ModelServer(http_port=int(port), workers=1, enable_grpc=False)
    server.start([Classifier("tiny", path)])
