"""Tasks: heads, which extend the graph of a backbone, and `Task`, what is learned with them.

What needs Keras is loaded when it is first used: scoring and drawing answers need none.
"""

import importlib
import sys
from typing import TYPE_CHECKING

from keras_vit.lazy import lazy_names
from keras_vit.tasks.classification import classification
from keras_vit.tasks.detection import detection
from keras_vit.tasks.distillation import distillation, of_student
from keras_vit.tasks.embedding import embedding
from keras_vit.tasks.inpainting import inpainting
from keras_vit.tasks.reconstruction import reconstruction
from keras_vit.tasks.result import Result
from keras_vit.tasks.segmentation import segmentation
from keras_vit.tasks.super_resolution import super_resolution
from keras_vit.tasks.task import Task, task_named
from keras_vit.tasks.views import dino, lejepa

if TYPE_CHECKING:
    from keras_vit.tasks.classify import classifier
    from keras_vit.tasks.deployed import (
        Deployed,
        answering,
        class_names_of,
        deploy,
        preprocessing_of,
    )
    from keras_vit.tasks.depths import token_maps, tokens_at
    from keras_vit.tasks.detect import detector
    from keras_vit.tasks.enlarge import enlarger
    from keras_vit.tasks.guidance import Guide, guide_of, guided
    from keras_vit.tasks.inpaint import inpainter
    from keras_vit.tasks.keras_file import read_keras_file
    from keras_vit.tasks.mae import encoder_of, masked_autoencoder
    from keras_vit.tasks.pooled import features
    from keras_vit.tasks.probabilities import to_probabilities
    from keras_vit.tasks.segment import segmenter
    from keras_vit.tasks.teacher import Teacher, student_of, taught
    from keras_vit.tasks.token_detect import token_detector
    from keras_vit.tasks.view_model import backbone_of, self_distilled_views, sketched_views

_MODULE_OF = {
    "Deployed": "deployed",
    "Guide": "guidance",
    "Teacher": "teacher",
    "answering": "deployed",
    "backbone_of": "view_model",
    "class_names_of": "deployed",
    "classifier": "classify",
    "deploy": "deployed",
    "detector": "detect",
    "encoder_of": "mae",
    "enlarger": "enlarge",
    "features": "pooled",
    "guide_of": "guidance",
    "guided": "guidance",
    "inpainter": "inpaint",
    "masked_autoencoder": "mae",
    "preprocessing_of": "deployed",
    "read_keras_file": "keras_file",
    "segmenter": "segment",
    "self_distilled_views": "view_model",
    "sketched_views": "view_model",
    "student_of": "teacher",
    "taught": "teacher",
    "to_probabilities": "probabilities",
    "token_detector": "token_detect",
    "token_maps": "depths",
    "tokens_at": "depths",
}

__all__ = [
    "Deployed",
    "Guide",
    "Result",
    "Task",
    "Teacher",
    "answering",
    "backbone_of",
    "class_names_of",
    "classification",
    "classifier",
    "deploy",
    "detection",
    "detector",
    "dino",
    "distillation",
    "embedding",
    "encoder_of",
    "enlarger",
    "features",
    "guide_of",
    "guided",
    "inpainter",
    "inpainting",
    "lejepa",
    "masked_autoencoder",
    "of_student",
    "preprocessing_of",
    "read_keras_file",
    "reconstruction",
    "segmentation",
    "segmenter",
    "self_distilled_views",
    "sketched_views",
    "student_of",
    "super_resolution",
    "task_named",
    "taught",
    "to_probabilities",
    "token_detector",
    "token_maps",
    "tokens_at",
]


__getattr__, __dir__ = lazy_names(__name__, _MODULE_OF)

if sys.modules.get("keras") is not None:  # see keras_vit/__init__.py
    importlib.import_module(f"{__name__}.keras_file").know_layers()
