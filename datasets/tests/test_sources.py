"""The embedded data sets, byte for byte, and what happens to damaged or missing ones and to files put there by hand."""

import gzip
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tinytorch.data import sources

DATASETS = Path(__file__).parents[1]

# MD5 of the four original files of MNIST, uncompressed.
MNIST = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty folder as $TINYTORCH_DATA."""
    monkeypatch.setenv("TINYTORCH_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", MNIST)
def test_mnist_is_the_original_byte_for_byte(name):
    raw = gzip.decompress((DATASETS / "mnist" / f"{name}.gz").read_bytes())
    assert hashlib.md5(raw, usedforsecurity=False).hexdigest() == MNIST[name]


@pytest.mark.parametrize("name", [n for n, s in sources.registry().items() if s.embedded])
def test_embedded_sets_are_whole(name):
    assert sources.problems(name, DATASETS / name) == ()


def test_the_registry_states_source_licence_and_checksum_of_every_set():
    for name, entry in sources.registry().items():
        assert entry.title and entry.source and entry.licence, name
        assert entry.embedded or (entry.archive and entry.archive.urls) or all(f.urls for f in entry.files), name
        assert entry.archive or all(len(f.sha256) == 64 for f in entry.files), name


def test_the_readme_names_every_set_with_its_licence():
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    for name, entry in sources.registry().items():
        assert name in readme and entry.licence in readme, name


def test_mnist_is_balanced_images_with_labels(cache):
    for train, n, first in ((True, 60_000, 5), (False, 10_000, 7)):
        images, labels = sources.mnist(train)
        assert (images.shape, images.dtype, labels.shape) == ((n, 28, 28), np.uint8, (n,))
        assert labels[0] == first
        assert np.bincount(labels).min() > 0.085 * n
        assert abs(images.mean() / 255 - 0.1307) < 0.003


def test_tinydigits_has_1797_images_up_to_16(cache):
    images, labels = sources.tinydigits()
    assert (images.shape, images.dtype, images.max()) == ((1797, 8, 8), np.uint8, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert labels[:10].tolist() == list(range(10))


@pytest.mark.parametrize("damage", ["cut off", "one bit", "empty"])
def test_a_damaged_embedded_file_is_refused_by_its_name(cache, damage):
    shutil.copytree(DATASETS / "tinydigits", cache / "tinydigits")
    file = cache / "tinydigits" / "images-idx3-ubyte.gz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes({"cut off": bytes(content[:-7]), "one bit": bytes(content), "empty": b""}[damage])
    with pytest.raises(sources.DataError, match=r"images-idx3-ubyte\.gz is damaged.*delete it"):
        sources.tinydigits()
    (problem,) = sources.problems("tinydigits", cache / "tinydigits")
    assert str(file) in problem


def test_a_missing_set_is_named_with_the_folders_and_the_remedy(cache):
    with pytest.raises(sources.DataError) as raised:
        sources.cifar10(train=True)
    for text in ("cifar10 is not here", "data_batch_1.bin", str(cache), "tito data fetch cifar10"):
        assert text in str(raised.value)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="'minst'; known are tinydigits, mnist, cifar10, tinyshakespeare"):
        sources.locate("minst")


def _put_cifar(folder):
    """The six files of CIFAR-10 as somebody may have put them there: right sizes, random pixels, labels in turn."""
    place = folder / "cifar10" / "cifar-10-batches-bin"
    place.mkdir(parents=True)
    records = np.random.default_rng(0).integers(0, 256, size=(10_000, 3073), dtype=np.uint8)
    for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        records[:, 0] = (np.arange(10_000) + number) % 10
        (place / f"{name}.bin").write_bytes(records.tobytes())
    return place, records


def test_files_put_there_by_hand_count(cache):
    _, records = _put_cifar(cache)
    images, labels = sources.cifar10(train=False)
    assert (images.shape, labels.shape) == ((10_000, 3, 32, 32), (10_000,))
    assert np.array_equal(images[7].ravel(), records[7, 1:])
    assert np.array_equal(labels, (np.arange(10_000) + 5) % 10)
    images, labels = sources.cifar10(train=True)
    assert images.shape == (50_000, 3, 32, 32)
    assert labels[::10_000].tolist() == [0, 1, 2, 3, 4]


def test_a_file_put_there_by_hand_that_is_no_cifar_is_refused_by_its_name(cache):
    place, _ = _put_cifar(cache)
    (place / "data_batch_3.bin").write_bytes(bytes([200]) * 30_730_000)
    with pytest.raises(sources.DataError, match=r"data_batch_3\.bin is damaged: a label of 200"):
        sources.cifar10(train=True)


def test_the_cache_comes_before_what_is_embedded(cache):
    shutil.copytree(DATASETS / "tinydigits", cache / "tinydigits")
    assert sources.locate("tinydigits") == cache / "tinydigits"
    (cache / "tinydigits" / "labels-idx1-ubyte.gz").unlink()
    assert sources.locate("tinydigits") == sources.EMBEDDED / "tinydigits"


def test_without_tinytorch_data_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYTORCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert sources.cache_folder() == tmp_path / "tinytorch"


def test_a_set_of_the_course_loads_as_a_dataset(cache):
    from tinytorch.data import MNIST, DataLoader, TinyDigits

    images, labels = next(iter(DataLoader(MNIST(train=False), batch_size=16)))
    assert (images.shape, str(images.dtype), str(labels.dtype)) == ((16, 1, 28, 28), "float32", "int64")
    assert 0.99 < images.numpy().max() <= 1
    first, last = TinyDigits(train=True), TinyDigits(train=False)
    assert (len(first), len(last), first[0][0].shape) == (1437, 360, (1, 8, 8))
    assert float(first[0][0].numpy().max()) <= 1


def test_tinyshakespeare_is_cut_into_windows_of_ids(cache, monkeypatch):
    text = "To be, or not to be: that is the question.\n" * 30
    monkeypatch.setattr(sources, "tinyshakespeare", lambda: text)
    from tinytorch.data import TinyShakespeare

    train, validate = TinyShakespeare(seq_len=20), TinyShakespeare(seq_len=20, train=False, stride=1)
    assert train.text + validate.text == text
    assert len(train.text) == int(0.9 * len(text))
    inputs, targets = train[2]
    assert train.decode(inputs.tolist()) == text[40:60]
    assert train.decode(targets.tolist()) == text[41:61]
    assert len(validate) == len(validate.text) - 20
    with pytest.raises(ValueError, match="'Z' is none of the"):
        train.encode("To Z")


def test_an_embedded_folder_holds_exactly_the_files_of_the_registry():
    entries = json.loads((DATASETS / "registry.json").read_text(encoding="utf-8"))
    assert list(entries) == list(sources.registry())
    for name, entry in entries.items():
        if entry["embedded"]:
            files = {p.name for p in (DATASETS / name).iterdir()}
            assert files == set(entry["files"]), f"{name}: files that the registry does not name, or the reverse"
