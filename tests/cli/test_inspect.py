"""`keras-vit inspect`."""

import zipfile

import pytest


def test_a_file_is_described(tiny, run):
    code, text, err = run("inspect", tiny.litert)
    assert (code, err) == (0, "")
    assert f"{tiny.litert.stat().st_size:,} bytes" in text
    assert "images (1, 8, 8, 1) FLOAT32 -> probabilities (1, 3) FLOAT32" in text
    assert "labels.txt: nought one zwölf" in text and '"crop_ratio": 1.0' in text
    assert "FULLY_CONNECTED" in text and "block" not in text
    code, text, err = run("inspect", tiny.litert, "--operators")
    assert code == 0 and "block" in text


@pytest.mark.parametrize("content", [b"", b"no model", b"\0\0\0\0TFL3" + b"\xff" * 50])
def test_what_is_no_litert_file_is_one_line(tmp_path, run, one_line, content):
    (tmp_path / "x.tflite").write_bytes(content)
    code, text, err = run("inspect", tmp_path / "x.tflite")
    assert (code, text) == (2, "") and "x.tflite" in one_line(err)


def test_a_folder_is_one_line(tmp_path, run, one_line):
    code, text, err = run("inspect", tmp_path)
    assert (code, text) == (2, "") and f"{tmp_path} is no LiteRT file" in one_line(err)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_strangers_archive_does_no_harm(tmp_path, tiny, run, one_line):
    path = tmp_path / "x.tflite"
    path.write_bytes(tiny.litert.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("vocabulary.bin", b"\xff\xfe")  # not a text, and none of ours
    assert run("inspect", path)[0] == 0
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", bytes(2**25))
    code, _, err = run("inspect", path)
    assert code == 2 and "labels.txt has more than 16,777,216 bytes" in one_line(err)
