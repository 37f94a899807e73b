"""`python -m bench metric`: what it says of its sides, and that they are given one network."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from zipfile import ZipFile

import numpy as np
import psutil
import pytest
import torch
import torchvision
from helpers import ROOT, noise
from PIL import Image
from torch.nn import functional as F

from bench import metric
from bench.__main__ import main
from bench.alone import run_alone
from bench.contenders import SIDES, Side
from bench.peers import CLEAN_FID, PYTORCH_FID, TORCH_FIDELITY
from bench.samples import write_sides
from bench.weights import export, script, state_dict
from mifid.errors import InputError
from mifid.frechet import frechet_distance, moments
from mifid.graph import Graph, read_graph
from mifid.operations import resize_bilinear
from mifid.pictures import open_pictures

ANSWER = '{"fid": 12.5, "distance": 0.25, "mifid": 12.5, "seconds": 0.125}'
GOOD = f"print('loading'); print('{ANSWER}')"


@pytest.fixture
def bench(make_dogs, tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs the command on 6 dogs, 3 a side, with stubs for sides: name -> Python code."""
    dogs, graph = make_dogs(), tmp_path / "graph.pb"
    graph.write_bytes(b"")

    def run(stubs: dict[str, str], *words: str) -> tuple[int, str, str]:
        for name, code in stubs.items():
            command = [sys.executable, "-S", "-c", code]
            side = Side(lambda job, c=command: [*c, str(job.generated), str(job.real)], "a stub")
            monkeypatch.setitem(SIDES, name, side)
        given = ["--data", str(dogs), "--graph", str(graph), "--count", "3"]
        code = main(["metric", *given, "--sides", *stubs, *words])
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def graph(shared: Path) -> Graph:
    return read_graph(shared / "inception" / "reconstructed_graph_def.pb")


@pytest.fixture(scope="module")
def saved(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "inception" / "tensorflow_features.npz") as file:
        return {key: file[key] for key in file}


@pytest.fixture(scope="module")
def published() -> ModuleType:
    pytest.importorskip("tensorflow", reason="needs tensorflow, the oracle")
    from bench import published

    return published


def rows(output: str) -> dict[str, list[str]]:
    """The table's cells by side."""
    lines = [line for line in output.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


@pytest.mark.slow
def test_a_side_s_seconds_and_values_stand_in_its_row(bench):
    code, output, _ = bench({"quick": GOOD, "slow": f"import time; time.sleep(0.6); {GOOD}"})
    assert code == 0
    quick, slow = rows(output)["quick"], rows(output)["slow"]
    assert float(slow[0]) >= 0.6 > float(quick[0])
    assert quick[1] == "0.1" and quick[4:] == ["12.5", "0.25", "12.5", "a stub"]
    head = output.splitlines()[:3]
    assert "torch" in head[0] and "bench metric" in head[1] and "3 a side" in head[2]


def test_memory_and_seconds_are_the_childs_own(tmp_path):
    ballast = b"x" * 400_000_000
    started = time.perf_counter()
    small, large = (
        run_alone([sys.executable, "-S", "-c", f"x = b'x' * {size}"], tmp_path, {})
        for size in (0, 200_000_000)
    )
    assert small.peak_bytes < 100_000_000
    assert 200_000_000 < large.peak_bytes < 300_000_000
    assert 0 < small.seconds + large.seconds < time.perf_counter() - started
    assert len(ballast) == 400_000_000  # was held all the while


@pytest.mark.slow
def test_an_interrupt_ends_what_it_has_started(tmp_path):
    note = tmp_path / "pid"
    child = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = "import sys; from pathlib import Path; from bench.alone import run_alone; run_alone("
    code += f"[sys.executable, '-S', '-c', {child!r}], Path({str(tmp_path)!r}), {{}})"
    started = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    wait_for(lambda: note.is_file() and note.read_text())
    started.send_signal(signal.SIGINT)
    assert started.wait(20) != 0
    wait_for(lambda: not psutil.pid_exists(int(note.read_text())))


def wait_for(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_a_side_that_fails_says_so_and_stops_no_other(bench):
    broken = "import sys; print('many words', file=sys.stderr); sys.exit('no | such GPU')"
    code, output, _ = bench(
        {
            "broken": broken,
            "silent": "print('done')",
            "nan": "print('{\"fid\": NaN}')",
            "killed": "import os; os.kill(os.getpid(), 9)",
            "good": GOOD,
        }
    )
    assert code == 1
    table = rows(output)
    assert table["broken"][-1] == "failed (1): no / such GPU"
    assert table["silent"][-1] == "failed: answers 'done'"
    assert "NaN" in table["nan"][-1]
    assert table["killed"][-1].startswith("failed (-9)")
    assert table["good"][-1] == "a stub"
    assert table["broken"][4:7] == ["", "", ""]


def test_a_side_that_cannot_be_started_says_so(bench, tmp_path, monkeypatch):
    monkeypatch.setitem(SIDES, "nowhere", Side(lambda _: [str(tmp_path / "nothing")], "a stub"))
    code, output, _ = bench({"good": GOOD}, "nowhere")
    assert code == 1
    assert "cannot be started" in rows(output)["nowhere"][-1]
    assert rows(output)["good"][4] == "12.5"


def test_without_the_other_tools_environment_the_rest_is_measured(bench, tmp_path):
    nowhere = "--peers", str(tmp_path / "nowhere")
    code, output, _ = bench({"good": GOOD}, "torchmetrics", *nowhere)
    assert code == 0
    assert rows(output)["torchmetrics"][-1] == "not installed: make peers"
    assert rows(output)["good"][-1] == "a stub"
    code, output, error = bench({}, "torchmetrics", "clean-fid", *nowhere)
    assert (code, output) == (2, "")
    assert "make peers" in error and len(error.splitlines()) == 1


def test_rounds_alternate_and_each_process_leaves_a_line(bench, tmp_path):
    out = tmp_path / "measured.jsonl"
    words = "--rounds", "2", "--json", "--out", str(out)
    code, output, _ = bench({"a": GOOD, "b": GOOD}, *words)
    assert code == 0
    result, lines = json.loads(output), [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["side"], row["round"]) for row in result["rows"]] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("b", 1),
    ]
    assert [row["seconds"] for row in lines] == [row["seconds"] for row in result["rows"]]
    assert all(row["values"]["fid"] == 12.5 and row["own"] == 0.125 for row in lines)
    assert {line["machine"] for line in lines} == {result["machine"]}


def test_several_rounds_give_the_median_and_the_range(bench, tmp_path):
    """The side's answer grows by 1 a round, for it counts them in a file."""
    counter = tmp_path / "rounds"
    code = (
        f"import pathlib; file = pathlib.Path({str(counter)!r}); file.touch();"
        " n = file.stat().st_size; file.write_text('x' * (n + 1)); print('{\"fid\": %d}' % n)"
    )
    _, output, _ = bench({"a": code}, "--rounds", "3")
    assert rows(output)["a"][4] == "1 (0 to 2)"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--graph", "nowhere.pb"], "nowhere.pb"),
        (["--data", "nowhere"], "nowhere"),
        (["--count", "4"], "holds only 6 pictures"),
        (["--count", "0"], "--count"),
        (["--images", "nowhere.zip"], "nowhere.zip"),
        (["--out", "nowhere/measured.jsonl"], "nowhere"),
        (["--sides", "nothing"], "nothing"),
    ],
)
def test_bad_input_is_one_line_and_two(bench, capsys, words, what):
    try:
        code, _, error = bench({"good": GOOD}, *words)
    except SystemExit as exit:  # as argparse ends
        code, error = exit.code, capsys.readouterr().err
    assert code == 2
    assert what in error and len(error.splitlines()) == 1


def test_all_sides_see_the_dogs_as_the_metric_does(make_dogs, tmp_path):
    dogs = make_dogs(7)
    generated, real = write_sides(dogs, None, 3, tmp_path)
    with open_pictures(dogs, "real", 6) as pictures:
        expected = np.concatenate(list(pictures.batches(6)))
    for folder, mine in ((generated, expected[::2]), (real, expected[1::2])):
        found = [np.asarray(Image.open(file)) for file in sorted(folder.iterdir())]
        assert np.array_equal(found, mine)
        with open_pictures(folder, "generated") as pictures:  # would be taken as a submission
            assert sum(map(len, pictures.batches(2))) == 3


def test_generated_pictures_can_be_given(make_dogs, tmp_path):
    (tmp_path / "mine").mkdir()
    for i in range(3):
        noise(64, 64, 50 + i).save(tmp_path / "mine" / f"{i}.png")
    generated, real = write_sides(make_dogs(3), tmp_path / "mine", 3, tmp_path)
    assert np.array_equal(np.asarray(Image.open(generated / "00001.png")), noise(64, 64, 51))
    assert len(list(real.iterdir())) == 3
    (tmp_path / "again").mkdir()
    with pytest.raises(InputError, match="holds only 3 pictures"):
        write_sides(make_dogs(9, "more"), tmp_path / "mine", 4, tmp_path / "again")


def test_a_peer_is_given_both_folders_and_the_weights(bench, tmp_path, monkeypatch):
    """With a stand-in for the tool itself, which lives in an environment of its own."""
    packages = tmp_path / "packages"
    (packages / "torch_fidelity-9.9.dist-info").mkdir(parents=True)
    (packages / "torch_fidelity-9.9.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torch-fidelity\nVersion: 9.9\n"
    )
    (packages / "torch_fidelity.py").write_text(
        "from pathlib import Path\n"
        "KEY_METRIC_FID = 'fid'\n"
        "def calculate_metrics(input1, input2, feature_extractor_weights_path, cuda, **rest):\n"
        "    weight = float(Path(feature_extractor_weights_path).read_text())\n"
        "    counts = [len(list(Path(side).glob('*.png'))) for side in (input1, input2)]\n"
        "    return {'fid': weight + 10 * counts[0] + 100 * counts[1] + 1000 * cuda}\n"
    )

    def write_half(_graph: Path, folder: Path, _device: torch.device) -> None:
        (folder / TORCH_FIDELITY).parent.mkdir(parents=True)
        (folder / TORCH_FIDELITY).write_text("0.5")

    monkeypatch.setattr(metric, "export", write_half)
    monkeypatch.setenv("PYTHONPATH", str(packages))
    code, output, _ = bench({}, "torch-fidelity", "--peers", sys.executable)
    assert code == 0
    assert rows(output)["torch-fidelity 9.9"][4] == "330.5"


def inception(weights: dict[str, torch.Tensor], monkeypatch) -> torch.nn.Module:
    """Torchvision's network as the other tools change it: what its pools do with the border."""
    network = torchvision.models.inception_v3(
        num_classes=1008, aux_logits=False, init_weights=False
    )
    network.load_state_dict(weights)
    average = F.avg_pool2d

    def pool(x: torch.Tensor, kernel_size: int, stride: int, padding: int) -> torch.Tensor:
        if network.last:
            return F.max_pool2d(x, kernel_size, stride, padding)
        return average(x, kernel_size, stride, padding, count_include_pad=False)

    network.last = False
    network.Mixed_7c.register_forward_pre_hook(lambda *_: setattr(network, "last", True))
    network.fc = torch.nn.Identity()
    monkeypatch.setattr(F, "avg_pool2d", pool)
    return network.eval()


@pytest.fixture(scope="module")
def four(saved, shared) -> torch.Tensor:
    """Four of the dogs whose features are saved, (4, 64, 64, 3) float32."""
    with ZipFile(shared / "data" / "generative-dog-images.zip") as dogs:
        images = [Image.open(dogs.open(str(name))).convert("RGB") for name in saved["names_a"][:4]]
    small = [np.asarray(i.resize((64, 64), Image.Resampling.LANCZOS)) for i in images]
    return torch.from_numpy(np.stack(small)).float()


def near(found: torch.Tensor, expected: np.ndarray, limit: float) -> bool:
    error = np.linalg.norm(found.numpy() - expected, axis=1)
    return bool((error < limit * np.linalg.norm(expected, axis=1)).all())


@pytest.mark.slow
def test_the_weights_under_torchvisions_names_give_the_graphs_features(
    graph, four, saved, monkeypatch
):
    network = inception(state_dict(graph), monkeypatch)
    resized = (resize_bilinear(four.permute(0, 3, 1, 2), 299, 299) - 128) / 128
    with torch.inference_mode():
        assert near(network(resized), saved["features_a"][:4], 1e-5)


@pytest.mark.slow
def test_the_torchscript_answers_as_clean_fid_asks(graph, four, saved, tmp_path):
    script(graph, torch.device("cpu")).save(tmp_path / "network.pt")
    network = torch.jit.load(tmp_path / "network.pt").eval()
    pictures = four.permute(0, 3, 1, 2).contiguous()
    with torch.inference_mode(), torch.jit.optimized_execution(False):
        whole = network(pictures[:3], return_features=True).view((3, 2048))
        resized = (resize_bilinear(pictures, 299, 299) - 128) / 128
        inner = network.layers.forward(resized).view((4, 2048))
    assert near(whole, saved["features_a"][:3], 1e-5)  # another number of them than was traced
    assert near(inner, saved["features_a"][:4], 1e-5)


def test_the_files_lie_where_the_tools_look(graph, tmp_path, monkeypatch):
    module = torch.jit.script(torch.nn.Identity())
    monkeypatch.setattr("bench.weights.script", lambda *_: module)
    export(graph.path, tmp_path / "weights", torch.device("cpu"))
    torch.hub.set_dir(tmp_path / "weights")
    try:
        for name in (PYTORCH_FID, TORCH_FIDELITY):
            address = f"https://nowhere.invalid/{Path(name).name}"
            assert len(torch.hub.load_state_dict_from_url(address)) == 94 * 5 + 2
    finally:
        monkeypatch.setattr(torch.hub, "_hub_dir", None)
    assert (tmp_path / "weights" / CLEAN_FID).is_file()


def test_another_graph_has_no_such_weights(graph):
    nodes = {name: node for name, node in graph.nodes.items() if "mixed_9/tower_1" not in name}
    with pytest.raises(InputError, match="mixed_9/tower_1/conv/conv2d_params"):
        state_dict(Graph(nodes, graph.path, ""))


@pytest.mark.slow
def test_the_published_distance_is_the_saved_one(published, saved):
    sides = (saved[name].astype(np.float64) for name in ("features_a", "features_b"))
    expected = float(saved["distance_a_b"])
    assert published.memorization_distance(*sides) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_the_published_fid_is_the_saved_one(published, saved):
    sides = (saved[name].astype(np.float64) for name in ("features_a", "features_b"))
    assert published.frechet_distance(*sides) == pytest.approx(float(saved["fid_a_b"]), rel=1e-8)


def test_the_published_algorithm_on_few_features(published):
    random = np.random.default_rng(5)
    fake, true = (random.random((200, 12)) @ random.random((12, 12)) for _ in range(2))
    expected = frechet_distance(moments(fake), moments(true))
    assert published.frechet_distance(fake, true) == pytest.approx(expected, rel=1e-9)
    assert published.frechet_distance(fake, true + 2) == pytest.approx(
        expected + 4 * 12 - 4 * (fake.mean(0) - true.mean(0)).sum(), rel=1e-9
    )


def test_the_published_distance_by_hand(published):
    fake = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]])  # the last has sum 0: left out
    true = np.array([[2.0, 0.0], [0.0, 0.0]])
    assert published.memorization_distance(fake, true) == pytest.approx(0.2, rel=1e-15)
    assert published.memorization_distance(true, fake) == pytest.approx(0, abs=1e-15)
    assert published.quotient(5.0, 0.05) == pytest.approx(100)
    assert published.quotient(5.0, 0.1) == pytest.approx(5)  # strictly under


@pytest.mark.slow
def test_the_published_side_reads_its_folders_by_the_rules(
    published, tmp_path, saved, graph, monkeypatch, real_dogs
):
    names = [*saved["names_a"][:3], *saved["names_b"][:3]]
    for i, name in enumerate(names):
        folder = tmp_path / ("real" if i > 2 else "generated")
        folder.mkdir(exist_ok=True)
        with ZipFile(real_dogs) as dogs:
            image = Image.open(dogs.open(str(name))).convert("RGB")
        small = image.resize((64, 64), Image.Resampling.LANCZOS)
        (image if i > 2 else small).save(folder / f"{i}.png")
    words = tmp_path / "generated", tmp_path / "real", graph.path, "cpu"
    seen = []
    monkeypatch.setattr(published, "frechet_distance", lambda *sides: seen.extend(sides) or 7.0)
    values = published.score(*words)
    expected = np.concatenate([saved["features_a"][:3], saved["features_b"][:3]])
    # TensorFlow sums in another order on another kind of processor, as docs/precision.md says.
    assert near(torch.from_numpy(np.concatenate(seen)), expected, 1e-5)
    assert values["fid"] == 7.0 == pytest.approx(values["mifid"])
    assert 0.1 < values["distance"] < 1
    noise(100, 80, 0).save(tmp_path / "generated" / "0.png")
    with pytest.raises(ValueError, match="not a PNG of 64x64"):
        published.score(*words)
