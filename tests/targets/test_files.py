import gzip
import io
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from safetensors.torch import save_file
from torch import nn

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.files import is_data_file, open_data_file
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.target import Target

ROWS = 120
X = torch.randn(ROWS, 5, generator=torch.Generator().manual_seed(0))
Y = (X.sum(1) > 0).long()
MODEL = "from torch import nn\n\n\ndef build_model(inputs=5, outputs=2):\n    return nn.Linear(inputs, outputs)\n"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo_model.py").write_text(MODEL)


def fall(data: str, model: str = "demo_model.py", **options: Any) -> tuple[float, str]:
    """Train on a file; return how much the loss fell, and what was assumed."""
    training = Target.from_strings(model, data, lr=0.05, **options).build()
    curve = [float(training.step().loss) for _ in range(40)]
    return sum(curve[:5]) - sum(curve[-5:]), " | ".join(training.assumptions)


def table(path: str, target: str = "label", *, gap: bool = False) -> None:
    lines = [",".join([*"abcde", target])]
    for index, (row, label) in enumerate(zip(X.tolist(), Y.tolist(), strict=True)):
        cells = [f"{value:.4f}" for value in row]
        if gap and index % 10 == 0:
            cells[0] = ""
        lines.append(",".join([*cells, ["no", "yes"][label]]))
    text = "\n".join(lines) + "\n"
    if path.endswith(".gz"):
        Path(path).write_bytes(gzip.compress(text.encode()))
    else:
        Path(path).write_text(text)


def test_a_pt_file_with_tensors() -> None:
    torch.save((X, Y), "data.pt")
    assert fall("data.pt")[0] > 0
    torch.save({"x_train": X, "y_train": Y, "x_test": X[:3], "y_test": Y[:3]}, "named.pt")
    gain, said = fall("named.pt")
    assert gain > 0
    assert "x_test, y_test is left alone" in said


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file(save: Any) -> None:
    save("data.npz", x=X.double().numpy(), y=Y.numpy())
    gain, said = fall("data.npz")
    assert gain > 0
    assert "float32" in said


def test_an_npy_file_without_targets_is_reconstructed() -> None:
    np.save("data.npy", X.numpy())
    assert fall("data.npy", "demo_model.py:build_model(outputs=5)")[0] > 0


def test_a_safetensors_file() -> None:
    save_file({"inputs": X, "labels": Y}, "data.safetensors")
    assert fall("data.safetensors")[0] > 0


@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz"])
def test_a_csv_file_with_a_target_in_words(name: str) -> None:
    table(name)
    gain, said = fall(name)
    assert gain > 0
    assert "target column 'label'" in said
    assert "no=0, yes=1" in said


def test_a_csv_regression_with_a_named_target_and_gaps() -> None:
    table("data.csv", "outcome", gap=True)
    gain, said = fall("data.csv", "demo_model.py:build_model(outputs=1)", target_column="e")
    assert "12 missing values become its mean" in said
    assert "'outcome' holds words" in said
    assert "mse_loss" in said
    assert gain == gain  # noqa: PLR0124


def test_a_parquet_classification() -> None:
    columns = {name: X[:, index].tolist() for index, name in enumerate("abcde")}
    parquet.write_table(
        pa.table({**columns, "label": [["no", "yes"][y] for y in Y.tolist()]}), "data.parquet"
    )
    assert fall("data.parquet")[0] > 0


def test_an_image_folder() -> None:
    for label, name in enumerate(("dark", "light")):
        Path("pictures", name).mkdir(parents=True)
        for index in range(20):
            shade = 40 + 150 * label + index
            Image.new("RGB", (6 + index % 2, 6), (shade, shade, shade)).save(
                f"pictures/{name}/{index}.png"
            )
    Path("demo_pictures.py").write_text(
        "from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(108, 2))\n"
    )
    gain, said = fall("pictures", "demo_pictures.py")
    assert gain > 0
    assert "2 classes (dark, light)" in said
    assert "6 x 6" in said


def test_a_long_table_is_read_as_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    header = ",".join([*"abcde", "label"])
    row = "0.5,0.25,-1,2,3,1\n0.5,0.25,-1,2,-3,0\n"
    text = header + "\n" + row * 100_000
    Path("long.csv").write_text(text)
    begun = time.perf_counter()
    gain, said = fall("long.csv")
    assert gain > 0
    assert "a long table" in said
    assert time.perf_counter() - begun < 5


def test_arrays_stay_on_disk_where_they_can() -> None:
    np.save("data.npy", X.numpy())
    assert isinstance(open_data_file("data.npy", Options()).data.columns["inputs"], np.memmap)
    np.savez("data.npz", x=X.numpy(), y=Y.numpy())
    data = open_data_file("data.npz", Options()).data
    assert all(isinstance(column, np.memmap) for column in data.columns.values())


class Marker:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (self.path, "w"))


def bomb(path: str, megabytes: int) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (megabytes * 2**18,)}
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w", force_zip64=True) as file,
    ):
        file.write(header.getvalue())
        for _ in range(megabytes):
            file.write(bytes(2**20))


@pytest.mark.heavy
def test_malicious_files_execute_nothing_exhaust_nothing_and_say_so() -> None:
    marker = Path("executed")
    torch.save(Marker(str(marker)), "evil.pt")
    Path("legacy.pt").write_bytes(pickle.dumps(Marker(str(marker))))
    objects = np.array([Marker(str(marker))], dtype=object)
    np.save("evil.npy", objects, allow_pickle=True)
    np.savez("evil.npz", x=objects)
    bomb("bomb.npz", 800)
    assert Path("bomb.npz").stat().st_size < 2**20
    for name, says in {
        "evil.pt": "would import",
        "legacy.pt": "not loaded",
        "evil.npy": "Python objects",
        "evil.npz": "Python objects",
        "bomb.npz": "declares 800",
    }.items():
        begun = time.perf_counter()
        with pytest.raises(UsageError, match=says) as caught:
            open_data_file(name, Options())
        assert "\n" not in str(caught.value)
        assert time.perf_counter() - begun < 2
    assert not marker.exists()


def test_a_malicious_model_file_is_refused_before_it_is_opened() -> None:
    program = torch.export.export(nn.Linear(5, 2), (X,))
    torch.export.save(program, "model.pt2")
    with pytest.raises(UsageError, match="--trust"):
        Target.from_strings("model.pt2", "x.csv")
    torch.save(nn.Linear(5, 2), "whole.pt")
    with pytest.raises(UsageError, match=r"would import torch.nn.modules.linear.Linear"):
        Target.from_strings("whole.pt", "x.csv")


def test_a_trusted_model_file_is_trained() -> None:
    torch.save((X, Y), "data.pt")
    torch.save(nn.Linear(5, 2), "whole.pt")
    assert fall("data.pt", "whole.pt", trust=True)[0] > 0
    batch = torch.export.Dim("batch")
    program = torch.export.export(nn.Linear(5, 2), (X,), dynamic_shapes=({0: batch},))
    torch.export.save(program, "model.pt2")
    gain, said = fall("data.pt", "model.pt2", trust=True)
    assert gain > 0
    assert "only parameters" in said


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch says that TorchScript is old
def test_torchscript_is_code_too() -> None:
    torch.save((X, Y), "data.pt")
    torch.jit.script(nn.Linear(5, 2)).save("scripted.pt")
    with pytest.raises(UsageError, match="TorchScript is code"):
        Target.from_strings("scripted.pt", "data.pt")
    gain, said = fall("data.pt", "scripted.pt", trust=True)
    assert gain > 0
    assert "only parameters" in said


def test_a_state_dict_is_no_model() -> None:
    torch.save(nn.Linear(5, 2).state_dict(), "state.pt")
    with pytest.raises(UsageError, match=r"file.py:Model --weights state.pt"):
        Target.from_strings("state.pt", "data.pt")


BAD = {
    "missing.csv": (None, "no such file"),
    "empty.csv": ("", "no header"),
    "numbers.csv": ("1,2\n3,4\n", "has no header"),
    "header.csv": ("a,label\n", "no row below"),
    "ragged.csv": ("a,label\n1,2\n1,2,3\n", "row 3: 3 cells"),
    "which.csv": ("a,b\n1,2\n", "--target-column"),
    "twice.csv": ("a,a,label\n1,2,3\n", "two columns of one name"),
    "gaps.csv": ("a,label\n,1\n,1\n1,1\n", "missing in 2 of 3"),
    "only.csv": ("label\n1\n", "no column besides"),
    "bad.csv.gz": ("not gzip", "cannot be read as a table"),
    "bad.npz": ("not zip", "not a readable file"),
    "bad.npy": ("not numpy", "not a readable numpy file"),
    "bad.pt": ("not torch", "not loaded|cannot be read"),
    "bad.safetensors": ("no", "not a readable safetensors"),
    "bad.parquet": ("no", "not a readable Parquet"),
}


@pytest.mark.parametrize(("name", "content"), BAD.items(), ids=BAD.keys())
def test_bad_files_are_one_line(name: str, content: tuple[str | None, str]) -> None:
    text, says = content
    if text is not None:
        Path(name).write_text(text)
    assert is_data_file(name)
    with pytest.raises(UsageError, match=says) as caught:
        open_data_file(name, Options())
    assert "\n" not in str(caught.value)


def test_an_endless_line_does_not_fill_the_memory() -> None:
    with gzip.open("bomb.csv.gz", "wb") as file:
        for _ in range(64):
            file.write(b"a" * 2**20)
    with pytest.raises(UsageError, match="line of more than"):
        open_data_file("bomb.csv.gz", Options())


def test_an_empty_folder_is_no_data() -> None:
    Path("nothing").mkdir()
    with pytest.raises(UsageError, match=r"no class/picture.png"):
        open_data_file("nothing", Options())


def test_a_misspelled_target_column() -> None:
    table("data.csv")
    with pytest.raises(UsageError, match="did you mean 'label'"):
        open_data_file("data.csv", Options(target_column="lable"))
