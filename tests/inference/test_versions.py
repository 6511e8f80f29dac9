"""Which names in a folder are versions: exactly those that export writes."""

import pytest

from keras_vit.export import FORMATS
from keras_vit.inference.versions import SUFFIXES, newest_saved_model, version_of, versions


def test_every_name_that_export_writes_is_a_version():
    assert {each.suffix for each in FORMATS.values()} == set(SUFFIXES)
    for suffix in SUFFIXES:
        assert version_of(f"3{suffix}") == version_of(f"12{suffix}.rejected") // 4 == 3
    assert version_of("3.json") == version_of("3.md") == 3


@pytest.mark.parametrize(
    "name",
    [
        "2024-11-notes.md",
        "2024-11.md",
        "2024.txt",
        "7-notes",
        "7.keras",
        "7.json.rejected",
        "7-int8.onnx",
        "7.tflite.json",
        "7.tflite~",
        "v7",
        "-7",
        "7 ",
        "٧",
        "20241129123456789012345",
        "notes",
    ],
)
def test_other_names_are_none(tmp_path, name):
    (tmp_path / name).touch()
    (tmp_path / "2.tflite").touch()
    assert version_of(name) is None
    assert versions(tmp_path) == [2]


def test_the_newest_saved_model_is_the_highest_number_that_holds_one(tmp_path):
    assert newest_saved_model(tmp_path) is None
    for name in ("2", "10", "12.rejected", "13.tflite"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "2024").mkdir()  # somebody's notes of a year
    assert newest_saved_model(tmp_path) == tmp_path / "10"


def test_a_note_named_by_a_date_is_no_version(tmp_path):
    for name in ("2.tflite", "3.json", "3.md", "20241101.md", "2025.json"):
        (tmp_path / name).touch()
    assert versions(tmp_path) == [2, 3]
