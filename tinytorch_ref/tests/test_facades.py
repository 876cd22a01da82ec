"""The public faces of the framework: names resolve when used, and a name that is not there says whose it is."""

import subprocess
import sys

import numpy as np
import pytest
import tinytorch as tt
from tinytorch import _names

from autograder import compose
from autograder.course import load_course

COURSE = load_course()
WRITTEN = [a.key for a in COURSE.written()]


def run(code, path):
    """Run code in a Python of its own with one composition on the path; returns what it printed."""
    program = f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def frame_only(tmp_path_factory):
    return compose.compose(COURSE, [], tmp_path_factory.mktemp("frame") / "c").path


@pytest.mark.parametrize("count", range(len(WRITTEN) + 1))
def test_any_prefix_of_the_assignments_composes_and_imports(count, tmp_path):
    layers = [compose.reference_layer(COURSE, key) for key in WRITTEN[:count]]
    made = compose.compose(COURSE, layers, tmp_path / "c")
    modules = [path.removesuffix(".py").replace("/", ".") for layer in layers for path in layer.files]
    code = "import tinytorch as tt, importlib\n"
    code += f"for m in {modules!r}: importlib.import_module(m)\n"
    code += "for f in (tt, tt.nn, tt.nn.functional, tt.optim, tt.data, importlib.import_module('tinytorch.perf')): [getattr(f, n) for n in dir(f)]\nprint(tt.__file__)"
    assert run(code, made.path) == str(made.path / "tinytorch" / "__init__.py")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("tt.Tensor", "Tensor is written in assignment a01_tensor"),
        ("from tinytorch import Tensor", "Tensor is written in assignment a01_tensor"),
        ("from tinytorch.nn import Linear", "Linear is written in assignment a03_layers"),
        ("tt.nn.functional.relu", "relu is written in assignment a02_activations"),
        ("tt.optim.Adam", "Adam is written in assignment a06_optimizers"),
        ("tt.data.DataLoader", "DataLoader is written in assignment a08_dataloader"),
        ("import tinytorch.core.layers", "tinytorch.core.layers is written in assignment a03_layers"),
        (
            "from tinytorch.perf.profiling import Profiler",
            "tinytorch.perf.profiling is written in assignment a14_profiling",
        ),
    ],
)
def test_a_missing_name_names_its_assignment(statement, words, frame_only):
    code = f"import tinytorch as tt\ntry:\n    {statement}\nexcept ImportError as e:\n    print(type(e).__name__, e)"
    assert run(code, frame_only).startswith(f"AssignmentMissing {words}")


def test_a_name_that_exists_nowhere_is_an_attribute_error_with_the_nearest_one():
    with pytest.raises(AttributeError, match="did you mean 'Softmax'"):
        _ = tt.nn.Sofmax
    assert not hasattr(tt, "no_such_thing")


def test_dir_lists_what_is_there_and_only_that(frame_only):
    assert (
        run("import tinytorch as tt; print('Tensor' in dir(tt), 'Adam' in dir(tt.optim))", frame_only) == "False False"
    )
    assert "Tensor" in dir(tt)


def test_every_module_in_the_tables_belongs_to_an_assignment():
    for facade, table in _names.FACADES.items():
        for name, module in table.items():
            path = module.replace(".", "/") + ".py"
            assert COURSE.owner(path), f"{facade}.{name} points to {module}, which no assignment writes"


def test_every_name_of_a_written_assignment_is_really_defined():
    for facade, table in _names.FACADES.items():
        for name, module in table.items():
            if COURSE.owner(module.replace(".", "/") + ".py") in WRITTEN:
                __import__(facade)
                assert getattr(sys.modules[facade], name) is not None, f"{facade}.{name}"


def test_a_resolved_name_is_the_assignments_own_object():
    from tinytorch.core.tensor import Tensor

    assert tt.Tensor is Tensor


def test_manual_seed_repeats_every_draw_and_refuses_nonsense():
    tt.manual_seed(7)
    first = tt.random.generator().normal(size=3)
    tt.manual_seed(7)
    np.testing.assert_array_equal(first, tt.random.generator().normal(size=3))
    for wrong in (-1, 1.5, "7", True, None):
        with pytest.raises(ValueError, match="non-negative integer"):
            tt.manual_seed(wrong)


def test_the_package_ships_its_types(frame_only):
    assert (frame_only / "tinytorch" / "py.typed").is_file()
