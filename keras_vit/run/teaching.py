"""The flags of a student: whom it learns from, and how."""

import dataclasses
import functools
from typing import Annotated, Literal

from keras_vit.errors import UserError
from keras_vit.run.any_source import MUST, AnySource


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teaching(AnySource):
    """A recipe whose model learns from a trained one."""

    teacher: Annotated[str, MUST] = ""
    """A classifier of the same classes: a .keras file, a checkpoint, hf:owner/name, or the folder
    of a SavedModel."""
    teacher_precision: Literal["float32", "bfloat16"] = "float32"
    """In which the teacher computes."""
    hard: bool
    """Whether the student learns the teacher's most probable class, and not its probabilities."""
    share: float
    """What the teacher counts in the loss, from 0 to 1; the labels count the rest."""
    temperature: float = 1.0
    """By what logits are divided before they are compared with the teacher's."""
    token: bool
    """Whether a distillation token learns from the teacher, and the class token from the labels."""
    store_answers: str = ""
    """A folder in which the teacher's answers to every view are kept, float16. They are computed
    before the training; another one of the same data, seed and augmentation only reads them."""
    guide: str = ""
    """A .keras file, such as that of recipes.cnn, whose feature maps guide the student's tokens,
    besides a teacher or in place of one."""
    guidance: float = 2.5
    """What the distance to the guide's maps counts, beside the rest of the loss."""
    guide_layers: tuple[str, ...] = ()
    """Layers of the guide whose maps are taken; by default the last one of each size."""

    def check(self):
        super().check()
        if not self.teacher and not self.guide:
            raise UserError("`teacher` must be given: --teacher teacher.keras.")
        if not self.teacher and (self.share or self.hard or self.token):
            raise UserError(
                "Without a teacher there is nothing to learn from its answers: pass --share 0 and "
                "neither --hard nor --token, as --preset guided does; received "
                f"share={self.share}, hard={self.hard}, token={self.token}."
            )
        if self.teacher and not self.share:
            raise UserError(
                "A teacher that counts nothing teaches nothing: pass --share above 0, or no "
                f"--teacher; received share={self.share}."
            )
        if self.store_answers and (not self.teacher or self.workers or self.data_service):
            raise UserError(
                "`store_answers` keeps those of a teacher to the views of one worker: received "
                f"teacher={self.teacher!r}, workers={self.workers!r}, "
                f"data_service={self.data_service!r}."
            )
        if not self.guidance > 0:
            raise UserError(f"`guidance` must be above 0: received guidance={self.guidance}.")
        if self.guide_layers and not self.guide:
            raise UserError(f"`guide_layers` are those of a `guide`: received {self.guide_layers}.")
        if self.class_weights != ("none",) or self.folds:
            raise UserError("A distillation takes neither `class_weights` nor `folds`.")

    def teaching(self, source):
        """Makes the task of a student, and what extends it to the graph that trains.

        Args:
            source: The `keras_vit.data.Source`, whose classes are learned.

        Returns:
            A `keras_vit.tasks.Task`; a function from a student, as
            `keras_vit.tasks.classifier` builds it, and the names of its classes to the graph, which
            opens the files when it is first called, on the devices of the student; and the
            `keras_vit.run.stored_answers.StoredAnswers`, or `None` where they are not stored.
        """
        from keras_vit.run.stored_answers import StoredAnswers
        from keras_vit.run.stored_views import digest_of_teacher, flags_of_views
        from keras_vit.run.teacher import open_guide, open_teacher
        from keras_vit.tasks import distillation, guided, of_student, taught
        from keras_vit.tasks.teacher import asking

        teacher = functools.cache(lambda: open_teacher(self.teacher, self.teacher_precision))
        guide = functools.cache(lambda: open_guide(self.guide, self.guide_layers))

        def teach(student, names):
            asked = None if self.store_answers else teacher
            graph = taught(student, asked and asked(), names) if self.teacher else student
            return guided(graph, guide(), weight=self.guidance) if self.guide else graph

        if not self.teacher:
            return of_student(self.classification(source)), teach, None
        task = distillation(
            source.class_names,
            hard=self.hard,
            share=self.share,
            temperature=self.temperature,
            mixup=self.mixup,
            cutmix=self.cutmix,
            mix_rate=self.mix_rate,
            label_smoothing=self.label_smoothing,
        )
        if not self.store_answers:
            return task, teach, None
        names, channels = source.class_names, source.splits["train"].channels
        how = dict(num_classes=len(names), channels=channels, class_names=names)
        teacher_is = {"teacher": digest_of_teacher(self.teacher), "classes": names}
        answers = StoredAnswers(
            self.store_answers,
            about=teacher_is | {"precision": self.teacher_precision} | flags_of_views(self),
            ask=lambda: asking(teacher(), **how),
            num_classes=len(names),
        )
        return task, teach, answers

    @property
    def words(self):
        """The words of a command that name whom the student learns from."""
        guide = ["--preset", "guided", "--guide", self.guide] if self.guide else []
        teacher = ["--teacher", self.teacher, "--share", f"{self.share:g}"] if self.teacher else []
        return guide + teacher
