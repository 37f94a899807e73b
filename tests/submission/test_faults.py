"""Faults made to happen: that each one strikes, and how what a kernel does about it is judged."""

import pytest

from local.errors import InputError
from submission import isolation, rehearsal_staging
from submission.faults import FAULTS
from submission.rehearsal_staging import Staging
from submission.rehearse import rehearse

COUNT = 5


@pytest.fixture
def struck(data):
    """Rehearses a kernel with faults."""

    def run(path, *faults, limit=40, **more):
        staging = Staging(faults=tuple(map(rehearsal_staging.fault, faults)))
        report = rehearse(path, data, limit, staging=staging, count=COUNT, **more)
        assert report.staged == {"inject": list(faults)}
        return report

    return run


WAITS = "print('waiting', flush=True)\ntime.sleep(60)"


@pytest.mark.slow
def test_a_kernel_that_has_its_archive_in_place_may_be_killed(struck, kernel):
    report = struck(kernel(f"write(5)\n{WAITS}"), "sigkill@2")
    assert report.failures == []
    assert report.archive is not None
    assert 2 <= report.total_seconds < 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("Path('images.zip').write_text('half')", "killed at 1.5 s: images.zip: not a whole zip"),
        ("write(5); Path('partial').touch()", "left in the working folder beside images.zip"),
    ],
    ids=["half", "leftovers"],
)
def test_a_killed_kernel_leaves_a_valid_archive_or_fails(struck, kernel, body, failure):
    report = struck(kernel(f"{body}\n{WAITS}"), "sigkill@1.5")
    assert len(report.failures) == 1
    assert report.failures[0].startswith(failure)


def test_a_fault_that_comes_too_late_proves_nothing(struck, kernel):
    report = struck(kernel("finish()"), "sigkill@30")
    assert report.failures == ["sigkill@30 proves nothing: the kernel never came so far"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "number", "code"), [("sigterm@2", 15, 143), ("sigint@2", 2, 0)], ids=["term", "int"]
)
def test_a_kernel_that_answers_a_signal_passes(struck, kernel, fault, number, code):
    path = kernel(f"""
        import signal
        def answer(number, frame):
            finish()
            sys.exit({code})
        signal.signal({number}, answer)
        time.sleep(60)
    """)
    report = struck(path, fault)
    assert report.failures == []
    assert report.exit_code == code


@pytest.mark.slow
def test_a_kernel_that_a_signal_breaks_is_caught(struck, kernel):
    path = kernel("""
        import signal
        write(5)
        signal.signal(15, lambda number, frame: sys.exit("what now?"))
        time.sleep(60)
    """)
    assert struck(path, "sigterm@2").failures == ["exit code 1: what now?"]


@pytest.mark.slow
def test_a_kernel_that_a_signal_ends_at_once_has_no_archive(struck, kernel):
    report = struck(kernel(WAITS), "sigterm@1")
    assert report.failures == ["stopped by SIGTERM at 1 s: no images.zip yet"]


FILLS = """
    import errno
    finish()
    with open("more", "wb", buffering=0) as more:
        try:
            while True:
                more.write(bytes(1000))
                more.seek(0)
                more.truncate()
                time.sleep(0.01)
        except OSError as error:
            print(errno.errorcode[error.errno], flush=True)
    os.remove("more")
    print(json.dumps({"images": 5, "seconds": {}}))
"""


@pytest.mark.slow
def test_a_full_disk_is_a_real_one(struck, kernel):
    try:
        report = struck(kernel(FILLS), "disk-full@1")
    except OSError as error:
        if "permits no mounts" not in str(error):
            raise
        pytest.skip(str(error))
    assert report.failures == []
    assert "ENOSPC" in report.log


def test_without_mounts_a_full_disk_is_refused(struck, kernel):
    with pytest.raises(OSError, match="no disk of its own"):
        struck(kernel(FILLS), "disk-full@1", networks=(isolation.BLOCKED_SOCKETS,))


TRAINER = {
    "local/__init__.py": "",
    "local/train/__init__.py": "",
    "local/train/trainer.py": """
        import torch

        class Partner:
            def __init__(self):
                self.weights = [torch.Tensor()]
            def parameters(self):
                return iter(self.weights)

        class Trainer:
            def __init__(self):
                self.partner = Partner()
            def step(self, progress=0.0):
                try:
                    torch.Tensor().backward()
                except torch.OutOfMemoryError as error:
                    return "full"
                return self.partner.weights[0].value
    """,
    "torch.py": """
        class OutOfMemoryError(RuntimeError):
            pass

        class Tensor:
            value = 1.0
            def backward(self):
                pass
            def fill_(self, value):
                self.value = value
            @property
            def data(self):
                return self
    """,
}
FIVE_STEPS = """
    from local.train.trainer import Trainer
    trainer = Trainer()
    finish(steps=[trainer.step(progress=0.5) for _ in range(5)])
"""


def test_memory_runs_out_in_the_step_that_was_named_and_once(struck, carrying):
    report = struck(carrying(TRAINER, FIVE_STEPS), "out-of-memory@3")
    assert report.failures == []
    assert report.result["steps"] == [1, 1, "full", 1, 1]
    assert "injected: out-of-memory@3" in report.log


def test_from_the_step_that_was_named_on_weights_are_nan(struck, carrying):
    report = struck(carrying(TRAINER, FIVE_STEPS), "nan@2", "out-of-memory@4")
    assert report.failures == []
    assert [str(step) for step in report.result["steps"]] == ["1.0", "nan", "nan", "full", "nan"]


def test_a_step_that_never_came_proves_nothing(struck, carrying):
    report = struck(carrying(TRAINER, FIVE_STEPS), "nan@6")
    assert report.failures == ["nan@6 proves nothing: the kernel never came so far"]


def test_an_empty_input_folder(struck, kernel):
    path = kernel("""
        if not list(data.iterdir()):
            sys.exit(f"no pictures in {data.name}")
    """)
    report = struck(path, "no-data")
    assert report.pictures == 0
    assert report.failures[0] == "exit code 1: no pictures in input"


def test_damaged_pictures(struck, kernel):
    path = kernel("""
        from PIL import Image
        damaged = []
        for picture in sorted(data.rglob("*.jpg")):
            try:
                Image.open(picture).load()
            except OSError:
                damaged.append(picture.name)
        finish(damaged=damaged)
    """)
    report = struck(path, "broken-picture")
    assert report.failures == []
    assert report.result["damaged"] == ["n02085620_0.jpg"]
    assert report.pictures == 3


@pytest.mark.slow
def test_a_gpu_on_which_every_operation_fails(struck, kernel):
    path = kernel("""
        import torch
        said = []
        for call in (
            lambda: torch.ones(1, device="cuda"),
            lambda: torch.ones(1).to("cuda"),
            lambda: torch.cuda.get_device_capability(),
            lambda: torch.cuda.synchronize(),
        ):
            try:
                call()
            except RuntimeError as error:
                said.append(str(error))
        with torch.random.fork_rng():  # asks for the state of every GPU that it knows
            weight = torch.ones(2, requires_grad=True)
        weight.sum().backward()
        torch.optim.Adam([weight]).step()
        finish(said=said, gpus=torch.cuda.is_available() and torch.cuda.device_count())
    """)
    report = struck(path, "dead-gpu", limit=100)
    assert report.failures == []
    assert report.result["gpus"] == 1
    assert len(report.result["said"]) == 4
    assert all("no kernel image" in words for words in report.result["said"])


def test_of_two_kernels_in_one_folder_one_may_refuse(struck, kernel):
    path = kernel(
        """
        import fcntl
        folder = os.open(".", os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Path(os.environ["TMPDIR"], "refused").touch()
            print("another one is at work", file=sys.stderr)
            sys.exit(2)
        while not Path(os.environ["TMPDIR"], "refused").exists():
            time.sleep(0.01)
        finish()
        """
    )
    report = struck(path, "twice")
    assert report.failures == []
    assert "another one is at work" in report.log


def test_of_two_kernels_in_one_folder_none_may_break(struck, kernel):
    path = kernel("""
        met = Path(os.environ["TMPDIR"], "met")
        try:
            os.mkdir("mine")
        except FileExistsError:
            met.touch()
            raise
        while not met.exists():
            time.sleep(0.01)
        os.rmdir("mine")
        finish()
    """)
    report = struck(path, "twice")
    assert len(report.failures) == 1
    assert "two kernels in one folder: they ended with" in report.failures[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fire", "no fault 'fire'; there are: sigterm@S, .*out-of-memory@N.*no-data"),
        ("no-data@3", "no-data takes no number"),
        ("sigterm", "for example sigterm@20"),
        ("sigterm@soon", "for example sigterm@20"),
        ("sigterm@-1", "for example sigterm@20"),
        ("nan@2.5", "for example nan@5"),
        ("nan@0", "for example nan@5"),
    ],
)
def test_a_fault_that_is_none_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        rehearsal_staging.fault(text)


def test_faults_read_as_they_were_written():
    for text in ("sigterm@2.5", "nan@5", "no-data"):
        assert str(rehearsal_staging.fault(text)) == text
    assert {name.partition("@")[0] for name in map(rehearsal_staging.form, FAULTS)} == set(FAULTS)
