"""Batches from wherever the set is: the same ones, and so the same weights."""

from dataclasses import replace

import pytest
import torch
from kernel_runs import run_python

from local import recipes
from local.data.room import Room
from local.data.shards import ShardWriter, in_folder
from local.train import feed as feeds
from local.train import snapshots
from local.train.adversaries import Adversaries
from local.train.build import trainer
from local.train.cluster import Cluster
from local.train.feed import DRAWN, Ahead, Order, Resident, feed
from local.train.place import Place
from local.train.reconstruction import Reconstruction
from local.train.team import ALONE, Team

CPU = torch.device("cpu")
LARGE, NONE = Room(10**12, 10**12), Room(0, 0)
ON_HOST = Room(0, 10**12)  # on a CPU nothing is beside the device, so that only tests come here


@pytest.fixture
def stored(dogs, tmp_path, monkeypatch):
    """The same dogs on a disk, in three shards."""
    from local.data import shards

    monkeypatch.setattr(shards, "SHARD", 15 * 3 * 16 * 16)
    folder = tmp_path / "stored"
    folder.mkdir()
    with ShardWriter(folder, 16) as writer:
        for picture in dogs.pictures:
            writer.write(picture.numpy())
    return replace(dogs, pictures=in_folder(folder), labels=torch.arange(40) % 7)


def weights(trainer):
    networks = trainer.networks().values()
    return torch.cat(
        [value.flatten().double() for n in networks for value in n.state_dict().values()]
    )


@pytest.fixture
def busy(recipe):
    """A recipe that draws all that can be drawn for real pictures, in two batches a step."""
    settings = {"rotation": 10.0, "brightness": 0.1, "colour": 0.2, "dequantise": True}
    return replace(recipe, network="dense", d_steps=2, **settings)


def test_weights_are_the_same_wherever_the_pictures_are(busy, device, stored):
    found = {}
    for room in (LARGE, ON_HOST, NONE):
        model = Adversaries(busy, device, stored, room=room)
        for _ in range(3):
            model.step(0.5)
        found[room] = weights(model)
        assert isinstance(model.feed, Resident if room is LARGE else Ahead)
    assert torch.equal(found[LARGE], found[ON_HOST]) and torch.equal(found[LARGE], found[NONE])


@pytest.mark.parametrize("room", [LARGE, NONE], ids=["resident", "streamed"])
def test_a_run_goes_on_in_the_middle_of_a_stream(room, busy, device, stored, tmp_path):
    """A batch has been fetched ahead of the snapshot; a new process has not."""
    straight = Adversaries(busy, device, stored, room=room)
    for _ in range(5):
        straight.step(0.5)
    first = Adversaries(busy, device, stored, room=NONE)
    for _ in range(2):
        first.step(0.5)
    snapshots.save(tmp_path, first, 1.0)
    second = Adversaries(busy, device, stored, room=room)
    snapshots.resume(tmp_path, second)
    for model in (first, second):
        for _ in range(3):
            model.step(0.5)
        assert torch.equal(weights(model), weights(straight))


@pytest.mark.parametrize("room", [LARGE, NONE], ids=["resident", "streamed"])
def test_a_run_that_was_set_back_sees_other_batches_and_still_does_when_resumed(
    room, recipe, device, stored, tmp_path
):
    """As a stepper sets it back: the same step, another seed."""
    model, usual = Adversaries(recipe, device, stored, room=room), recipe.seed
    model.step()
    for seed in (usual, usual + 1):
        model.random.manual_seed(seed)
        snapshots.save(tmp_path / f"{seed}", model, 1.0)
    reals = {}
    for seed in (usual, usual + 1):
        snapshots.resume(tmp_path / f"{usual}", model)
        model.random.manual_seed(seed)
        model.step()
        resumed = Adversaries(recipe, device, stored, room=room)
        snapshots.resume(tmp_path / f"{seed}", resumed)
        resumed.step()
        assert torch.equal(weights(resumed), weights(model))
        reals[seed] = model.feed.batch(seed, 1)[0]
    assert not torch.equal(*reals.values())


@pytest.mark.parametrize("room", [LARGE, ON_HOST, NONE])
def test_members_read_their_own_rows_and_together_the_whole_batch(room, stored):
    team = [Team(rank, 3) for rank in range(3)]
    whole = feed(stored, CPU, 8, ALONE, room)
    shares = [feed(stored, CPU, 8, member, room) for member in team]
    for number in (0, 1, DRAWN - 1, DRAWN, 7):
        pictures, labels = whole.batch(5, number)
        parts = [share.batch(5, number) for share in shares]
        assert [len(part[0]) for part in parts] == [3, 3, 2]
        assert torch.equal(torch.cat([part[0] for part in parts]), pictures)
        assert torch.equal(torch.cat([part[1] for part in parts]), labels)
        rows = whole.order.rows(5, number)
        assert torch.equal(pictures, stored.pictures[rows])
        assert torch.equal(labels, stored.labels[rows])


class Noted:
    """Shards that note which rows are read, and fail where they are told to."""

    def __init__(self, shards):
        self.shards, self.read, self.fails = shards, [], False
        self.shape, self.nbytes = shards.shape, shards.nbytes

    def __len__(self):
        return len(self.shards)

    def __getitem__(self, rows):
        self.read.append(rows.tolist())
        if self.fails:
            raise OSError("Input/output error")
        return self.shards[rows]


def test_one_batch_is_fetched_ahead_and_nothing_else_is_read(stored):
    noted = Noted(stored.pictures)
    ahead = Ahead(replace(stored, pictures=noted), CPU, 8, Team(1, 2), "")
    order = Order(40, 8, CPU)
    for number in range(3):
        ahead.batch(0, number)
    ahead._fetched.result()
    assert noted.read == [order.rows(0, number)[4:].tolist() for number in range(4)]
    noted.fails = True
    ahead.batch(0, 3)  # was there already
    with pytest.raises(OSError, match="Input/output"):
        ahead.batch(0, 4)


def test_rows_are_drawn_evenly_and_follow_seed_and_number():
    order = Order(40, 500, CPU)
    drawn = {key: order.rows(*key).clone() for key in [(0, 0), (0, 1), (0, DRAWN), (1, 0), (1, 1)]}
    rows = torch.cat(list(drawn.values()))
    assert torch.bincount(rows, minlength=40).min() > 30  # of 62 on average
    assert len({tuple(rows.tolist()) for rows in drawn.values()}) == 5
    for key, rows in drawn.items():  # in another order, and after others
        assert torch.equal(order.rows(*key), rows)


KEPT = "in the host's memory, as the device has 0 KB to spare"
CUDA = torch.device("cuda")


@pytest.mark.parametrize(
    ("room", "device", "place"),
    [
        (Room(30_720, 0), CPU, "in memory"),
        (Room(30_719, 0), CPU, "streamed from disk, as memory has 31 KB to spare"),
        (Room(0, 30_720), CPU, KEPT),
        (
            Room(20_000, 10_000),
            CUDA,
            "streamed from disk, as the device has 20 KB to spare and the host 10 KB",
        ),
    ],
)
def test_the_fastest_place_with_room_is_chosen_and_named(room, device, place, stored, monkeypatch):
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    found = feed(stored, device, 8, ALONE, room)
    assert found.place == place


def test_what_is_in_memory_stays_there_without_a_word(recipe, device, dogs, monkeypatch, capsys):
    kept = feed(dogs, CPU, 8, ALONE, NONE)
    assert kept.data.pictures is dogs.pictures and kept.place == ""
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    assert feed(dogs, CUDA, 8, ALONE, NONE).place == KEPT
    Adversaries(recipe, device, dogs)
    assert capsys.readouterr().err == ""


def test_a_machine_is_shared_with_those_on_it_alone(recipe, device, stored, monkeypatch, capsys):
    """A set that fits into each machine is not streamed because there are many machines."""
    monkeypatch.setattr(feeds.Room, "of", lambda device, processes: Room(70_000 // processes, 0))
    team = Cluster(Place(2, 4, local_rank=0, local_size=2, machines=2, launched=True)).team
    assert team == Team(2, 4, here=2)
    assert feed(stored, CPU, 8, team).place == "in memory"
    assert feed(stored, CPU, 8, replace(team, here=4)).place.startswith("streamed from disk")


def test_where_the_pictures_are_is_said_once_a_team(recipe, device, stored, monkeypatch, capsys):
    monkeypatch.setattr(feeds.Room, "of", lambda device, processes: Room(60_000 // processes, 0))
    trainer(recipe, device, stored)
    assert capsys.readouterr().err == "data: 40 pictures, 31 KB in memory\n"
    for rank in range(2):
        trainer(recipe, device, stored, Team(rank, 2, here=2))
    place = "streamed from disk, as memory has 30 KB to spare"
    assert capsys.readouterr().err == f"data: 40 pictures, 31 KB {place}\n"


def test_an_autoencoder_looks_at_the_same_pictures_wherever_they_are(device, stored):
    recipe = replace(recipes.get("autoencoder"), size=16, g_width=4, d_width=4, latent=4, batch=4)
    models = [Reconstruction(recipe, device, stored, room=room) for room in (LARGE, NONE)]
    for model in models:
        model.step()
        model.recalibrate()
    assert torch.equal(*(model.average.directions for model in models))
    assert torch.equal(*(weights(model) for model in models))


STREAMS = """
import json, resource, torch
from pathlib import Path
from local.data.prepared import TrainingSet
from local.data.room import Room
from local.data.shards import _header, in_folder
from local.recipes import Recipe
from local.train.adversaries import Adversaries
from local.train.devices import Device

COUNT = 400_000  # pictures of 768 bytes: 307 MB, all black, and no byte of them on the disk
with Path("pictures-00000.safetensors").open("wb") as file:
    file.write(_header(COUNT, 16))
    file.truncate(256 + COUNT * 768)
data = TrainingSet(in_folder(Path.cwd()), torch.zeros(COUNT, dtype=torch.long), ["x"])
device = Device(torch.device("cpu"), "CPU", torch.float32)
recipe = Recipe(size=16, g_width=4, d_width=4, latent=8, batch=64)
torch.set_num_threads(1)
Adversaries(recipe, device, data, room=Room(0, 0)).step()  # what a process needs once is there
told = Path("/proc/self/status").read_text().splitlines()
kilobytes = next(int(line.split()[1]) for line in told if line.startswith("VmData"))
limit = kilobytes * 1024 + 150_000_000
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
result = {}
for name, room in (("streamed", Room(0, 0)), ("resident", Room(10**12, 0))):
    try:
        model = Adversaries(recipe, device, data, room=room)
        for _ in range(5):
            model.step()
        result[name] = "trained"
    except (RuntimeError, MemoryError) as error:
        result[name] = type(error).__name__
print(json.dumps(result))
"""


@pytest.mark.slow
def test_a_stream_needs_no_memory_for_the_set(tmp_path):
    """The process may take half as much as the set has; what holds all of it cannot."""
    ran = run_python(tmp_path, STREAMS)
    assert ran.code == 0, ran.err
    assert ran.result["streamed"] == "trained" and ran.result["resident"] != "trained"
