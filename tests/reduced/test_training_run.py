"""Training: a run is a function of its plan, however it is cut into pieces, and says when it is not well."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from image_folders import imagenet_layout

from burstprop.cli import main
from burstprop.cli.train import default_workers
from burstprop.errors import BurstpropError, Diverged
from burstprop.reduced.data import Augmentation, open_dataset
from burstprop.reduced.data.dataset import ReadOptions
from burstprop.reduced.networks import build_network, network_spec
from burstprop.reduced.train import health
from burstprop.reduced.train.checkpoint import load_checkpoint, save_checkpoint
from burstprop.reduced.train.evaluation import Score, class_frame, evaluate, evaluate_checkpoint
from burstprop.reduced.train.journal import read_log
from burstprop.reduced.train.plan import Plan, differences
from burstprop.reduced.train.settings import setting
from burstprop.reduced.train.training import Options, Stopped, Trainer, train


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums in one order, so that runs can be compared bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def digits():
    """Digits with an augmentation, so that its stream takes part in what is compared."""
    return dataclasses.replace(open_dataset("digits"), augmentation=Augmentation(padding=1))


def plan(rule: str = "burstprop", epochs: int = 2, seed: int = 3, name: str = "default", **changes) -> Plan:
    return Plan(rule, dataclasses.replace(setting(rule, "digits", name), epochs=epochs, **changes), seed)


def same_weights(one: dict, two: dict) -> bool:
    return all(torch.equal(value, two["network"][name]) for name, value in one["network"].items())


def test_digits_are_learned(digits):
    result = train(plan("backprop", epochs=20), open_dataset("digits"))
    assert result["test_error_percent"] < 6
    assert result["validation_error_percent"] < 8
    assert set(result) >= {"rule", "dataset", "epochs", "seconds", "checkpoint", "test_error_percent"}


def test_same_seed_same_bits_and_another_seed_other_bits(digits, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(plan(seed=seed, epochs=1), digits, tmp_path / name)
    a, b, c = (load_checkpoint(tmp_path / name) for name in "abc")
    assert same_weights(a, b)
    assert not same_weights(a, c)


STEP = Trainer._step


def stop_after(monkeypatch, epoch, steps):
    """Ask a run to stop after so many steps of an epoch, counted from 0."""

    def asked_to_stop(trainer, batch):
        STEP(trainer, batch)
        trainer.stop = (trainer.epoch, trainer.step + 1) == (epoch, steps)

    monkeypatch.setattr(Trainer, "_step", asked_to_stop)


@pytest.mark.parametrize("rule", ["burstprop", "node_perturbation"])
def test_stopped_anywhere_and_resumed_gives_the_same_bits(digits, tmp_path, rule, monkeypatch):
    """Stop after 17 steps of the first epoch and 5 of the second; node perturbation draws noise too."""
    whole = train(plan(rule), digits, tmp_path / "whole")
    for stop_at in ((0, 17), (1, 5)):
        stop_after(monkeypatch, *stop_at)
        with pytest.raises(Stopped, match=f"epoch {stop_at[0] + 1}, after {stop_at[1]} of 40 steps"):
            train(plan(rule), digits, tmp_path / "cut", resume=True)
    monkeypatch.undo()
    resumed = train(plan(rule), digits, tmp_path / "cut", resume=True)
    one, two = load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut")
    assert same_weights(one, two)
    for a, b in zip(one["optimizer"]["state"].values(), two["optimizer"]["state"].values(), strict=True):
        assert torch.equal(a["momentum_buffer"], b["momentum_buffer"])
    timing = ("seconds", "images_per_second")
    for a, b in zip(one["history"], two["history"], strict=True):
        assert {k: v for k, v in a.items() if k not in timing} == {
            k: v for k, v in b.items() if k not in timing
        }
    assert resumed["test_error_percent"] == whole["test_error_percent"]


def test_broken_images_are_counted_and_named_once_however_a_run_is_cut(tmp_path, monkeypatch):
    """Stopped after the last step of the last epoch, and in the first after the broken image was met."""
    data = imagenet_layout(tmp_path / "data", classes=2, train=6, val=1, size=(32, 32))
    broken = data / "train" / "n00000000" / "n00000000_1.JPEG"
    broken.write_bytes(broken.read_bytes()[:200])
    dataset = open_dataset("imagenet", data, ReadOptions(image_size=8))
    chosen = dataclasses.replace(
        setting("backprop", "imagenet"), network=network_spec("digits"), batch_size=2, epochs=2
    )
    run = Plan("backprop", chosen, image_size=8)
    options = Options(on_broken="skip", layers=False)
    whole = train(run, dataset, tmp_path / "whole", options=options)
    assert whole["broken_images"] == 1
    for stop_at in ((0, 5), (1, 5)):
        stop_after(monkeypatch, *stop_at)
        with pytest.raises(Stopped):
            train(run, dataset, tmp_path / "cut", resume=True, options=options)
    monkeypatch.undo()
    assert train(run, dataset, tmp_path / "cut", resume=True, options=options)["broken_images"] == 1
    for name in ("whole", "cut"):
        assert read_log(tmp_path / name, "broken_image")["path"].tolist() == [str(broken)]


def test_the_logged_learning_rate_is_that_with_which_the_epoch_began(digits):
    history: list[dict] = []
    train(plan("backprop", epochs=3, schedule="linear", lr=1.5), digits, history=history)
    assert [line["learning_rate"] for line in history] == pytest.approx([1.5, 1.0, 0.5])


WORDS = [
    "train", "--rule", "burstprop", "--epochs", "8", "--threads", "1", "--json", "--quiet", "--no-layers",
]  # fmt: skip


def start(out: Path, *more: str) -> subprocess.Popen:
    """Start the run in a process of its own, with a checkpoint after nearly every step."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [*WORDS, "--checkpoint-minutes", "0.0005", "--out", str(out), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "burstprop", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def run_here(capsys, out: Path, *more: str) -> dict:
    """Run the same in this process, to its end, and return what it prints."""
    threads = torch.get_num_threads()
    try:
        assert main([*WORDS, "--out", str(out), *more]) == 0
    finally:
        torch.set_num_threads(threads)
    return json.loads(capsys.readouterr().out)


def wait_for_epoch(out: Path, process: subprocess.Popen) -> None:
    """Wait until the log holds an epoch that is not the last."""
    for _ in range(12000):
        log = out / "log.jsonl"
        if log.exists() and '"event": "epoch"' in log.read_text():
            return
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    raise AssertionError("no epoch within 4 minutes")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Return the folder of the run that nothing stopped."""
    out = tmp_path_factory.mktemp("whole")
    threads = torch.get_num_threads()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([*WORDS, "--out", str(out)]) == 0
    finally:
        torch.set_num_threads(threads)
    return out


def test_a_kill_and_stops_and_resume_give_the_same_bits(tmp_path, whole, capsys, monkeypatch):
    """Killed in a process of its own, then stopped by Ctrl-C and by SIGTERM in this one."""
    killed = tmp_path / "killed"
    straight = json.loads((whole / "result.json").read_text())

    process = start(killed)
    wait_for_epoch(killed, process)
    process.kill()
    process.communicate(timeout=300)
    epoch = load_checkpoint(killed)["epoch"]
    assert epoch < 5
    (killed / ".checkpoint.1.partial.pt").touch()  # as a kill while it writes leaves it

    for number, code, word in ((signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")):
        epoch += 1

        def signalled(trainer, batch, number=number, epoch=epoch):
            STEP(trainer, batch)
            if (trainer.epoch, trainer.step + 1) == (epoch, 7):
                signal.raise_signal(number)

        monkeypatch.setattr(Trainer, "_step", signalled)
        assert main([*WORDS, "--out", str(killed), "--resume"]) == code
        errors = capsys.readouterr().err
        assert f"stopped by {word}" in errors
        assert "--resume" in errors
        assert "Traceback" not in errors
        content = load_checkpoint(killed)
        assert (content["epoch"], content["step"]) == (epoch, 7)
    monkeypatch.undo()

    resumed = run_here(capsys, killed, "--resume")
    assert same_weights(load_checkpoint(whole), load_checkpoint(killed))
    for name in ("test_error_percent", "validation_error_percent", "train_error_percent"):
        assert resumed[name] == straight[name]
    assert read_log(killed)["epoch"].tolist() == list(range(1, 9))  # no epoch twice, none missing
    assert (
        json.loads((killed / "result.json").read_text())["test_error_percent"]
        == straight["test_error_percent"]
    )
    assert not list(killed.glob(".*partial*"))


def test_resume_refuses_another_plan(digits, tmp_path):
    train(plan(epochs=1), digits, tmp_path)
    with pytest.raises(BurstpropError, match="already holds a run"):
        train(plan(epochs=1), digits, tmp_path)
    with pytest.raises(BurstpropError, match=r"seed: 3 there, 4 here"):
        train(plan(epochs=1, seed=4), digits, tmp_path, resume=True)
    fewer = dataclasses.replace(digits, train=digits.train.select(torch.arange(100).numpy()))
    with pytest.raises(BurstpropError, match="give the same data"):
        train(plan(epochs=1), fewer, tmp_path, resume=True)


def test_resume_refuses_another_version(digits, tmp_path):
    train(plan(epochs=1), digits, tmp_path)
    content = load_checkpoint(tmp_path)
    content["optimizer"]["param_groups"].pop()
    save_checkpoint(tmp_path / "checkpoint.pt", content)
    with pytest.raises(BurstpropError, match="another version"):
        train(plan(epochs=1), digits, tmp_path, resume=True)


def test_a_checkpoint_with_feedback_weights_kept_otherwise_is_refused(digits, tmp_path):
    """As a version of burstprop wrote it that kept Y itself."""
    train(plan(epochs=1), digits, tmp_path)
    content = load_checkpoint(tmp_path)
    network = content["network"]
    network["body.2.Y"] = network.pop("body.2.Y_difference") + network["body.2.weight"]
    save_checkpoint(tmp_path / "checkpoint.pt", content)
    with pytest.raises(BurstpropError, match="another version"):
        train(plan(epochs=1), digits, tmp_path, resume=True)
    with pytest.raises(BurstpropError, match="another version"):
        evaluate_checkpoint(tmp_path, None, "validation")


@pytest.mark.parametrize("flushing", [False, True])
def test_a_run_leaves_the_process_as_it_was(digits, flushing):
    """Random numbers of the caller, and how denormal numbers are taken, whether the run ends well or not."""

    def denormals_are_zero() -> bool:
        return float(torch.tensor([1e-38]) * 0.1) == 0.0

    torch.set_flush_denormal(flushing)
    try:
        random, during = torch.get_rng_state(), []

        def look(network, epoch):
            during.append(denormals_are_zero())

        train(plan("node_perturbation", epochs=1), digits, after_epoch=look)
        assert torch.equal(torch.get_rng_state(), random)
        assert denormals_are_zero() is flushing

        def fail(network, epoch):
            look(network, epoch)
            raise RuntimeError("the caller's own")

        with pytest.raises(RuntimeError, match="the caller's own"):
            train(plan("node_perturbation", epochs=1), digits, after_epoch=fail)
        assert torch.equal(torch.get_rng_state(), random)
        assert denormals_are_zero() is flushing
        assert during == [True, True]
    finally:
        torch.set_flush_denormal(False)


def test_plan_survives_its_record():
    for rule in ("burstprop", "burstccn", "feedback_alignment"):
        for dataset in ("digits", "mnist", "cifar10", "imagenet"):
            for name in ("default", "published"):
                before = Plan(rule, setting(rule, dataset, name), seed=5, validation_fraction=0.2)
                after = Plan.from_dict(json.loads(json.dumps(before.to_dict())))
                assert after == before
                assert differences(after.to_dict(), before.to_dict()) == []


def test_checkpoint_damaged_or_foreign(tmp_path):
    with pytest.raises(BurstpropError, match="there is no checkpoint"):
        load_checkpoint(tmp_path)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"nonsense")
    with pytest.raises(BurstpropError, match="not a sound checkpoint"):
        load_checkpoint(path)
    torch.save({"weights": torch.ones(2)}, path)
    with pytest.raises(BurstpropError, match="not a checkpoint of `burstprop train`"):
        load_checkpoint(path)

    class Code:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    torch.save({"format": 1, "plan": Code()}, path)
    with pytest.raises(BurstpropError, match="not a sound checkpoint"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_with_one_wrong_bit_is_refused(tmp_path):
    """Wherever the bit is: the file is refused, or what is read from it is what was written."""
    weights = torch.linspace(-1, 1, 400)
    keys = ("plan", "optimizer", "epoch", "step", "log_bytes", "history", "seconds")
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {**dict.fromkeys(keys, 0), "network": weights})
    sound = path.read_bytes()
    refused = 0
    for place in [*range(0, len(sound), 37), sound.index(weights.numpy().tobytes()) + 3]:
        damaged = bytearray(sound)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            assert torch.equal(load_checkpoint(path)["network"], weights), place
        except BurstpropError as error:
            assert "put a sound copy in its place" in str(error)
            refused += 1
    assert refused > 50


def test_checkpoint_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    content = dict.fromkeys(
        ("plan", "network", "optimizer", "epoch", "step", "log_bytes", "history", "seconds"), 0
    )
    save_checkpoint(path, content)

    def fail(content, file):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(BurstpropError, match="No space left"):
        save_checkpoint(path, {**content, "epoch": 1})
    monkeypatch.undo()
    assert load_checkpoint(path)["epoch"] == 0
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_divergence_says_where_and_what_to_do(digits, tmp_path):
    trainer = Trainer(plan("backprop"), digits)
    with torch.no_grad():
        trainer.network.layers()[1].weight[0, 0] = float("nan")
    with pytest.raises(Diverged) as caught:
        trainer.run()
    text = str(caught.value)
    assert "no number in epoch 1, step 1" in text
    assert "weight" in text
    assert "lower the learning rate" in text


@pytest.mark.parametrize(
    ("rule", "epochs", "says"),
    [
        ("backprop", 3, ("output units are dead", "recognised in under 5 %")),
        ("burstprop", 10, ("recognised in under 5 %",)),
    ],
)
def test_published_setting_loses_classes_and_says_so(tmp_path, caplog, rule, epochs, says):
    """The published start (output gain 3.6) throws output units into saturation, whatever the rule.

    Those of backpropagation are dead; those of burstprop still respond to some images.
    """
    result = train(plan(rule, epochs=epochs, name="published"), open_dataset("digits"), tmp_path)
    log = read_log(tmp_path, "warning")
    for words in says:
        assert log["message"].str.contains(words).any()
        assert any(words in record.getMessage() for record in caplog.records)
        assert words in result["trouble"]
    if rule == "backprop":
        layers = read_log(tmp_path, "layer")
        assert layers.loc[layers["layer"] == "output", "dead_fraction"].max() >= 0.1


def test_every_lost_class_is_named_once_in_the_last_quarter(digits, tmp_path, monkeypatch, caplog):
    """Also by a run that is stopped between two of the warnings, and resumed."""
    lost = iter([["3"], ["3", "9"], ["9"]])
    monkeypatch.setattr(health, "unrecognised", lambda score, classes: next(lost))
    with monkeypatch.context() as stopping:
        stop_after(stopping, 6, 5)
        with pytest.raises(Stopped):
            train(plan(epochs=8), digits, tmp_path)
    history: list[dict] = []
    result = train(plan(epochs=8), digits, tmp_path, resume=True, history=history)
    assert next(lost, None) is None  # asked after epochs 6, 7 and 8
    log = read_log(tmp_path, "warning")
    assert log["epoch"].tolist() == [6, 7]
    one, other = log["message"]
    assert one.startswith("class 3 is recognised in under 5 %")
    assert other.startswith("class 9 is recognised in under 5 %")
    assert "lower the learning rate" in one
    assert result["trouble"] == f"epoch 6: {one}; epoch 7: {other}"
    assert [line["epoch"] for line in history if "warnings" in line] == [6, 7]
    shown = [record.getMessage() for record in caplog.records]
    assert shown == [f"burstprop on digits, epoch 6: {one}", f"burstprop on digits, epoch 7: {other}"]


def test_a_run_that_is_well_has_no_trouble():
    history: list[dict] = []
    result = train(plan(epochs=6), open_dataset("digits"), history=history)
    assert result["trouble"] == ""
    assert not any("warnings" in line for line in history)


def test_unrecognised_classes_by_hand():
    """Below a twentieth of at least ten images."""
    confusion = torch.tensor([[1, 20, 0, 0], [0, 1, 0, 18], [9, 0, 0, 0], [0, 0, 0, 10]])
    score = Score(0.0, 0.0, int(confusion.sum()), confusion)
    assert health.unrecognised(score, ("cat", "dog", "cow", "owl")) == ["cat"]
    assert health.class_warning(["cat"], 4, True).startswith("class cat is recognised in under 5 % of")
    assert "smaller weights" in health.class_warning(["cat"], 4, True)
    assert "smaller weights" not in health.class_warning(["cat"], 4, False)
    many = health.class_warning(list("abcdefghijkl"), 50, True)
    assert many.startswith("classes a, b, c, d, e, f, g, h, i, j and 2 more (12 of 50) are each recognised")


def test_dead_units_by_hand():
    rates = torch.tensor([[0.5, 1e-4, 0.9995, 1e-4], [0.2, 2e-4, 0.9999, 0.3]])
    assert health.dead(rates, rectified=False).tolist() == [False, True, True, False]
    nailed = torch.tensor([[1e-4, 0.9999, 0.9999], [1e-4, 1e-4, 0.9999]])
    assert health.dead(nailed, rectified=False).tolist() == [True, True, True]
    assert health.dead(nailed, rectified=False, labels=torch.arange(3)).tolist() == [True, False, True]
    assert health.dead(nailed, rectified=False, labels=torch.tensor([0, 1])).tolist() == [True, False, False]
    maps = torch.zeros(2, 3, 4, 4)
    maps[1, 1, 3, 3] = 0.1
    assert health.dead(maps, rectified=True).tolist() == [True, False, True]


def test_a_perfect_classifier_has_no_dead_output_units(digits, monkeypatch):
    """Nor has one whose first validation images are of two classes: the other units are silent rightly."""
    trainer = Trainer(plan("backprop"), digits)
    loader = trainer.test_loaders["validation"]
    batch = next(iter(loader.in_order()))

    def dead_of(labels, rates):
        monkeypatch.setattr(health, "unit_rates", lambda network, images: {"output": rates})
        monkeypatch.setattr(loader, "in_order", lambda: iter([dataclasses.replace(batch, labels=labels)]))
        return health.dead_units(trainer.network, loader)

    for labels in (batch.labels, batch.labels % 2):
        right = torch.nn.functional.one_hot(labels, 10) * 0.9998 + 1e-4
        assert dead_of(labels, right) == {"output": (0, 10)}
    assert dead_of(batch.labels, torch.full((len(batch.labels), 10), 1e-4)) == {"output": (10, 10)}


def test_loss_that_grows_is_named(digits):
    trainer = Trainer(plan("backprop"), digits)
    line = {"train_loss": 2.0}
    found = health.warnings(trainer.network, trainer.test_loaders["validation"], line, first_loss=1.0)
    assert any("the loss grows: 2 in this epoch, 1 in the first batch" in text for text in found)
    assert (
        health.warnings(trainer.network, trainer.test_loaders["validation"], {"train_loss": 1.0}, 1.0) == []
    )


def test_evaluation_counts_by_hand(digits):
    network = build_network(plan("backprop").network(digits), "backprop", seed=0)
    trainer = Trainer(plan("backprop"), digits)
    score = evaluate(network, trainer.test_loaders["test"])
    images = (digits.test.images.float() / 255 - digits.mean[0]) / digits.sd[0]
    guess = network(images).argmax(1)
    assert score.images == 359
    assert score.error_percent == pytest.approx(100 * float((guess != digits.test.labels).double().mean()))
    frame = class_frame(score, digits.classes)
    assert frame["images"].sum() == 359
    assert (frame["images"] * frame["error_percent"]).sum() / 359 == pytest.approx(score.error_percent)
    for row, label in enumerate(digits.test.labels.unique()):
        taken = guess[digits.test.labels == label]
        assert score.confusion[row].tolist() == torch.bincount(taken, minlength=10).tolist()


def test_eval_refuses_a_folder_for_the_digits(digits, tmp_path, capsys):
    train(plan(epochs=1), digits, tmp_path)
    assert main(["eval", str(tmp_path), "--data", "nowhere"]) == 2
    assert "leave out --data" in capsys.readouterr().err


def test_eval_of_a_run_agrees_with_its_result(tmp_path, capsys):
    assert main(["train", "--epochs", "2", "--out", str(tmp_path / "run"), "--json", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["checkpoint"] == str(tmp_path / "run" / "checkpoint.pt")
    assert main(["eval", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["error_percent"] == result["test_error_percent"]
    tested, _ = evaluate_checkpoint(tmp_path / "run", None, "validation")
    assert tested["error_percent"] == result["validation_error_percent"]
    assert main(["eval", str(tmp_path / "run")]) == 0
    assert "most_often_taken_for" in capsys.readouterr().out
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["seed"] == 1
    assert record["parameters"]["rule"] == "burstprop"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rule", "burstprp"], "did you mean"),
        (["--dataset", "mnist"], "needs its data folder"),
        (["--dataset", "mnist", "--data", "nowhere"], "does not exist"),
        (["--set", "learning=3"], "no field 'learning'"),
        (["--set", "lr=-1"], "must be above 0"),
        (["--set", "rule=burstccn"], "rule = 'burstccn': not changed by NAME=VALUE, use --rule"),
        (["--set", "network=cifar"], "use --network"),
        (["--set", "dataset=mnist"], "use --dataset"),
        (["--set", "name=published"], "use --setting"),
        (["--set-rule", "p0=7"], "p0"),
        (["--resume"], "give --out DIR"),
        (["--setting", "other"], "published"),
        (["--precision", "float8"], "float32, bfloat16"),
        (["--device", "tpu"], "give auto, cpu, cuda"),
        (["--checkpoint-minutes", "0"], "must be above 0 min"),
        (["--validation-fraction", "1"], "validation_fraction = 1"),
        (["--rule", "nofile.py:MyRule"], "there is no file"),
        (["--rule", ":MyRule"], "write path/to/file.py:ClassName"),
        (["--network", "imagenets"], "did you mean"),
        (["--seed", "18446744073709551615"], "below 2**63"),
        (["--threads", "5000"], "--threads 5000: this process may use"),
        (["--workers", "100000"], "--workers 100000: this process may use"),
        (["--tensorboard"], "--tensorboard needs the folder of the run"),
        (["--backend", "gloo"], "start them with torchrun"),
        (["--backend", "foo"], "give one of auto, gloo, nccl"),
        (["--data", "nowhere"], "leave out --data"),
        (["--image-size", "64"], "images of 'digits' have one size; leave out --image-size"),
        (["--dataset", "cifar10", "--data", ".", "--image-size", "64"], "images of 'cifar10' have one size"),
    ],
)
def test_bad_use_says_what_and_exits_2(words, says, capsys):
    assert main(["train", *words]) == 2
    assert says in capsys.readouterr().err


RULE = '''
from dataclasses import dataclass

from burstprop.reduced.rules import Rule


@dataclass(frozen=True)
class Mine(Rule):
    """Backpropagation, by another name."""
'''


def test_a_rule_of_ones_own_trains_by_its_name(tmp_path, capsys, digits):
    (tmp_path / "mine.py").write_text(RULE)
    name = f"{tmp_path / 'mine.py'}:Mine"
    assert (
        main(["train", "--rule", name, "--epochs", "2", "--json", "--quiet", "--out", str(tmp_path / "run")])
        == 0
    )
    mine = json.loads(capsys.readouterr().out)
    assert mine["rule"] == name
    assert main(["train", "--rule", "backprop", "--epochs", "2", "--json", "--quiet"]) == 0
    backprop = json.loads(capsys.readouterr().out)
    assert mine["test_error_percent"] == backprop["test_error_percent"]
    assert main(["eval", str(tmp_path / "run"), "--json"]) == 0


def test_a_rule_of_ones_own_is_the_same_from_any_folder(tmp_path, monkeypatch):
    """A plan holds its path in full, and notices when its file is edited."""
    (tmp_path / "there").mkdir()
    file = tmp_path / "mine.py"
    file.write_text(RULE)
    monkeypatch.chdir(tmp_path)
    one = plan("mine.py:Mine", epochs=1)
    assert one.rule == f"{file}:Mine"
    monkeypatch.chdir(tmp_path / "there")
    other = plan("../mine.py:Mine", epochs=1)
    record = json.loads(json.dumps(one.to_dict()))
    assert differences(record, other.to_dict()) == []
    assert Plan.from_dict(record, one.rule) == one
    file.write_text(RULE + "# edited\n")
    (found,) = differences(record, plan("../mine.py:Mine", epochs=1).to_dict())
    assert found.startswith("rule_source_sha256: ")


def test_tensorboard_needs_a_folder(digits):
    with pytest.raises(BurstpropError, match="needs the folder of the run"):
        train(plan(epochs=1), digits, options=Options(tensorboard=True))


def test_one_decoding_process_for_each_core_where_the_system_tells_no_affinity(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert default_workers(None, "imagenet") == 3
    assert default_workers(None, "digits") == 0
    assert default_workers(1, "imagenet") == 1


def test_tensorboard_log(digits, tmp_path):
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    history: list[dict] = []
    train(plan(epochs=2), digits, tmp_path, options=Options(tensorboard=True), history=history)
    events = board.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    scalars = events.Scalars("validation_error_percent")
    assert [s.step for s in scalars] == [1, 2]
    assert scalars[1].value == pytest.approx(history[1]["validation_error_percent"])


def test_tensorboard_log_of_a_resumed_run(digits, tmp_path, monkeypatch):
    """Broken off after the first epoch, of which there is no checkpoint, and stopped in the third."""
    board = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    options = Options(tensorboard=True)

    def fail(network, epoch):
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        train(plan(epochs=4), digits, tmp_path, options=options, after_epoch=fail)
    stop_after(monkeypatch, 2, 7)
    with pytest.raises(Stopped, match="epoch 3"):
        train(plan(epochs=4), digits, tmp_path, resume=True, options=options)
    monkeypatch.undo()
    history: list[dict] = []
    train(plan(epochs=4), digits, tmp_path, resume=True, options=options, history=history)
    scalars = board.EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("train_loss")
    assert [s.step for s in scalars] == [1, 2, 3, 4]
    assert [s.value for s in scalars] == pytest.approx([line["train_loss"] for line in history])


def test_mixed_precision_trains(digits):
    history: list[dict] = []
    train(dataclasses.replace(plan(epochs=2), precision="bfloat16"), digits, history=history)
    assert history[1]["train_loss"] < history[0]["train_loss"]


def test_whole_pipeline_on_an_imagenet_folder_at_224(tmp_path, capsys, caplog):
    """Files, workers, crops of random area, the seven-layer network, a broken image, checkpoint, eval."""
    folder = imagenet_layout(tmp_path / "imagenet", classes=3, train=7, val=3)
    broken = folder / "train" / "n00000002" / "n00000002_1.JPEG"
    broken.write_bytes(broken.read_bytes()[:400])
    common = [
        "train", "--rule", "burstprop", "--dataset", "imagenet", "--data", str(folder), "--epochs", "1",
        "--quiet", "--set", "batch_size=6", "--workers", "1",
    ]  # fmt: skip
    assert main(common) == 2
    assert str(broken) in capsys.readouterr().err
    out = str(tmp_path / "run")
    assert main([*common, "--on-broken-image", "skip", "--out", out, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["broken_images"] == 1
    named = read_log(out, "broken_image")
    assert named["path"].tolist() == [str(broken)]
    assert any(str(broken) in record.getMessage() for record in caplog.records)
    content = load_checkpoint(Path(out))
    assert content["plan"]["network"]["layers"][0]["kernel"] == 9
    assert content["network"]["body.0.weight"].shape == (48, 3, 9, 9)
    assert main(["eval", out, "--data", str(folder), "--json", "--workers", "0", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["error_percent"] == result["test_error_percent"]
