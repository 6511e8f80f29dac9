"""Texts lose the places of the machine that they were written on."""

import pytest

from keras_vit.report.places import without_places


@pytest.mark.parametrize(
    "text, short",
    [
        ("/home/anna/flowers", ".../flowers"),
        ("folder:/home/anna/flowers/", "folder:.../flowers"),
        ("--data=/home/anna/a.csv", "--data=.../a.csv"),
        (
            "keras-vit evaluate '/mnt/x/m.keras' --data ~/b",
            "keras-vit evaluate '.../m.keras' --data .../b",
        ),
        (r"C:\Users\anna\flowers", ".../flowers"),
        ("('/home/anna/a', '/b')", "('.../a', '.../b')"),
        ("runs/mine/best.keras", "runs/mine/best.keras"),
        ("hf:timm/vit_tiny", "hf:timm/vit_tiny"),
        ("https://anna:secret@host/x?token=1", "https://host/x"),
        ("^(embed|block0)/", "^(embed|block0)/"),
        ("0.05", "0.05"),
    ],
)
def test_a_path_is_its_name(text, short):
    assert without_places(text) == short


def test_what_lies_below_the_working_directory_is_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert without_places(tmp_path / "runs" / "m.keras") == "runs/m.keras"
